"""The memory limit bounds the pixels processed at once, and what a refusal names is enough."""

import os
import re
from types import SimpleNamespace

import psutil
import pytest
import torch

from bowerbird.image.memory import MIN_TILE, MemoryUse, plan_memory
from bowerbird.learning.device import Compute

CPU = Compute(torch.device("cpu"), torch.float32)
HALF = Compute(CPU.device, torch.bfloat16)
SIZES = [(64, 64), (512, 512), (450, 333), (1000, 777), (3000, 4000), (4024, 6048)]


def max_px(gigabytes, size, compute=CPU):
    return plan_memory(gigabytes, size, compute).max_px


def needed(size):
    """Return the memory, in GB, that a refusal names."""
    with pytest.raises(ValueError, match=r"at least [\d.]+ GB") as error:
        max_px(0.001, size, CPU)
    assert f"{size[1]} x {size[0]} px" in str(error.value)
    return float(re.search(r"([\d.]+) GB", str(error.value))[1])


@pytest.mark.parametrize("size", SIZES)
def test_the_memory_named_is_enough(size):
    assert max_px(needed(size), size, CPU) > 0


@pytest.mark.parametrize("size", SIZES)
def test_a_quarter_less_is_not_enough(size):
    with pytest.raises(ValueError, match="GB"):
        max_px(0.75 * needed(size), size, CPU)


def test_more_memory_allows_larger_tiles_and_a_larger_image_smaller_ones():
    size = (3000, 4000)
    # what the history leaves goes to the tiles, so more memory never makes tiles smaller
    tiles = [max_px(gigabytes, size, CPU) for gigabytes in (12, 24, 48)]
    assert min(tiles) > 300**2
    assert tiles[-1] > tiles[0]
    assert max_px(12, (1000, 1000), CPU) > tiles[0]


def test_half_precision_allows_larger_tiles():
    assert max_px(8, (512, 512), HALF) > 1.2 * max_px(8, (512, 512), CPU)


def test_no_limit_uses_part_of_the_machines_memory():
    assert max_px(0, (64, 64), CPU) > 64 * 64


def test_the_machines_memory_is_known_on_every_system(monkeypatch):
    monkeypatch.delattr(os, "sysconf", raising=False)  # Windows has none
    sizes = []
    for gigabytes in (8, 16):
        memory = SimpleNamespace(total=gigabytes * 1e9)
        monkeypatch.setattr(psutil, "virtual_memory", lambda memory=memory: memory)
        sizes.append(max_px(0, (512, 512)))
        assert sizes[-1] == max_px(gigabytes / 2, (512, 512))
    assert sizes[0] < sizes[1]


def test_apples_gpu_shares_the_machines_memory_and_cuda_has_its_own():
    mps, cuda = (Compute(torch.device(name), torch.float32) for name in ("mps", "cuda"))
    assert max_px(0, (512, 512), mps) == max_px(0, (512, 512), CPU)
    assert max_px(0, (512, 512), cuda) > 1e15


def test_twelve_megapixels_fit_into_24_gigabytes():
    # issue 2, point 7
    assert max_px(24, (3024, 4032), CPU) > 0


def test_the_history_shrinks_before_the_limit_is_refused():
    size = (3000, 4000)
    histories = [plan_memory(g, size, CPU).history for g in (6, 8, 48)]
    assert histories == sorted(histories)
    assert 1 <= histories[0] < histories[-1]


def test_an_image_that_can_not_be_tiled_has_a_shorter_history_rather_than_tiles():
    size, px = (1000, 1000), 1000 * 1000
    message = r"1000 x 1000 px, which is tileable .* at least ([\d.]+) GB"
    with pytest.raises(ValueError, match=message) as error:
        plan_memory(2, size, CPU, untiled=True)
    sufficient = float(re.search(message, str(error.value))[1])
    tiled, whole = (plan_memory(sufficient, size, CPU, untiled=u) for u in (False, True))
    assert tiled.max_px < px <= whole.max_px
    assert 1 <= whole.history < tiled.history


def test_a_style_image_larger_than_the_result_is_counted():
    # it is processed in tiles too, so the limit must allow for one
    size, large = (64, 64), MemoryUse(style_px=3000 * 4000)
    sufficient = needed(size)
    assert plan_memory(sufficient, size, CPU).max_px < MIN_TILE
    with pytest.raises(ValueError, match=r"64 x 64 px needs at least [\d.]+ GB") as error:
        plan_memory(sufficient, size, CPU, large)
    named = float(re.search(r"([\d.]+) GB", str(error.value))[1])
    assert plan_memory(named, size, CPU, large).max_px >= MIN_TILE
    small = MemoryUse(style_px=100 * 100)  # is not tiled
    assert plan_memory(sufficient + 0.1, size, CPU, small).max_px >= 100 * 100
