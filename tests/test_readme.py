"""What README shows works as it is shown, on small pictures."""

import re
import shlex
from pathlib import Path

import pytest

from bowerbird import read_picture, write_picture
from bowerbird.cli import app
from bowerbird.plates import plate_path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line for kind, text in BLOCKS if not kind for line in text.splitlines() if "bowerbird" in line
]


@pytest.fixture
def small_pictures(tmp_path, monkeypatch):
    """A folder with the pictures that README names, 64 x 48 px, and some notes."""
    monkeypatch.chdir(tmp_path)
    picture = read_picture(plate_path("swirls")).rgb[:, ::16, ::16]
    for name in ("photo", "painting", "one", "two"):
        write_picture(tmp_path / f"{name}.jpg", picture)
    (tmp_path / "my-notes").mkdir()
    (tmp_path / "my-notes" / "a.txt").write_text("Dear diary, it rained again today.\n" * 300)
    for name in ("sky", "rest"):
        write_picture(tmp_path / f"{name}.png", picture)


def test_the_python_code_runs(small_pictures):
    code = "\n".join(text for kind, text in BLOCKS if kind == "python")
    quick = code.replace("size=512, iterations=40", "size=48, iterations=1")
    assert quick.count("minutes=5") == 1
    assert quick != code
    quick = quick.replace("minutes=5", "minutes=0.1")
    names: dict = {}
    exec(compile(quick, "README.md", "exec"), names)
    assert names["picture"].shape == (3, 36, 48)
    assert read_picture(Path("out.png")).rgb.shape == (3, 36, 48)
    assert Path("me.safetensors").exists()
    assert names["features"]["relu4_2"].shape == (1, 512, 6, 8)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command, small_pictures):
    # parsed with all its flags and files, not run
    words = shlex.split(command, comments=True)[1:]
    function, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert function.__name__.replace("_", "-") == words[1]
    if "-o" in words:
        place = bound.arguments["run"].output
        (place,) = place if isinstance(place, tuple) else (place,)
        assert place.name == words[words.index("-o") + 1]


def test_readme_is_short():
    assert len(README.splitlines()) <= 200
