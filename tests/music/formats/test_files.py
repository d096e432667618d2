"""Files of music: valid ones of every format, and damaged ones."""

import base64
import random
import struct
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
import verovio

from bowerbird.errors import MusicError
from bowerbird.music.formats.abc_writer import to_abc
from bowerbird.music.formats.files import read_score, read_scores, write_score
from bowerbird.music.formats.midi import midi_to_score
from bowerbird.music.render.engraving import engrave
from bowerbird.music.score.build import new_track
from bowerbird.music.score.key import Key, key_of
from bowerbird.music.score.melody import grid_notes
from bowerbird.music.score.tempo import seconds_of
from bowerbird.music.score.titles import title_of

END = b"\0\xff\x2f\0"
NOTE = b"\0\x90\x3c\x40\x83\x60\x80\x3c\x40"  # middle C for 480 ticks


def midi(events, kind=1, tracks=1, ticks=480, length=None):
    size = len(events) if length is None else length
    header = struct.pack(">4sIHHH", b"MThd", 6, kind, tracks, ticks)
    return header + b"MTrk" + struct.pack(">I", size) + events


def varied(number):
    """Write a number as MIDI does, seven bits a byte."""
    out = [number & 127]
    while number := number >> 7:
        out.insert(0, number & 127 | 128)
    return bytes(out)


def rows(score):
    lines = grid_notes(score, 24)
    return sorted(
        zip(lines.starts.tolist(), lines.ends.tolist(), lines.pitches.tolist(), strict=True)
    )


TUNE = """X:1
T:The Bower
M:6/8
L:1/8
Q:3/8=100
K:Ador
E|:ABc (3abc d|GGG G2:|
|:E|c3-c2 d|1 G3 G2:|2 A3 [Ac]2|]
"""


@pytest.fixture
def score(tmp_path):
    path = tmp_path / "tune.abc"
    path.write_text(TUNE)
    return read_score(path)


# --- reading and writing --------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mid", ".abc", ".musicxml"])
def test_what_is_written_is_read(score, tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    write_score(path, score)
    again = read_score(path)
    assert rows(again) == rows(score)
    assert key_of(again) == Key("A", "dorian")
    assert again.tracks[0].name == "The Bower"
    assert again.tempos[0].qpm == pytest.approx(150)
    assert [(m.numerator, m.denominator) for m in again.time_signatures] == [(6, 8)]
    symbols = [(m.time, m.text) for m in again.markers if m.text[:1] not in "KR"]
    assert symbols == [(m.time, m.text) for m in score.markers if m.text[:1] not in "KR"]
    assert not [p for p in tmp_path.iterdir() if p.suffix == ".part"]


def test_ties_are_written_with_both_ends(tmp_path, corpus21, tune):
    """Verovio plays as many notes as there are, and no tie begins that does not end."""
    across = "M:4/4\nL:1/8\nK:C\n[CE]5-[CE]3-|[CE]7 (3G/A/c/-|c4 d4-|d8|\n"
    for score in (tune(across), read_score(corpus21("bach/bwv1.6.mxl"))):
        write_score(tmp_path / "a.musicxml", score)
        text = (tmp_path / "a.musicxml").read_text()
        assert text.count('<tie type="start"') == text.count('<tie type="stop"') > 2
        assert text.count('<tied type="start"') == text.count('<tied type="stop"') > 2
        toolkit = verovio.toolkit()
        toolkit.loadData(text)
        played = midi_to_score(base64.b64decode(toolkit.renderToMIDI()))
        assert played.note_num() == score.note_num()


def changes_of(score):
    """Return what changes in a score: meters, keys, tempos, by quarters."""
    ticks = score.ticks_per_quarter
    meters = [(m.time / ticks, m.numerator, m.denominator) for m in score.time_signatures]
    keys = [(k.time / ticks, k.key, k.tonality) for k in score.key_signatures]
    return meters, keys, [(t.time / ticks, round(t.qpm)) for t in score.tempos]


@pytest.mark.parametrize("suffix", [".abc", ".musicxml"])
def test_changes_of_key_tempo_and_meter_are_written(tmp_path, tune, suffix):
    head = "M:4/4\nL:1/4\nQ:1/4=60\nK:D\n"
    body = "D F A d|[Q:1/4=120]D ^D F ^F|[K:Eb][M:3/4][Q:1/4=240]E F G|[K:Am][M:6/8]A3/2 c3/2|]"
    score = tune(head + body)
    assert changes_of(score) == (
        [(0, 4, 4), (8, 3, 4), (11, 6, 8)],
        [(0, 2, 0), (8, -3, 0), (11, 0, 1)],
        [(0, 60), (4, 120), (8, 240)],
    )
    write_score(tmp_path / f"a{suffix}", score)
    again = read_score(tmp_path / f"a{suffix}")
    assert changes_of(again) == changes_of(score)
    assert rows(again) == rows(score)


def test_tempos_within_a_bar_of_musicxml_begin_there(tmp_path, tune):
    write_score(tmp_path / "a.xml", tune("M:4/4\nL:1/4\nQ:1/4=90\nK:C\nCDEF|"))
    text = (tmp_path / "a.xml").read_text()
    third = text.index("<note>", text.index("<step>D"))
    (tmp_path / "a.xml").write_text(text[:third] + '<sound tempo="45"/>' + text[third:])
    assert changes_of(read_score(tmp_path / "a.xml"))[2] == [(0, 90), (2, 45)]


def test_a_title_is_no_name_of_a_voice(tmp_path, tune, corpus21):
    song = tune("T:The Glen\nM:3/4\nL:1/4\nK:G\nV:1\nG B d|g3|\nV:2\nG,3|D,3|\n")
    chorale = read_score(corpus21("bach/bwv101.7.mxl"))
    for score, title, voice in ((song, "The Glen", "1"), (chorale, "bwv101.7.mxl", "Soprano")):
        assert title_of(score) == title
        assert score.tracks[0].name == voice
        for suffix in (".musicxml", ".abc", ".mid"):
            write_score(tmp_path / f"a{suffix}", score)
            again = read_score(tmp_path / f"a{suffix}")
            assert title_of(again) == title
            assert [t.name for t in again.tracks] == [t.name for t in score.tracks]
        assert title in engrave(score).pages[0]


def test_abc_has_no_drums(tmp_path, tune):
    score = tune("M:4/4\nL:1/4\nK:C\nCDEF|GABc|]")
    band = score.copy()
    band.tracks.append(new_track(np.array([[0, 480, 36]]), "kit", 0, drums=True))
    text = to_abc(band)
    assert "% The drums are left out" in text
    (tmp_path / "a.abc").write_text(text)
    assert rows(read_score(tmp_path / "a.abc")) == rows(score)
    band.tracks.pop(0)
    with pytest.raises(MusicError, match=r"only drums, which ABC can't notate; write \.mid"):
        write_score(tmp_path / "b.abc", band)
    assert not (tmp_path / "b.abc").exists()


def test_content_counts_more_than_the_suffix(score, tmp_path):
    write_score(tmp_path / "a.mid", score)
    (tmp_path / "a.dat").write_bytes((tmp_path / "a.mid").read_bytes())
    (tmp_path / "b.txt").write_text(TUNE)
    assert rows(read_score(tmp_path / "a.dat")) == rows(read_score(tmp_path / "b.txt"))


def test_packed_musicxml(score, tmp_path):
    write_score(tmp_path / "a.musicxml", score)
    with zipfile.ZipFile(tmp_path / "a.mxl", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("META-INF/container.xml", "<container/>")
        pack.writestr("score.xml", (tmp_path / "a.musicxml").read_bytes())
    assert rows(read_score(tmp_path / "a.mxl")) == rows(score)


def test_a_chorale_from_kern_is_that_from_musicxml(corpus21):
    """BWV 281, entered twice by different people."""
    kern, xml = read_score(corpus21("bach/bwv281.krn")), read_score(corpus21("bach/bwv281.mxl"))
    assert len(kern.tracks) == len(xml.tracks) == 4
    assert key_of(kern) == key_of(xml) == Key("F", "major")
    soprano = [
        max(s.tracks, key=lambda t: sum(n.pitch for n in t.notes) / len(t.notes))
        for s in (kern, xml)
    ]
    assert [n.pitch for n in soprano[0].notes] == [n.pitch for n in soprano[1].notes]
    assert soprano[0].notes[0].time == soprano[1].notes[0].time == 1440  # the pickup


def test_types_0_and_1():
    kind0 = midi_to_score(midi(NOTE + END, kind=0))
    assert [(n.time, n.duration, n.pitch) for n in kind0.tracks[0].notes] == [(0, 480, 60)]
    named = b"\0\xff\x03\x05Title" + END
    body = midi(named, tracks=2) + b"MTrk" + struct.pack(">I", len(NOTE + END)) + NOTE + END
    kind1 = midi_to_score(body)
    assert [(t.name, len(t.notes)) for t in kind1.tracks] == [("Title", 1)]


def test_seconds():
    slow = b"\0\xff\x51\x03\x0f\x42\x40"  # a million microseconds a quarter note
    assert seconds_of(midi_to_score(midi(slow + NOTE + END))) == pytest.approx(1)
    assert seconds_of(midi_to_score(midi(NOTE + END))) == pytest.approx(0.5)


def test_nottingham_is_read(nottingham):
    assert sum(score.note_num() for _, score in nottingham) == 356_269


def test_midi_in_riff(tmp_path):
    inside = midi(b"\0\xff\x59\x02\x0f\0" + NOTE + END)  # 15 sharps, which is not a key
    chunks = b"LIST\3\0\0\0abc\0data" + struct.pack("<I", len(inside)) + inside
    (tmp_path / "a.rmi").write_bytes(
        b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"RMID" + chunks
    )
    score = read_score(tmp_path / "a.rmi")
    assert score.note_num() == 1
    assert not score.key_signatures
    for end in (12, 20, 30, 60):
        with pytest.raises(MusicError, match=r"RIFF without|truncated|not begin with MThd"):
            midi_to_score((tmp_path / "a.rmi").read_bytes()[:end])


# --- what can't be read ---------------------------------------------------------------------------

BAD = {
    "": "does not begin with MThd",
    "cut header": "its header is truncated",
    "length": "bytes are missing",
    "no notes": "it has no notes that begin and end",
    "smpte": "SMPTE frames",
    "ticks": "it has 0 ticks per quarter note",
    "type 2": "type 2",
    "tempo 0": "its tempo is 0 microseconds",
    "meter": "its time signature is 0/4",
    "hours": "hours",
    "overflow": "negative or too large",
    "text": "is damaged",
    "no track": "it has no tracks",
}


def damaged(kind):
    return {
        "": b"",
        "cut header": b"MThd\0\0\0",
        "length": midi(NOTE + END, length=1 << 31),
        "no notes": midi(END),
        "smpte": midi(NOTE + END, ticks=0xE728),
        "ticks": midi(NOTE + END, ticks=0),
        "type 2": midi(NOTE + END, kind=2),
        "tempo 0": midi(b"\0\xff\x51\x03\0\0\0" + NOTE + END),
        "meter": midi(b"\0\xff\x58\x04\0\2\x18\x08" + NOTE + END),
        "hours": midi(varied(480 * 2 * 3600 * 10) + NOTE[1:] + END),
        "overflow": midi(
            (varied(0xFFFFFFF) + b"\x90\x3c\x40" + varied(0xFFFFFFF) + b"\x80\x3c\x40") * 20 + END
        ),
        "text": midi(b"\0\xff\x01\xff\xff\xff\x7f" + NOTE + END),
        "no track": midi(b"")[:14],
    }[kind]


@pytest.mark.parametrize("kind", BAD)
def test_damaged_midi_is_refused_in_a_sentence(tmp_path, kind):
    path = tmp_path / "damaged.mid"
    path.write_bytes(damaged(kind))
    with pytest.raises(MusicError) as refused:
        read_score(path)
    sentence = str(refused.value)
    assert BAD[kind] in sentence
    assert str(path) in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.doc", b"hello", "it must be one of"),
        ("a.abc", b"no tunes here", "it has no tune"),
        ("a.abc", b"X:1\nK:C\nAB\0C|", "null bytes"),
        ("a.xml", b"<score-partwise><part>", "not valid XML"),
        ("a.xml", b"<html/>", "it is XML, but not MusicXML"),
        ("a.xml", b"<score-timewise/>", "timewise"),
        ("a.mxl", b"PK\x03\x04nonsense", "damaged"),
        ("a.krn", b"**nothing", "it has no **kern spine"),
        ("a.xml", b"<score-partwise><part id='P1'><measure/></part></score-partwise>", "no notes"),
    ],
)
def test_other_bad_files(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MusicError, match=message.replace("*", r"\*")) as refused:
        list(read_scores(path))
    assert name in str(refused.value)


BOMBS = {
    "tags": b"<score-partwise>" + b"<a/>" * (1 << 22) + b"</score-partwise>",
    "attributes": b"<score-partwise>"
    + b"<a b='' c='' d='' e=''/>" * (1 << 19)
    + b"</score-partwise>",
    "bytes": b"<score-partwise>" + b" " * (33 << 20) + b"</score-partwise>",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_packed_bomb_is_refused_unread(tmp_path, kind):
    path = tmp_path / "bomb.mxl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("score.xml", BOMBS[kind])
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(MusicError, match=r"has more than .*, the maximum"):
        read_score(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 150_000_000


def test_a_missing_file(tmp_path):
    with pytest.raises(MusicError, match="can't be read"):
        read_score(tmp_path / "none.mid")


def test_what_is_not_written(score, tmp_path):
    with pytest.raises(MusicError, match="its suffix must be one of"):
        write_score(tmp_path / "a.png", score)
    score.tracks[0].notes.clear()
    with pytest.raises(MusicError, match="no notes"):
        write_score(tmp_path / "a.mid", score)
    assert not (tmp_path / "a.mid").exists()


FUZZ = """
import random, resource, sys, time
from bowerbird.errors import MusicError
from bowerbird.music.formats.midi import midi_to_score
from bowerbird.music.tokens.melody import MelodyTokenizer
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
base = [open(name, "rb").read() for name in sys.argv[1:]]
good = 0
tokenizer = MelodyTokenizer()
for seed in range(3000):
    r = random.Random(seed)
    data = bytearray(r.choice(base))
    match r.randrange(5):
        case 0:
            data = data[: r.randrange(len(data))]
            if r.random() < 0.7 and len(data) > 22:
                data[18:22] = (len(data) - 22).to_bytes(4, "big")
        case 1:
            for _ in range(r.randrange(1, 30)):
                data[r.randrange(len(data))] = r.randrange(256)
        case 2:
            for _ in range(r.randrange(1, 6)):
                data[r.randrange(40)] = r.randrange(256)
        case 3:
            place = r.randrange(len(data))
            data[place:place] = bytes(r.randrange(256) for _ in range(r.randrange(1, 50)))
        case 4:
            place = r.randrange(len(data))
            del data[place : place + r.randrange(1, 200)]
    began = time.perf_counter()
    try:
        score = midi_to_score(bytes(data))
        good += 1
        tokenizer.encode(score)
    except MusicError as error:
        assert "\\n" not in str(error)
    assert time.perf_counter() - began < 5
# not ru_maxrss, which begins with what the parent had at the fork
status = open("/proc/self/status").read() if sys.platform == "linux" else "VmHWM: 0"
print(good, status.partition("VmHWM:")[2].split()[0])
"""


def test_3000_mutated_files_do_no_harm(tmp_path, corpus21):
    """A crash of the C++ reader would end the process, so there is one for it."""
    names = []
    for number, source in enumerate(("airdsAirs/book1.abc", "bach/bwv281.mxl")):
        for name, score in list(read_scores(corpus21(source)))[:10]:
            path = tmp_path / f"{number}{len(names)}.mid"
            assert name
            write_score(path, score)
            names.append(str(path))
    done = subprocess.run(
        [sys.executable, "-c", FUZZ, *names],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    good, memory = map(int, done.stdout.split())
    assert good > 100  # or nothing was tried
    assert memory < 1_000_000  # kB


def test_mutated_text_does_no_harm(tmp_path, score):
    write_score(tmp_path / "a.musicxml", score)
    xml = (tmp_path / "a.musicxml").read_bytes()
    for seed in range(600):
        r = random.Random(seed)
        name, data = r.choice([("f.abc", bytearray(TUNE.encode())), ("f.xml", bytearray(xml))])
        for _ in range(r.randrange(1, 8)):
            data[r.randrange(len(data))] = r.randrange(256)
        (tmp_path / name).write_bytes(data)
        try:
            list(read_scores(tmp_path / name))
        except MusicError as error:
            message = str(error)
        else:
            message = name
        assert name in message


def test_imports_are_light():
    code = (
        "import sys, bowerbird.music.corpus, bowerbird.music.tokens.kinds;"
        "sys.exit(bool({'torch', 'symusic', 'verovio', 'music21', 'miditok'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


XML_NOTE = "<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration></note>"


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (
            XML_NOTE.replace("<octave>4", "<octave>12"),
            "measure 1: a note is out of the range of MIDI",
        ),
        (XML_NOTE.replace("<duration>1", "<duration>9999"), "9,999 quarter notes is impossible"),
        (XML_NOTE.replace("<duration>1", "<duration>-1"), "quarter notes is impossible"),
        ("<attributes><divisions>0</divisions></attributes>", "of 0 divisions is impossible"),
        (
            "<attributes><time><beats>4</beats><beat-type>5</beat-type></time></attributes>",
            "measure 1: 4/5 is not a time signature",
        ),
        (XML_NOTE.replace("<step>C", "<step>H"), "not valid MusicXML"),
    ],
)
def test_musicxml_that_makes_no_sense(tmp_path, measure, message):
    path = tmp_path / "a.musicxml"
    part = f"<part id='P1'><measure number='1'>{measure}</measure></part>"
    path.write_text(f"<score-partwise>{part}</score-partwise>")
    with pytest.raises(MusicError, match=message):
        list(read_scores(path))


def test_compressed_musicxml_without_a_score(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.mxl", "w") as pack:
        pack.writestr("readme.txt", "nothing")
    with pytest.raises(MusicError, match="it has no score inside"):
        list(read_scores(tmp_path / "a.mxl"))
