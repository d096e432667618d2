"""A bound on memory is a bound on the pixels seen at once, and the least one named is enough."""

import re

import pytest
import torch

from bowerbird.image.memory import share_out
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


def test_twelve_megapixels_fit_into_24_gigabytes():
    # issue 2, point 7
    assert px_at_once(24, (3024, 4032), CPU) > 0


def test_the_history_shrinks_before_the_bound_is_refused():
    size = (3000, 4000)
    histories = [share_out(g, size, CPU).history for g in (4.5, 6, 48)]
    assert histories == sorted(histories)
    assert 1 <= histories[0] < histories[-1]
