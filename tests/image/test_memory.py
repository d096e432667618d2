"""A bound on memory is a bound on the pixels seen at once, and the least one named is enough."""

import os
import re
from types import SimpleNamespace

import psutil
import pytest
import torch

from bowerbird.image.memory import SMALLEST_TILE, Kept, share_out
from bowerbird.learning.device import Compute

CPU = Compute(torch.device("cpu"), torch.float32)
HALF = Compute(CPU.device, torch.bfloat16)
SIZES = [(64, 64), (512, 512), (450, 333), (1000, 777), (3000, 4000), (4024, 6048)]


def px_at_once(gigabytes, size, compute=CPU):
    return share_out(gigabytes, size, compute).px_at_once


def least(size):
    """The least memory, in GB, that the refusal names."""
    with pytest.raises(ValueError, match=r"at least [\d.]+ GB") as error:
        px_at_once(0.001, size, CPU)
    assert f"{size[1]} x {size[0]} px" in str(error.value)
    return float(re.search(r"([\d.]+) GB", str(error.value))[1])


@pytest.mark.parametrize("size", SIZES)
def test_the_least_memory_named_is_enough(size):
    assert px_at_once(least(size), size, CPU) > 0


@pytest.mark.parametrize("size", SIZES)
def test_a_quarter_less_than_the_least_is_not_enough(size):
    with pytest.raises(ValueError, match="GB"):
        px_at_once(0.75 * least(size), size, CPU)


def test_more_memory_sees_more_and_a_larger_picture_leaves_less():
    size = (3000, 4000)
    # what it has over the history goes to the tiles, so more memory never sees less of a tile
    seen = [px_at_once(gigabytes, size, CPU) for gigabytes in (12, 24, 48)]
    assert min(seen) > 300**2
    assert seen[-1] > seen[0]
    assert px_at_once(12, (1000, 1000), CPU) > seen[0]


def test_half_the_precision_sees_more():
    assert px_at_once(8, (512, 512), HALF) > 1.2 * px_at_once(8, (512, 512), CPU)


def test_no_bound_takes_part_of_the_machines_memory():
    assert px_at_once(0, (64, 64), CPU) > 64 * 64


def test_the_machines_memory_is_known_on_every_system(monkeypatch):
    monkeypatch.delattr(os, "sysconf", raising=False)  # Windows has none
    sizes = []
    for gigabytes in (8, 16):
        there = SimpleNamespace(total=gigabytes * 1e9)
        monkeypatch.setattr(psutil, "virtual_memory", lambda there=there: there)
        sizes.append(px_at_once(0, (512, 512)))
        assert sizes[-1] == px_at_once(gigabytes / 2, (512, 512))
    assert sizes[0] < sizes[1]


def test_apples_gpu_shares_the_machines_memory_and_cuda_has_its_own():
    mps, cuda = (Compute(torch.device(name), torch.float32) for name in ("mps", "cuda"))
    assert px_at_once(0, (512, 512), mps) == px_at_once(0, (512, 512), CPU)
    assert px_at_once(0, (512, 512), cuda) > 1e15


def test_twelve_megapixels_fit_into_24_gigabytes():
    # issue 2, point 7
    assert px_at_once(24, (3024, 4032), CPU) > 0


def test_the_history_shrinks_before_the_bound_is_refused():
    size = (3000, 4000)
    histories = [share_out(g, size, CPU).history for g in (6, 8, 48)]
    assert histories == sorted(histories)
    assert 1 <= histories[0] < histories[-1]


def test_a_picture_that_must_be_seen_whole_has_a_shorter_history_rather_than_tiles():
    size, px = (1000, 1000), 1000 * 1000
    said = r"1000 x 1000 px .* seen whole .* at least ([\d.]+) GB"
    with pytest.raises(ValueError, match=said) as error:
        share_out(2, size, CPU, whole=True)
    enough = float(re.search(said, str(error.value))[1])
    tiled, whole = (share_out(enough, size, CPU, whole=whole) for whole in (False, True))
    assert tiled.px_at_once < px <= whole.px_at_once
    assert 1 <= whole.history < tiled.history


def test_a_painting_larger_than_the_picture_is_counted():
    # it is seen in tiles too, so the bound must leave room for one
    size, large = (64, 64), Kept(painting=3000 * 4000)
    enough = least(size)
    assert share_out(enough, size, CPU).px_at_once < SMALLEST_TILE
    with pytest.raises(ValueError, match=r"64 x 64 px needs at least [\d.]+ GB") as error:
        share_out(enough, size, CPU, large)
    named = float(re.search(r"([\d.]+) GB", str(error.value))[1])
    assert share_out(named, size, CPU, large).px_at_once >= SMALLEST_TILE
    small = Kept(painting=100 * 100)  # is seen whole
    assert share_out(enough + 0.1, size, CPU, small).px_at_once >= 100 * 100
