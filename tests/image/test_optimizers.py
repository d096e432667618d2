"""Both descents reach a minimum, agree with the textbook, and survive what is not a number."""

import collections
import itertools
import math

import pytest
import torch

from bowerbird.errors import OptimizationError
from bowerbird.image.objective import Evaluation
from bowerbird.image.optimizers import LBFGS, Adam


def picture(value=0.5, size=(4, 5)):
    return torch.full((1, 3, *size), value, dtype=torch.float64)


def quadratic(condition=100.0, dimensions=51):
    """A convex quadratic with its minimum somewhere, as an objective of (1, 3, 1, 17) pictures."""
    random = torch.Generator().manual_seed(0)
    square = torch.randn(dimensions, dimensions, generator=random, dtype=torch.float64)
    axes, _ = torch.linalg.qr(square)
    bends = torch.logspace(0, math.log10(condition), dimensions, dtype=torch.float64)
    matrix = (axes * bends) @ axes.T
    lowest = torch.rand(dimensions, generator=random, dtype=torch.float64)

    def evaluate(x):
        away = x.flatten() - lowest
        return Evaluation(
            {"total": float(0.5 * away @ matrix @ away)}, (matrix @ away).view_as(x).clone()
        )

    return evaluate, lowest.view(1, 3, 1, 17)


def walled(lowest, wall):
    """The squared distance from ``lowest``; not a number beyond ``wall`` from 0.5."""

    def evaluate(x):
        factor = math.nan if bool(((x - 0.5).abs() > wall).any()) else 1.0
        away = x - lowest
        return Evaluation({"total": factor * float(away.square().sum())}, 2 * factor * away)

    return evaluate


def test_lbfgs_finds_the_minimum_of_a_quadratic_and_never_climbs():
    # 51 dimensions, condition 100: steepest descent would need hundreds of steps to 1e-6
    evaluate, lowest = quadratic()
    descent = LBFGS(evaluate, picture(size=(1, 17)))
    losses = [evaluate(descent.picture).losses["total"]]
    losses += [descent.step()["total"] for _ in range(60)]
    assert all(after <= before for before, after in itertools.pairwise(losses))
    assert losses[-1] < 1e-6
    torch.testing.assert_close(descent.picture, lowest, rtol=0, atol=1e-3)


def test_lbfgs_hands_over_the_picture_whose_losses_it_returns():
    evaluate, _ = quadratic()
    descent = LBFGS(evaluate, picture(size=(1, 17)))
    for _ in range(5):
        losses = descent.step()
        assert losses == evaluate(descent.picture).losses


def test_lbfgs_at_the_minimum_stays_there_and_says_so():
    evaluate, lowest = quadratic()
    descent = LBFGS(evaluate, lowest)
    assert descent.step()["total"] == 0
    assert torch.equal(descent.picture, lowest)
    assert descent.note


def test_lbfgs_survives_steps_into_what_is_not_a_number():
    # the minimum lies beyond the wall: every long step meets NaN, and it goes as far as it can
    descent = LBFGS(walled(picture(0.9), wall=0.011), picture())
    losses = [descent.step()["total"] for _ in range(30)]
    assert all(math.isfinite(loss) for loss in losses)
    assert all(after <= before for before, after in itertools.pairwise(losses))
    change = float((descent.picture - 0.5).abs().max())
    assert 0.008 < change <= 0.011


def test_adam_survives_steps_into_what_is_not_a_number():
    # the minimum lies before the wall, which the first step of 0.02 jumps: smaller ones must follow
    for average in (0.0, 0.9):
        objective = walled(picture(0.508), wall=0.011)
        descent = Adam(objective, picture(), rate=0.02, decay=average)
        for _ in range(60):
            descent.step()
        assert bool(descent.picture.isfinite().all())
        assert objective(descent.picture).losses["total"] < objective(picture()).losses["total"]


def test_adams_last_good_picture_is_kept_when_numbers_end():
    # a fault that comes once, in the middle: what is handed over then is a picture of before
    calls, target = itertools.count(), picture(0.9)

    def evaluate(x):
        factor = math.nan if next(calls) == 5 else 1.0
        return Evaluation(
            {"total": factor * float((x - target).square().sum())}, factor * (x - target)
        )

    descent = Adam(evaluate, picture(), rate=0.02, decay=0.0)
    for _ in range(5):
        descent.step()
    losses = descent.step()
    assert math.isnan(losses["total"])
    assert "restart" in descent.note
    assert bool(descent.picture.isfinite().all())
    later = [descent.step()["total"] for _ in range(5)]
    assert later[-1] < later[0]


def test_numbers_that_never_come_are_an_error():
    nothing = walled(picture(0.9), wall=-1.0)
    with pytest.raises(OptimizationError, match="not a number; take precision float32"):
        LBFGS(nothing, picture())
    descent = Adam(nothing, picture())
    with pytest.raises(OptimizationError, match="not a number"):
        collections.deque((descent.step() for _ in range(100)), maxlen=0)


def test_adams_steps_are_torchs():
    # Kingma and Ba's algorithm 1 with betas (.9, .99), without averaging; the floor is 1e-12 here
    evaluate, _ = quadratic()
    ours = Adam(evaluate, picture(size=(1, 17)), rate=0.02, decay=0.0)
    theirs = picture(size=(1, 17)).requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=0.02, betas=(0.9, 0.99), eps=1e-12)
    for _ in range(12):
        theirs.grad = evaluate(theirs.detach()).gradient
        optimizer.step()
        ours.step()
        torch.testing.assert_close(ours.picture, theirs.detach(), rtol=0, atol=1e-12)


def test_adam_hands_over_the_average_of_its_iterates():
    # the iterate of i steps ago counts decay^i, and the shares sum to 1 from the first step on
    evaluate, _ = quadratic()
    plain, averaged = (Adam(evaluate, picture(size=(1, 17)), decay=d) for d in (0.0, 0.8))
    iterates = []
    for number in range(1, 8):
        plain.step()
        averaged.step()
        iterates.append(plain.picture)
        shares = [0.8 ** (number - 1 - i) for i in range(number)]
        mean = sum(s * x for s, x in zip(shares, iterates, strict=True)) / sum(shares)
        torch.testing.assert_close(averaged.picture, mean, rtol=0, atol=1e-12)


def test_adam_continued_at_the_same_size_goes_on_as_if_nothing_happened():
    evaluate, _ = quadratic()
    whole = Adam(evaluate, picture(size=(1, 17)), decay=0.0)
    first = Adam(evaluate, picture(size=(1, 17)), decay=0.0)
    for _ in range(4):
        whole.step()
        first.step()
    second = Adam(evaluate, first.picture, decay=0.0, earlier=first)
    for _ in range(4):
        whole.step()
        second.step()
    torch.testing.assert_close(second.picture, whole.picture, rtol=0, atol=1e-9)


def test_adam_continued_at_a_larger_size_begins_where_it_is_told():
    def evaluate(x):
        return Evaluation({"total": float(x.square().sum())}, 2 * x)

    first = Adam(evaluate, picture(0.5), decay=0.0)
    for _ in range(3):
        first.step()
    second = Adam(evaluate, picture(0.4, (8, 10)), decay=0.0, earlier=first)
    assert torch.equal(second.picture, picture(0.4, (8, 10)))
    second.step()
    # a constant picture stays constant: the state carried over is enlarged, not disturbed
    assert float(second.picture.std()) < 1e-6
    assert 0 < 0.4 - float(second.picture.mean()) < 0.03


@pytest.mark.parametrize("method", [LBFGS, Adam])
def test_the_picture_begun_with_is_not_changed(method):
    start = picture()
    descent = method(walled(picture(0.9), wall=1.0), start)
    for _ in range(3):
        descent.step()
    assert torch.equal(start, picture())
    assert not torch.equal(descent.picture, start)


def test_lbfgs_says_when_no_step_helps_and_evaluates_no_more():
    # at the exact minimum the slope is zero: nothing to do, and nothing to pay for
    asked = []

    def bowl(x):
        asked.append(1)
        return Evaluation({"total": float(x.square().sum())}, 2 * x)

    descent = LBFGS(bowl, torch.zeros(1, 3, 4, 4))
    descent.step()
    assert descent.done
    before = len(asked)
    descent.step()
    assert len(asked) == before
    assert "no step" in descent.note
