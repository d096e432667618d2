"""Loss curves: a TensorBoard log during training, and a picture at the end."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bowerbird.files.atomic_write import atomic_write
from bowerbird.learning.extras import import_extra
from bowerbird.learning.step import Step

BLUE, ORANGE, BLACK = "#1d4e89", "#d1662b", "#22252e"
SMOOTHING = 0.98  # weight of the past in the running mean of the losses


class Log:
    """A TensorBoard log of each step's losses and samples."""

    def __init__(self, folder: Path) -> None:
        """Open a log; raise OSError if the folder can't be made, or MissingPackageError."""
        import_extra("tensorboard", "--log")
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        self.writer = SummaryWriter(str(folder))

    def add(self, step: Step[Any]) -> None:
        """Add a step."""
        for name, value in step.losses.items():
            if math.isfinite(value):
                self.writer.add_scalar(name, value, step.number)
        if isinstance(step.preview, str):
            self.writer.add_text("sample", step.preview, step.number)

    def close(self) -> None:
        """Write the rest and close the log."""
        self.writer.close()


def draw_losses(history: Sequence[Step[None]], path: Path, unit: str) -> None:
    """Draw the losses of a training into a PNG file: steps, running mean, validation.

    ``unit`` labels the losses, as "nats per character".
    """
    from matplotlib.figure import Figure

    steps = [s.number for s in history]
    losses = [s.losses["total"] for s in history]
    validations = [
        (s.number, s.losses["validation_loss"]) for s in history if "validation_loss" in s.losses
    ]
    measured = [(number, loss) for number, loss in validations if math.isfinite(loss)]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(steps, losses, color=BLUE, alpha=0.25, linewidth=0.8)
    axes.plot(steps, _means(losses), color=BLUE, linewidth=1.6, label="training")
    if measured:
        axes.plot(
            *zip(*measured, strict=True), "o-", color=ORANGE, ms=3.5, lw=1.6, label="validation"
        )
        best = min(measured, key=lambda m: m[1])
        below = {"xytext": (0, -14), "textcoords": "offset points", "ha": "center"}
        axes.annotate(f"{best[1]:.3f}", best, color=ORANGE, **below)  # type: ignore[arg-type]
    finite = sorted(x for x in losses if math.isfinite(x))
    if finite:  # the first steps would squeeze all others into a line
        low = min([finite[0], *(loss for _, loss in measured)])
        high = finite[int(0.97 * (len(finite) - 1))]
        axes.set_ylim(low - 0.08 * (high - low + 0.1), high + 0.15 * (high - low + 0.1))
    axes.set(xlabel="step", ylabel=unit)
    axes.grid(color=BLACK, alpha=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=120)


def _means(losses: Sequence[float]) -> list[float]:
    """Return the running mean after each step, without losses that aren't finite."""
    mean, weight, means = 0.0, 0.0, []
    for loss in losses:
        if math.isfinite(loss):
            mean, weight = SMOOTHING * mean + loss, SMOOTHING * weight + 1
        means.append(mean / weight if weight else math.nan)
    return means
