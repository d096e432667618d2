"""Times move to grids: written ones stay, those of a performance become simple."""

import numpy as np
import pytest

from bowerbird.music.notation.beats import QUARTER, BeatPattern
from bowerbird.music.notation.measures import Measure
from bowerbird.music.notation.quantize import quantize

FOUR = BeatPattern(4, 4)
MEASURE = Measure(0, 192, FOUR, (4, 4))


def test_exact_times_stay():
    bars = [Measure(192 * i, 192, FOUR, (4, 4)) for i in range(4)]
    random = np.random.default_rng(2)
    for grid in (12, 16, 24, 8, 6):
        starts = np.unique(random.integers(0, 700 // grid, 40)) * float(grid)
        ends = starts + grid * random.integers(1, 4, len(starts))
        new, last = quantize(starts, np.minimum(ends, 768), bars)
        assert (new == starts).all()
        assert (last == np.minimum(ends, 768)).all()


@pytest.mark.parametrize("grid", [12, 16, 24])
def test_times_of_a_performance_find_their_grid(grid):
    """Times that are 20 ms off, at 120 a minute, are nearly always written as intended."""
    bars = [Measure(192 * i, 192, FOUR, (4, 4)) for i in range(16)]
    random = np.random.default_rng(3)
    intended = np.arange(0, 192 * 16, grid, dtype=float)
    starts = intended + random.normal(0, 0.02 / 0.5 * QUARTER / 2, len(intended))
    new, last = quantize(np.maximum(starts, 0), starts + 0.9 * grid, bars)
    assert (new == intended).mean() > 0.9
    assert ((last - new) == grid).mean() > 0.8


def test_every_note_has_a_length():
    bars = [MEASURE]
    starts = np.array([0.0, 0.0, 10.0, 191.9])
    new, last = quantize(starts, starts, bars)
    assert (last > new).all()


def test_64th_triplets_stay_apart():
    starts = np.array([0.0, 2, 4, 6, 12, 24])
    new, last = quantize(starts, np.append(starts[1:], 48), [MEASURE])
    assert (new == starts).all()
    assert (last[:-1] == starts[1:]).all()
