"""Images that are not digits, to train with."""

import sys
from types import SimpleNamespace

import pytest
import torch

from bowerbird.errors import MissingPackageError
from bowerbird.vision.digits.negatives import make_negatives


def test_without_scikit_image_they_are_refused(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "skimage"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "skimage", None)
    bars = torch.zeros(4, 28, 28, dtype=torch.uint8)
    bars[:, 4:24, 12:16] = 255
    with pytest.raises(MissingPackageError, match=r"needs the package skimage; .*\[samples\]"):
        make_negatives(SimpleNamespace(images=bars), seed=0)
