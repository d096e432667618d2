"""Window proposals: the most likely class of windows of many sizes and shapes.

The average of a class's map over a window is the network's logit for the window alone, so
thousands of windows cost one forward pass, and their averages come from a summed-area table:
sum = T(bottom, right) - T(top, right) - T(bottom, left) + T(top, left).

Source: Sermanet et al. 2013, arXiv:1312.6229, section 3.3 (classifier at all positions and sizes);
Crow 1984 (summed-area tables); greedy non-maximum suppression as in Felzenszwalb et al. 2010,
section 7.

Departures: windows are 3 to 10 positions of the last features high and wide; of two overlapping
windows the worse is dropped by its overlap with the smaller one, so that a part is not kept beside
the whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.vision.boxes import Sides, overlap

LENGTHS = (3, 4, 5, 6, 7, 8, 10)  # positions of the features, high and wide
MAX_ASPECT = 2.1  # of a window
MIN_PROBABILITY = 0.1  # of a window's class
SAME_CLASS, OTHER_CLASS = 0.2, 0.7  # overlap from which the worse window is dropped
T = TypeVar("T")


@dataclass(frozen=True)
class Window:
    """A rectangle and its most likely class."""

    number: int  # of the class, 0..999
    score: float  # 0..1
    xyxy: Sides  # px of the picture


def propose_windows(
    maps: Sequence[Float[Tensor, "1000 _h _w"]], size: tuple[int, int]
) -> list[Window]:
    """Return all windows in which a class has a probability above 0.1, best first."""
    proposals: list[Window] = []
    for scores in maps:
        rows, columns = scores.shape[1:]
        sums = F.pad(scores.cumsum(1).cumsum(2), (1, 0, 1, 0))
        down, across = size[0] / rows, size[1] / columns
        shapes = [
            (high, wide)
            for high in _lengths(rows)
            for wide in _lengths(columns)
            if max(high, wide) <= MAX_ASPECT * min(high, wide) or high == rows or wide == columns
        ]
        for high, wide in shapes:
            total = sums[:, high:, wide:] - sums[:, :-high, wide:]
            total = total - sums[:, high:, :-wide] + sums[:, :-high, :-wide]
            values, numbers = (total / (high * wide)).softmax(0).max(0)
            for y, x in (values > MIN_PROBABILITY).nonzero().tolist():
                box = (x * across, y * down, (x + wide) * across, (y + high) * down)
                proposals.append(Window(int(numbers[y, x]), float(values[y, x]), box))
    return sorted(proposals, key=lambda window: -window.score)


def distinct_windows(ranked: Sequence[Window], limit: int) -> list[Window]:
    """Return the best ranked windows, at most ``limit``, that overlap little.

    Windows of different classes may overlap more.
    """
    selected: list[Window] = []
    for window in ranked:
        overlaps = (
            (
                overlap(window.xyxy, other.xyxy),
                SAME_CLASS if window.number == other.number else OTHER_CLASS,
            )
            for other in selected
        )
        if all(shared < most for shared, most in overlaps):
            selected.append(window)
        if len(selected) == limit:
            break
    return selected


def non_max_suppression(ranked: Sequence[T], collide: Callable[[T, T], bool]) -> list[T]:
    """Return the ranked items that collide with no better one."""
    selected: list[T] = []
    for item in ranked:
        if not any(collide(item, better) for better in selected):
            selected.append(item)
    return selected


def _lengths(length: int) -> list[int]:
    """Return the window lengths that fit, or the whole length if none does."""
    return [one for one in LENGTHS if one <= length] or [length]
