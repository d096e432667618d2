"""Tracks are arranged on staves as players expect."""

import pytest
from symusic import Note, Track

from bowerbird.music.notation.measures import measures_of
from bowerbird.music.notation.staves import parts_of

LINE = [(i, 1, 72 + i % 5) for i in range(8)]
CHORDS = [(4 * i, 4, p) for i in range(2) for p in (48, 52, 55)]


def parts(score, **about):
    return parts_of(score, measures_of(score), **about)


def test_chords_beside_a_melody_become_names(written):
    (part,) = parts(written(LINE, CHORDS))
    assert [c.name for c in part.chords.values()] == ["C"]
    both = parts(written(LINE, CHORDS, programs=[73, 24]), accompaniment="staff")
    assert len(both) == 2
    assert not both[0].chords


def test_two_piano_tracks_are_two_hands(written):
    low = [(i, 1, 45 + i % 5) for i in range(8)]
    (piano,) = parts(written(LINE, low))
    assert [staff.clef for staff in piano.staves] == ["treble", "bass"]
    assert len(parts(written(LINE, low, programs=[73, 42]))) == 2
    assert len(parts(written(LINE, low, low))) == 3


def test_one_piano_track_is_split_between_the_hands(written):
    both = [*LINE, *((2 * i, 2, p) for i in range(4) for p in (43, 47, 50))]
    (piano,) = parts(written(both))
    right, left = piano.staves
    assert {p for v in right.voices for n in v for p in n.pitches} == {72, 73, 74, 75, 76}
    assert {p for v in left.voices for n in v for p in n.pitches} == {43, 47, 50}


def test_overlaps_are_voices_and_the_upper_is_first(written):
    rows = [(0, 4, 60), (0, 1, 72), (1, 1, 74), (2, 2, 76), (4, 4, 67)]
    (part,) = parts(written(rows, programs=[40]))
    upper, lower = part.staves[0].voices
    assert [n.pitches for n in upper] == [(72,), (74,), (76,), (67,)]
    assert [n.pitches for n in lower] == [(60,)]


def test_a_voice_that_overlaps_itself_now_and_then_is_cut(written):
    rows = [(i, 1.5 if i == 5 else 1, 60 + i % 5) for i in range(16)]
    (part,) = parts(written(rows, programs=[40]))
    (voice,) = part.staves[0].voices
    assert [(note.start, note.end) for note in voice] == [(48 * i, 48 * i + 48) for i in range(16)]
    (part,) = parts(written([*rows, (0, 8, 48)], programs=[40]))  # a note held below is a voice
    assert len(part.staves[0].voices) > 1


def test_a_line_of_chords_is_one_voice(written):
    (part,) = parts(written([(i, 1, p + i) for i in range(8) for p in (60, 64)], programs=[40]))
    (voice,) = part.staves[0].voices
    assert all(len(n.pitches) == 2 for n in voice)


def test_more_voices_than_can_be_written(written):
    rows = [(i / 4, 8, 40 + 5 * i) for i in range(8)]
    (part,) = parts(written(rows, programs=[40]))
    assert len(part.staves[0].voices) == 4
    assert sum(len(v) for v in part.staves[0].voices) == 8


def test_no_note_is_lost_where_too_many_begin_together(written):
    lengths = (0.5, 1, 1.5, 2, 3, 4)
    rows = [(0, length, 60 + 4 * i) for i, length in enumerate(lengths)]
    (part,) = parts(written(rows, programs=[40]))
    chords = [note for voice in part.staves[0].voices for note in voice]
    assert sorted(p for note in chords for p in note.pitches) == [60, 64, 68, 72, 76, 80]
    for length, pitch in zip(lengths, range(60, 84, 4), strict=True):
        (chord,) = [note for note in chords if pitch in note.pitches]
        assert abs(chord.end - length * 48) <= 48


def test_names_and_drums(written):
    score = written(LINE, programs=[40])
    drums = Track("", 0, True)
    drums.notes.append(Note(0, 480, 38, 90))
    score.tracks.append(drums)
    score.tracks[0].name = "Fiddle"
    assert [(p.name, p.staves[0].clef) for p in parts(score)] == [
        ("Fiddle", "treble"),
        ("Drums", "percussion"),
    ]


def test_names_that_are_the_same_are_numbered(written):
    score = written(LINE, LINE, LINE, programs=[52, 40, 52])
    names = [part.name for part in parts(score)]
    assert names == ["Choir aahs 1", "Violin", "Choir aahs 2"]


def test_too_many_tracks_are_refused(written):
    with pytest.raises(ValueError, match="65 tracks"):
        parts(written(*[LINE] * 65, programs=[40] * 65))
