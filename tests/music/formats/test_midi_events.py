"""Old MIDI files: names in any encoding, system exclusive messages in parts."""

import struct
import xml.etree.ElementTree as ET

import pytest

from bowerbird.music.formats.files import read_score
from bowerbird.music.formats.midi import midi_to_score
from bowerbird.music.formats.midi_events import normalize_track
from bowerbird.music.render.output import write_output

NOTES = b"".join(bytes([0, 0x90, pitch, 80, 0x83, 0x60, 0x80, pitch, 64]) for pitch in (60, 62, 64))
END = b"\0\xff\x2f\0"


def midi(events):
    """Return a MIDI file with one track of 480 ticks a quarter note."""
    header = b"MThd" + struct.pack(">IHHH", 6, 1, 1, 480)
    return header + b"MTrk" + struct.pack(">I", len(events)) + events


def name(text):
    return b"\0\xff\x03" + bytes([len(text)]) + text


def starts(score):
    return [note.time for track in score.tracks for note in track.notes]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"Fl\xfbte \xe0 bec", "Flûte à bec"),
        ("Flûte à bec".encode(), "Flûte à bec"),
        (b"Piano right\0", "Piano right"),
        (b"a\x1b[31mred\x07", "a [31mred"),
        (b"\x93quoted\x94", "“quoted”"),
        (b"odd \x81", "odd"),
        (b"plain", "plain"),
    ],
)
def test_names_are_clean_wherever_they_are_written(tmp_path, raw, expected):
    (tmp_path / "a.mid").write_bytes(midi(name(raw) + NOTES + END))
    score = read_score(tmp_path / "a.mid")
    assert score.tracks[0].name.strip() == expected
    assert starts(score) == [0, 480, 960]
    for suffix in ("abc", "musicxml", "svg", "html"):
        write_output(tmp_path / f"b.{suffix}", score)
    assert f"T:{expected}\n" in (tmp_path / "b.abc").read_text("utf-8")
    ET.parse(tmp_path / "b.svg")
    for suffix in ("abc", "musicxml"):
        assert starts(read_score(tmp_path / f"b.{suffix}")) == [0, 480, 960]


@pytest.mark.parametrize(
    ("messages", "first"),
    [
        (b"\0\xf0\x05\x7e\x7f\x09\x01\xf7", 0),
        (b"\x10\xf0\x03\x43\x12\0\x10\xf7\x02\x43\xf7", 32),
        (b"\0\xf0\x03\x43\x12\0\x10\xf7\x06\x43\x12\0\x43\x12\0\x10\xf7\x04\x43\x12\0\xf7", 32),
        (b"\x87\x40\xf0\x01\xf7", 960),
    ],
)
def test_system_exclusive_messages_only_pass_time(messages, first):
    assert starts(midi_to_score(midi(messages + NOTES + END))) == [
        first + 480 * n for n in range(3)
    ]


def test_running_status_and_other_events_are_kept():
    running = b"\0\x90\x3c\x50\x83\x60\x3c\0\0\x3e\x50\x83\x60\x3e\0"
    controls = b"\0\xc0\x28\0\xb0\x07\x64\0\xe0\0\x40\0\xff\x51\x03\x07\xa1\x20"
    score = midi_to_score(midi(b"\0\xf0\x01\xf7" + controls + running + END))
    assert starts(score) == [0, 480]
    assert score.tracks[0].program == 40
    assert [tempo.qpm for tempo in score.tempos] == [120]


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_damaged_track_is_left_to_the_parser(cut):
    events = (name(b"Fl\xfbte") + b"\0\xf0\x05\x7e\x7f\x09\x01\xf7" + NOTES)[:-cut]
    chunk = b"MTrk" + struct.pack(">I", len(events)) + events
    changed = normalize_track(chunk)
    assert changed[:4] == b"MTrk"
    assert changed == chunk or len(changed) == 8 + int.from_bytes(changed[4:8], "big")


def test_a_clean_track_is_not_rewritten():
    chunk = b"MTrk" + struct.pack(">I", len(NOTES + END)) + NOTES + END
    assert normalize_track(chunk) is chunk
