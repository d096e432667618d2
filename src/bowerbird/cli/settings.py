"""Where a setting comes from: default < preset < recipe < flag.

Every flag is derived from a frozen configuration, which has the defaults. Before the words of the
command line are converted, ``fill`` gives each flag that was not typed the value of the recipe,
else of the preset; what is still missing keeps its default. A recipe is TOML with a
configuration's fields as keys, or the JSON trace of an earlier run, which also names its files.

Several values for one flag are written with commas (``--style-layers relu1_1,relu2_1``) or by
repeating the flag.
"""

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_origin

from cyclopts import App, Argument, ArgumentCollection, Group, Parameter, Token

RUN = Group("Run", sort_key=1)
READING = ("encoding", "column", "half")  # what a trace may set besides its configuration
WHOLE = ("stop", "novelty")  # whose values may hold commas
CHOSEN = ("iterations", "validate_every", "hidden_size", "dropout")  # by --minutes
WITHOUT = {  # fields of the objective that a verb settles itself: neither shown nor taken
    "image texture": ("strength", "content_layers", "content_weight"),
    "image reconstruct": ("strength", "content_layers", "style_layers", "style_layer_weights"),
}
OWN = {  # configurations with other defaults than those of the configurations inside them
    "image texture": "bowerbird.image.texture:TextureConfig",
    "music train": "bowerbird.music.config:TrainConfig",
    "vision train-numbers": "bowerbird.vision.house_numbers.train:NumbersTrainConfig",
}
EXAMPLES = {
    "image": "out.png",
    "text": "model.safetensors",
    "music": "tune.mid",
}  # of an output, by craft
PREFIXED = ("transformer",)  # parts whose flags carry their name: --transformer.num-layers
Switch = Annotated[bool, Parameter(negative=(), show_default=False)]


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class Run:
    """What every long command can be told besides its configuration."""

    output: Annotated[Path, Parameter(name=("--output", "-o"))]
    """File to write; its suffix is the format."""
    recipe: Annotated[Path | None, Parameter(show_default=False)] = None
    """Settings in TOML, or the JSON trace of a run that is to be repeated."""
    trace: Annotated[bool, Parameter(show_default=False)] = True
    """Write how the result was made into a .json beside it, which is done unless told not to."""
    json: Switch = False
    """Print one JSON object on standard output."""
    quiet: Switch = False
    """Show no progress."""
    force: Switch = False
    """Overwrite files that exist."""


@dataclass(frozen=True)
class Recipe:
    """What a recipe or a trace says."""

    path: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the configuration, without nesting."""
    preset: str | None = None
    files: Mapping[str, list[dict[str, str]]] = field(default_factory=dict)
    """Files of the traced run by the name of the argument, each with ``file`` and ``sha256``."""
    computed: Mapping[str, str] = field(default_factory=dict)
    """The ``device`` and ``precision`` of the traced run."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """What else the traced run was told: how files were read, how the result was stored."""
    corpus_sha256: str = ""
    """Of the text that the traced run learned from."""


def fill(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Complete the typed flags from the recipe and the preset, as cyclopts asks a source to."""
    for argument in arguments:
        _separate(argument)
    _set_start_apart(arguments)
    named = {_key(argument): argument for argument in arguments if not argument.children}
    _refuse_idle(" ".join(commands), named)
    if "recipe" in named:
        _complete(commands, named)
    for argument in named.values():
        _refuse_fractions(argument)
    if "output" in named and named["output"].required and not named["output"].tokens:
        _refuse_without_output(commands[0], arguments)


def _complete(commands: tuple[str, ...], named: Mapping[str, Argument]) -> None:
    """Give the flags that were not typed the values of the recipe and of the preset."""
    _refuse_both(named)
    recipe = None
    if named["recipe"].tokens:
        recipe = read_recipe(Path(named["recipe"].tokens[-1].value), " ".join(commands))
        _check_keys(recipe, {name for name, argument in named.items() if _is_setting(argument)})
        files = {name: [f["file"] for f in given] for name, given in recipe.files.items()}
        if "start" in named and named["start"].tokens:  # a word typed for it is not a picture
            files.pop("start_picture", None)
        _supply(named, files)
        told = {name: value for name, value in recipe.run.items() if name in READING}
        _supply(named, told, str(recipe.path))
        _supply(named, {**recipe.values, "preset": recipe.preset}, str(recipe.path))
    presets = _presets_of(commands[0])
    if "preset" in named and named["preset"].tokens:
        chosen = presets.get(named["preset"].tokens[-1].value)
        _supply(named, {} if chosen is None else differences(chosen))
        if commands[0] == "image" and chosen is not None and differences(chosen):
            _supply(named, values_of(cast(Any, chosen).objective))  # all of it, in every verb
    _supply(named, own_defaults(" ".join(commands)))
    if "memory" in named:  # 8 and 8GB are the same
        memory = named["memory"].tokens
        memory[:] = [token.evolve(value=token.value.removesuffix("GB")) for token in memory]


def read_recipe(path: Path, command: str | None = None) -> Recipe:
    """Read settings from TOML or JSON; raise ValueError, naming the file, if that can't be done.

    ``command`` is what a trace must have been written by.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except FileNotFoundError as error:
        raise ValueError(f"{path} does not exist; check the name of the recipe") from error
    except (OSError, ValueError) as error:  # also from the decoders of TOML, JSON and UTF-8
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{path} can't be read as a recipe: {reason}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path} is no recipe: it has no names with values")
    if "bowerbird" not in data:
        values = dict(_flat(data))
        return Recipe(path, values, values.pop("preset", None))
    if command and data.get("command") != command:
        raise ValueError(f"{path} is the trace of `{data.get('command')}`, not of `{command}`")
    try:
        files = {
            name: [{"file": str(f["file"]), "sha256": str(f["sha256"])} for f in given]
            for name, given in data["inputs"].items()
            if name != "corpus"
        }
        if "corpus" in data["inputs"]:  # which has one SHA-256 as a whole
            files["corpus"] = [{"file": str(f["file"])} for f in data["inputs"]["corpus"]]
        computed = {name: str(value) for name, value in data.get("computed", {}).items()}
        values = dict(_flat(data["config"]))
        if values.get("precision") == "auto":  # which is a stopwatch: take what it said then
            values["precision"] = computed.get("precision", "auto")
        run, corpus = dict(data.get("run", {})), str(data.get("corpus_sha256", ""))
        return Recipe(path, values, data["preset"], files, computed, run, corpus)
    except KeyError as error:
        raise ValueError(f"{path} is a damaged trace: its part {error} is not there") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{path} is a damaged trace: {error}") from error


def differences(config: Any) -> dict[str, Any]:
    """Return the fields, without nesting, in which a configuration differs from the defaults."""
    values, defaults = values_of(config), values_of(type(config)())
    return {name: value for name, value in values.items() if value != defaults[name]}


def own_defaults(command: str) -> dict[str, Any]:
    """Return the defaults in which this verb's configuration differs from those of its parts."""
    if command not in OWN:
        return {}
    module, name = OWN[command].split(":")
    return differences_of_parts(getattr(import_module(module), name)())


def differences_of_parts(config: Any) -> dict[str, Any]:
    """Return the fields of configurations inside another that it gives defaults of its own."""
    parts = [value for part in fields(config) if is_dataclass(value := getattr(config, part.name))]
    return {name: value for part in parts for name, value in differences(part).items()}


def values_of(config: Any) -> dict[str, Any]:
    """Return the fields of a configuration and of those inside it, by their names."""
    values: dict[str, Any] = {}
    for part in fields(config):
        value = getattr(config, part.name)
        if is_dataclass(value):
            values |= _prefixed(part.name, values_of(value))
        else:
            values[part.name] = value
    return values


def _prefixed(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a part under the names that flags, recipes and presets use."""
    return {f"{name}.{key}" if name in PREFIXED else key: value for key, value in values.items()}


def _key(argument: Argument) -> str:
    """Return the name of the field that an argument sets, as ``values_of`` names it."""
    name = argument.field_info.name
    above = [key for key in argument.keys[:-1] if key in PREFIXED]
    return ".".join([*above, name])


def shown(default: Any) -> str:
    """Write a default the way it is typed."""
    if isinstance(default, tuple):
        return ",".join(map(shown, default)) or "none"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _flat(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _prefixed(name, dict(_flat(value))).items()
        else:
            yield name.replace("-", "_"), value


def _presets_of(craft: str) -> dict[str, object]:
    if craft == "image":
        from bowerbird.image.presets import PRESETS

        return {str(name): preset for name, preset in PRESETS.items()}
    if craft == "text":
        from bowerbird.text.presets import PRESETS as TEXT

        return {str(name): preset for name, preset in TEXT.items()}
    if craft == "music":
        from bowerbird.music.presets import PRESETS as MUSIC

        return {str(name): preset for name, preset in MUSIC.items()}
    return {}


def _refuse_both(named: Mapping[str, Argument]) -> None:
    """Raise ValueError for a typed setting that the typed minutes choose."""
    if "minutes" not in named or not any(_given(token) for token in named["minutes"].tokens):
        return
    for name in CHOSEN:
        if name in named and named[name].tokens:
            raise ValueError(f"--minutes chooses {named[name].name}; leave one of the two out")


def _given(token: Token) -> bool:
    """Tell a word from one that says 0, or is no number and will be refused as such."""
    try:
        return float(token.value) != 0
    except ValueError:
        return False


def _check_keys(recipe: Recipe, known: set[str]) -> None:
    for name in recipe.values:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            mend = f"did you mean {near[0]!r}?" if near else "`--help` lists the settings"
            raise ValueError(f"{recipe.path} has the unknown key {name!r}; {mend}")


def _supply(named: Mapping[str, Argument], values: Mapping[str, Any], source: str = "") -> None:
    """Give the arguments that have no words yet these values."""
    for name, value in values.items():
        argument = named.get(name)
        if argument is None or argument.tokens or value is None:
            continue
        keyword = f"{argument.name} in {source}" if source else argument.name
        several = list(value) if isinstance(value, (list, tuple)) else [value]
        for index, one in enumerate(several):
            word = str(one).lower() if isinstance(one, bool) else str(one)
            at = 0 if _many(argument) else index
            argument.append(Token(keyword=keyword, value=word, source=source, index=at))
        if not several:
            argument.append(Token(keyword=keyword, source=source, implicit_value=()))


def _refuse_idle(command: str, named: Mapping[str, Argument]) -> None:
    """Raise ValueError for a typed flag that would change nothing."""
    for name in WITHOUT.get(command, ()):
        if named[name].tokens:
            raise ValueError(f"{named[name].name} changes nothing in `{command}`; leave it out")


def _refuse_fractions(argument: Argument) -> None:
    """Raise ValueError where a whole number is wanted and another one was given."""
    hint = get_args(argument.hint)[0] if _many(argument) else argument.hint
    for token in argument.tokens if hint is int else ():
        try:
            number = float(token.value)
        except ValueError:  # no decimal number: the conversion has its own words
            continue
        if not number.is_integer():
            raise ValueError(
                f"{token.keyword or argument.name} takes a whole number, not {token.value}"
            )


def _refuse_without_output(craft: str, arguments: ArgumentCollection) -> None:
    """Raise ValueError, unless what comes before the output on the line is missing too."""
    before = [argument for argument in arguments if argument.index is not None]
    if not any(argument.required and not argument.tokens for argument in before):
        raise ValueError(f"say where the result goes: -o {EXAMPLES.get(craft, 'FILE')} (--output)")


def _is_setting(argument: Argument) -> bool:
    """Tell a field of the configuration from what only concerns this run."""
    return bool(argument.keys) and RUN not in cast(tuple[Group, ...], argument.parameter.group)


def _many(argument: Argument) -> bool:
    return get_origin(argument.hint) is tuple and get_args(argument.hint)[-1] is Ellipsis


def _separate(argument: Argument) -> None:
    """Take the values of a flag apart at their commas, unless they are files."""
    if not _many(argument) or get_args(argument.hint)[0] is Path:
        return
    if not argument.keys and not argument.name.startswith("-"):
        return  # files, not a flag
    if argument.field_info.name in WHOLE:
        return
    argument.tokens[:] = [
        token.evolve(value=part.strip())
        for token in argument.tokens
        for part in token.value.split(",")
    ]


def _set_start_apart(arguments: ArgumentCollection) -> None:
    """Let ``--start FILE`` be ``--start-picture FILE`` where a picture may be given."""
    named = {argument.field_info.name: argument for argument in arguments}
    if "start" not in named or "start_picture" not in named:
        return
    start, picture = named["start"], named["start_picture"]
    words = get_args(start.hint)
    for token in [token for token in start.tokens if token.value not in words]:
        if not Path(token.value).exists():
            raise ValueError(f"--start {token.value} is no file, and none of {', '.join(words)}")
        start.tokens.remove(token)
        picture.tokens.append(token)
