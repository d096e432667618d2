"""Connected components of the writing on a page, each of which may be a digit, or several.

A component is normalized by its own contrast, so that digits in the shade are as black as others.
Broken digits are merged and touching ones split later, by what reads best (``segmentation.py``);
this module only provides the operations.
"""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bowerbird.vision.digits.binarize import Array, Foreground, Mask
from bowerbird.vision.digits.normalize import find_extent

Columns = NDArray[Any]  # int64
MIN_SIDE = 5  # px of the larger side
MIN_AREA = 10  # px
MAX_SIDE = 0.45  # of the page
MAX_COMPONENTS = 1500  # per page, the largest first
EDGE, FULL = 0.25, 0.7  # fractions of a component's contrast that become 0 and 1
BODY = 0.4  # fraction of a component's contrast above which a pixel belongs to it
MAX_CUT = 1.7  # stroke widths that a cut may go through
SIDESTEP = 0.05  # cost of a diagonal step, which keeps cuts straight where nothing is gained
MIN_FRAGMENT = 0.12  # area of a part, of the largest; smaller ones belong to the neighbor
SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Component:
    """A connected region of writing."""

    left: int
    top: int
    image: Array  # (h, w), 0: background .. 1: writing
    contrast: float
    clean_fraction: float  # of the pixels around it without half-tones, 0..1

    @property
    def width(self) -> int:
        """Width, px."""
        return self.image.shape[1]

    @property
    def height(self) -> int:
        """Height, px."""
        return self.image.shape[0]

    @property
    def right(self) -> int:
        """Right side, px."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """Lower side, px."""
        return self.top + self.height

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom, px."""
        return (self.left, self.top, self.right, self.bottom)


def find_components(page: Foreground) -> list[Component]:
    """Return the components of a page that are of the size of digits."""
    labels, boxes = label_components(page.mask)
    components: list[Component] = []
    order = np.argsort(-boxes[:, cv2.CC_STAT_AREA])[:MAX_COMPONENTS]
    for number in order.tolist():
        left, top, width, height, area = boxes[number].tolist()
        large = width > MAX_SIDE * labels.shape[1] or height > MAX_SIDE * labels.shape[0]
        if large or max(width, height) < MIN_SIDE or area < MIN_AREA:
            continue
        window = slice(top, top + height), slice(left, left + width)
        own = labels[window] == number + 1
        components += _normalized(page.contrast[window], own, (left, top))
    return [_with_clean_fraction(component, page) for component in components]


def label_components(mask: Array) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return 8-connected components: labels (h, w) from 1, and OpenCV's stats (n, 5) of each."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return labels, stats[1:]


def merge(first: Component, second: Component) -> Component:
    """Return two components as one."""
    left, top = min(first.left, second.left), min(first.top, second.top)
    right, bottom = max(first.right, second.right), max(first.bottom, second.bottom)
    image = np.zeros((bottom - top, right - left), np.float32)
    for one in (first, second):
        y, x = one.top - top, one.left - left
        window = image[y : y + one.height, x : x + one.width]
        np.maximum(window, one.image, out=window)
    contrast = max(first.contrast, second.contrast)
    return Component(left, top, image, contrast, min(first.clean_fraction, second.clean_fraction))


def split(component: Component, start: Columns, stop: Columns) -> Component | None:
    """Return the part between two cuts, one column per row, or None if it is nearly empty."""
    x = np.arange(component.width)
    inside = (x >= start[:, None]) & (x < stop[:, None])
    image = np.where(inside, component.image, 0).astype(np.float32)
    labels, boxes = label_components(image > 0.3)
    if not len(boxes):
        return None
    areas = boxes[:, cv2.CC_STAT_AREA]
    fragments = np.flatnonzero(areas < MIN_FRAGMENT * areas.max()) + 1
    image[cv2.dilate(np.isin(labels, fragments).astype(np.uint8), SQUARE) > 0] = 0
    return _trimmed(replace(component, image=image))


def find_cuts(component: Component, max_cuts: int = 12) -> list[Columns]:
    """Return possible cuts from top to bottom, one column per row, from left to right.

    A cut moves by at most one column per row and crosses as little writing as possible: of all
    cuts through a pixel of the middle row the best is kept (shortest path, by dynamic
    programming). Two digits mostly touch in one place, so a cut crosses about one stroke, and not
    two as it would in a 0.
    """
    image, middle = component.image, component.height // 2
    down, came_down = _path_costs(image)
    up, came_up = _path_costs(image[::-1])
    cost = down[middle] + up[component.height - 1 - middle] - image[middle]
    distance = max(2, round(0.1 * component.height))
    free = cost < MAX_CUT * stroke_width(component)
    free[:distance], free[-distance:] = False, False
    cuts: list[Columns] = []
    while free.any() and len(cuts) < max_cuts:
        column = int(np.where(free, cost, np.inf).argmin())
        above = _path(came_down, middle, column)
        below = _path(came_up, component.height - 1 - middle, column)[::-1]
        cuts.append(np.concatenate([above, below[1:]]))
        free[max(0, column - distance) : column + distance + 1] = False
    return sorted(cuts, key=lambda columns: float(columns[middle]))


def _path_costs(image: Array) -> tuple[Array, Columns]:
    """Return the lowest cost of a path from the top to each pixel, and the columns it came from."""
    height, width = image.shape
    cost = np.zeros((height, width), np.float32)
    came_from = np.zeros((height, width), np.int64)
    cost[0], columns = image[0], np.arange(width)
    for row in range(1, height):
        above = np.pad(cost[row - 1], 1, constant_values=np.inf)
        steps = np.stack([above[1:-1], above[:-2] + SIDESTEP, above[2:] + SIDESTEP])
        step = steps.argmin(0)
        came_from[row] = columns + np.array([0, -1, 1])[step]
        cost[row] = steps[step, columns] + image[row]
    return cost, came_from


def _path(came_from: Columns, row: int, column: int) -> Columns:
    """Return the columns of the path from the top to a pixel, one per row."""
    path = [column]
    for at in range(row, 0, -1):
        path.append(int(came_from[at, path[-1]]))
    return np.array(path[::-1])


def stroke_width(component: Component) -> float:
    """Return the width of the strokes, px: twice the mean distance of their ridge to the edge."""
    body = np.pad((component.image > BODY).astype(np.uint8), 1)
    distance = cv2.distanceTransform(body, cv2.DIST_L2, 3)
    ridge = distance[(distance >= cv2.dilate(distance, SQUARE)) & (distance > 0)]
    return 2 * float(np.mean(ridge)) if len(ridge) else 1.0


def _normalized(contrast: Array, own: Mask, corner: tuple[int, int]) -> list[Component]:
    """Return the parts of a component that remain without its faint edges, scaled to 0..1."""
    typical = float(np.percentile(contrast[own], 85))
    labels, boxes = label_components(own & (contrast > BODY * typical))
    around = cv2.dilate(own.astype(np.uint8), SQUARE) > 0
    scaled = np.where(around, np.clip((contrast / typical - EDGE) / (FULL - EDGE), 0, 1), 0)
    components = []
    for number in np.flatnonzero(boxes[:, cv2.CC_STAT_AREA] >= MIN_AREA) + 1:
        part = cv2.dilate((labels == number).astype(np.uint8), SQUARE) > 0
        image = np.where(part, scaled, 0).astype(np.float32)
        component = _trimmed(Component(*corner, image, typical, 1.0))
        if component is not None and max(component.width, component.height) >= MIN_SIDE:
            components.append(component)
    return components


def _trimmed(component: Component) -> Component | None:
    """Return a component without the empty rows and columns around it."""
    extent = find_extent(component.image > 0.1)
    if extent is None:
        return None
    left, top = component.left + extent[1].start, component.top + extent[0].start
    return replace(
        component, left=left, top=top, image=np.ascontiguousarray(component.image[extent])
    )


def _with_clean_fraction(component: Component, page: Foreground) -> Component:
    """Return a component with the fraction of the background around it without half-tones."""
    margin = max(3, component.height // 5)
    y0, x0 = max(0, component.top - margin), max(0, component.left - margin)
    window = slice(y0, component.bottom + margin), slice(x0, component.right + margin)
    own: Array = np.zeros(page.mask[window].shape, np.uint8)
    y, x = component.top - y0, component.left - x0
    own[y : y + component.height, x : x + component.width] = component.image > 0.02
    own = cv2.dilate(own, np.ones((5, 5), np.uint8))
    background = (own == 0) & ~page.rulings[window]
    # a neighboring digit has the component's contrast: what is in between is unclean
    relative = page.contrast[window] / component.contrast
    unclean = (relative > 0.2) & (relative < 0.6) & background
    fraction = 1 - float(unclean.sum()) / max(1, int(background.sum()))
    return replace(component, clean_fraction=fraction)
