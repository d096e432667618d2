"""Coverage is the largest fraction with enough right answers."""

import numpy as np
import pytest

from bowerbird.vision.house_numbers.calibration import coverage_at


def test_coverage_is_the_largest_fraction_with_enough_right():
    random = np.random.default_rng(0)
    for _ in range(20):
        odds = random.random(40)
        right = random.random(40) < odds**0.2
        best = (0.0, 1.0)
        for limit in np.sort(odds)[::-1]:
            chosen = odds >= limit
            if right[chosen].mean() >= 0.9:
                best = (chosen.mean(), limit)
        assert coverage_at([*zip(odds, right, strict=True)], 0.9) == pytest.approx(best)
    assert coverage_at([]) == (0.0, 1.0)
    assert coverage_at([(0.9, False)]) == (0.0, 1.0)
