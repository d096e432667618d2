"""Rectangles as four numbers, and how much of them two share.

IoU(a, b) = |a and b| / |a or b|; the overlap is |a and b| / min(|a|, |b|), which is 1 for a part
inside the whole. Source: Everingham et al. 2010, doi:10.1007/s11263-009-0275-4, section 4.2 (IoU).
"""

from typing import Any

from numpy.typing import NDArray

Sides = tuple[float, float, float, float]  # left, top, right, bottom, px
Corners = Sides | NDArray[Any]  # the same, or as an array (4,)


def area(box: Corners) -> float:
    """Return the area of a box, px^2; 0 where a side is negative."""
    return float(max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]))


def shared(one: Corners, other: Corners) -> float:
    """Return the area that two boxes share, px^2."""
    return area(
        (
            max(one[0], other[0]),
            max(one[1], other[1]),
            min(one[2], other[2]),
            min(one[3], other[3]),
        )
    )


def iou(one: Corners, other: Corners) -> float:
    """Return the intersection of two boxes over their union, 0..1; 0 where both are empty."""
    common = shared(one, other)
    union = area(one) + area(other) - common
    return common / union if union > 0 else 0.0


def overlap(one: Corners, other: Corners) -> float:
    """Return the intersection of two boxes over the smaller of both, 0..1; 0 if that is empty."""
    least = min(area(one), area(other))
    return shared(one, other) / least if least > 0 else 0.0
