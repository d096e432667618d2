"""Default < preset < recipe < flag."""

import json
import shlex
from dataclasses import replace

import pytest

from bowerbird.cli import app
from bowerbird.cli.flags import default_text, differences, values_of
from bowerbird.cli.recipe import read_recipe
from bowerbird.image.config import ReconstructConfig, TextureConfig, TransferConfig
from bowerbird.image.presets import PRESETS

PLAIN = "image transfer photo.png swirls.png -o out.png"


def parsed(line):
    """Return the arguments that a command would be called with."""
    _, bound, _ = app.parse_args(shlex.split(line), exit_on_error=False, print_error=False)
    return bound


def config(line):
    return parsed(line).arguments.get("config", TransferConfig())


@pytest.fixture
def recipe(here):
    path = here / "recipe.toml"
    path.write_text("size = 100\niterations = 7\n[objective]\nstrength = 0.25\n")
    return path


def test_defaults(here):
    assert config(PLAIN) == TransferConfig()


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_replaces_defaults(here, name):
    assert config(f"{PLAIN} --preset {name}") == PRESETS[name]


def test_a_recipe_replaces_the_preset(recipe):
    found = config(f"{PLAIN} --preset gatys --recipe recipe.toml")
    gatys = PRESETS["gatys"]
    objective = replace(gatys.objective, strength=0.25)
    assert found == replace(gatys, size=100, iterations=7, objective=objective)


def test_a_flag_replaces_all(recipe):
    found = config(f"{PLAIN} --preset gatys --recipe recipe.toml --iterations 9 --pooling l2")
    assert (found.iterations, found.size, found.init) == (9, 100, "noise")
    assert (found.objective.pooling, found.objective.strength) == ("l2", 0.25)
    assert found.objective.style_loss == "gram"


def test_a_flag_that_says_the_default_wins_too(here):
    default = TransferConfig().iterations
    assert PRESETS["gatys"].iterations != default
    assert config(f"{PLAIN} --preset gatys --iterations {default}").iterations == default


def test_a_recipe_may_choose_the_preset(here):
    (here / "r.toml").write_text('preset = "crowson"\niterations = 3')
    assert config(f"{PLAIN} --recipe r.toml") == replace(PRESETS["crowson"], iterations=3)
    found = config(f"{PLAIN} --recipe r.toml --preset gatys")
    assert found == replace(PRESETS["gatys"], iterations=3)


def test_hyphens_and_underscores_are_alike(here):
    (here / "r.toml").write_text('style-layers = ["relu1_1"]\nstyle_layer_weights = 2.0')
    found = config(f"{PLAIN} --recipe r.toml").objective
    assert (found.style_layers, found.style_layer_weights) == (("relu1_1",), (2.0,))


def test_a_preset_serves_the_other_verbs(here):
    texture = parsed("image texture swirls.png -o out.png --preset gatys").arguments["config"]
    assert isinstance(texture, TextureConfig)
    assert texture.objective == PRESETS["gatys"].objective
    line = "image reconstruct photo.png -o out.png --preset gatys --layer relu2_1 --target style"
    found = parsed(line).arguments["config"]
    assert isinstance(found, ReconstructConfig)
    assert (found.layer, found.target, found.objective.pooling) == ("relu2_1", "style", "average")


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "default"])
def test_a_preset_is_the_same_objective_in_a_texture(here, name):
    texture = parsed(f"image texture swirls.png -o out.png --preset {name}").arguments["config"]
    assert texture.objective == PRESETS[name].objective


@pytest.mark.parametrize("flags", ["", "--style-loss gram", "--preset default", "--width 99"])
def test_a_texture_has_defaults_of_its_own(here, flags):
    found = parsed(f"image texture swirls.png -o out.png {flags}").arguments["config"].objective
    own = TextureConfig().objective
    assert (found.pooling, found.tv_weight) == (own.pooling, own.tv_weight)
    typed = parsed(f"image texture swirls.png -o out.png {flags} --pooling max").arguments["config"]
    assert typed.objective.pooling == "max"


@pytest.mark.parametrize(
    "flag", ["--style-scale 1,0.5", "--style-scale 1 --style-scale 0.5", "--style-scale '1, 0.5'"]
)
def test_several_values(here, flag):
    assert config(f"{PLAIN} {flag}").style_scale == (1.0, 0.5)


def test_several_paintings_and_masks(here):
    bound = parsed("image transfer a.png b,c.png d.png -o out.png --mask m,1.png --mask n.png")
    assert [str(path) for path in bound.args] == ["a.png", "b,c.png", "d.png"]
    assert [str(path) for path in bound.arguments["mask"]] == ["m,1.png", "n.png"]


def test_the_last_flag_wins(here):
    assert config(f"{PLAIN} --size 64 --size 99 --color match --color luminance").size == 99
    assert config(f"{PLAIN} --color match --color luminance").color == "luminance"


def test_a_whole_number_in_a_recipe_is_checked_too(refuses, here):
    (here / "r.toml").write_text("size = 64.9")
    refuses(f"{PLAIN} --recipe r.toml", "r.toml", "64.9")
    (here / "r.toml").write_text("size = 64.0")
    assert config(f"{PLAIN} --recipe r.toml").size == 64


def test_init_takes_a_word_or_a_file(here):
    assert config(f"{PLAIN} --init noise").init == "noise"
    bound = parsed(f"{PLAIN} --init mosaic.png")
    assert str(bound.arguments["init_image"]) == "mosaic.png"
    assert config(f"{PLAIN} --init mosaic.png").init == TransferConfig().init


@pytest.mark.parametrize(
    ("flags", "picture"),
    [("", "mosaic.png"), ("--init noise", None), ("--init photo.png", "photo.png")],
)
def test_an_init_that_is_typed_wins_over_the_recipes_picture(here, flags, picture):
    entry = [{"file": "mosaic.png", "sha256": "0" * 64}]
    text = record(inputs={"init_image": entry}, config={"init": "content"})
    (here / "r.json").write_text(text)
    bound = parsed(f"{PLAIN} --recipe r.json {flags}")
    found = bound.arguments.get("init_image")
    assert (None if found is None else str(found)) == picture
    assert bound.arguments["config"].init == ("noise" if "noise" in flags else "content")


def test_memory_may_have_its_unit(here):
    for memory in ("8GB", "8"):
        assert config(f"{PLAIN} --max-memory {memory}").max_memory == 8


def test_init_that_is_neither(refuses):
    refuses(f"{PLAIN} --init nosie", "nosie", "noise", "content")


def test_an_unknown_key_is_named_with_its_file(refuses, here):
    (here / "r.toml").write_text("itertions = 3")
    refuses(f"{PLAIN} --recipe r.toml", "r.toml", "'itertions'", "'iterations'")


@pytest.mark.parametrize("key", ["output", "force", "quiet", "every", "config", "content", "mask"])
def test_options_of_a_run_are_not_settings(refuses, here, key):
    (here / "r.toml").write_text(f'{key} = "x"')
    refuses(f"{PLAIN} --recipe r.toml", "r.toml", repr(key))


def record(**changes):
    """Write a record by hand, whole or damaged."""
    head = {"bowerbird": "0.1.0", "command": "image transfer"}
    return json.dumps({**head, "inputs": {}, "config": {}, "preset": None, **changes})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("r.toml", "size = large", "can't be read"),
        ("r.toml", 'size = "large"', "large"),
        ("r.toml", "size = 3", "16"),
        ("r.toml", 'preset = "monet"', "pastiche"),
        ("r.json", "[1, 2]", "names with values"),
        ("r.json", "{", "can't be read"),
        ("r.json", '{"bowerbird": "0.1.0", "command": "image texture"}', "image texture"),
        ("r.json", '{"bowerbird": "0.1.0", "command": "image transfer"}', "damaged"),
        ("r.json", record(inputs={"content": [{}]}), "damaged record: it has no 'file'"),
        ("r.json", record(inputs={"content": [{"file": "a.png"}]}), "it has no 'sha256'"),
        ("r.json", record(inputs={"content": ["a.png"]}), "damaged record"),
        ("r.json", record(inputs=[]), "damaged record"),
        ("r.json", record(computed="cpu"), "damaged record"),
    ],
)
def test_a_bad_recipe(refuses, here, name, text, words):
    (here / name).write_text(text)
    refuses(f"{PLAIN} --recipe {name}", words)


def test_a_recipe_that_is_not_there(refuses, here):
    refuses(f"{PLAIN} --recipe r.toml", "r.toml", "does not exist")
    (here / "r.toml").write_bytes(b"\xff\xfe\x00")
    refuses(f"{PLAIN} --recipe r.toml", "r.toml")


def test_a_folder_is_not_a_recipe(refuses, here):
    (here / "r.toml").mkdir()
    refuses(f"{PLAIN} --recipe r.toml", "r.toml")


def test_plain_json_is_a_recipe_too(here):
    (here / "r.json").write_text(json.dumps({"size": 99, "objective": {"strength": 1}}))
    found = config(f"{PLAIN} --recipe r.json")
    assert (found.size, found.objective.strength) == (99, 1.0)


@pytest.mark.parametrize("kind", [TransferConfig, TextureConfig, ReconstructConfig])
def test_names_of_fields_are_unique(kind):
    count = len(kind.__dataclass_fields__) + len(kind().objective.__dataclass_fields__) - 1
    assert len(values_of(kind())) == count
    assert differences(kind()) == {}


def test_defaults_are_shown_as_they_are_typed():
    assert default_text(("relu1_1", "relu2_1")) == "relu1_1,relu2_1"
    assert default_text((1.0, 0.5)) == "1,0.5"
    assert default_text(0.02) == "0.02"


def test_a_recipe_knows_its_file(recipe):
    assert read_recipe(recipe).values == {"size": 100, "iterations": 7, "strength": 0.25}
