"""What the README and the documentation show works as it is shown, on small pictures."""

import re
import shlex
from pathlib import Path

import pytest

import bowerbird as bb
from bowerbird.cli import app
from bowerbird.plates import plate_path

ROOT = Path(__file__).parents[1]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
BLOCKS = [
    (page, kind, block)
    for page, text in PAGES.items()
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
]
COMMANDS = sorted(
    {
        " ".join(line.replace("\\\n", " ").split())
        for _, kind, block in BLOCKS
        for line in block.replace("\\\n", " ").splitlines()
        if not kind and re.match(r"bowerbird \w", line)
    }
)
PYTHON = {}
for page, kind, block in BLOCKS:
    if kind == "python":
        PYTHON[page] = PYTHON.get(page, "") + block
QUICK = {
    "size=512, iterations=40": "size=48, iterations=1",
    "minutes=5": "minutes=0.02",
    "bars=32": "bars=8",
}


@pytest.fixture
def materials(tmp_path, monkeypatch):
    """A folder with the pictures that the pages name, 64 x 48 px, and some notes."""
    monkeypatch.chdir(tmp_path)
    picture = bb.read_picture(plate_path("swirls")).rgb[:, ::16, ::16]
    for name in ("photo", "painting", "one", "two"):
        bb.write_picture(tmp_path / f"{name}.jpg", picture)
    (tmp_path / "my-notes").mkdir()
    (tmp_path / "my-notes" / "a.txt").write_text("Dear diary, it rained again today.\n" * 300)
    for name in ("sky", "rest"):
        bb.write_picture(tmp_path / f"{name}.png", picture)


def run(page):
    code = PYTHON[page]
    for slow, quick in QUICK.items():
        code = code.replace(slow, quick)
    names: dict = {}
    exec(compile(code, page, "exec"), names)
    return names


def test_python_in_the_readme(materials):
    assert all(slow in PYTHON["README.md"] for slow in ["size=512, iterations=40"])
    names = run("README.md")
    assert names["picture"].shape == (3, 36, 48)
    assert bb.read_picture(Path("out.png")).rgb.shape == (3, 36, 48)
    assert names["piece"].score.note_num() > 16


def test_python_of_pictures(materials):
    names = run("docs/guides/pictures.md")
    assert names["picture"].shape == (3, 36, 48)
    assert names["step"].number == names["step"].total


def test_python_of_text(materials):
    run("docs/guides/text.md")
    assert Path("me.safetensors").exists()


def test_python_of_music(materials):
    run("docs/guides/music.md")
    assert bb.music.read_score(Path("reel.mid")).note_num() > 8
    assert bb.read_picture(Path("reel.png")).rgb.mean() > 0.5  # mostly paper


def test_python_of_networks(materials):
    assert run("docs/api/networks.md")["features"]["relu4_2"].shape == (1, 512, 6, 8)


@pytest.mark.parametrize("page", [page for page in PYTHON if "guides/" not in page])
def test_other_python_compiles_and_names_exist(page):
    code = PYTHON[page]
    compile(code, page, "exec")
    for domain, name in re.findall(r"\bbb\.(\w+)\.(\w+)", code):
        assert hasattr(getattr(bb, domain), name)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command, materials):
    # parsed with all its flags and files, not run
    words = shlex.split(command, comments=True)[1:]
    if any(re.fullmatch(r"[A-Z]+\.*", word) for word in words[:3]) or "--help" in words:
        return  # a usage line
    function, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert function.__name__.replace("_", "-") in (words[0], words[1], f"{words[1]}-models")
    if "-o" in words and "run" in bound.arguments:
        output = bound.arguments["run"].output
        (output, *_) = output if isinstance(output, tuple) else (output,)
        assert output.name == Path(words[words.index("-o") + 1]).name


def test_readme_is_short():
    assert len(PAGES["README.md"].splitlines()) <= 200


@pytest.mark.parametrize("domain", ["image", "text", "music", "vision", "prediction"])
def test_the_api_page_has_every_public_name(domain):
    page = PAGES[f"docs/api/{domain}.md"]
    names = re.findall(rf"^::: bowerbird\.{domain}\.(\w+)$", page, re.MULTILINE)
    assert sorted(names) == sorted(getattr(bb, domain).__all__)
