"""Arrows point down: doors -> crafts -> learning, networks -> torch; no junk drawer."""

import ast
from pathlib import Path

import pytest

import bowerbird

SOURCE = Path(bowerbird.__file__).parent
CRAFTS = {"image", "text", "music", "vision", "prediction"}
DOORS = {"cli", "studio", "demo", "__main__"}
BELOW = {
    **{craft: {craft, "learning", "networks", "pictures"} for craft in CRAFTS},
    **{door: {*DOORS, *CRAFTS, "learning", "networks", "pictures", "plates"} for door in DOORS},
    "__init__": {*CRAFTS, "learning", "pictures"},  # the public verbs
    "pictures": {"pictures", "learning"},
    "learning": {"learning"},
    "networks": {"networks"},
    "plates": {"plates"},
}
JUNK = {"utils", "util", "helpers", "common", "misc", "constants", "lib", "base"}
MODULES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py"))


def imports(source, package):
    """Yield the dotted name of everything that a module of `package` imports, also in functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def complaints(path, source):
    """List the imports of a module, by its path in the package, that point up or sideways."""
    layer = path.parts[0].removesuffix(".py")
    found = []
    for name in imports(source, ("bowerbird", *path.parts[:-1])):
        parts = name.split(".")
        if parts[0] == "bowerbird" and (len(parts) < 2 or parts[1] not in BELOW[layer]):
            found.append(name)
    return found


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_arrows_point_down(path):
    assert path.parts[0].removesuffix(".py") in BELOW, "a new layer: give it its place here"
    assert complaints(path, (SOURCE / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_junk_drawer(path):
    assert not JUNK & {part.removesuffix(".py") for part in path.parts}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("image/transfer.py", "from bowerbird.music.tokens.melody import Note"),
        ("image/transfer.py", "import bowerbird.cli"),
        ("image/transfer.py", "def f():\n    from bowerbird import cli"),
        ("image/transfer.py", "from ..text import writer"),
        ("image/transfer.py", "import bowerbird"),
        ("networks/vgg.py", "from bowerbird.learning.step import Step"),
        ("learning/trainer.py", "import bowerbird.networks.mlp"),
        ("plates/__init__.py", "from bowerbird.pictures.writing import write_picture"),
        ("__init__.py", "from bowerbird.cli import main"),
    ],
)
def test_a_wrong_arrow_is_found(path, source):
    assert len(complaints(Path(path), source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("image/transfer.py", "from bowerbird.image.color import luminance\nimport torch"),
        ("image/transfer.py", "from . import color\nfrom .color import luminance"),
        ("cli/image.py", "from bowerbird.image import transfer"),
        ("demo.py", "from bowerbird.plates import PLATES"),
    ],
)
def test_a_right_arrow_is_let_be(path, source):
    assert complaints(Path(path), source) == []
