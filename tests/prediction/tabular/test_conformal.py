import math

import numpy as np
import pytest

from bowerbird.prediction.tabular import conformal
from bowerbird.prediction.tabular.conformal import Calibration, nonconformity, sample_rows


def formula(scores, members, predictions, coverage):
    """Barber et al. 2021, equation for CV+, row by row, in plain Python."""
    n, alpha = len(scores), 1 - coverage
    low, high = [], []
    for j in range(predictions.shape[1]):
        below = sorted(predictions[k, j] - r for k, r in zip(members, scores, strict=True))
        above = sorted(predictions[k, j] + r for k, r in zip(members, scores, strict=True))
        low.append(below[math.floor(alpha * (n + 1) + 1e-9) - 1])
        high.append(above[math.ceil(coverage * (n + 1) - 1e-9) - 1])
    return low, high


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("block", [1, 4_000_000])
def test_intervals_are_those_of_the_paper(coverage, block, monkeypatch):
    monkeypatch.setattr(conformal, "BLOCK", block)
    random = np.random.default_rng(0)
    scores, members = random.exponential(size=29), random.integers(0, 4, 29)
    predictions = random.normal(size=(4, 7))
    low, high = Calibration(scores, members).intervals(predictions, coverage)
    assert (low.tolist(), high.tolist()) == formula(scores, members, predictions, coverage)


def test_intervals_are_infinite_if_there_are_too_few_rows():
    few = Calibration(np.ones(8), np.zeros(8, int))
    low, high = few.intervals(np.zeros((1, 3)), 0.9)
    assert np.isneginf(low).all()
    assert np.isposinf(high).all()
    low, high = Calibration(np.ones(9), np.zeros(9, int)).intervals(np.zeros((1, 3)), 0.9)
    assert (low == -1).all()
    assert (high == 1).all()


def test_sets_are_those_of_the_paper():
    random = np.random.default_rng(1)
    members = random.integers(0, 3, 40)
    known = random.dirichlet(np.ones(4), 40)
    truth = random.integers(0, 4, 40)
    predictions = random.dirichlet(np.ones(4), (3, 11))
    sets = Calibration(nonconformity(truth, known), members).sets(predictions, 0.8)
    scores = 1 - known[np.arange(40), truth]
    for row in range(11):
        for c in range(4):
            below = sum(scores[i] < 1 - predictions[members[i], row, c] for i in range(40))
            if sets[row].sum() > 1 or below < 0.8 * 41:  # else it was empty
                assert sets[row, c] == (below < 0.8 * 41)
    assert sets.any(1).all()


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_intervals_of_new_rows_have_the_requested_coverage(coverage):
    """Least squares on five parts; noise with heavy tails, which the method does not know."""
    random = np.random.default_rng(2)
    inside = []
    for _ in range(30):
        x = random.normal(size=(200, 3))
        y = x @ [1.0, -2.0, 0.5] + random.standard_t(2, size=200)
        parts = np.arange(100) % 5
        weights = [np.linalg.lstsq(x[:100][parts != k], y[:100][parts != k])[0] for k in range(5)]
        predictions = np.array([x @ w for w in weights])
        scores = nonconformity(y[:100], predictions[parts, np.arange(100)])
        low, high = Calibration(scores, parts).intervals(predictions[:, 100:], coverage)
        inside.append(((low <= y[100:]) & (y[100:] <= high)).mean())
    # 30 calibrations of 100 rows, with a standard error of about sqrt(c (1 - c) (1/100 + 1/100))
    tolerance = 4 * math.sqrt(coverage * (1 - coverage) * 0.02 / 30)
    assert abs(np.mean(inside) - coverage) < tolerance


def test_of_many_scores_a_sample_is_used():
    sample = sample_rows(9000, seed=0)
    assert len(set(sample)) == len(sample) == conformal.MAX_SCORES
    assert sample.max() < 9000
    assert np.array_equal(sample_rows(5000, seed=0), np.arange(5000))


def test_sets_hold_in_a_rare_class():
    """One class in twenty, hard to find: without a score of its own it would be left out."""
    random = np.random.default_rng(3)
    truth = (random.random(4000) < 0.05).astype(int)
    chance = 1 / (1 + np.exp(3 - 1.5 * (truth + random.normal(size=4000))))
    values = np.column_stack([1 - chance, chance])
    known, new = slice(0, 2000), slice(2000, None)
    scores, members = nonconformity(truth[known], values[known]), np.zeros(2000, int)
    by_class = Calibration(scores, members, truth[known]).sets(values[None, new], 0.9)
    overall = Calibration(scores, members).sets(values[None, new], 0.9)
    rare = truth[new] == 1
    assert overall[rare, 1].mean() < 0.3
    assert 0.8 < by_class[rare, 1].mean() <= 1  # about 100 rows
    assert 0.87 < by_class[~rare, 0].mean() < 0.93
    few = Calibration(scores[:8], members[:8], np.arange(8) % 2)
    assert few.sets(values[None, new], 0.9).all()  # four rows can't exclude a tenth


def test_scores_and_members_belong_together():
    with pytest.raises(ValueError, match="two arrays of one shape"):
        Calibration(np.ones(3), np.zeros(2, int))
    with pytest.raises(ValueError, match="two arrays of one shape"):
        Calibration(np.ones(0), np.zeros(0, int))
