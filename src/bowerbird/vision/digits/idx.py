"""Reader of handwritten digits in IDX files, the format of MNIST.

An IDX file: two bytes of 0, one byte for the type (8: unsigned bytes), one for the number of
dimensions, each dimension as a big-endian 32-bit integer, then the values, row by row. It may be
compressed by gzip. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten
digits".

A folder has the official names, or NAME-images-idx3-ubyte and NAME-labels-idx1-ubyte with any
NAME: t10k is the test set, everything else is for training.
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
from bowerbird.files.download import Source, digest_of, fetch

Split = Literal["train", "test"]
IMAGES, LABELS, TEST = "images-idx3-ubyte", "labels-idx1-ubyte", "t10k"
MIRROR = "https://storage.googleapis.com/cvdf-datasets/mnist/"
SIDE = 28  # px
UNSIGNED_BYTES = 8
MAX_BYTES = 1 << 31  # of a decompressed file
LICENCE = "CC BY-SA 3.0 (Y. LeCun, C. Cortes)"
# the 60,000 and 10,000 digits of the full set: name, SHA-256 of the compressed file, its bytes
_FILES = """
train-images-idx3 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609 9912422
train-labels-idx1 3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c 28881
t10k-images-idx3 8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6 1648877
t10k-labels-idx1 f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6 4542
"""
OFFICIAL = tuple(
    (f"{name}-ubyte.gz", sha256, int(size))
    for name, sha256, size in map(str.split, _FILES.strip().splitlines())
)


@dataclass(frozen=True, eq=False)
class DigitDataset:
    """Labeled images of digits."""

    images: UInt8[Tensor, "n 28 28"]  # 0: background .. 255: writing
    labels: Int[Tensor, " n"]  # 0..9
    sha256: str = ""  # of the decompressed contents of both files
    official: bool = False  # whether the files are those of the full set, byte for byte

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice) -> "DigitDataset":
        """Return a part; it keeps the hash of the whole."""
        return DigitDataset(self.images[rows], self.labels[rows], self.sha256)


def read_idx(path: Path) -> UInt8[Tensor, "..."]:
    """Return the values of an IDX file, compressed or not; raise DatasetError."""
    data = _decompressed(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTES:
        raise DatasetError(f"{path} is not an IDX file of unsigned bytes; download it again")
    head = 4 + 4 * data[3]
    if len(data) < head:
        raise DatasetError(f"{path} is truncated or damaged; download it again")
    shape = tuple(np.frombuffer(data[4:head], ">u4").astype(int).tolist())
    if len(data) - head != math.prod(shape):
        raise DatasetError(
            f"{path} is truncated or damaged: {len(data) - head} values instead of "
            f"{' x '.join(map(str, shape))}; download it again"
        )
    return torch.from_numpy(np.frombuffer(data[head:], np.uint8).reshape(shape).copy())


def read_digit_dataset(folder: Path, split: Split) -> DigitDataset:
    """Return the training or the test digits of a folder.

    ``folder`` may be the word ``mnist``: the full set, downloaded on first use. Raises DatasetError
    for files that are missing, damaged or don't belong together.
    """
    if str(folder) == "mnist" and not folder.exists():
        folder = fetch_mnist()
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder; give one with NAME-{IMAGES}, or mnist")
    paths = sorted(path for path in folder.iterdir() if IMAGES in path.name)
    paths = [path for path in paths if path.name.startswith(TEST) == (split == "test")]
    by_name = {path.name.removesuffix(".gz"): path for path in reversed(paths)}
    if not paths:
        name = TEST if split == "test" else "train"
        raise DatasetError(f"{folder} has no {split} digits; put {name}-{IMAGES}.gz there")
    parts = [_read_pair(path) for path in sorted(by_name.values())]
    digest = hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()
    return DigitDataset(
        torch.cat([part.images for part in parts]),
        torch.cat([part.labels for part in parts]),
        parts[0].sha256 if len(parts) == 1 else digest,
        all(part.official for part in parts),
    )


def fetch_mnist() -> Path:
    """Return the folder of the full set, downloaded if needed, each file checked by its SHA-256."""
    for name, sha256, size in OFFICIAL:
        file = Source(name, MIRROR + name, sha256, size, LICENCE)
        path = fetch(file, "give the folder with all four files")
        digest_of(path, file)
    return path.parent


def _read_pair(path: Path) -> DigitDataset:
    """Return the digits of one file of images and of the labels beside it."""
    name = path.with_name(path.name.replace(IMAGES, LABELS).removesuffix(".gz"))
    candidates = [name, name.with_name(f"{name.name}.gz")]
    labels_path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if labels_path is None:
        raise DatasetError(f"{path} has no labels; put {name.name} beside it")
    images, labels = read_idx(path), read_idx(labels_path)
    if images.shape[1:] != (SIDE, SIDE) or labels.ndim != 1:
        raise DatasetError(f"{path} has images of {tuple(images.shape[1:])} px, not 28 x 28")
    if len(images) != len(labels) or not len(images):
        raise DatasetError(f"{path} has {len(images)} images for {len(labels)} labels")
    if int(labels.max()) > 9:
        raise DatasetError(f"{labels_path} has the label {int(labels.max())}, above 9")
    digest = hashlib.sha256(images.numpy().tobytes() + labels.numpy().tobytes()).hexdigest()
    known = {sha256 for _, sha256, _ in OFFICIAL}
    official = {digest_of(path), digest_of(labels_path)} <= known
    return DigitDataset(images, labels.long(), digest, official)


def _decompressed(path: Path) -> bytes:
    """Return the contents of a file, decompressed if it is a gzip file."""
    try:
        with path.open("rb") as stream:
            if stream.read(2) != b"\x1f\x8b":
                stream.seek(0)
                return stream.read()
        with gzip.open(path) as compressed:
            data = compressed.read(MAX_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DatasetError(f"{path} is truncated or damaged; download it again") from error
    if len(data) > MAX_BYTES:
        raise DatasetError(f"{path} decompresses to more than two gigabytes; give another file")
    return data
