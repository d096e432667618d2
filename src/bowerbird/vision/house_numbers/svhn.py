"""The Street View House Numbers of Netzer et al. 2011, read from the archives as they are.

The full numbers come in ``train.tar.gz``, ``test.tar.gz`` and ``extra.tar.gz``, each with pictures
and ``digitStruct.mat``, a MATLAB 7.3 file, which is HDF5: ``/digitStruct/name`` and
``/digitStruct/bbox`` are columns of references, one a picture; a bbox has ``left``, ``top``,
``width``, ``height`` and ``label``, each a number if the picture has one digit and a column of
references to numbers if it has several. The label 10 is a 0. A folder that was unpacked is read as
well. The single digits of 32 x 32 px come in ``train_32x32.mat``, a MATLAB 5 file.

Pictures stay packed in memory and are unpacked one by one; nothing is written.
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
from bowerbird.vision.house_numbers.scenes.streets import Scene

STRUCT = "digitStruct.mat"
LARGEST = 64 * 2**20  # bytes of one picture
PICTURES = (".png", ".jpg", ".jpeg")
SIDES = ("left", "top", "width", "height", "label")


class Svhn:
    """The numbered pictures of one archive or folder; number k is unpacked when it is asked for."""

    def __init__(self, path: Path) -> None:
        """Read an archive (.tar.gz, .tar) or a folder; raise DatasetError if it is none of SVHN."""
        self.path = path
        pictures, struct = _unpacked(path)
        if struct is None:
            raise DatasetError(
                f"{path} has no {STRUCT}; give train.tar.gz, test.tar.gz or its folder"
            )
        labels = _labels(path, struct)
        self._rows = [(pictures[name], name, *row) for name, row in labels if name in pictures]
        self.missing = len(labels) - len(self._rows)
        if not self._rows:
            raise DatasetError(f"{path} has no picture that {STRUCT} names; fetch it again")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Scene:
        """Unpack a picture with the boxes and the values of its digits, from left to right."""
        packed, name, boxes, text = self._rows[index]
        pixels = cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise DatasetError(f"{self.path}: its picture {name} is damaged; fetch it again")
        rgb = np.ascontiguousarray(pixels[..., ::-1], np.uint8)
        return Scene(rgb, text, boxes, np.zeros((0, 4), np.float32), "", "", 0.0)


def read_single_digits(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return pictures (n, 32, 32, 3) and digits (n,) of a file such as train_32x32.mat.

    Raises DatasetError for another file.
    """
    from scipy.io import loadmat  # noqa: PLC0415 - takes a moment

    try:
        held = loadmat(path)
        x, y = np.asarray(held["X"]), np.asarray(held["y"]).reshape(-1)
    except FileNotFoundError as error:
        raise DatasetError(f"{path} does not exist; check its name") from error
    except KeyError as error:
        raise DatasetError(
            f"{path} has no {error}; give train_32x32.mat or test_32x32.mat"
        ) from error
    except (ValueError, TypeError, OSError, NotImplementedError, zlib.error) as error:
        raise DatasetError(
            f"{path} is no MATLAB file of SVHN, or is damaged; fetch it again"
        ) from error
    if x.shape[:3] != (32, 32, 3) or x.ndim != 4 or x.shape[3] != len(y) or x.dtype != np.uint8:
        raise DatasetError(f"{path} has pictures of the shape {x.shape}, not (32, 32, 3, n)")
    if len(y) and not (y.min() >= 0 and y.max() <= 10):
        raise DatasetError(f"{path} has labels beyond 10; give train_32x32.mat or test_32x32.mat")
    return np.ascontiguousarray(x.transpose(3, 0, 1, 2)), y.astype(np.int64) % 10


def _unpacked(path: Path) -> tuple[dict[str, bytes], bytes | None]:
    """Return the packed pictures by name, and the description, of an archive or a folder."""
    pictures: dict[str, bytes] = {}
    struct = None
    try:
        for name, size, read in _files(path):
            if name == STRUCT:
                struct = read()
            elif name.lower().endswith(PICTURES) and not name.startswith("."):
                if size > LARGEST:
                    raise DatasetError(f"{path}: its picture {name} is larger than {LARGEST} bytes")
                pictures[name] = read()
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} is no archive, or is cut short; fetch it again") from error
    return pictures, struct


def _files(path: Path) -> Iterator[tuple[str, int, Any]]:
    """Yield the name, the size and a way to read each file."""
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


def _labels(path: Path, struct: bytes) -> list[tuple[str, tuple[NDArray[np.float32], str]]]:
    """Return each picture's name with the boxes (n, 4) and the text of its digits."""
    try:
        import h5py  # noqa: PLC0415 - only archives of SVHN need it
    except ImportError as error:
        raise DatasetError(
            f"{path} holds an HDF5 file; `pip install 'bowerbird[numbers]'` brings h5py to read it"
        ) from error
    try:
        with h5py.File(io.BytesIO(struct), "r") as file:
            names = file["digitStruct/name"][()].reshape(-1)
            boxes = file["digitStruct/bbox"][()].reshape(-1)
            return [
                ("".join(map(chr, file[name][()].reshape(-1))), _digits(path, file, file[box]))
                for name, box in zip(names, boxes, strict=True)
            ]
    except DatasetError:
        raise
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise DatasetError(f"{path}: its {STRUCT} is damaged; fetch it again") from error


def _digits(path: Path, file: Any, group: Any) -> tuple[NDArray[np.float32], str]:
    """Return the boxes and the text of one picture's digits, from left to right as it has them."""
    columns = []
    for side in SIDES:
        values = group[side][()].reshape(-1)
        if values.dtype == object:
            values = np.array([float(file[one][()].reshape(-1)[0]) for one in values])
        columns.append(values.astype(np.float64))
    table = np.stack(columns, 1)
    if not np.isfinite(table).all() or not ((table[:, 4] >= 0) & (table[:, 4] <= 10)).all():
        raise DatasetError(f"{path}: its {STRUCT} has labels beyond 10; fetch it again")
    low, size = table[:, :2], table[:, 2:4]
    text = "".join(str(int(label) % 10) for label in table[:, 4])
    return np.concatenate([low, low + size], 1).astype(np.float32), text
