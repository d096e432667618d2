"""IDX files are read as they are, damaged ones are one sentence, the full set is checked."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from bowerbird.errors import DatasetError, DownloadError
from bowerbird.vision.digits import idx
from bowerbird.vision.digits.idx import read_digit_dataset, read_idx


def test_files_are_read_compressed_or_not(tmp_path, write_idx):
    values = np.arange(2 * 3 * 5).reshape(2, 3, 5)
    for name in ("some-idx3-ubyte", "some-idx3-ubyte.gz"):
        write_idx(tmp_path / name, values)
        assert read_idx(tmp_path / name).tolist() == values.tolist()


def test_the_test_digits_are_separate(folder):
    assert len(read_digit_dataset(folder, "train")) == 40
    assert len(read_digit_dataset(folder, "test")) == 10
    assert not read_digit_dataset(folder, "test").official


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f, _: f.write_bytes(b"\0\0\x08\x03" + b"\0" * 9), "truncated"),
        (lambda f, _: f.write_bytes(b"hello, this is no file"), "not an IDX file"),
        (lambda f, _: f.write_bytes(gzip.compress(b"\0\0\x08\x01")[:-9]), "truncated"),
        (lambda f, write: write(f, np.zeros((40, 8, 8))), "28 x 28"),
        (lambda f, write: write(f, np.zeros((39, 28, 28))), "39 images for 40 labels"),
    ],
)
def test_damaged_files_are_one_sentence(folder, write_idx, damage, message):
    damage(folder / "train-images-idx3-ubyte.gz", write_idx)
    with pytest.raises(DatasetError, match=message):
        read_digit_dataset(folder, "train")


def test_folders_without_digits_say_what_is_missing(tmp_path, folder, write_idx):
    with pytest.raises(DatasetError, match="not a folder"):
        read_digit_dataset(tmp_path / "nothing", "test")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DatasetError, match="put t10k-labels-idx1-ubyte beside it"):
        read_digit_dataset(folder, "test")
    write_idx(folder / "train-labels-idx1-ubyte.gz", np.full(40, 11))
    with pytest.raises(DatasetError, match="label 11"):
        read_digit_dataset(folder, "train")


def test_the_full_set_is_downloaded_and_checked(folder, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("BOWERBIRD_CACHE", str(cache))
    monkeypatch.setattr(idx, "MIRROR", folder.as_uri() + "/")
    rows = []
    for name, _, _ in idx.OFFICIAL:
        data = (folder / name).read_bytes()
        rows.append((name, hashlib.sha256(data).hexdigest(), len(data)))
    monkeypatch.setattr(idx, "OFFICIAL", tuple(rows))
    monkeypatch.chdir(tmp_path)
    fetched = read_digit_dataset(Path("mnist"), "test")
    assert fetched.official
    assert len(fetched) == 10
    monkeypatch.setenv("BOWERBIRD_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(idx, "MIRROR", (tmp_path / "nowhere").as_uri() + "/")
    with pytest.raises(DownloadError, match="by hand and give the folder with all four") as error:
        read_digit_dataset(Path("mnist"), "test")
    assert "--weights" not in str(error.value)
    monkeypatch.setenv("BOWERBIRD_CACHE", str(cache))
    monkeypatch.setattr(idx, "OFFICIAL", tuple((n, "0" * 64, s) for n, _, s in rows))
    with pytest.raises(DownloadError, match="delete it to download it again"):
        read_digit_dataset(Path("mnist"), "test")


def test_the_official_test_digits_are_known_by_their_digest(mnist):
    digits = read_digit_dataset(mnist, "test")
    assert digits.official
    # the counts by class that the full set is published with
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert torch.bincount(digits.labels).tolist() == counts
