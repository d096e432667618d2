import math

import numpy as np
import pytest

from bowerbird.prediction.tabular import conformal
from bowerbird.prediction.tabular.conformal import Conformal, of_classes, of_numbers


def formula(scores, parts, said, coverage):
    """Barber et al. 2021, equation for CV+, row by row, in plain Python."""
    n, alpha = len(scores), 1 - coverage
    low, high = [], []
    for j in range(said.shape[1]):
        below = sorted(said[k, j] - r for k, r in zip(parts, scores, strict=True))
        above = sorted(said[k, j] + r for k, r in zip(parts, scores, strict=True))
        low.append(below[math.floor(alpha * (n + 1) + 1e-9) - 1])
        high.append(above[math.ceil(coverage * (n + 1) - 1e-9) - 1])
    return low, high


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("at_once", [1, 4_000_000])
def test_intervals_are_those_of_the_paper(coverage, at_once, monkeypatch):
    monkeypatch.setattr(conformal, "AT_ONCE", at_once)
    random = np.random.default_rng(0)
    scores, parts = random.exponential(size=29), random.integers(0, 4, 29)
    said = random.normal(size=(4, 7))
    low, high = Conformal(scores, parts).intervals(said, coverage)
    assert (low.tolist(), high.tolist()) == formula(scores, parts, said, coverage)


def test_too_few_rows_for_the_coverage_are_infinite():
    few = Conformal(np.ones(8), np.zeros(8, int))
    low, high = few.intervals(np.zeros((1, 3)), 0.9)
    assert np.isneginf(low).all()
    assert np.isposinf(high).all()
    low, high = Conformal(np.ones(9), np.zeros(9, int)).intervals(np.zeros((1, 3)), 0.9)
    assert (low == -1).all()
    assert (high == 1).all()


def test_sets_are_those_of_the_paper():
    random = np.random.default_rng(1)
    parts = random.integers(0, 3, 40)
    known = random.dirichlet(np.ones(4), 40)
    wanted = random.integers(0, 4, 40)
    said = random.dirichlet(np.ones(4), (3, 11))
    found = of_classes(wanted, known, parts).sets(said, 0.8)
    scores = 1 - known[np.arange(40), wanted]
    for row in range(11):
        for c in range(4):
            above = sum(scores[i] < 1 - said[parts[i], row, c] for i in range(40))
            if found[row].sum() > 1 or above < 0.8 * 41:  # else it was empty
                assert found[row, c] == (above < 0.8 * 41)
    assert found.any(1).all()


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_intervals_of_unseen_rows_hold_as_often_as_asked(coverage):
    """Least squares on five parts; noise with heavy tails, of which the method knows nothing."""
    random = np.random.default_rng(2)
    inside = []
    for _ in range(30):
        x = random.normal(size=(200, 3))
        y = x @ [1.0, -2.0, 0.5] + random.standard_t(2, size=200)
        parts = np.arange(100) % 5
        weights = [np.linalg.lstsq(x[:100][parts != k], y[:100][parts != k])[0] for k in range(5)]
        said = np.array([x @ w for w in weights])
        held = of_numbers(y[:100], said[parts, np.arange(100)], parts)
        low, high = held.intervals(said[:, 100:], coverage)
        inside.append(((low <= y[100:]) & (y[100:] <= high)).mean())
    # 30 calibrations of 100 rows, each with a deviation of about sqrt(c (1 - c) (1/100 + 1/100))
    tolerance = 4 * math.sqrt(coverage * (1 - coverage) * 0.02 / 30)
    assert abs(np.mean(inside) - coverage) < tolerance


def test_of_many_known_rows_some_are_compared_with():
    many = Conformal(np.arange(9000.0), np.zeros(9000, int))
    some = many.drawn(seed=0)
    assert len(some.scores) == conformal.MOST
    assert len(set(some.scores)) == conformal.MOST
    assert some.drawn(0) is some


def test_scores_and_parts_belong_together():
    with pytest.raises(ValueError, match="one score and one part"):
        Conformal(np.ones(3), np.zeros(2, int))
    with pytest.raises(ValueError, match="one score and one part"):
        Conformal(np.ones(0), np.zeros(0, int))
