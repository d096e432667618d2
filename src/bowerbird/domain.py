"""The record of a domain: its verbs, settings, presets, models and section of the demo.

The command line, ``bowerbird models`` and the demo read these records (``registry.py``). Code is
named as text, ``module:name``, so that nothing is imported before it is used. The help of a verb is
the docstring of its function.
"""

import ast
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import Any

from bowerbird.lazy import parsed


def resolve(reference: str) -> Any:
    """Import what ``module:name`` refers to."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


@dataclass(frozen=True)
class Verb:
    """A command: ``bowerbird NOUN VERB``."""

    name: str
    function: str
    """``module:name``."""
    arguments: str
    """What follows the verb, for the first line of its help."""
    example: str = ""
    """A command without ``bowerbird``."""
    note: str = ""
    """Last paragraph of the help."""
    hidden: tuple[str, ...] = ()
    """Fields of the configuration that the verb sets itself."""
    long_running: bool = False

    @property
    def config(self) -> Any:
        """The default configuration, from which the flags are derived, or None."""
        parameter = signature(resolve(self.function)).parameters.get("config")
        return None if parameter is None else parameter.default

    @property
    def help(self) -> str:
        """The first line of the function's docstring, read without importing its module."""
        module, _, name = self.function.partition(":")
        functions = [n for n in parsed(module).body if isinstance(n, ast.FunctionDef)]
        docstring = next(ast.get_docstring(f) for f in functions if f.name == name)
        return (docstring or "").partition("\n")[0]


@dataclass(frozen=True)
class ModelKind:
    """A kind of model file, as its header names it."""

    name: str
    usage: str
    """Command that uses the model file ``{}``."""
    load: str
    """``module:name`` of the function that opens the file."""
    shipped: tuple[tuple[str, str], ...] = ()
    """Name and file, in the package, of each model that is installed with it."""
    tokenizer: str = ""
    """``module:name`` of the function that makes the tokenizer from the header, if it has one."""


@dataclass(frozen=True)
class Noun:
    """The first word of a command, and its verbs."""

    name: str
    help: str
    verbs: tuple[Verb, ...]


@dataclass(frozen=True)
class Domain(Noun):
    """A field of work: image, text, music, vision or prediction."""

    demo: str
    """``module:name`` of its section of the demo."""
    output: str = "FILE"
    """Example of an output file."""
    presets: str = ""
    """``module:name`` of its presets, by name."""
    models: tuple[ModelKind, ...] = ()
    memory_advice: str = "close other programs"
    """What takes less memory."""
