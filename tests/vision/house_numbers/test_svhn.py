"""Archives of Street View House Numbers are read as they are; damaged ones are one sentence."""

import io
import sys
import tarfile

import cv2
import h5py
import numpy as np
import pytest
import torch

from bowerbird.errors import DatasetError, MissingPackageError
from bowerbird.networks.config import MultiDigitConfig
from bowerbird.networks.multi_digit import MultiDigit
from bowerbird.vision.house_numbers.config import ScenePoolConfig
from bowerbird.vision.house_numbers.svhn import Svhn
from bowerbird.vision.house_numbers.task import HouseNumberTask

PICTURES = {
    "1.png": ("19", [(24.0, 7.0, 8.0, 20.0), (33.0, 6.5, 9.0, 20.0)]),
    "2.png": ("0", [(5.0, 4.0, 10.0, 16.0)]),  # one digit: numbers, not references
    "3.png": ("10203", [(4.0 + 9 * k, 8.0, 8.0, 15.0) for k in range(5)]),
}


def struct(pictures=PICTURES, label=lambda digit: 10 if digit == "0" else int(digit)):
    """Write a digitStruct.mat with the structure of references that MATLAB 7.3 writes."""
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        group, refs = file.create_group("digitStruct"), file.create_group("#refs#")
        names, boxes = [], []
        for number, (name, (text, digits)) in enumerate(pictures.items()):
            codes = np.array([[ord(character)] for character in name], np.uint16)
            names.append(refs.create_dataset(f"n{number}", data=codes).ref)
            box = refs.create_group(f"b{number}")
            values = {
                side: [digit[i] for digit in digits]
                for i, side in enumerate(("left", "top", "width", "height"))
            }
            values["label"] = [float(label(digit)) for digit in text]
            for side, row in values.items():
                if len(row) == 1:
                    box.create_dataset(side, data=np.array([row]))
                    continue
                ones = [
                    refs.create_dataset(f"{side}{number}_{k}", data=np.array([[value]])).ref
                    for k, value in enumerate(row)
                ]
                box.create_dataset(side, data=np.array([[r] for r in ones], h5py.ref_dtype))
            boxes.append(box.ref)
        group.create_dataset("name", data=np.array([[r] for r in names], h5py.ref_dtype))
        group.create_dataset("bbox", data=np.array([[r] for r in boxes], h5py.ref_dtype))
    return held.getvalue()


def picture(seed):
    rgb = np.random.default_rng(seed).integers(0, 256, (32, 60, 3), np.uint8)
    return rgb, cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "train.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        files = {f"train/{name}": picture(k)[1] for k, name in enumerate(PICTURES)}
        for name, data in {**files, "train/digitStruct.mat": struct(), "train/see.m": b""}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_numbers_and_boxes_of_an_archive(archive):
    svhn = Svhn(archive)
    assert (len(svhn), svhn.num_missing) == (3, 0)
    for k, (text, digits) in enumerate(PICTURES.values()):
        scene = svhn[k]
        assert scene.text == text
        wanted = [(left, top, left + w, top + h) for left, top, w, h in digits]
        np.testing.assert_allclose(scene.boxes, wanted)
        assert np.array_equal(scene.pixels, picture(k)[0])  # RGB, not BGR


def test_without_h5py_an_archive_is_refused(archive, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingPackageError, match=r"needs the package h5py; .*\[house-numbers\]"):
        Svhn(archive)


def test_a_folder_is_read_like_its_archive(archive, tmp_path):
    folder = tmp_path / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    whole, unpacked = Svhn(archive), Svhn(folder / "train")
    assert [whole[k].text for k in range(3)] == [unpacked[k].text for k in range(3)]
    (folder / "train" / "2.png").unlink()
    fewer = Svhn(folder / "train")
    assert (len(fewer), fewer.num_missing) == (2, 1)


def test_damaged_archives_are_one_sentence(archive, tmp_path):
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(archive.read_bytes()[:-2000])
    words = tmp_path / "words.tar.gz"
    words.write_text("no archive")
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, complaint in (
        (cut, "truncated|damaged"),
        (words, "not an archive"),
        (empty, "has no digitStruct.mat"),
        (tmp_path / "nowhere", "does not exist"),
    ):
        with pytest.raises(DatasetError, match=complaint):
            Svhn(path)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"no HDF5 at all", "is damaged"),
        (struct()[:3000], "is damaged"),
        (struct(label=lambda _: 12), "labels above 10"),
        (struct({"9.png": ("4", [(1.0, 1.0, 2.0, 2.0)])}), "no image"),
    ],
)
def test_damaged_descriptions_are_one_sentence(tmp_path, data, complaint):
    (tmp_path / "digitStruct.mat").write_bytes(data)
    (tmp_path / "1.png").write_bytes(picture(0)[1])
    with pytest.raises(DatasetError, match=complaint):
        Svhn(tmp_path)


def test_a_damaged_picture_is_named(tmp_path):
    (tmp_path / "digitStruct.mat").write_bytes(struct())
    (tmp_path / "2.png").write_bytes(b"no picture")
    svhn = Svhn(tmp_path)
    with pytest.raises(DatasetError, match=r"2\.png is damaged"):
        svhn[0]


def test_an_archive_can_be_trained_on(archive):
    svhn = Svhn(archive)
    torch.manual_seed(0)
    network = MultiDigit(
        MultiDigitConfig(crop_size=32, channels=(8, 8, 8, 8), hidden_size=8, glimpse_size=8)
    )
    config = ScenePoolConfig(6, 3, 3, 1, 2)
    task = HouseNumberTask(network, lambda k: svhn[k % 3], lambda k: svhn[k], config)
    for _ in range(4):
        assert torch.isfinite(task.loss(network))
    assert np.isfinite(task.validate(network))
