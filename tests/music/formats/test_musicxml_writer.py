"""MusicXML says the notes that were in the score, in bars that add up, for any reader."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import verovio
from symusic import KeySignature, Score

from bowerbird.music.formats.musicxml_writer import to_musicxml

NOTTINGHAM = Path(__file__).parents[4] / "shared" / "data" / "music" / "nottingham"
STEPS = dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))
VALUES = {"whole": 192, "half": 96, "quarter": 48, "eighth": 24, "16th": 12, "32nd": 6, "64th": 3}


def read(text):
    """Return the notes (start, end, pitch) in units of 1/48 quarter; check every written value."""
    notes = []
    for part in ET.fromstring(text.encode()).findall("part"):
        begin, tied = 0, {}
        for measure in part.findall("measure"):
            at = last = end = begin
            for element in measure:
                length = int(element.findtext("duration", "0"))
                if element.tag == "backup":
                    at -= length
                elif element.tag == "note":
                    if element.find("chord") is None:
                        last, at = at, at + length
                    end = max(end, at)
                    check_value(element, length)
                    pitch = pitch_of(element)
                    if pitch is None:
                        continue
                    ties = [tie.get("type") for tie in element.findall("tie")]
                    start = tied.pop((pitch, last)) if "stop" in ties else last
                    if "start" in ties:
                        tied[pitch, last + length] = start
                    else:
                        notes.append((start, last + length, pitch))
            begin = end
        assert not tied
    return sorted(notes)


def check_value(note, length):
    name = note.findtext("type")
    if name:
        value = VALUES[name] * 3 // 2 if note.find("dot") is not None else VALUES[name]
        ratio = note.find("time-modification")
        if ratio is not None:
            value = (
                value * int(ratio.findtext("normal-notes")) // int(ratio.findtext("actual-notes"))
            )
        assert value == length


def pitch_of(note):
    pitch = note.find("pitch")
    if pitch is None:
        return None
    alter = int(pitch.findtext("alter", "0"))
    return STEPS[pitch.findtext("step")] + alter + 12 * (int(pitch.findtext("octave")) + 1)


def as_written(score):
    """Return the notes of a score in the same units, from the first bar's first note."""
    scale = 48 / score.ticks_per_quarter
    notes = {
        (round(n.time * scale), round(n.end * scale), n.pitch)
        for t in score.tracks
        for n in t.notes
    }
    return sorted(notes)


def same(score, **about):
    got, wanted = read(to_musicxml(score, accompaniment="staff", **about)), as_written(score)
    shift = wanted[0][0] - got[0][0]
    assert [(a + shift, b + shift, p) for a, b, p in got] == wanted


@pytest.mark.parametrize(
    ("meter", "rhythm"),
    [
        ((4, 4), [1.5, 0.5, 1, 1, 1 / 3, 1 / 3, 1 / 3, 3, 5]),
        ((6, 8), [0.5, 1, 0.5, 2, 1, 1 / 6, 1 / 6, 1 / 6, 2.5]),
        ((9, 8), [1.5, 3, 1, 0.5, 4, 0.25, 0.25]),
        ((3, 4), [2, 2, 0.75, 0.25, 2 / 3, 2 / 3, 2 / 3, 4]),
        ((2, 2), [0.5, 3, 0.5, 4, 2 / 3, 1 / 3, 3]),
        ((7, 8), [0.5, 1.5, 1, 0.5, 3.5]),
        ((5, 4), [4, 3, 3, 0.5, 2]),
    ],
)
def test_rhythms(melody, meter, rhythm):
    same(melody(*[(60 + i % 7, length) for i, length in enumerate(rhythm * 4)], meter=meter))


def test_pickup_and_rests(melody):
    same(melody((None, 3), (60, 1), (62, 2.5), (None, 1), (64, 4.5)))


@pytest.mark.skipif(not NOTTINGHAM.is_dir(), reason="needs the Nottingham tunes")
def test_nottingham():
    files = sorted(NOTTINGHAM.glob("*.mid"))[::25]
    assert files
    for path in files:
        same(Score(path))


def test_verovio_reads_the_same_notes(melody, written, tmp_path):
    chords = [(0, 1, 60), (0, 1, 64), (1, 0.5, 62), (1.5, 3, 67), (1.5, 1, 59), (5, 1 / 3, 60)]
    for score in (melody((60, 1.5), (61, 3), (63, 1 / 3), (65, 2 / 3), (66, 4)), written(chords)):
        toolkit = verovio.toolkit()
        assert toolkit.loadData(to_musicxml(score))
        path = tmp_path / "a.mid"
        toolkit.renderToMIDIFile(str(path))
        back = Score(path)
        scale = 48 / back.ticks_per_quarter
        got = sorted((round(n.time * scale), n.pitch) for t in back.tracks for n in t.notes)
        assert got == sorted((start, pitch) for start, _, pitch in as_written(score))


def test_accidentals_are_printed_once_a_bar(melody):
    text = to_musicxml(melody((66, 1), (66, 1), (65, 1), (66, 1), (66, 4), key=0))
    notes = ET.fromstring(text.encode()).iter("note")
    assert [n.findtext("accidental") for n in notes] == ["sharp", None, "natural", "sharp", "sharp"]


def test_a_tie_over_the_bar_line_has_no_accidental(melody):
    text = to_musicxml(melody((60, 3), (66, 2), (66, 1), (60, 2)))
    notes = ET.fromstring(text.encode()).iter("note")
    assert [n.findtext("accidental") for n in notes] == [None, "sharp", None, "sharp", None]


def test_beams(melody):
    text = to_musicxml(melody(*[(60, 0.5)] * 4, (60, 0.75), (60, 0.25), (60, 0.5), (60, 0.5)))
    beams = [
        " ".join(b.text for b in n.findall("beam"))
        for n in ET.fromstring(text.encode()).iter("note")
    ]
    assert beams == [
        *("begin", "continue", "continue", "end"),
        *("begin", "end backward hook", "begin", "end"),
    ]


def test_repeats_and_endings(melody):
    symbols = [(0, "|:"), (4, "[1"), (8, ":|"), (8, "[2"), (12, "||")]
    text = to_musicxml(melody(*[(60, 4)] * 4, symbols=symbols))
    root = ET.fromstring(text.encode())
    assert [r.get("direction") for r in root.iter("repeat")] == ["forward", "backward"]
    assert [(e.get("number"), e.get("type")) for e in root.iter("ending")] == [
        *(("1", "start"), ("1", "stop"), ("2", "start"), ("2", "discontinue")),
    ]


def test_changes_of_key_are_printed_and_spell_what_follows(melody):
    score = melody(*[(66, 2)] * 8, key=2)
    for quarter, sharps in ((4, -6), (12, 0)):
        score.key_signatures.append(KeySignature(480 * quarter, sharps, 0))
    root = ET.fromstring(to_musicxml(score).encode())
    fifths = [measure.findtext("attributes/key/fifths") for measure in root.iter("measure")]
    assert fifths == ["2", "-6", None, "0"]
    steps = [note.findtext("pitch/step") for note in root.iter("note")]
    assert steps == ["F", "F", "G", "G", "G", "G", "F", "F"]
    accidentals = [note.findtext("accidental") for note in root.iter("note")]
    assert accidentals == [*[None] * 6, "sharp", None]


def test_title_and_words_are_escaped(melody):
    score = melody((60, 4))
    text = to_musicxml(score, title="Tam & <Glen>\x00", composer="R. B.")
    assert ET.fromstring(text.encode()).findtext("work/work-title") == "Tam & <Glen>"


def test_bad_scores_are_refused(melody):
    with pytest.raises(ValueError, match="no notes"):
        to_musicxml(Score(480))
    with pytest.raises(ValueError, match="measures"):
        to_musicxml(melody((60, 1), (None, 50000), (60, 1)))
