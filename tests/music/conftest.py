"""Real tunes, read once; and where the corpora lie."""

from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pytest

from bowerbird.music.abc import read_abc
from bowerbird.music.bars import score_of_tune
from bowerbird.music.files import read_score
from bowerbird.music.tune import Tune

NOTTINGHAM = Path(__file__).resolve().parents[3] / "shared/data/music/nottingham"
TUNES = Path(str(distribution("music21").locate_file("music21/corpus")))


@pytest.fixture(scope="session")
def nottingham():
    """Read all of Nottingham's 1,034 MIDI files with melody and chords."""
    if not NOTTINGHAM.is_dir():
        pytest.skip("the Nottingham collection is not on this machine")
    paths = sorted(NOTTINGHAM.glob("*.mid"))
    assert len(paths) == 1034
    return [(path.name, read_score(path)) for path in paths]


@pytest.fixture(scope="session")
def tune():
    """Read one tune of ABC, given without its X: line."""

    @cache
    def read(body):
        (found,) = read_abc("X:1\n" + body)
        assert isinstance(found, Tune), found
        return score_of_tune(found)

    return read


@pytest.fixture(scope="session")
def corpus21():
    """Find a file of music21's corpus."""
    return lambda name: TUNES / name
