"""Descent over the pixels of one picture: L-BFGS with line search, and Adam with averaging.

L-BFGS: Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4 and 7.5; the step is
halved or interpolated until the loss falls enough (Armijo, 3.1). Adam: Kingma and Ba 2014
(arXiv:1412.6980), algorithm 1, with a running average of the iterates as its result.

Departures: a step is one accepted iterate, nearly always one evaluation of the objective (a
library's L-BFGS evaluates the accepted point again before the next step, and forgets the line
search when it is driven step by step). A loss that is not a number is a step too long: it is
halved, and the last good picture is never lost.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.errors import OptimizationError
from bowerbird.image.objective import Evaluation

Evaluate = Callable[[Tensor], Evaluation]

FIRST_CHANGE = 0.02  # the largest change of a pixel in the very first step, in [0, 1]
SUFFICIENT = 1e-4  # of the predicted fall that a step must reach (Nocedal and Wright, 3.1)
HALVINGS = 12  # shorter steps tried before the curvature is forgotten


class Descent(Protocol):
    """A picture on its way down."""

    picture: Float[Tensor, "1 3 h w"]
    """The picture as it would be handed over now."""
    note: str
    """What was unusual about the last step, or nothing."""
    done: bool
    """Whether further steps would change nothing."""

    def step(self) -> dict[str, float]:
        """Improve the picture once and return the losses."""
        ...


class LBFGS:
    """Quasi-Newton descent; good from the first dozens of steps on."""

    def __init__(self, evaluate: Evaluate, start: Tensor, history: int = 20) -> None:
        """Begin at ``start``; memory is 2 * history pictures in float32."""
        self.evaluate, self.picture, self.note, self.done = evaluate, start.clone(), "", False
        self.pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=history)
        # one block for all pairs: large tensors that come and go between them would leave gaps
        self.room = start.new_empty((history, 2, *start.shape))
        self.next = 0
        self.now = _finite(evaluate(self.picture))

    def _direction(self) -> Tensor:
        """Return minus the inverse Hessian's estimate times the gradient (algorithm 7.4)."""
        q = self.now.gradient.neg()
        shares = []
        for s, y, curvature in reversed(self.pairs):
            share = _dot(s, q) / curvature
            q.add_(y, alpha=-share)
            shares.append(share)
        if self.pairs:
            _, y, curvature = self.pairs[-1]
            q.mul_(curvature / _dot(y, y))
        else:
            q.mul_(FIRST_CHANGE / max(float(q.abs().max()), 1e-30))
        for (s, y, curvature), share in zip(self.pairs, reversed(shares), strict=True):
            q.add_(s, alpha=share - _dot(y, q) / curvature)
        return q

    def step(self) -> dict[str, float]:
        """Improve the picture once, if any step does, and return the losses."""
        self.note = ""
        while not self.done:
            direction = self._direction()
            slope = _dot(self.now.gradient, direction)
            if slope < 0 and self._search(direction, slope):
                return self.now.losses
            self.done = not self.pairs
            self.pairs.clear()  # the estimate misleads: once more along the gradient
            self.note = "restarted from the last good picture"
        self.note = "no step improves the picture any more"
        return self.now.losses

    def _search(self, direction: Tensor, slope: float) -> bool:
        """Take the longest of a row of steps that lowers the loss enough; say whether one did."""
        before, length = self.now.losses["total"], 1.0
        for _ in range(HALVINGS):
            candidate = self.picture.add(direction, alpha=length)
            there = self.evaluate(candidate)
            after = there.losses["total"]
            if after <= before + SUFFICIENT * length * slope and _is_finite(there):
                self._accept(candidate, there)
                return True
            # the parabola through both losses and the slope, within safe limits
            lowest = -slope * length**2 / (2 * (after - before - slope * length))
            good = 0.1 * length <= lowest <= 0.5 * length  # also false for not-a-number
            length = lowest if good else 0.5 * length if after - before < 1e30 else 0.1 * length
        return False

    def _accept(self, candidate: Tensor, there: Evaluation) -> None:
        if len(self.pairs) == self.pairs.maxlen:  # the oldest pair makes room
            self.pairs.popleft()
        s, y = self.room[self.next]
        torch.sub(candidate, self.picture, out=s)
        torch.sub(there.gradient, self.now.gradient, out=y)
        curvature = _dot(s, y)
        if curvature > 1e-10 * _dot(y, y):
            self.pairs.append((s, y, curvature))
            self.next = (self.next + 1) % len(self.room)
        self.picture, self.now = candidate, there


class Adam:
    """Descent with a step of its own for each pixel; needs five pictures of memory."""

    def __init__(
        self,
        evaluate: Evaluate,
        start: Tensor,
        rate: float = 0.02,
        decay: float = 0.99,
        earlier: "Adam | None" = None,
    ) -> None:
        """Begin at ``start``; ``rate`` is the change a step in [0, 1]; ``earlier`` was smaller.

        ``decay`` is that of the running average that is handed over (0: the iterate itself).
        """
        self.evaluate, self.rate, self.decay = evaluate, rate, decay
        self.note, self.done = "", False
        self.iterate = start.clone()
        self.mean, self.square, self.count = torch.zeros_like(start), torch.zeros_like(start), 0
        if earlier is not None:  # the state at the smaller size, so that no burst of noise begins
            size = (start.shape[2], start.shape[3])
            self.mean = F.interpolate(earlier.mean, size, mode="bicubic")
            self.square = F.interpolate(earlier.square, size, mode="bilinear").clamp(min=0)
            self.count = earlier.count
        self.averaged, self.share = torch.zeros_like(start), 0.0
        self.picture, self.good = self.iterate.clone(), self.iterate.clone()

    def step(self) -> dict[str, float]:
        """Improve the picture once and return the losses before the step."""
        there = self.evaluate(self.iterate)
        self.note = ""
        if not _is_finite(there):
            if self.rate < 1e-6:
                raise OptimizationError("the loss is not a number, however small the steps")
            self.rate /= 2
            self.iterate = self.good.clone()
            self.averaged, self.share = torch.zeros_like(self.good), 0.0
            self.picture = self.good
            self.mean.zero_()
            self.note = f"restarted from the last good picture with rate {self.rate:.2g}"
            return there.losses
        self.count += 1
        self.good = self.iterate.clone()
        first, second = 0.9, 0.99
        self.mean.lerp_(there.gradient, 1 - first)
        self.square.lerp_(there.gradient.square(), 1 - second)
        scale = (self.square / (1 - second**self.count)).sqrt_().add_(1e-12)
        self.iterate.addcdiv_(self.mean, scale, value=-self.rate / (1 - first**self.count))
        self.averaged.lerp_(self.iterate, 1 - self.decay)
        self.share += (1 - self.share) * (1 - self.decay)
        self.picture = self.averaged / self.share
        return there.losses


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a.flatten(), b.flatten()))


def _is_finite(there: Evaluation) -> bool:
    return bool(torch.tensor(there.losses["total"]).isfinite()) and bool(
        there.gradient.isfinite().all()
    )


def _finite(there: Evaluation) -> Evaluation:
    if not _is_finite(there):
        raise OptimizationError(
            "the loss of the first picture is not a number; take precision float32, weights "
            "that are not so large, or another painting"
        )
    return there
