"""Which classes a classifier sees in which windows of a picture, over sizes and shapes.

The average of a class's map over a window is what the network would say of the window alone, so
thousands of windows cost one look at the picture, and their averages come from a table of sums:
sum over a window = T(bottom, right) - T(top, right) - T(bottom, left) + T(top, left).

Source: Sermanet et al. 2013, arXiv:1312.6229, section 3.3 (a classifier at every place and size);
Crow 1984 (the table of sums); greedy non-maximum suppression as in Felzenszwalb et al. 2010,
section 7.

Departures: windows are 3 to 10 positions of the last features high and wide; of two windows that
overlap, the worse is dropped by its overlap with the smaller of both, so that a part does not stay
beside the whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.vision.boxes import Sides, overlap

LENGTHS = (3, 4, 5, 6, 7, 8, 10)  # positions of the features, high and wide
SLIM = 2.1  # times its short side that a window's long side may be
FAINT = 0.1  # probability below which a window tells nothing
SAME, OTHER = 0.2, 0.7  # overlap from which a window of the same, of another class is dropped
T = TypeVar("T")


@dataclass(frozen=True)
class Window:
    """A rectangle and the class that is likeliest in it."""

    number: int  # of the class, 0..999
    score: float  # 0..1
    xyxy: Sides  # px of the picture


def propose_windows(
    maps: Sequence[Float[Tensor, "1000 _h _w"]], size: tuple[int, int]
) -> list[Window]:
    """Return every window in which some class has a tenth of the probability, best first."""
    found: list[Window] = []
    for scores in maps:
        rows, columns = scores.shape[1:]
        sums = F.pad(scores.cumsum(1).cumsum(2), (1, 0, 1, 0))
        down, across = size[0] / rows, size[1] / columns
        shapes = [
            (high, wide)
            for high in _lengths(rows)
            for wide in _lengths(columns)
            if max(high, wide) <= SLIM * min(high, wide) or high == rows or wide == columns
        ]
        for high, wide in shapes:
            total = sums[:, high:, wide:] - sums[:, :-high, wide:]
            total = total - sums[:, high:, :-wide] + sums[:, :-high, :-wide]
            values, numbers = (total / (high * wide)).softmax(0).max(0)
            for y, x in (values > FAINT).nonzero().tolist():
                box = (x * across, y * down, (x + wide) * across, (y + high) * down)
                found.append(Window(int(numbers[y, x]), float(values[y, x]), box))
    return sorted(found, key=lambda window: -window.score)


def distinct_windows(ranked: Sequence[Window], most: int) -> list[Window]:
    """Return the best of ranked windows that are apart, or of other classes and partly apart."""
    kept: list[Window] = []
    for window in ranked:
        limits = (
            (overlap(window.xyxy, other.xyxy), SAME if window.number == other.number else OTHER)
            for other in kept
        )
        if all(shared < limit for shared, limit in limits):
            kept.append(window)
        if len(kept) == most:
            break
    return kept


def non_max_suppression(ranked: Sequence[T], collide: Callable[[T, T], bool]) -> list[T]:
    """Return those of ranked things that collide with no better one (non-maximum suppression)."""
    kept: list[T] = []
    for thing in ranked:
        if not any(collide(thing, better) for better in kept):
            kept.append(thing)
    return kept


def _lengths(most: int) -> list[int]:
    """Return the lengths of windows that fit; at least one, where all is smaller."""
    return [length for length in LENGTHS if length <= most] or [most]
