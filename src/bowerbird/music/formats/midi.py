"""MIDI files: bytes to a score, with damaged and hostile files refused before they do harm.

symusic parses the events, in C++ and in a tenth of a millisecond, but trusts the sizes in the file.
So the chunks are checked before it and the score after it. It gets the track chunks only, and an
empty one at the end, so that it never reads beyond the bytes.
"""

import math
import re
import struct
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.formats.midi_events import normalize_track
from bowerbird.music.score.tempo import seconds_of

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

MAX_BYTES = 1 << 25  # 32 MB; an opera has less than one
MAX_HOURS = 4
LAST_TICK = 1 << 30  # symusic counts ticks in 31 bits
HEADER_BYTES = 14
_EMPTY_TRACK = b"MTrk\x00\x00\x00\x04\x00\xff\x2f\x00"
_NAME = re.compile(rb"\x00\xff\x03([\x01-\x7f])", re.DOTALL)


def midi_to_score(data: bytes) -> "Score":
    """Return the score of a MIDI file of type 0 or 1, in RIFF or not.

    Raises MusicError for other files, files that are truncated or damaged, without notes, longer
    than ``MAX_HOURS``, or with impossible times, tempos or meters.
    """
    from symusic.core import ScoreTick  # noqa: PLC0415  imports are quick without it

    data = _unwrapped(data)
    tracks = [normalize_track(track) for track in _tracks(data)]
    header = data[:10] + struct.pack(">H", len(tracks) + 1) + data[12:HEADER_BYTES]
    try:
        score = ScoreTick.from_midi(b"".join([header, *tracks, _EMPTY_TRACK]), sanitize_data=True)
    except (RuntimeError, ValueError) as error:
        raise MusicError(f"it is damaged ({_reason(error)}); download it again") from error
    _check(score)
    title = _NAME.match(tracks[0], 8)
    if title and not score.tracks[0].name:  # a track without notes had it
        text = tracks[0][title.end() : title.end() + title[1][0]]
        score.tracks[0].name = text.decode("utf-8", "replace").strip()
    return score


def _unwrapped(data: bytes) -> bytes:
    """Return the MIDI file inside RIFF (RMID), and other bytes unchanged."""
    if data[:4] != b"RIFF" or data[8:12] != b"RMID":
        return data
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack("<4sI", data[at : at + 8])
        if name == b"data":
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise MusicError("it is RIFF without a MIDI file in it; download it again")


def _reason(error: Exception) -> str:
    text = str(error).removeprefix("MiniMidi: ").split("!")[0].split("\n")[0]
    return text[:60] or type(error).__name__


def _tracks(data: bytes) -> list[bytes]:
    """Return the track chunks; raise MusicError if the chunks are not as the header says."""
    if len(data) > MAX_BYTES:
        raise MusicError(f"it has {len(data) >> 20} MB, the maximum is {MAX_BYTES >> 20}")
    if data[:4] != b"MThd":
        raise MusicError("it is not a MIDI file: it does not begin with MThd")
    if len(data) < HEADER_BYTES:
        raise MusicError("its header is truncated; download it again")
    length, kind, _, ticks = struct.unpack(">IHHH", data[4:HEADER_BYTES])
    if length != HEADER_BYTES - 8 or kind > 2:
        raise MusicError("its header is damaged; download it again")
    if kind == 2:
        raise MusicError("it is MIDI of type 2, with several songs; save it as type 1")
    if ticks & 0x8000:
        raise MusicError("its times are in SMPTE frames; save it with ticks per quarter note")
    if not ticks:
        raise MusicError("it has 0 ticks per quarter note; download it again")
    tracks, at = [], HEADER_BYTES
    while at + 8 <= len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        if end > len(data):
            raise MusicError(f"it is truncated: {end - len(data)} bytes are missing")
        if data[at : at + 4] == b"MTrk":
            tracks.append(data[at:end])
        at = end
    if not tracks:
        raise MusicError("it has no tracks")
    return tracks


def _check(score: "Score") -> None:
    """Raise MusicError for impossible values; drop tracks without notes and repeated changes."""
    for number in reversed(range(len(score.tracks))):
        notes = score.tracks[number].notes.numpy()
        times, lengths = notes["time"].astype(np.int64), notes["duration"].astype(np.int64)
        if not len(times):
            score.tracks.pop(number)
        elif times.min() < 0 or lengths.min() < 0 or (times + lengths).max() > LAST_TICK:
            raise MusicError("its notes have negative or too large times; download it again")
    if not score.tracks:
        raise MusicError("it has no notes that begin and end")
    for tempo in score.tempos:
        if math.isinf(tempo.qpm):
            raise MusicError("its tempo is 0 microseconds per quarter note; download it again")
        if not 1 <= tempo.qpm <= 100_000:
            raise MusicError(f"its tempo is {tempo.qpm:.3g} beats a minute; download it again")
    for meter in score.time_signatures:
        if meter.numerator < 1 or meter.denominator not in (1, 2, 4, 8, 16, 32, 64):
            bad = f"{meter.numerator}/{meter.denominator}"
            raise MusicError(f"its time signature is {bad}; download it again")
    check_hours(score)
    _drop_repeated_changes(score)


def check_hours(score: "Score") -> None:
    """Raise MusicError for a score that is too long."""
    hours = seconds_of(score) / 3600
    if hours > MAX_HOURS:
        raise MusicError(f"it lasts {hours:.0f} hours, the maximum is {MAX_HOURS}")


def _drop_repeated_changes(score: "Score") -> None:
    """Drop time and key signatures that change nothing, and key signatures that do not exist."""
    before: tuple[int, int] = (0, 0)
    for meter in score.time_signatures:
        value = meter.numerator, meter.denominator
        meter.time, before = (-1 if value == before else meter.time), value
    before = (99, 0)
    for key in score.key_signatures:
        value = key.key, key.tonality
        valid = -7 <= key.key <= 7 and key.tonality in (0, 1) and value != before
        key.time, before = (key.time if valid else -1), (value if valid else before)
    for name in ("time_signatures", "key_signatures"):
        events = getattr(score, name)
        if any(event.time < 0 for event in events):
            setattr(score, name, events.filter(lambda event: event.time >= 0, inplace=False))
