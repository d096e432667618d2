"""Reader of Street View House Numbers (Netzer et al. 2011), from the original archives.

The full numbers come in ``train.tar.gz``, ``test.tar.gz`` and ``extra.tar.gz``, each with images
and ``digitStruct.mat``, a MATLAB 7.3 file, which is HDF5: ``/digitStruct/name`` and
``/digitStruct/bbox`` are columns of references, one per image; a bbox has ``left``, ``top``,
``width``, ``height`` and ``label``, each a number if the image has one digit and a column of
references to numbers if it has several. The label 10 is a 0. An unpacked folder is read as well.

Images stay compressed in memory and are decoded one by one; nothing is written.
Source: http://ufldl.stanford.edu/housenumbers (for use in research, not commercial).
"""

import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bowerbird.errors import DatasetError
from bowerbird.learning.extras import import_extra
from bowerbird.vision.house_numbers.scenes.streets import Scene

STRUCT = "digitStruct.mat"
MAX_BYTES = 64 * 2**20  # of one image
SUFFIXES = (".png", ".jpg", ".jpeg")
SIDES = ("left", "top", "width", "height", "label")


class Svhn:
    """The labeled images of an archive or folder, decoded on access."""

    def __init__(self, path: Path) -> None:
        """Read an archive (.tar.gz, .tar) or a folder; raise DatasetError for any other file."""
        self.path = path
        images, struct = _read_files(path)
        if struct is None:
            raise DatasetError(
                f"{path} has no {STRUCT}; give train.tar.gz, test.tar.gz or its folder"
            )
        labels = _read_labels(path, struct)
        self._rows = [(images[name], name, *row) for name, row in labels if name in images]
        self.num_missing = len(labels) - len(self._rows)
        if not self._rows:
            raise DatasetError(f"{path} has no image that {STRUCT} names; download it again")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Scene:
        """Decode an image; its digits are in the order of the archive, from left to right."""
        encoded, name, boxes, text = self._rows[index]
        pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise DatasetError(f"{self.path}: image {name} is damaged; download it again")
        return Scene(np.ascontiguousarray(pixels[..., ::-1], np.uint8), text, boxes)


def _read_files(path: Path) -> tuple[dict[str, bytes], bytes | None]:
    """Return the encoded images by name, and digitStruct.mat, of an archive or a folder."""
    images: dict[str, bytes] = {}
    struct = None
    try:
        for name, size, read in _files(path):
            if name == STRUCT:
                struct = read()
            elif name.lower().endswith(SUFFIXES) and not name.startswith("."):
                if size > MAX_BYTES:
                    raise DatasetError(
                        f"{path}: image {name} has {size} bytes, more than {MAX_BYTES}"
                    )
                images[name] = read()
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DatasetError(
            f"{path} is not an archive, or is truncated; download it again"
        ) from error
    return images, struct


def _files(path: Path) -> Iterator[tuple[str, int, Any]]:
    """Yield the name, the size and a function that reads it, of each file."""
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.is_file():
                yield file.name, file.stat().st_size, file.read_bytes
        return
    if not path.exists():
        raise DatasetError(f"{path} does not exist; check the name of the archive")
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is not None:
                yield Path(member.name).name, member.size, stream.read


def _read_labels(path: Path, struct: bytes) -> list[tuple[str, tuple[NDArray[np.float32], str]]]:
    """Return the name of each image, with the boxes (n, 4) and the text of its digits."""
    h5py = import_extra("h5py", f"reading {path}")
    try:
        with h5py.File(io.BytesIO(struct), "r") as file:
            names = file["digitStruct/name"][()].reshape(-1)
            boxes = file["digitStruct/bbox"][()].reshape(-1)
            return [
                ("".join(map(chr, file[name][()].reshape(-1))), _read_digits(path, file, file[box]))
                for name, box in zip(names, boxes, strict=True)
            ]
    except DatasetError:
        raise
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise DatasetError(f"{path}: {STRUCT} is damaged; download it again") from error


def _read_digits(path: Path, file: Any, group: Any) -> tuple[NDArray[np.float32], str]:
    """Return the boxes (n, 4) and the text of an image's digits."""
    columns = []
    for side in SIDES:
        values = group[side][()].reshape(-1)
        if values.dtype == object:
            values = np.array([float(file[value][()].reshape(-1)[0]) for value in values])
        columns.append(values.astype(np.float64))
    table = np.stack(columns, 1)
    if not np.isfinite(table).all() or not ((table[:, 4] >= 0) & (table[:, 4] <= 10)).all():
        raise DatasetError(f"{path}: {STRUCT} has labels above 10; download it again")
    corner, size = table[:, :2], table[:, 2:4]
    text = "".join(str(int(label) % 10) for label in table[:, 4])
    return np.concatenate([corner, corner + size], 1).astype(np.float32), text
