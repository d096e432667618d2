"""The parts of a PNG that its pixels need.

A PNG has ancillary chunks: texts, times, profiles, animations. A damaged or very large one is no
reason to refuse the picture, so decoders get only the chunks that change pixels or orientation.

Source: PNG, third edition (W3C, 2025), sections 5 and 11.
"""

import io
import struct
import zlib
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS")  # tRNS changes pixels
_OPTIONAL = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
_EXIF_TEXTS = (b"Raw profile type", b"XML:com.adobe.xmp")  # the orientation of older programs
_MAX_TEXT = 1_000_000  # bytes
_MAX_PROFILE = 64_000_000  # bytes


def needed_chunks(stream: BinaryIO) -> tuple[BinaryIO, bytes | None]:
    """Return a PNG without the chunks that its pixels don't need, and its ICC profile.

    An animation becomes its still image. Damaged critical chunks stay as they are.
    """
    stream.seek(0)
    kept, icc, dropped = [stream.read(8)], None, False
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        chunk = stream.read(length + 4)
        data, checksum = chunk[:-4], chunk[-4:]
        intact = len(chunk) == length + 4 and checksum == _crc(kind, data)
        if kind == b"iCCP" and intact:
            icc = _profile(data) if icc is None else icc
        if kind in _CRITICAL or (kind in _OPTIONAL and intact and _is_useful(kind, data)):
            kept += [head, chunk]
        else:
            dropped = True
        if kind == b"IEND":
            break
    if not dropped:
        stream.seek(0)
        return stream, icc
    return io.BytesIO(b"".join(kept)), icc


def _crc(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _is_useful(kind: bytes, data: bytes) -> bool:
    """Return whether a chunk may hold an orientation and is small when it is expanded."""
    if kind == b"eXIf":
        return True
    keyword, _, rest = data.partition(b"\0")
    if not keyword.startswith(_EXIF_TEXTS) or len(rest) > _MAX_TEXT:
        return False
    if kind == b"zTXt":
        return rest[:1] == b"\0" and _inflate(rest[1:], _MAX_TEXT) is not None
    if kind == b"iTXt" and rest[:1] == b"\1":
        parts = rest[2:].split(b"\0", 2)
        return len(parts) == 3 and _inflate(parts[2], _MAX_TEXT) is not None
    return True


def _profile(data: bytes) -> bytes | None:
    """Return the profile of an iCCP chunk, or None for one that can't be used."""
    _, _, rest = data.partition(b"\0")
    return _inflate(rest[1:], _MAX_PROFILE) if rest[:1] == b"\0" else None


def _inflate(data: bytes, limit: int) -> bytes | None:
    """Return expanded bytes, or None if they are damaged or more than ``limit``."""
    expander = zlib.decompressobj()
    try:
        expanded = expander.decompress(data, limit)
    except zlib.error:
        return None
    return expanded if expander.eof else None
