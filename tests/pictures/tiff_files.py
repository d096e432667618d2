"""TIFFs made by hand, in layouts that no library here writes."""

import struct

import numpy as np


def lzw(data):
    """Return literal codes of 9 bits; the table is cleared before codes get longer."""
    codes = []
    for at in range(0, len(data), 200):
        codes += [256, *data[at : at + 200]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def packed(rows, bits):
    """Return rows of integers as bits, each row from a new byte."""
    lines = []
    for row in rows:
        text = "".join(f"{value:0{bits}b}" for value in row)
        text += "0" * (-len(text) % 8)
        lines.append(int(text, 2).to_bytes(len(text) // 8, "big"))
    return b"".join(lines)


def tiff_bytes(codes, *, bits, planar, predictor=1, order="<", rows=5, encode=lzw, compression=5):
    """Return a TIFF of integer codes (h, w, samples): 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA."""
    height, width, samples = codes.shape
    planes = [codes[..., c : c + 1] for c in range(samples)] if planar else [codes]
    segments = []
    for plane in planes:
        for at in range(0, height, rows):
            part = plane[at : at + rows].astype(np.int64)
            if predictor == 2:
                part = np.diff(part, axis=1, prepend=0) % 2**bits
            flat = part.reshape(len(part), -1)
            raw = flat.astype(f"{order}u{bits // 8}").tobytes() if bits % 8 == 0 else None
            segments.append(encode(packed(flat, bits) if raw is None else raw))
    tags = [
        *((256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * samples)),
        *((259, 3, [compression]), (262, 3, [2 if samples > 2 else 1])),
        *((273, 4, [0] * len(segments)), (277, 3, [samples]), (278, 4, [rows])),
        *((279, 4, [len(s) for s in segments]), (284, 3, [2 if planar else 1])),
        (317, 3, [predictor]),
    ]
    if samples in (2, 4):
        tags.append((338, 3, [2]))
    start = 8 + 2 + 12 * len(tags) + 4
    arrays_size = sum(len(v) * (2 if t == 3 else 4) for _, t, v in tags if len(v) > 1 or t == 4)
    at, offsets = start + arrays_size + 64, []
    for segment in segments:
        offsets.append(at)
        at += len(segment)
    table, arrays = b"", b""
    for tag, kind, given in tags:
        values = offsets if tag == 273 else given
        data = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(data) > 4:
            arrays, data = arrays + data, struct.pack(f"{order}I", start + len(arrays))
        table += struct.pack(f"{order}HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
    magic = b"II*\0" if order == "<" else b"MM\0*"
    head = magic + struct.pack(f"{order}IH", 8, len(tags)) + table + bytes(4)
    return (head + arrays).ljust(offsets[0], b"\0") + b"".join(segments)
