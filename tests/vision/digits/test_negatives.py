"""Images that are not digits, to train with."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bowerbird.errors import MissingPackageError
from bowerbird.vision.digits import negatives
from bowerbird.vision.digits.negatives import make_negatives


def test_without_scikit_image_they_are_refused(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "skimage"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "skimage", None)
    bars = torch.zeros(4, 28, 28, dtype=torch.uint8)
    bars[:, 4:24, 12:16] = 255
    with pytest.raises(MissingPackageError, match=r"needs the package skimage; .*\[samples\]"):
        make_negatives(SimpleNamespace(images=bars), seed=0)


def test_they_are_letters_blots_pairs_and_pieces_of_photographs(hand, monkeypatch):
    for name, count in (("NUM_LETTERS", 6), ("NUM_BLOTS", 5), ("NUM_PAIRS", 4)):
        monkeypatch.setattr(negatives, name, count)
    monkeypatch.setattr(negatives, "MAX_PHOTO_COMPONENTS", 30)
    monkeypatch.setattr(negatives, "PHOTOS", negatives.PHOTOS[:2])
    images = make_negatives(hand, seed=3)
    assert (images.dtype, images.shape) == (torch.uint8, (6 + 5 + 4 + 30, 28, 28))
    assert (images.flatten(1).amax(1) > 100).all()  # none is empty
    assert torch.equal(make_negatives(hand, seed=3), images)
    assert not torch.equal(make_negatives(hand, seed=4), images)


def test_a_photographed_bar_is_none_as_it_may_pass_for_a_1():
    image = np.zeros((40, 40), np.float32)
    image[4:36, 18:22] = 1
    assert negatives._is_bar(image)
    assert not negatives._is_bar(image.T)  # a dash is no digit
    image[4:36, 8:32] = 1
    assert not negatives._is_bar(image)
