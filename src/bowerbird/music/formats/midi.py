"""MIDI files: bytes to a score, with every forgery refused before it does harm.

symusic reads the events, in C++ and in a tenth of a millisecond; it believes what a file says of
itself, so the chunks are checked here first, and the score after it. Only track chunks are handed
over, with a last empty one, so that nothing is read beyond the end of the bytes.
"""

import math
import re
import struct
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.errors import MusicError

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

MOST_BYTES = 1 << 25  # 32 MB: the whole of an opera has less than one
MOST_HOURS = 4
LAST_TICK = 1 << 30  # symusic counts ticks in 31 bits
HEADER = 14
_EMPTY_TRACK = b"MTrk\x00\x00\x00\x04\x00\xff\x2f\x00"
_NAME = re.compile(rb"\x00\xff\x03([\x01-\x7f])", re.DOTALL)


def midi_to_score(data: bytes) -> "Score":
    """Return the score of a MIDI file of type 0 or 1, in RIFF or not.

    Raises MusicError for what is no such file, is cut short or damaged, has no notes, lasts longer
    than ``MOST_HOURS``, or has times, tempos or meters that can't be.
    """
    from symusic.core import ScoreTick  # noqa: PLC0415  imports are quick without it

    data = _unwrapped(data)
    tracks = _tracks(data)
    header = data[:10] + struct.pack(">H", len(tracks) + 1) + data[12:HEADER]
    try:
        score = ScoreTick.from_midi(b"".join([header, *tracks, _EMPTY_TRACK]), sanitize_data=True)
    except (RuntimeError, ValueError) as error:
        raise MusicError(f"it is damaged ({_reason(error)}); fetch it again") from error
    _check(score)
    title = _NAME.match(tracks[0], 8)
    if title and not score.tracks[0].name:  # a track without notes had it
        text = tracks[0][title.end() : title.end() + title[1][0]]
        score.tracks[0].name = text.decode("utf-8", "replace").strip("\0 ")
    return score


def _unwrapped(data: bytes) -> bytes:
    """Return the MIDI file in one of RIFF (RMID), and any other bytes as they are."""
    if data[:4] != b"RIFF" or data[8:12] != b"RMID":
        return data
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack("<4sI", data[place : place + 8])
        if name == b"data":
            return data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
    raise MusicError("it is RIFF without a MIDI file in it; fetch it again")


def _reason(error: Exception) -> str:
    text = str(error).removeprefix("MiniMidi: ").split("!")[0].split("\n")[0]
    return text[:60] or type(error).__name__


def _tracks(data: bytes) -> list[bytes]:
    """Return the track chunks; raise MusicError for a file that is not what its chunks say."""
    if len(data) > MOST_BYTES:
        raise MusicError(f"it has {len(data) >> 20} MB, more than any music needs")
    if data[:4] != b"MThd":
        raise MusicError("it is no MIDI file: it does not begin with MThd")
    if len(data) < HEADER:
        raise MusicError("it is cut short in its header; fetch it again")
    length, kind, _, ticks = struct.unpack(">IHHH", data[4:HEADER])
    if length != HEADER - 8 or kind > 2:
        raise MusicError("its header is damaged; fetch it again")
    if kind == 2:
        raise MusicError("it is MIDI of type 2, several songs in one; save it as type 1")
    if ticks & 0x8000:
        raise MusicError("its times are film frames (SMPTE), not beats; save it in ticks a beat")
    if not ticks:
        raise MusicError("a beat has 0 ticks; fetch it again")
    tracks, place = [], HEADER
    while place + 8 <= len(data):
        end = place + 8 + int.from_bytes(data[place + 4 : place + 8], "big")
        if end > len(data):
            raise MusicError(f"it is cut short: {end - len(data)} bytes are missing")
        if data[place : place + 4] == b"MTrk":
            tracks.append(data[place:end])
        place = end
    if not tracks:
        raise MusicError("it has no tracks")
    return tracks


def _check(score: "Score") -> None:
    """Raise MusicError for what can't be; drop tracks without notes, and what is told twice."""
    for number in reversed(range(len(score.tracks))):
        notes = score.tracks[number].notes.numpy()
        times, lengths = notes["time"].astype(np.int64), notes["duration"].astype(np.int64)
        if not len(times):
            score.tracks.pop(number)
        elif times.min() < 0 or lengths.min() < 0 or (times + lengths).max() > LAST_TICK:
            raise MusicError("its notes have negative or endless times; fetch it again")
    if not score.tracks:
        raise MusicError("it has no notes that begin and end")
    for tempo in score.tempos:
        if math.isinf(tempo.qpm):
            raise MusicError("its tempo is 0 microseconds a beat; fetch it again")
        if not 1 <= tempo.qpm <= 100_000:
            raise MusicError(f"its tempo is {tempo.qpm:.3g} beats a minute; fetch it again")
    for meter in score.time_signatures:
        if meter.numerator < 1 or meter.denominator not in (1, 2, 4, 8, 16, 32, 64):
            raise MusicError(f"its meter is {meter.numerator}/{meter.denominator}; fetch it again")
    check_hours(score)
    _once(score)


def check_hours(score: "Score") -> None:
    """Raise MusicError for a score that lasts longer than any music does."""
    hours = seconds_of(score) / 3600
    if hours > MOST_HOURS:
        raise MusicError(f"it lasts {hours:.0f} hours; at most {MOST_HOURS} can be read")


def _once(score: "Score") -> None:
    """Keep of meters, keys and tempos those that change something."""
    meters: list[tuple[int, int]] = [(0, 0)]
    for number, meter in enumerate(list(score.time_signatures)):
        meters.append((meter.numerator, meter.denominator))
        if meters[-1] == meters[-2]:
            score.time_signatures[number].time = -1
    if any(m.time < 0 for m in score.time_signatures):
        score.time_signatures = score.time_signatures.filter(lambda m: m.time >= 0, inplace=False)
    seen: list[tuple[int, int]] = [(99, 0)]
    for number, key in enumerate(list(score.key_signatures)):
        valid = -7 <= key.key <= 7 and key.tonality in (0, 1)
        seen.append((key.key, key.tonality) if valid else seen[-1])
        if seen[-1] == seen[-2]:
            score.key_signatures[number].time = -1
    if any(k.time < 0 for k in score.key_signatures):
        score.key_signatures = score.key_signatures.filter(lambda k: k.time >= 0, inplace=False)


def seconds_of(score: "Score") -> float:
    """Return how long a score lasts, in seconds; without a tempo it is 120 quarter notes a minute.

    The end is that of the last note.
    """
    ends = [0]
    for track in score.tracks:
        notes = track.notes.numpy()
        if len(notes["time"]):
            ends.append(int((notes["time"].astype(np.int64) + notes["duration"]).max()))
    end, at, pace, seconds = max(ends), 0, 60 / 120, 0.0
    changes = sorted((tempo.time, 60 / tempo.qpm) for tempo in score.tempos)
    for time, new in changes:
        if time >= end:
            break
        seconds += max(0, time - at) * pace
        at, pace = max(at, time), new
    return (seconds + (end - at) * pace) / score.ticks_per_quarter
