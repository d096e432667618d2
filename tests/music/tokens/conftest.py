"""Real tunes to tokenize, and random pieces that follow a grammar."""

import itertools

import numpy as np
import pytest

from bowerbird.music.formats.files import read_scores
from bowerbird.music.score.build import new_key_signature, new_score, new_time_signature, new_track
from bowerbird.music.score.melody import melody


@pytest.fixture(scope="session")
def pieces(corpus21):
    """Return 120 airs, with their names."""
    return list(itertools.islice(read_scores(corpus21("airdsAirs/book2.abc"), {}), 120))


@pytest.fixture(scope="session")
def tunes(pieces):
    """Return the melodies of the airs whose meter doesn't change."""
    return [melody(score) for _, score in pieces if len(score.time_signatures) == 1]


@pytest.fixture(scope="session")
def draw():
    """Sample token ids at random, as an untrained network would under a grammar.

    Returns None if the piece doesn't end within ``limit`` tokens.
    """

    def sample(grammar, random, limit=3000):
        ids = []
        while len(ids) < limit:
            mask = grammar.allowed()
            assert mask.any(), "no token is allowed"
            ends = mask[0] and random.random() < 0.3
            token = 0 if ends else int(random.choice(np.flatnonzero(mask)))
            if token == 0:
                return ids
            grammar.advance(token)
            ids.append(token)
        return None

    return sample


@pytest.fixture(scope="session")
def piece():
    """Make a score in C and 4/4 of tracks, each rows of (tick, ticks, pitch[, velocity])."""

    def make(*tracks):
        score = new_score()
        score.time_signatures.append(new_time_signature(0, 4, 4))
        score.key_signatures.append(new_key_signature(0, 0, minor=False))
        for number, rows in enumerate(tracks):
            score.tracks.append(new_track(rows, f"track {number}", number))
        return score

    return make


@pytest.fixture(scope="session")
def two_voices(piece):
    """Make two notes above two others that change elsewhere."""
    return piece([[0, 480, 60], [480, 960, 62]], [[0, 960, 48], [960, 480, 50]])
