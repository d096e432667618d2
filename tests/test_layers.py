"""Imports point down, from the command line to torch, without a cycle; there is no junk drawer."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bowerbird

SOURCE = Path(bowerbird.__file__).parent
DOMAINS = {"image", "text", "music", "vision", "prediction"}
INTERFACES = {"cli", "studio", "demo", "__main__"}
RECORDS = {"domain", "registry"}
BELOW = {
    **{
        domain: {domain, "files", "learning", "networks", "pictures", "models"}
        for domain in DOMAINS
    },
    **{
        interface: {
            *INTERFACES,
            *DOMAINS,
            "files",
            "learning",
            "networks",
            "pictures",
            "plates",
            *RECORDS,
            "models",
        }
        for interface in INTERFACES
    },
    "__init__": {*DOMAINS, "learning", "models", "pictures"},  # the public API
    "pictures": {"pictures", "files", "learning"},
    "files": {"files"},
    "learning": {"learning", "files"},
    "networks": {"networks"},
    "plates": set(),
    "errors": set(),
    "threads": set(),
    "models": {*RECORDS, "learning"},
    "domain": set(),
    "lazy": set(),
    "registry": {"domain"},
}
EVERYWHERE = {"errors", "lazy", "threads"}
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
        allowed = BELOW[layer] | EVERYWHERE
        if parts[0] == "bowerbird" and (len(parts) < 2 or parts[1] not in allowed):
            found.append(name)
    return found


def cycles(sources):
    """Return the groups of modules that import each other, by (dotted name, source)."""
    reached = {}
    for name, source in sources.items():
        is_package = any(other.startswith(f"{name}.") for other in sources)
        package = tuple(name.split(".")) if is_package else tuple(name.split(".")[:-1])
        wanted = [imported.split(".") for imported in imports(source, package)]
        prefixes = ([".".join(parts[:n]) for n in (len(parts), len(parts) - 1)] for parts in wanted)
        reached[name] = {next((p for p in pair if p in sources), name) for pair in prefixes}
    grown = True
    while grown:  # the transitive closure
        wider = {name: ours.union(*(reached[n] for n in ours)) for name, ours in reached.items()}
        grown, reached = wider != reached, wider
    groups = {
        frozenset(other for other in reached[name] if name in reached[other]) | {name}
        for name in sources
    }
    return {group for group in groups if len(group) > 1}


def test_no_module_imports_itself_by_way_of_others():
    """Imports inside functions and those for type checkers count too."""
    sources = {
        ".".join(("bowerbird", *path.with_suffix("").parts)).removesuffix(".__init__"): (
            SOURCE / path
        ).read_text(encoding="utf-8")
        for path in MODULES
    }
    assert [sorted(group) for group in cycles(sources)] == []


def test_a_cycle_is_found():
    sources = {
        "p": "",
        "p.a": "from p.b import x",
        "p.b": "def f():\n    from . import c",
        "p.c": "if TYPE_CHECKING:\n    import p.a",
        "p.d": "from p.a import y\nfrom p import b",
    }
    assert cycles(sources) == {frozenset({"p.a", "p.b", "p.c"})}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_point_down(path):
    assert path.parts[0].removesuffix(".py") in BELOW, "a new layer: give it its place here"
    assert complaints(path, (SOURCE / path).read_text(encoding="utf-8")) == []


def test_flags_import_no_torch():
    """Help is made from them, and torch takes a second to import."""
    settings = [path for path in MODULES if path.stem in ("config", "presets")]
    names = [".".join(("bowerbird", *path.with_suffix("").parts)) for path in settings]
    heavy = ("torch", "jaxtyping", "symusic", "pandas", "scipy", "cv2", "matplotlib")
    code = "import sys, importlib\n" + "".join(f"importlib.import_module({n!r})\n" for n in names)
    code += f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_junk_drawer(path):
    assert not JUNK & {part.removesuffix(".py") for part in path.parts}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("image/style_transfer.py", "from bowerbird.music.tokens.melody import Note"),
        ("image/style_transfer.py", "import bowerbird.cli"),
        ("image/style_transfer.py", "def f():\n    from bowerbird import cli"),
        ("image/style_transfer.py", "from ..text import generator"),
        ("image/style_transfer.py", "import bowerbird"),
        ("networks/vgg.py", "from bowerbird.learning.step import Step"),
        ("learning/trainer.py", "import bowerbird.networks.mlp"),
        ("errors.py", "from bowerbird.learning.step import Step"),
        ("plates/__init__.py", "from bowerbird.pictures.writing import write_picture"),
        ("__init__.py", "from bowerbird.cli import main"),
    ],
)
def test_a_wrong_import_is_found(path, source):
    assert len(complaints(Path(path), source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("image/style_transfer.py", "from bowerbird.image.color import luminance\nimport torch"),
        ("image/style_transfer.py", "from . import color\nfrom .color import luminance"),
        ("cli/image/optimize.py", "from bowerbird.image import style_transfer"),
        ("networks/vgg.py", "from bowerbird.errors import WeightsError"),
        ("demo.py", "from bowerbird.plates import PLATES"),
    ],
)
def test_a_right_import_is_accepted(path, source):
    assert complaints(Path(path), source) == []
