"""Where in a picture a classifier finds its classes: class activation maps, and boxes from them.

The network's scores are the average over positions of its last features f, times a matrix:
s_c = sum_k w_ck mean_xy f_k(x, y) + b_c. Without the average each position has scores of its own,
M_c(x, y) = sum_k w_ck f_k(x, y) + b_c, and their average over any rectangle is what the network
would say of it if that were all it saw.

Source: Zhou et al. 2016, arXiv:1512.04150, equations 1 and 2; a dense look at several sizes of the
picture: Sermanet et al. 2013, arXiv:1312.6229, section 3.3. A box is the one around the connected
part of the map, around its highest point, above a share of that (Zhou et al., section 3.2).

Departures: b_c is kept; maps below 0 count as 0, and are averaged over sizes after each was divided
by its largest value; the share is 0.35 where Zhou et al. take 0.2, chosen on development scenes
(docs/guides/detect.md).
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.pictures.pixels import fit_long_side, resize
from bowerbird.vision.boxes import Sides
from bowerbird.vision.classification import Classifier

SIZES = (256, 384, 544)  # px of the long side of the picture, each time it is looked at
STRIDE = 32  # px of the network's grid; a side is a multiple of it
AVERAGING = ("efficientnet-lite0",)  # networks whose scores are averages over positions
FINE = 4  # px of the picture, across, for one position of an averaged map
SHARE = 0.35  # of the map's highest point, above which a position belongs to the thing


def class_activation_maps(
    rgb: Float[Tensor, "3 h w"], classifier: Classifier, sizes: Sequence[int] = SIZES
) -> list[Float[Tensor, "1000 _h _w"]]:
    """Return each position's scores of all classes, once for each size of the picture in 0..1.

    Raises ValueError for a network whose scores are no average over positions.
    """
    if classifier.network not in AVERAGING:
        raise ValueError(
            f"{classifier.network} weighs its positions differently, so its scores have no map; "
            f"take {' or '.join(AVERAGING)}, which averages over them"
        )
    found = []
    for size in sizes:
        height, width = fit_long_side(rgb.shape[1], rgb.shape[2], size)
        grid = _whole(height), _whole(width)
        with torch.inference_mode():
            picture = classifier.prepare(resize(rgb, grid)[None])
            features = classifier.features(picture)[0].flatten(1).T  # positions, channels
            scores = classifier.head(features[:, :, None, None]).float().cpu()
        found.append(scores.T.reshape(-1, grid[0] // STRIDE, grid[1] // STRIDE))
    return found


def class_heatmap(
    maps: Sequence[Float[Tensor, "1000 _h _w"]], number: int, size: tuple[int, int]
) -> Float[Tensor, "h4 w4"]:
    """Return the map of one class, 0..1, averaged over sizes, at a quarter of ``size``."""
    fine = max(1, size[0] // FINE), max(1, size[1] // FINE)
    total = torch.zeros(fine)
    for scores in maps:
        positive = scores[number].clamp(min=0)
        positive = positive / positive.max().clamp(min=1e-6)
        large = F.interpolate(positive[None, None], fine, mode="bicubic", align_corners=False)
        total += large[0, 0].clamp(0, 1)
    return total / len(maps)


def box_from_heatmap(heat: Float[Tensor, "h4 w4"], window: Sides, size: tuple[int, int]) -> Sides:
    """Return the box, px, around the warm part of a map whose highest point lies in a window."""
    rows, columns = heat.shape
    down, across = size[0] / rows, size[1] / columns
    left, right = _span(window[0] / across, window[2] / across, columns)
    top, bottom = _span(window[1] / down, window[3] / down, rows)
    inside = heat[top:bottom, left:right]
    y, x = divmod(int(inside.argmax()), inside.shape[1])
    warm = (heat > SHARE * inside[y, x]).numpy().astype(np.uint8)
    _, parts, facts, _ = cv2.connectedComponentsWithStats(warm)
    part = int(parts[top + y, left + x])
    if part == 0:  # a map that is cold everywhere
        return window
    x0, y0, wide, high = (int(side) for side in facts[part][:4])
    return x0 * across, y0 * down, (x0 + wide) * across, (y0 + high) * down


def _whole(side: int) -> int:
    """Return the multiple of the stride nearest to a side, one at least."""
    return max(1, round(side / STRIDE)) * STRIDE


def _span(first: float, last: float, length: int) -> tuple[int, int]:
    """Return whole first and last (not included) positions within a length, one apart at least."""
    start = min(max(0, int(first)), length - 1)
    return start, min(max(int(last), start + 1), length)
