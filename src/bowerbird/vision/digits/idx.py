"""Handwritten digits in IDX files, the format of MNIST.

An IDX file: two bytes of 0, one byte for the type (8: unsigned bytes), one for the number of
dimensions, each dimension as a big-endian 32-bit number, then the values, row by row. It may be
packed by gzip. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".

A folder may hold the official names, or NAME-images-idx3-ubyte and NAME-labels-idx1-ubyte of any
NAME: what is called t10k is for the test alone, everything else for learning.
"""

import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from bowerbird.errors import DatasetError
from bowerbird.learning.download import Source, digest_of, fetch

Part = Literal["training", "test"]
IMAGES, LABELS, TEST = "images-idx3-ubyte", "labels-idx1-ubyte", "t10k"
MIRROR = "https://storage.googleapis.com/cvdf-datasets/mnist/"
SIDE = 28  # px
UNSIGNED_BYTES = 8
LARGEST = 1 << 31  # bytes that a file may unpack to
LICENCE = "CC BY-SA 3.0 (Y. LeCun, C. Cortes)"
# name, SHA-256 of the packed file, its bytes; the 60,000 and 10,000 digits of the full set
OFFICIAL: tuple[tuple[str, str, int], ...] = (
    (
        f"train-{IMAGES}.gz",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        9_912_422,
    ),
    (
        f"train-{LABELS}.gz",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        28_881,
    ),
    (
        f"t10k-{IMAGES}.gz",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        1_648_877,
    ),
    (
        f"t10k-{LABELS}.gz",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        4_542,
    ),
)


@dataclass(frozen=True, eq=False)
class Digits:
    """Pictures of digits and which they are."""

    ink: UInt8[Tensor, "n 28 28"]  # 0: paper .. 255: ink
    labels: Int[Tensor, " n"]  # 0..9
    sha256: str = ""  # of both files' contents, unpacked
    official: bool = False  # whether the files are those of the full set, byte for byte

    def __len__(self) -> int:
        return len(self.labels)

    def some(self, first: int, last: int) -> "Digits":
        """Return those from ``first`` up to ``last``."""
        return Digits(self.ink[first:last], self.labels[first:last], self.sha256)


def read_idx(path: Path) -> UInt8[Tensor, "..."]:
    """Return the bytes of an IDX file, packed or not, in their shape; raise DatasetError."""
    data = _unpacked(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTES:
        raise DatasetError(f"{path} is no IDX file of unsigned bytes; fetch it again")
    head = 4 + 4 * data[3]
    if len(data) < head:
        raise DatasetError(f"{path} is cut short or damaged; fetch it again")
    shape = tuple(np.frombuffer(data[4:head], ">u4").astype(int).tolist())
    if len(data) - head != math.prod(shape):
        raise DatasetError(
            f"{path} is cut short or damaged: {len(data) - head} values instead of "
            f"{' x '.join(map(str, shape))}; fetch it again"
        )
    return torch.from_numpy(np.frombuffer(data[head:], np.uint8).reshape(shape).copy())


def read_digits(folder: Path, part: Part) -> Digits:
    """Return the digits of a folder that are to be learned from, or those of the test.

    ``folder`` may be the word ``mnist``: the full set, downloaded at the first use. Raises
    DatasetError for files that are missing, damaged or don't belong together.
    """
    if str(folder) == "mnist" and not folder.exists():
        folder = fetch_mnist()
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder; give one with NAME-{IMAGES}, or mnist")
    found = sorted(path for path in folder.iterdir() if IMAGES in path.name)
    found = [path for path in found if path.name.startswith(TEST) == (part == "test")]
    unpacked = {path.name.removesuffix(".gz"): path for path in reversed(found)}
    if not found:
        name = TEST if part == "test" else "train"
        raise DatasetError(f"{folder} has no digits for the {part}; put {name}-{IMAGES}.gz there")
    read = [_pair(path) for path in sorted(unpacked.values())]
    digest = hashlib.sha256("".join(one.sha256 for one in read).encode()).hexdigest()
    return Digits(
        torch.cat([one.ink for one in read]),
        torch.cat([one.labels for one in read]),
        read[0].sha256 if len(read) == 1 else digest,
        all(one.official for one in read),
    )


def fetch_mnist() -> Path:
    """Return the folder of the full set, downloaded at need, each file checked by its SHA-256."""
    for name, sha256, size in OFFICIAL:
        file = Source(name, MIRROR + name, sha256, size, LICENCE)
        path = fetch(file, "give the folder with all four files")
        digest_of(path, file)
    return path.parent


def _pair(images: Path) -> Digits:
    """Return the digits of one file of pictures and the file of labels beside it."""
    start = images.with_name(images.name.replace(IMAGES, LABELS).removesuffix(".gz"))
    there = [path for path in (start, start.with_name(f"{start.name}.gz")) if path.is_file()]
    if not there:
        raise DatasetError(f"{images} lacks its labels; put {start.name} beside it")
    ink, labels = read_idx(images), read_idx(there[0])
    if ink.shape[1:] != (SIDE, SIDE) or labels.ndim != 1:
        raise DatasetError(f"{images} has pictures of {tuple(ink.shape[1:])}, not of 28 x 28 px")
    if len(ink) != len(labels) or not len(ink):
        raise DatasetError(f"{images} has {len(ink)} pictures for {len(labels)} labels")
    if int(labels.max()) > 9:
        raise DatasetError(f"{there[0]} has the label {int(labels.max())}, and digits end at 9")
    digest = hashlib.sha256(ink.numpy().tobytes() + labels.numpy().tobytes()).hexdigest()
    known = {sha256 for _, sha256, _ in OFFICIAL}
    official = {digest_of(images), digest_of(there[0])} <= known
    return Digits(ink, labels.long(), digest, official)


def _unpacked(path: Path) -> bytes:
    """Return what is in a file, without gzip's packing."""
    try:
        with path.open("rb") as stream:
            if stream.read(2) != b"\x1f\x8b":
                stream.seek(0)
                return stream.read()
        with gzip.open(path) as packed:
            data = packed.read(LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DatasetError(f"{path} is cut short or damaged; fetch it again") from error
    if len(data) > LARGEST:
        raise DatasetError(f"{path} unpacks to more than two gigabytes; give another file")
    return data
