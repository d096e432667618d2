"""Small scores, written out."""

import pytest
from symusic import KeySignature, Note, Score, Tempo, TextMeta, TimeSignature, Track

TPQ = 480


@pytest.fixture(scope="session")
def tune():
    """Make a score of tracks, each a list of (quarter, quarters, pitch[, velocity])."""

    def make(*tracks, meter=(4, 4), key=0, minor=False, qpm=120, programs=(), signs=()):
        score = Score(TPQ)
        score.time_signatures.append(TimeSignature(0, *meter))
        score.key_signatures.append(KeySignature(0, key, int(minor)))
        score.tempos.append(Tempo(0, qpm))
        for quarter, text in signs:
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
def melody(tune):
    """Make a score of one line from (pitch, quarters) in a row; None is a rest."""

    def make(*notes, **about):
        rows, at = [], 0
        for pitch, length in notes:
            if pitch is not None:
                rows.append((at, length, pitch))
            at += length
        return tune(rows, **about)

    return make
