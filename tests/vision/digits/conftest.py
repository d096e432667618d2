import gzip
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from bowerbird.vision.digits.idx import DigitDataset
from bowerbird.vision.digits.normalize import normalize
from bowerbird.vision.digits.reader import load_digit_reader

MNIST = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "digits"


@pytest.fixture(scope="session")
def mnist():
    """The folder with the official test digits and 10,000 training digits."""
    if not MNIST.is_dir():
        pytest.skip("the digits of MNIST are not beside the repository")
    return MNIST


@pytest.fixture(scope="session")
def write_idx():
    """Write an array as an IDX file, compressed if its name ends in .gz."""

    def write(path, values, kind=8):
        head = bytes([0, 0, kind, values.ndim]) + np.array(values.shape, ">u4").tobytes()
        data = head + values.astype(np.uint8).tobytes()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)

    return write


@pytest.fixture
def folder(tmp_path, write_idx):
    """A folder with forty images of strokes for training and ten for the test."""
    random = np.random.default_rng(0)
    for name, count in (("train", 40), ("t10k", 10)):
        images = np.zeros((count, 28, 28), np.uint8)
        for image in images:
            image[5:23, random.integers(8, 20)] = 255
        write_idx(tmp_path / f"{name}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte.gz", np.arange(count) % 10)
    return tmp_path


@pytest.fixture(scope="session")
def reader():
    """The shipped model."""
    return load_digit_reader(device="cpu")


@pytest.fixture(scope="session")
def hand():
    """scikit-learn's digits of 8 x 8 px, enlarged and normalized: another handwriting."""
    data = load_digits()
    large = [
        cv2.resize(image.astype(np.float32) / 16, (80, 80), interpolation=cv2.INTER_CUBIC)
        for image in data.images[:400]
    ]
    images = np.stack([normalize(np.clip((image - 0.3) * 3, 0, 1)) for image in large])
    codes = torch.from_numpy((images * 255).round().astype(np.uint8))
    return DigitDataset(codes, torch.from_numpy(data.target[:400]).long())


@pytest.fixture(scope="session")
def clear(hand, reader):
    """The digits of the other handwriting that are read right by themselves, to test pages."""
    best = reader.predict_proba(hand.images.float() / 255).max(1)
    right = (best.values > 0.8) & (best.indices == hand.labels)
    assert set(hand.labels[right].tolist()) == set(range(10))
    return DigitDataset(hand.images[right], hand.labels[right])


@pytest.fixture(scope="session")
def write_page(clear):
    """Return a white page (3, h, w) with lines of digits 56 px high; blanks stay blank."""

    def write(lines, pitch=64):
        page = np.zeros((len(lines) * 90 + 60, max(map(len, lines)) * pitch + 80), np.float32)
        used = dict.fromkeys("0123456789", 0)
        for row, line in enumerate(lines):
            for column, digit in enumerate(line):
                if digit == " ":
                    continue
                indices = torch.where(clear.labels == int(digit))[0]
                image = clear.images[indices[used[digit] % len(indices)]].numpy()
                image = image.astype(np.float32) / 255
                used[digit] += 1
                large = cv2.resize(image, (56, 56), interpolation=cv2.INTER_CUBIC).clip(0, 1)
                y, x = 40 + 90 * row, 40 + round(pitch * column)
                window = page[y : y + 56, x : x + 56]
                np.maximum(window, large, out=window)
        return torch.from_numpy(np.repeat(0.95 - 0.8 * page[None], 3, 0))

    return write
