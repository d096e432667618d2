"""The events of a MIDI track, without what symusic misreads.

symusic takes the continuation of a system exclusive message (F7) for an event of its own length,
which delays the notes behind it, and text for UTF-8, which old files don't have.
"""

import re

from bowerbird.music.score.titles import clean_text

HEADER = 8  # bytes of a chunk: MTrk and its length
TEXTS = range(1, 10)  # types of meta events with text
MAX_DELTA = (1 << 28) - 1  # ticks that four bytes can hold
_EXCLUSIVE = re.compile(rb"[\xf0\xf7]")
_TEXT = re.compile(rb"\xff[\x01-\x09]([\x00-\x7f])")


def normalize_track(chunk: bytes) -> bytes:
    """Return a track chunk without system exclusive messages, and with clean text in UTF-8.

    A damaged track is returned as it is: symusic says what is wrong.
    """
    if not (_EXCLUSIVE.search(chunk, HEADER) or _has_odd_text(chunk)):
        return chunk
    try:
        events = bytes(_rewritten(chunk))
    except (IndexError, ValueError):
        return chunk
    return b"MTrk" + len(events).to_bytes(4, "big") + events


def _has_odd_text(chunk: bytes) -> bool:
    """Return whether some text is not printable ASCII; chance finds cost only time."""
    for found in _TEXT.finditer(chunk, HEADER):
        text = chunk[found.end() : found.end() + found[1][0]]
        if not text.isascii() or not text.decode("ascii").isprintable():
            return True
    return False


def _rewritten(chunk: bytes) -> bytearray:
    """Return the events; raise IndexError or ValueError for damaged ones."""
    out, at, status, skipped = bytearray(), HEADER, 0, 0
    while at < len(chunk):
        delta, at = _number(chunk, at)
        delta = min(delta + skipped, MAX_DELTA)
        kind, skipped = chunk[at], 0
        if kind in (0xF0, 0xF7):
            length, at = _number(chunk, at + 1)
            at, skipped = at + length, delta
            if at > len(chunk):
                raise ValueError("it ends within a message")
            continue
        out += _bytes(delta)
        if kind == 0xFF:
            length, start = _number(chunk, at + 2)
            content = chunk[start : start + length]
            if len(content) < length:
                raise ValueError("it ends within an event")
            if chunk[at + 1] in TEXTS:
                content = clean_text(_decoded(content)).encode()
            out += chunk[at : at + 2] + _bytes(len(content)) + content
            at = start + length
            continue
        if kind & 0x80:
            status, at = kind, at + 1
        if not 0x80 <= status < 0xF0:
            raise ValueError(f"the status is {status}")
        size = 1 if status >> 4 in (0xC, 0xD) else 2
        if at + size > len(chunk):
            raise ValueError("it ends within an event")
        out += bytes([status]) + chunk[at : at + size]
        at += size
    return out


def _decoded(text: bytes) -> str:
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return text.decode(encoding)
        except UnicodeDecodeError:
            continue
    return text.decode("latin-1")


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length, at most four bytes, and the place behind it."""
    value = 0
    for place in range(at, at + 4):
        value = value << 7 | data[place] & 0x7F
        if not data[place] & 0x80:
            return value, place + 1
    raise ValueError("a number has more than four bytes")


def _bytes(value: int) -> bytes:
    """Return a number in variable length."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))
