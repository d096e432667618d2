import shlex
from dataclasses import dataclass

import pytest
from PIL import Image
from skimage import data

from bowerbird.cli import run
from bowerbird.plates import plate_path


@dataclass
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of its own with a photograph, two paintings, and nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BOWERBIRD_DEBUG", raising=False)
    photograph = Image.fromarray(data.coffee()).resize((60, 40))
    photograph.save("photo.png")
    for name in ("swirls", "mosaic"):
        with Image.open(plate_path(name)) as plate:
            plate.resize((64, 48)).save(f"{name}.png")
    return tmp_path


@pytest.fixture
def bowerbird(here, capsys):
    """Run a command line in this process, in the folder ``here``."""

    def command(line):
        capsys.readouterr()
        code = run(shlex.split(line))
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return command


@pytest.fixture
def refuses(bowerbird, here):
    """Run a command that must be refused in one sentence that has certain words."""

    def command(line, *words):
        before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
        done = bowerbird(line)
        assert done.code == 2
        assert done.out == ""
        assert done.err.startswith("bowerbird: ")
        assert done.err.count("\n") == 1
        assert "Traceback" not in done.err
        for word in words:
            assert word in done.err
        assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before
        return done

    return command
