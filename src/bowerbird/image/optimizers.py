"""Minimize over the pixels of one image: L-BFGS with line search, and Adam with averaging.

L-BFGS: Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4 and 7.5; the step is
halved or interpolated until the loss decreases enough (Armijo, 3.1). Adam: Kingma and Ba 2014
(arXiv:1412.6980), algorithm 1, with a moving average of the iterates as its result.

Departures: a step is one accepted iterate, nearly always one evaluation of the objective (a
library's L-BFGS evaluates the accepted point again before the next step, and forgets the line
search when it is driven step by step). A loss that is NaN means that the step was too long: it is
halved, and the last good image is never lost.
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
SUFFICIENT_DECREASE = 1e-4  # of the predicted one, for a step (Nocedal and Wright, 3.1)
MAX_HALVINGS = 12  # shorter steps tried before the history is cleared
BETA_1, BETA_2 = 0.9, 0.99  # Adam's decays
MIN_LEARNING_RATE = 1e-6


class Optimizer(Protocol):
    """An image that is improved step by step."""

    image: Float[Tensor, "1 3 h w"]
    """The result so far."""
    note: str
    """What was unusual about the last step, or nothing."""
    converged: bool
    """Whether further steps would change nothing."""

    def step(self) -> dict[str, float]:
        """Improve the image once and return the losses."""
        ...


class LBFGS:
    """Quasi-Newton method; good from the first dozens of steps on."""

    def __init__(self, evaluate: Evaluate, image: Tensor, history: int = 20) -> None:
        """Start at ``image``; needs memory for 2 * history images in float32."""
        self.evaluate, self.image, self.note, self.converged = evaluate, image.clone(), "", False
        self.pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=history)
        # one block for all pairs: large tensors that come and go between them would leave gaps
        self.storage = image.new_empty((history, 2, *image.shape))
        self.next_slot = 0
        self.current = evaluate(self.image)
        if not self.current.is_finite:
            raise OptimizationError(
                "the loss of the initial image is NaN or infinite; use precision float32, smaller "
                "weights, or another style image"
            )

    def _direction(self) -> Tensor:
        """Return minus the inverse Hessian's estimate times the gradient (algorithm 7.4)."""
        q = self.current.gradient.neg()
        alphas = []
        for s, y, curvature in reversed(self.pairs):
            alpha = _dot(s, q) / curvature
            q.add_(y, alpha=-alpha)
            alphas.append(alpha)
        if self.pairs:
            _, y, curvature = self.pairs[-1]
            q.mul_(curvature / _dot(y, y))
        else:
            q.mul_(FIRST_CHANGE / max(float(q.abs().max()), 1e-30))
        for (s, y, curvature), alpha in zip(self.pairs, reversed(alphas), strict=True):
            q.add_(s, alpha=alpha - _dot(y, q) / curvature)
        return q

    def step(self) -> dict[str, float]:
        """Improve the image once, if any step does, and return the losses."""
        self.note = ""
        while not self.converged:
            direction = self._direction()
            slope = _dot(self.current.gradient, direction)
            if slope < 0 and self._line_search(direction, slope):
                return self.current.losses
            self.converged = not self.pairs
            self.pairs.clear()  # the curvature misleads: try once more along the gradient
            self.note = "restarted from the last good image"
        self.note = "converged: no step improves the image"
        return self.current.losses

    def _line_search(self, direction: Tensor, slope: float) -> bool:
        """Take the longest of a series of steps that lowers the loss enough; return success."""
        before, length = self.current.losses["total"], 1.0
        for _ in range(MAX_HALVINGS):
            candidate = self.image.add(direction, alpha=length)
            evaluation = self.evaluate(candidate)
            after = evaluation.losses["total"]
            if after <= before + SUFFICIENT_DECREASE * length * slope and evaluation.is_finite:
                self._accept(candidate, evaluation)
                return True
            # the minimum of the parabola through both losses and the slope, within safe limits
            minimum = -slope * length**2 / (2 * (after - before - slope * length))
            valid = 0.1 * length <= minimum <= 0.5 * length  # False for NaN too
            length = minimum if valid else 0.5 * length if after - before < 1e30 else 0.1 * length
        return False

    def _accept(self, candidate: Tensor, evaluation: Evaluation) -> None:
        if len(self.pairs) == self.pairs.maxlen:  # the new pair takes the slot of the oldest
            self.pairs.popleft()
        s, y = self.storage[self.next_slot]
        torch.sub(candidate, self.image, out=s)
        torch.sub(evaluation.gradient, self.current.gradient, out=y)
        curvature = _dot(s, y)
        if curvature > 1e-10 * _dot(y, y):
            self.pairs.append((s, y, curvature))
            self.next_slot = (self.next_slot + 1) % len(self.storage)
        self.image, self.current = candidate, evaluation


class Adam:
    """A step size per pixel; needs memory for five images."""

    def __init__(
        self,
        evaluate: Evaluate,
        image: Tensor,
        learning_rate: float = 0.02,
        ema_decay: float = 0.99,
        coarser: "Adam | None" = None,
    ) -> None:
        """Start at ``image``; ``learning_rate`` is the change per step, for pixels in [0, 1].

        ``ema_decay`` is that of the moving average that is the result (0: the iterate itself);
        ``coarser`` is the optimizer of the scale before.
        """
        self.evaluate, self.learning_rate, self.ema_decay = evaluate, learning_rate, ema_decay
        self.note, self.converged = "", False
        self.iterate = image.clone()
        self.mean, self.square, self.count = torch.zeros_like(image), torch.zeros_like(image), 0
        if coarser is not None:  # its state, resized, so that no burst of noise begins the scale
            size = (image.shape[2], image.shape[3])
            self.mean = F.interpolate(coarser.mean, size, mode="bicubic")
            self.square = F.interpolate(coarser.square, size, mode="bilinear").clamp(min=0)
            self.count = coarser.count
        self.average, self.average_weight = torch.zeros_like(image), 0.0
        self.image, self.last_good = self.iterate.clone(), self.iterate.clone()

    def step(self) -> dict[str, float]:
        """Improve the image once and return the losses before the step."""
        evaluation = self.evaluate(self.iterate)
        self.note = ""
        if not evaluation.is_finite:
            self._restart()
            return evaluation.losses
        self.count += 1
        self.last_good = self.iterate.clone()
        self.mean.lerp_(evaluation.gradient, 1 - BETA_1)
        self.square.lerp_(evaluation.gradient.square(), 1 - BETA_2)
        scale = (self.square / (1 - BETA_2**self.count)).sqrt_().add_(1e-12)
        self.iterate.addcdiv_(
            self.mean, scale, value=-self.learning_rate / (1 - BETA_1**self.count)
        )
        self.average.lerp_(self.iterate, 1 - self.ema_decay)
        self.average_weight += (1 - self.average_weight) * (1 - self.ema_decay)
        self.image = self.average / self.average_weight
        return evaluation.losses

    def _restart(self) -> None:
        """Go back to the last good image and halve the learning rate."""
        if self.learning_rate < MIN_LEARNING_RATE:
            raise OptimizationError("the loss is NaN or infinite, however small the steps")
        self.learning_rate /= 2
        self.iterate = self.last_good.clone()
        self.average, self.average_weight = torch.zeros_like(self.last_good), 0.0
        self.image = self.last_good
        self.mean.zero_()
        self.note = (
            f"restarted from the last good image with learning rate {self.learning_rate:.2g}"
        )


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a.flatten(), b.flatten()))
