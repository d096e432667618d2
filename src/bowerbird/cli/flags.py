"""Flags, and where their values come from: default < preset < recipe < flag.

Every flag is derived from a field of a frozen configuration, which has the default. Before the
words of the command line are converted, ``fill`` gives each flag that was not typed the value of
the recipe (``recipe.py``), else of the preset; what is still missing keeps its default.

Several values of one flag are written with commas (``--style-layers relu1_1,relu2_1``) or by
repeating the flag.
"""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, cast, get_args, get_origin

from cyclopts import App, Argument, ArgumentCollection, Group, Token

from bowerbird.cli.options import RUN
from bowerbird.cli.recipe import PREFIXED, Recipe, flatten, read_recipe
from bowerbird.domain import Verb, resolve
from bowerbird.registry import find_domain, find_verb

FROM_RECORD = ("encoding", "column", "half")  # options that a record sets besides the settings
WITH_COMMAS = ("stop", "novelty")  # flags whose values may contain commas
SET_BY_MINUTES = ("iterations", "validate_every", "hidden_size", "dropout")


def fill(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Complete the typed flags from the recipe and the preset (a config source of cyclopts)."""
    for argument in arguments:
        _split_at_commas(argument)
    _split_init(arguments)
    named = {_key(argument): argument for argument in arguments if not argument.children}
    verb = find_verb(commands)
    if verb is not None:
        _refuse_hidden(verb, commands, named)
        if "recipe" in named:
            _complete(verb, commands, named)
    for argument in named.values():
        _refuse_fractions(argument)
    if "output" in named and named["output"].required and not named["output"].tokens:
        _refuse_without_output(commands[0], arguments)


def _complete(verb: Verb, commands: tuple[str, ...], named: Mapping[str, Argument]) -> None:
    """Give the flags that were not typed the values of the recipe and of the preset."""
    _refuse_set_by_minutes(named)
    if named["recipe"].tokens:
        recipe = read_recipe(Path(named["recipe"].tokens[-1].value), " ".join(commands))
        _check_keys(recipe, {name for name, argument in named.items() if _is_setting(argument)})
        files = {name: [f["file"] for f in given] for name, given in recipe.files.items()}
        if "init" in named and named["init"].tokens:  # a typed --init replaces the recorded image
            files.pop("init_image", None)
        _supply(named, files)
        options = {name: value for name, value in recipe.run.items() if name in FROM_RECORD}
        _supply(named, options, str(recipe.path))
        _supply(named, {**recipe.values, "preset": recipe.preset}, str(recipe.path))
    if "preset" in named and named["preset"].tokens:
        _apply_preset(commands[0], named, named["preset"].tokens[-1].value)
    _supply(named, overridden_defaults(verb))
    if "max_memory" in named:  # 8 and 8GB are the same
        memory = named["max_memory"].tokens
        memory[:] = [token.evolve(value=token.value.removesuffix("GB")) for token in memory]


def _apply_preset(noun: str, named: Mapping[str, Argument], name: str) -> None:
    """Give the flags that were not typed the values of a preset, if it exists."""
    domain = find_domain(noun)
    presets = resolve(domain.presets) if domain is not None and domain.presets else {}
    if name not in presets:
        return
    changed = differences(presets[name])
    _supply(named, changed)
    if changed:  # its parts are the same in every verb, also where a verb has other defaults
        _supply(named, flatten({k: v for k, v in asdict(presets[name]).items() if type(v) is dict}))


def differences(config: Any) -> dict[str, Any]:
    """Return the fields, without nesting, in which a configuration differs from the defaults."""
    values, defaults = values_of(config), values_of(type(config)())
    return {name: value for name, value in values.items() if value != defaults[name]}


def overridden_defaults(verb: Verb) -> dict[str, Any]:
    """Return the defaults in which a verb's configuration differs from those of its parts."""
    config = verb.config
    if config is None:
        return {}
    parts = [value for part in fields(config) if is_dataclass(value := getattr(config, part.name))]
    return {name: value for part in parts for name, value in differences(part).items()}


def values_of(config: Any) -> dict[str, Any]:
    """Return the fields of a configuration and of its parts, by their names."""
    return flatten(asdict(config))


def default_text(default: Any) -> str:
    """Return a default as it is typed."""
    if isinstance(default, tuple):
        return ",".join(map(default_text, default)) or "none"
    return f"{default:g}" if isinstance(default, float) else str(default)


def flag(name: str) -> str:
    """Return the flag of a field."""
    return "--" + name.replace("_", "-")


def _key(argument: Argument) -> str:
    """Return the name of the field that an argument sets, as ``flatten`` names it."""
    parts = [key for key in argument.keys[:-1] if key in PREFIXED]
    return ".".join([*parts, argument.field_info.name])


def _refuse_set_by_minutes(named: Mapping[str, Argument]) -> None:
    """Raise ValueError for a typed setting that the typed minutes choose."""
    if "minutes" not in named or not any(_is_set(token) for token in named["minutes"].tokens):
        return
    for name in SET_BY_MINUTES:
        if name in named and named[name].tokens:
            raise ValueError(f"--minutes chooses {named[name].name}; leave one of the two out")


def _is_set(token: Token) -> bool:
    """Return whether a word is a number other than 0; the parser refuses what isn't a number."""
    try:
        return float(token.value) != 0
    except ValueError:
        return False


def _check_keys(recipe: Recipe, known: set[str]) -> None:
    for name in recipe.values:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            advice = f"did you mean {near[0]!r}?" if near else "`--help` lists the settings"
            raise ValueError(f"{recipe.path} has the unknown key {name!r}; {advice}")


def _supply(named: Mapping[str, Argument], values: Mapping[str, Any], source: str = "") -> None:
    """Give the arguments that have no words yet these values."""
    for name, value in values.items():
        argument = named.get(name)
        if argument is None or argument.tokens or value is None:
            continue
        keyword = f"{argument.name} in {source}" if source else argument.name
        items = list(value) if isinstance(value, (list, tuple)) else [value]
        for number, item in enumerate(items):
            word = str(item).lower() if isinstance(item, bool) else str(item)
            index = 0 if _takes_many(argument) else number
            argument.append(Token(keyword=keyword, value=word, source=source, index=index))
        if not items:
            argument.append(Token(keyword=keyword, source=source, implicit_value=()))


def _refuse_hidden(verb: Verb, commands: tuple[str, ...], named: Mapping[str, Argument]) -> None:
    """Raise ValueError for a typed flag that would have no effect."""
    for name in verb.hidden:
        if named[name].tokens:
            command = " ".join(commands)
            raise ValueError(f"{named[name].name} has no effect in `{command}`; leave it out")


def _refuse_fractions(argument: Argument) -> None:
    """Raise ValueError for a fraction where a whole number is needed."""
    hint = get_args(argument.hint)[0] if _takes_many(argument) else argument.hint
    for token in argument.tokens if hint is int else ():
        try:
            number = float(token.value)
        except ValueError:  # not a number: the parser has a message for it
            continue
        if not number.is_integer():
            name = token.keyword or argument.name
            raise ValueError(f"{name} must be a whole number, got {token.value}")


def _refuse_without_output(noun: str, arguments: ArgumentCollection) -> None:
    """Raise ValueError, unless a positional argument, which comes first, is missing too."""
    positional = [argument for argument in arguments if argument.index is not None]
    if not any(argument.required and not argument.tokens for argument in positional):
        domain = find_domain(noun)
        example = "FILE" if domain is None else domain.output
        raise ValueError(f"the output file is missing; add -o {example} (--output)")


def _is_setting(argument: Argument) -> bool:
    """Return whether an argument is a field of the configuration, not an option of this run."""
    return bool(argument.keys) and RUN not in cast(tuple[Group, ...], argument.parameter.group)


def _takes_many(argument: Argument) -> bool:
    return get_origin(argument.hint) is tuple and get_args(argument.hint)[-1] is Ellipsis


def _split_at_commas(argument: Argument) -> None:
    """Split the values of a flag at commas, unless they are files."""
    if not _takes_many(argument) or get_args(argument.hint)[0] is Path:
        return
    if not argument.keys and not argument.name.startswith("-"):
        return  # files, not a flag
    if argument.field_info.name in WITH_COMMAS:
        return
    argument.tokens[:] = [
        token.evolve(value=part.strip())
        for token in argument.tokens
        for part in token.value.split(",")
    ]


def _split_init(arguments: ArgumentCollection) -> None:
    """Make ``--init FILE`` mean ``--init-image FILE`` in commands that have both."""
    named = {argument.field_info.name: argument for argument in arguments}
    if "init" not in named or "init_image" not in named:
        return
    init, image = named["init"], named["init_image"]
    words = get_args(init.hint)
    for token in [token for token in init.tokens if token.value not in words]:
        if not Path(token.value).exists():
            raise ValueError(
                f"--init {token.value} is neither a file nor one of {', '.join(words)}"
            )
        init.tokens.remove(token)
        image.tokens.append(token)
