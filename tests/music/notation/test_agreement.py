"""The .musicxml file, the sheet, the page and the ABC of a tune say the same.

Of 200 real tunes each is written in all four, and these are read again by the readers below, which
share nothing with the writers: notes, keys with modes, time signatures, ties over bar lines,
repeats and endings are compared. Times are in 1/48 of a quarter note from the first note on.
"""

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import pytest
import verovio

from bowerbird.music.formats.abc_reader import read_abc
from bowerbird.music.formats.abc_writer import to_abc
from bowerbird.music.formats.files import read_scores, write_score
from bowerbird.music.formats.musicxml_writer import to_musicxml
from bowerbird.music.render import page
from bowerbird.music.render.page import Piece, fragment
from bowerbird.music.score.melody import melody

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
FIFTHS = "FCGDAEB"
MODES = ["lydian", "major", "mixolydian", "dorian", "minor", "phrygian", "locrian"]
MEI = "{http://www.music-encoding.org/ns/mei}"
ID = "{http://www.w3.org/XML/1998/namespace}id"
START = -1  # of the piece: when what holds in the first measure begins


@dataclass
class Reading:
    """What someone who reads a tune finds in it."""

    notes: list[tuple[int, int, int]] = field(default_factory=list)
    """Start, end and pitch of each, as it sounds: with ties joined."""
    ties: set[tuple[int, int]] = field(default_factory=set)
    """The bar line and the pitch of each note that is tied over one."""
    keys: list[tuple[int, str]] = field(default_factory=list)
    """With their modes."""
    signatures: list[tuple[int, str]] = field(default_factory=list)
    """Sharps and flats: 2s, 3f, 0."""
    meters: list[tuple[int, str]] = field(default_factory=list)
    repeats: list[tuple[int, str]] = field(default_factory=list)
    heads: int = 0
    """Notes that are printed, tied or not."""
    open: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, start, end, pitch, *, tied):
        """Add a note, or make the one longer that is tied to it."""
        self.heads += 1
        begin = self.open.pop((start, pitch), start)
        if tied:
            self.open[end, pitch] = begin
        else:
            self.notes.append((begin, end, pitch))

    def close(self):
        """Count time from the first note, and sort."""
        assert not self.open
        first = min(note[0] for note in self.notes)
        self.notes = sorted((a - first, b - first, pitch) for a, b, pitch in self.notes)
        self.ties = {(at - first, pitch) for at, pitch in self.ties}
        for name in ("keys", "signatures", "meters", "repeats"):
            times = [
                (at - first if at > max(first, 0) else START, x) for at, x in getattr(self, name)
            ]
            new = [b for a, b in pairwise([(0, ""), *times]) if a[1] != b[1]]
            setattr(self, name, sorted(times) if name == "repeats" else new)
        return self


def from_musicxml(text):
    reading = Reading()
    for number, part in enumerate(ET.fromstring(text).findall("part")):
        begin = 0
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
                    if (pitch := element.find("pitch")) is not None:
                        tied = any(tie.get("type") == "start" for tie in element.findall("tie"))
                        reading.add(last, last + length, midi_of(pitch), tied=tied)
            if not number:
                add_attributes(reading, measure, begin)
                add_barlines(reading, measure, begin, end)
            reading.ties |= {key for key in reading.open if key[0] == end}
            begin = end
    return reading.close()


def midi_of(pitch):
    octave = 12 * (int(pitch.findtext("octave")) + 1)
    return STEPS[pitch.findtext("step")] + int(pitch.findtext("alter", "0")) + octave


def add_attributes(reading, measure, begin):
    if (key := measure.find("attributes/key")) is not None:
        fifths = int(key.findtext("fifths"))
        signature = f"{abs(fifths)}{'s' if fifths > 0 else 'f'}" if fifths else "0"
        reading.signatures.append((begin, signature))
        reading.keys.append((begin, key_name(fifths, key.findtext("mode"))))
    if (time := measure.find("attributes/time")) is not None:
        reading.meters.append((begin, f"{time.findtext('beats')}/{time.findtext('beat-type')}"))


def key_name(fifths, mode):
    tonic = fifths + MODES.index(mode)  # on the line of fifths, from F
    sharps = tonic // 7
    return FIFTHS[tonic % 7] + ("#" * sharps or "b" * -sharps) + " " + mode


def add_barlines(reading, measure, begin, end):
    for line in measure.findall("barline"):
        when = begin if line.get("location") == "left" else end
        for ending in line.findall("ending[@type='start']"):
            reading.repeats.append((when, f"[{ending.get('number')}"))
        for repeat in line.findall("repeat"):
            reading.repeats.append((when, {"forward": "|:"}.get(repeat.get("direction"), ":|")))


def from_abc(text):
    (tune,) = read_abc(text)
    reading = Reading(keys=[(0, str(tune.key))])
    for number, bars in enumerate(tune.voices.values()):
        begin = Fraction(0)
        for bar in bars:
            end = begin + Fraction(bar.length, 420)  # 20160 units of the reader are a quarter note
            for start, length, pitches, tied in bar.notes:
                at = begin + Fraction(start, 420)
                for pitch in pitches:
                    reading.add(int(at), int(at + Fraction(length, 420)), pitch, tied=tied)
            if not number:
                reading.meters.append((int(begin), "{}/{}".format(*bar.meter)))
                reading.keys += [(int(begin), str(bar.key))] * (bar.key is not None)
                reading.repeats += [(int(begin), symbol) for symbol in bar.left]
                reading.repeats += [(int(end), symbol) for symbol in bar.right if symbol == ":|"]
            reading.ties |= {key for key in reading.open if key[0] == end}
            begin = end
    return reading.close()


def from_mei(text):
    """Read what verovio has understood; it does not say modes."""
    root = ET.fromstring(text)
    tied = {tie.get("startid")[1:] for tie in root.iter(f"{MEI}tie")}
    reading, begin = Reading(), 0
    for element in root.iter():
        tag = element.tag.removeprefix(MEI)
        if tag == "keySig" and (not reading.signatures or begin):
            reading.signatures.append((begin, element.get("sig")))
        elif tag == "meterSig" and (not reading.meters or begin):
            reading.meters.append((begin, f"{element.get('count')}/{element.get('unit')}"))
        elif tag == "ending":
            reading.repeats.append((begin, f"[{element.get('n')}"))
        elif tag == "measure":
            end = max(add_layer(reading, one, begin, tied) for one in element.iter(f"{MEI}layer"))
            if element.get("left") == "rptstart":
                reading.repeats.append((begin, "|:"))
            symbols = {"rptend": [":|"], "rptstart": ["|:"], "rptboth": [":|", "|:"]}
            for symbol in symbols.get(element.get("right"), []):
                reading.repeats.append((end, symbol))
            reading.ties |= {key for key in reading.open if key[0] == end}
            begin = end
    return reading.close()


def add_layer(reading, element, at, tied):
    """Add the notes in a layer, or a beam or tuplet of it, and return where it ends."""
    for child in element:
        length = int(child.get("dur.ppq", "0"))
        if child.tag == f"{MEI}mRest":
            length = 192 * Fraction(reading.meters[-1][1])
        elif child.tag in (f"{MEI}note", f"{MEI}chord"):
            for note in child.iter(f"{MEI}note"):
                reading.add(at, at + length, mei_pitch(note), tied=note.get(ID) in tied)
        elif child.tag not in (f"{MEI}rest", f"{MEI}space"):
            length = add_layer(reading, child, at, tied) - at
        at += length
    return at


def mei_pitch(note):
    accidentals = [e.get(name) for e in note.iter() for name in ("accid.ges", "accid")]
    written = next((a for a in accidentals if a), "n")
    alter = {"n": 0, "s": 1, "x": 2, "ss": 2}.get(written, -len(written))
    return STEPS[note.get("pname").upper()] + alter + 12 * (int(note.get("oct")) + 1)


def from_page(html):
    """Return the onsets on the wide and the narrow sheet, and those of the roll with pitches."""
    data = json.loads(re.search(r'class="bb-data">(.*?)</script>', html, re.DOTALL)[1])
    drawn = set(re.findall(r'<g id="(\w+)" class="note"', html))
    assert drawn == {one for onsets in data["sheets"] for _, ids in onsets for one in ids}
    sheets = [
        Counter(round(48 * quarter) for quarter, ids in onsets for _ in ids)
        for onsets in data["sheets"]
    ]
    roll = Counter()
    rows = html.partition('class="roll"')[2].split("<g transform=")[1:]
    for (first, *_), row in zip(data["roll"]["rows"], rows, strict=True):
        for x, y, height in re.findall(r'"n t\d" x="(.*?)" y="(.*?)".*?height="(.*?)"', row):
            onset = round(48 * (first + float(x) / data["roll"]["scale"]))
            roll[onset, round(-float(y) / (float(height) + 1))] += 1
    return sheets, roll


@pytest.fixture(scope="module")
def mei():
    """Have verovio read MusicXML, with no pages to fill."""
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"breaks": "none"})

    def read(text):
        assert toolkit.loadData(text)
        return toolkit.getMEI()

    return read


@pytest.fixture
def page_of(monkeypatch):
    """Make the page of a score without its sound, which has tests of its own."""
    monkeypatch.setattr(page, "write_sound", lambda path, *_: path.write_bytes(b"") or 1.0)
    return lambda score: fragment(Piece("", score))


def check_page(score, html, sheet):
    """Both sheets of a page and its roll have the notes of the score, at their times."""
    scale = 48 / score.ticks_per_quarter
    notes = [(round(n.time * scale), n.pitch) for track in score.tracks for n in track.notes]
    written = sorted((start, pitch) for start, _, pitch in sheet.notes)
    assert [pitch for _, pitch in written] == [pitch for _, pitch in sorted(notes)]
    sheets, roll = from_page(html)
    onsets = Counter(onset for onset, _ in notes)
    assert sheets[0] == sheets[1]
    assert not onsets - sheets[0]
    assert sheets[0].total() == sheet.heads  # notes that a tie goes on to light up too
    lowest, drawn = min(pitch for _, pitch in notes), min(pitch for _, pitch in roll)
    assert not Counter((at, pitch - lowest + drawn) for at, pitch in notes) - roll


def check(score, path, mei, page_of):
    write_score(path, score)
    file, abc = from_musicxml(path.read_text()), from_abc(to_abc(score))
    text = to_musicxml(score, accompaniment="staff")
    sheet, engraved = from_musicxml(text), from_mei(mei(text))
    assert file.notes == sheet.notes == engraved.notes == abc.notes
    assert file.ties == sheet.ties == engraved.ties == abc.ties
    assert file.keys == sheet.keys == abc.keys
    assert engraved.signatures == sheet.signatures
    assert file.meters == sheet.meters == engraved.meters == abc.meters
    assert file.repeats == sheet.repeats == engraved.repeats == abc.repeats
    check_page(score, page_of(score), sheet)
    return file


def check_all(scores, path, mei, page_of):
    """Check tunes; return in how many of them there is what."""
    found = Counter()
    for name, score in scores:
        try:
            read = check(score, path, mei, page_of)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
        found["tunes"] += 1
        found["ties"] += bool(read.ties)
        found["meters"] += len(read.meters) > 1
        found["repeats"] += any(symbol == ":|" for _, symbol in read.repeats)
        found["endings"] += any(symbol[0] == "[" for _, symbol in read.repeats)
        found["keys"] += len(read.keys) > 1
        found["modes"] += read.keys[0][1].split()[1] not in ("major", "minor")
    return found


def test_tunes_of_old_books(corpus21, tmp_path, mei, page_of):
    """Airs and fiddle tunes of Glasgow, Chicago and Boston, and folk songs of the Netherlands."""
    scores = []
    for name, step in (
        ("airdsAirs/book4.abc", 8),
        ("oneills1850/0759-0810.abc", 2),
        ("oneills1850/1116-1135_mh.abc", 2),
        ("essenFolksong/han2.abc", 40),
    ):
        scores += list(read_scores(corpus21(name), {}))[::step]
    for file in sorted(corpus21("ryansMammoth").glob("*.abc"))[7::60]:
        scores += read_scores(file, {})
    found = check_all(scores, tmp_path / "a.musicxml", mei, page_of)
    assert found["tunes"] >= 96
    assert min(found[name] for name in ("repeats", "endings", "ties", "meters", "modes")) >= 4


def test_chorales(corpus21, tmp_path, mei, page_of):
    paths = sorted(corpus21("bach").glob("*.mxl"))[::100]
    scores = [piece for path in paths for piece in read_scores(path)]
    assert check_all(scores, tmp_path / "a.musicxml", mei, page_of)["ties"]


def test_tunes_of_nottingham(nottingham, tmp_path, mei, page_of):
    scores = [(name, melody(score)) for name, score in nottingham[::10]]
    found = check_all(scores, tmp_path / "a.musicxml", mei, page_of)
    assert found["tunes"] >= 100
    assert found["keys"] >= 4


def test_a_mode_that_changes(tune, tmp_path, mei, page_of):
    score = tune("M:4/4\nL:1/4\nK:G\nGABc|[K:Ador]ABcd|[K:Em]e4|[K:D]d4|\n")
    read = check(score, tmp_path / "a.musicxml", mei, page_of)
    assert [key for _, key in read.keys] == ["G major", "A dorian", "E minor", "D major"]
    assert read.signatures == [(START, "1s"), (576, "2s")]
