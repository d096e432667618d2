"""Real tunes, small scores, and a trained composer."""

from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pytest
from symusic import KeySignature, Note, Score, Tempo, TextMeta, TimeSignature, Track

from bowerbird.learning.config import SequenceConfig, TrainerConfig
from bowerbird.music.config import TrainConfig
from bowerbird.music.corpus import Corpus
from bowerbird.music.formats.abc_reader import read_abc
from bowerbird.music.formats.bars import tune_to_score
from bowerbird.music.formats.files import read_score
from bowerbird.music.formats.tune import Tune
from bowerbird.music.score.melody import melody as to_melody
from bowerbird.networks.config import LanguageModelConfig, RecurrentConfig

NOTTINGHAM = Path(__file__).resolve().parents[3] / "shared/data/music/nottingham"
TPQ = 480
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
def nottingham_melodies(nottingham):
    """Reduce the tunes of Nottingham to their melodies."""
    return [(name, to_melody(score)) for name, score in nottingham]


@pytest.fixture(scope="session")
def scottish():
    """Return the built-in corpus; its 1,566 tunes are read once."""
    return Corpus(["scottish"], melodies=True)


@pytest.fixture(scope="session")
def scottish_split(scottish):
    """Split the built-in corpus."""
    return scottish.split()


@pytest.fixture(scope="session")
def tune():
    """Read one tune of ABC, given without its X: line."""

    @cache
    def read(body):
        (found,) = read_abc("X:1\n" + body)
        assert isinstance(found, Tune), found
        return tune_to_score(found)

    return read


@pytest.fixture(scope="session")
def reel_abc():
    """Return a reel in ABC, for `tune`."""
    return (
        "M:4/4\nL:1/8\nK:D\nA|d2fd Adfd|gfef gabg|d2fd Adfd|gfec d2dA|"
        "d2fd Adfd|gfef gabg|a3g fedf|gfec d2|\n"
    )


@pytest.fixture(scope="session")
def jig_abc():
    """Return a jig in ABC, for `tune`."""
    return "M:6/8\nL:1/8\nK:G\nGAB dBG|cec BdB|AGA BGE|DEF G3|gfe dBG|cBA BGE|DEF GAB|AFD G3|\n"


@pytest.fixture(scope="session")
def corpus21():
    """Find a file of music21's corpus."""
    return lambda name: TUNES / name


@pytest.fixture(scope="session")
def written():
    """Make a score of tracks, each a list of (quarter, quarters, pitch[, velocity])."""

    def make(*tracks, meter=(4, 4), key=0, minor=False, qpm=120, programs=(), symbols=()):
        score = Score(TPQ)
        score.time_signatures.append(TimeSignature(0, *meter))
        score.key_signatures.append(KeySignature(0, key, int(minor)))
        score.tempos.append(Tempo(0, qpm))
        for quarter, text in symbols:
            score.markers.append(TextMeta(round(quarter * TPQ), text))
        for i, rows in enumerate(tracks):
            track = Track("", programs[i] if i < len(programs) else 0, False)
            for start, length, pitch, *velocity in rows:
                times = round(start * TPQ), round(length * TPQ)
                track.notes.append(Note(*times, pitch, *(velocity or [90])))
            score.tracks.append(track)
        return score

    return make


@pytest.fixture(scope="session")
def melody(written):
    """Make a score of one line from (pitch, quarters) in a row; None is a rest."""

    def make(*notes, **about):
        rows, at = [], 0
        for pitch, length in notes:
            if pitch is not None:
                rows.append((at, length, pitch))
            at += length
        return written(rows, **about)

    return make


@pytest.fixture(scope="session")
def quick():
    """Return the settings of a training that takes seconds."""
    return TrainConfig(
        model=LanguageModelConfig(recurrent=RecurrentConfig(hidden_size=48)),
        sequence=SequenceConfig(batch_size=8, sequence_length=32, validation=0.05),
        trainer=TrainerConfig(
            iterations=150, learning_rate=2e-2, warmup_steps=10, validate_every=75
        ),
        precision="float32",
        device="cpu",
    )


@pytest.fixture(scope="session")
def reels(corpus21, tmp_path_factory):
    """Copy sixty reels into a folder."""
    source = (corpus21("ryansMammoth") / "AlbemarleReel.abc").parent
    folder = tmp_path_factory.mktemp("reels")
    for path in sorted(source.glob("*Reel.abc"))[:60]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="session")
def trained(reels, quick, tmp_path_factory):
    """Train a composer of reels; return the training and its steps."""
    from bowerbird.music.training import Training  # noqa: PLC0415 - imports torch

    training = Training(Corpus([reels], melodies=True), quick, tmp_path_factory.mktemp("work"))
    return training, list(training.steps())


@pytest.fixture(scope="session")
def chorales(corpus21):
    """Return the files of 24 chorales."""
    return sorted(corpus21("bach").glob("*.mxl"))[:24]
