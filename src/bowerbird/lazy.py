"""Public names of a package that are imported when they are first used (PEP 562).

A package lists its public names once, as imports under ``if TYPE_CHECKING:`` in its
``__init__.py``: type checkers and readers find them there, and ``lazy_exports`` reads the same list
at run time. So ``import bowerbird`` imports neither torch nor NumPy.
"""

import ast
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def lazy_exports(
    package: str,
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package."""
    origins = _imports(package)

    def get(name: str) -> Any:
        if name not in origins:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, original = origins[name]
        if module == package:
            value: Any = import_module(f"{package}.{original}")
        else:
            value = getattr(import_module(module), original)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *origins})

    return get, names, sorted(origins)


def _imports(package: str) -> dict[str, tuple[str, str]]:
    """Return (module, name there) of each name that is imported under ``if TYPE_CHECKING:``."""
    blocks = [node.body for node in parsed(package).body if isinstance(node, ast.If)]
    return {
        alias.asname or alias.name: (statement.module or "", alias.name)
        for block in blocks
        for statement in block
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


@cache
def parsed(module: str) -> ast.Module:
    """Return the syntax tree of a module, which is not imported."""
    spec = find_spec(module)
    assert spec is not None
    return ast.parse(spec.loader.get_source(module))  # type: ignore[union-attr]
