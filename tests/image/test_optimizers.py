"""Both optimizers reach a minimum, agree with the textbook, and survive NaN."""

import collections
import itertools
import math

import pytest
import torch

from bowerbird.errors import OptimizationError
from bowerbird.image.objective import Evaluation
from bowerbird.image.optimizers import LBFGS, Adam


def image(value=0.5, size=(4, 5)):
    return torch.full((1, 3, *size), value, dtype=torch.float64)


def quadratic(condition=100.0, dimensions=51):
    """Return a convex quadratic objective of (1, 3, 1, 17) images, and its minimum."""
    random = torch.Generator().manual_seed(0)
    square = torch.randn(dimensions, dimensions, generator=random, dtype=torch.float64)
    axes, _ = torch.linalg.qr(square)
    eigenvalues = torch.logspace(0, math.log10(condition), dimensions, dtype=torch.float64)
    matrix = (axes * eigenvalues) @ axes.T
    minimum = torch.rand(dimensions, generator=random, dtype=torch.float64)

    def evaluate(x):
        offset = x.flatten() - minimum
        return Evaluation(
            {"total": float(0.5 * offset @ matrix @ offset)}, (matrix @ offset).view_as(x).clone()
        )

    return evaluate, minimum.view(1, 3, 1, 17)


def nan_beyond(limit, minimum):
    """Return the squared distance from ``minimum``; NaN beyond ``limit`` from 0.5."""

    def evaluate(x):
        factor = math.nan if bool(((x - 0.5).abs() > limit).any()) else 1.0
        offset = x - minimum
        return Evaluation({"total": factor * float(offset.square().sum())}, 2 * factor * offset)

    return evaluate


def test_lbfgs_finds_the_minimum_of_a_quadratic_and_never_increases_the_loss():
    # 51 dimensions, condition 100: steepest optimizer would need hundreds of steps to 1e-6
    evaluate, minimum = quadratic()
    optimizer = LBFGS(evaluate, image(size=(1, 17)))
    losses = [evaluate(optimizer.image).losses["total"]]
    losses += [optimizer.step()["total"] for _ in range(60)]
    assert all(after <= before for before, after in itertools.pairwise(losses))
    assert losses[-1] < 1e-6
    torch.testing.assert_close(optimizer.image, minimum, rtol=0, atol=1e-3)


def test_lbfgs_returns_the_losses_of_its_image():
    evaluate, _ = quadratic()
    optimizer = LBFGS(evaluate, image(size=(1, 17)))
    for _ in range(5):
        losses = optimizer.step()
        assert losses == evaluate(optimizer.image).losses


def test_lbfgs_at_the_minimum_stays_there_with_a_note():
    evaluate, minimum = quadratic()
    optimizer = LBFGS(evaluate, minimum)
    assert optimizer.step()["total"] == 0
    assert torch.equal(optimizer.image, minimum)
    assert optimizer.note


def test_lbfgs_survives_steps_into_nan():
    # the minimum is beyond the limit: every long step meets NaN, and it goes as far as it can
    optimizer = LBFGS(nan_beyond(0.011, image(0.9)), image())
    losses = [optimizer.step()["total"] for _ in range(30)]
    assert all(math.isfinite(loss) for loss in losses)
    assert all(after <= before for before, after in itertools.pairwise(losses))
    change = float((optimizer.image - 0.5).abs().max())
    assert 0.008 < change <= 0.011


def test_adam_survives_steps_into_nan():
    # the minimum is before the limit, which the first step of 0.02 crosses: it must be halved
    for ema_decay in (0.0, 0.9):
        objective = nan_beyond(0.011, image(0.508))
        optimizer = Adam(objective, image(), learning_rate=0.02, ema_decay=ema_decay)
        for _ in range(60):
            optimizer.step()
        assert bool(optimizer.image.isfinite().all())
        assert objective(optimizer.image).losses["total"] < objective(image()).losses["total"]


def test_adam_keeps_the_last_good_image_after_nan():
    # one NaN in the middle: the result then is the image before it
    calls, target = itertools.count(), image(0.9)

    def evaluate(x):
        factor = math.nan if next(calls) == 5 else 1.0
        return Evaluation(
            {"total": factor * float((x - target).square().sum())}, factor * (x - target)
        )

    optimizer = Adam(evaluate, image(), learning_rate=0.02, ema_decay=0.0)
    for _ in range(5):
        optimizer.step()
    losses = optimizer.step()
    assert math.isnan(losses["total"])
    assert "restart" in optimizer.note
    assert bool(optimizer.image.isfinite().all())
    later = [optimizer.step()["total"] for _ in range(5)]
    assert later[-1] < later[0]


def test_a_loss_that_is_always_nan_is_an_error():
    always_nan = nan_beyond(-1.0, image(0.9))
    with pytest.raises(OptimizationError, match="NaN or infinite; use precision float32"):
        LBFGS(always_nan, image())
    optimizer = Adam(always_nan, image())
    with pytest.raises(OptimizationError, match="NaN or infinite, however small the steps"):
        collections.deque((optimizer.step() for _ in range(100)), maxlen=0)


def test_adams_steps_are_torchs():
    # Kingma and Ba's algorithm 1 with betas (.9, .99), without averaging; the floor is 1e-12 here
    evaluate, _ = quadratic()
    ours = Adam(evaluate, image(size=(1, 17)), learning_rate=0.02, ema_decay=0.0)
    theirs = image(size=(1, 17)).requires_grad_()
    torch_adam = torch.optim.Adam([theirs], lr=0.02, betas=(0.9, 0.99), eps=1e-12)
    for _ in range(12):
        theirs.grad = evaluate(theirs.detach()).gradient
        torch_adam.step()
        ours.step()
        torch.testing.assert_close(ours.image, theirs.detach(), rtol=0, atol=1e-12)


def test_adams_result_is_the_average_of_its_iterates():
    # the iterate of i steps ago has weight decay^i, and weights sum to 1 from the first step on
    evaluate, _ = quadratic()
    plain, averaged = (Adam(evaluate, image(size=(1, 17)), ema_decay=d) for d in (0.0, 0.8))
    iterates = []
    for number in range(1, 8):
        plain.step()
        averaged.step()
        iterates.append(plain.image)
        weights = [0.8 ** (number - 1 - i) for i in range(number)]
        mean = sum(w * x for w, x in zip(weights, iterates, strict=True)) / sum(weights)
        torch.testing.assert_close(averaged.image, mean, rtol=0, atol=1e-12)


def test_adam_continued_at_the_same_size_is_not_changed():
    evaluate, _ = quadratic()
    whole = Adam(evaluate, image(size=(1, 17)), ema_decay=0.0)
    first = Adam(evaluate, image(size=(1, 17)), ema_decay=0.0)
    for _ in range(4):
        whole.step()
        first.step()
    second = Adam(evaluate, first.image, ema_decay=0.0, coarser=first)
    for _ in range(4):
        whole.step()
        second.step()
    torch.testing.assert_close(second.image, whole.image, rtol=0, atol=1e-9)


def test_adam_continued_at_a_larger_size_starts_at_its_image():
    def evaluate(x):
        return Evaluation({"total": float(x.square().sum())}, 2 * x)

    first = Adam(evaluate, image(0.5), ema_decay=0.0)
    for _ in range(3):
        first.step()
    second = Adam(evaluate, image(0.4, (8, 10)), ema_decay=0.0, coarser=first)
    assert torch.equal(second.image, image(0.4, (8, 10)))
    second.step()
    # a constant image stays constant: the state is enlarged, not disturbed
    assert float(second.image.std()) < 1e-6
    assert 0 < 0.4 - float(second.image.mean()) < 0.03


@pytest.mark.parametrize("method", [LBFGS, Adam])
def test_the_initial_image_is_not_changed(method):
    start = image()
    optimizer = method(nan_beyond(1.0, image(0.9)), start)
    for _ in range(3):
        optimizer.step()
    assert torch.equal(start, image())
    assert not torch.equal(optimizer.image, start)


def test_lbfgs_evaluates_no_more_once_it_has_converged():
    # at the exact minimum the gradient is zero
    calls = []

    def bowl(x):
        calls.append(1)
        return Evaluation({"total": float(x.square().sum())}, 2 * x)

    optimizer = LBFGS(bowl, torch.zeros(1, 3, 4, 4))
    optimizer.step()
    assert optimizer.converged
    before = len(calls)
    optimizer.step()
    assert len(calls) == before
    assert "no step" in optimizer.note
