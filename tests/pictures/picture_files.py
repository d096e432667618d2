"""Picture files made by hand, and comparisons, for the tests of pictures."""

import struct
import zlib

import numpy as np
import torch

LEVEL = 1 / 255  # one step of 8 bits


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bytes(codes, color_type, *chunks, size=None):
    """Return a 16-bit PNG, which no library here writes with alpha and other chunks."""
    height, width = size or codes.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in codes)
    body = png_chunk(b"IDAT", zlib.compress(rows))
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return start + b"".join(chunks) + body + png_chunk(b"IEND", b"")


def icc_bytes(space, pcs, tags, kind=b"mntr"):
    """Return an ICC profile with these tags (ICC.1:2022, clause 7)."""
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content + b"\0" * (-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(data), b"lcms", 0x02100000, kind, space, pcs)
    head += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + b"\0" * 28
    head += struct.pack(">3i", 63190, 65536, 54061)  # D50, the white of the connection space
    return head.ljust(128, b"\0") + table + data


def xyz_tag(*values):
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def gamma_tag(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def curve_tag(kind, *parameters):
    """Return a parametric curve (ICC.1:2022, table 68)."""
    packed = struct.pack(f">{len(parameters)}i", *(round(p * 65536) for p in parameters))
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + packed


def table_tag(values):
    """Return a curve of samples, 0 to 1."""
    codes = np.rint(np.asarray(values) * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(codes)) + codes.tobytes()


def srgb_curve_tag():
    return curve_tag(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def rgb_profile(columns, curve):
    tags = {name: xyz_tag(*c) for name, c in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return icc_bytes(b"RGB ", b"XYZ ", tags | {b"wtpt": xyz_tag(0.9642, 1, 0.8249)})


# Primaries in XYZ D50, from the profiles of Adobe (1998) and Apple (Display P3).
ADOBE = rgb_profile(
    [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)],
    gamma_tag(563 / 256),
)
P3_PRIMARIES = [
    (0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)
]  # fmt: skip
DISPLAY_P3 = rgb_profile(P3_PRIMARIES, srgb_curve_tag())
GRAY_LINEAR = icc_bytes(
    b"GRAY", b"XYZ ", {b"kTRC": gamma_tag(1.0), b"wtpt": xyz_tag(0.9642, 1, 0.8249)}
)
# sRGB's primaries in those spaces, which a reader must convert back to pure sRGB. Display P3
# from CSS Color 4 (color(display-p3 0.9175 0.2003 0.1387) is red); Adobe RGB from its 8-bit tables.
TAGGED = [
    (ADOBE, (219, 0, 0), (255, 0, 0)),
    (ADOBE, (144, 255, 60), (0, 255, 0)),
    (DISPLAY_P3, (234, 51, 35), (255, 0, 0)),
    (DISPLAY_P3, (128, 128, 128), (128, 128, 128)),
]


def cmyk_profile():
    """Return a CMYK table profile: two grid points a side, 8-bit Lab, cyan like a real ink."""
    inks = np.array(np.meshgrid(*[[0, 1]] * 4, indexing="ij")).reshape(4, 16).T
    lab = np.zeros((16, 3))
    for row, (c, m, y, k) in zip(lab, inks, strict=True):
        light = 100 * (1 - 0.45 * c) * (1 - 0.5 * m) * (1 - 0.1 * y) * (1 - k)
        row[:] = light, (-37 * c + 70 * m) * (1 - k), (-50 * c + 80 * y) * (1 - k)
    table = np.clip(np.round(lab * [2.55, 1, 1] + [0, 128, 128]), 0, 255).astype(np.uint8)
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + table.tobytes() + ramp * 3
    tags = {b"A2B0": lut, b"wtpt": xyz_tag(0.9642, 1, 0.8249)}
    return icc_bytes(b"CMYK", b"Lab ", tags, kind=b"prtr")


def gradient(height=48, width=64):
    """Return an 8-bit RGB picture in which every corner and channel differs."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 3, y * 5, (x + y) * 2], axis=-1).astype(np.uint8)


def gradient16():
    """Return 32,768 different grays in 16 bits."""
    return np.arange(0, 65536, 2, dtype=np.uint16).reshape(128, 256)


def as_tensor(codes):
    """Return codes (h, w, 3) or (h, w) of 8 or 16 bits as the reader should return them."""
    codes = np.stack([codes] * 3, -1) if codes.ndim == 2 else codes
    scaled = codes.astype(np.float64) / np.iinfo(codes.dtype).max
    return torch.from_numpy(scaled.transpose(2, 0, 1)).float()


def assert_same(rgb, expected, tolerance=1e-6):
    torch.testing.assert_close(rgb, expected, atol=tolerance, rtol=0)


def num_colors(rgb):
    return len(torch.unique(rgb[1]))


def deep_rgb(channels=3):
    ramp = gradient16()
    return np.stack([ramp, ramp[::-1], ramp[:, ::-1], ramp // 2][:channels], axis=-1)
