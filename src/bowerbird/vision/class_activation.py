"""Class activation maps: where in a picture a classifier finds its classes, and boxes from them.

The network's logits are the average over positions of its last features f, times a matrix:
s_c = sum_k w_ck mean_xy f_k(x, y) + b_c. Without the average each position has its own logits,
M_c(x, y) = sum_k w_ck f_k(x, y) + b_c, and their average over any rectangle is what the network
would output for that rectangle alone.

Source: Zhou et al. 2016, arXiv:1512.04150, equations 1 and 2; dense evaluation at several sizes:
Sermanet et al. 2013, arXiv:1312.6229, section 3.3. A box encloses the connected component of the
map, around its maximum, above a fraction of that maximum (Zhou et al., section 3.2).

Departures: b_c is kept; negative values count as 0; maps are averaged over sizes after dividing
each by its maximum; the fraction is 0.35 instead of 0.2, chosen on development scenes
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

SIZES = (256, 384, 544)  # px, long side of the picture at each evaluation
STRIDE = 32  # px per position of the network's features; sides are multiples of it
AVERAGING = ("efficientnet-lite0",)  # networks whose logits are averages over positions
FINE = 4  # px of the picture per position of an averaged map
THRESHOLD = 0.35  # fraction of the map's maximum above which a position is the object's


def class_activation_maps(
    rgb: Float[Tensor, "3 h w"], classifier: Classifier, sizes: Sequence[int] = SIZES
) -> list[Float[Tensor, "1000 _h _w"]]:
    """Return the logits of all classes at each position, for each size of a picture in [0, 1].

    Raises ValueError for a network whose logits are not an average over positions.
    """
    if classifier.network not in AVERAGING:
        raise ValueError(
            f"{classifier.network} weights its positions differently and has no class activation "
            f"maps; use {' or '.join(AVERAGING)}"
        )
    maps = []
    for size in sizes:
        height, width = fit_long_side(rgb.shape[1], rgb.shape[2], size)
        grid = _round_to_stride(height), _round_to_stride(width)
        with torch.inference_mode():
            picture = classifier.prepare(resize(rgb, grid)[None])
            features = classifier.features(picture)[0].flatten(1).T  # positions, channels
            logits = classifier.head(features[:, :, None, None]).float().cpu()
        maps.append(logits.T.reshape(-1, grid[0] // STRIDE, grid[1] // STRIDE))
    return maps


def class_heatmap(
    maps: Sequence[Float[Tensor, "1000 _h _w"]], number: int, size: tuple[int, int]
) -> Float[Tensor, "h4 w4"]:
    """Return the map of one class, in [0, 1], averaged over sizes, at a quarter of ``size``."""
    fine = max(1, size[0] // FINE), max(1, size[1] // FINE)
    total = torch.zeros(fine)
    for logits in maps:
        positive = logits[number].clamp(min=0)
        positive = positive / positive.max().clamp(min=1e-6)
        large = F.interpolate(positive[None, None], fine, mode="bicubic", align_corners=False)
        total += large[0, 0].clamp(0, 1)
    return total / len(maps)


def box_from_heatmap(heat: Float[Tensor, "h4 w4"], window: Sides, size: tuple[int, int]) -> Sides:
    """Return the box, in px, around the active component whose maximum is in a window."""
    rows, columns = heat.shape
    down, across = size[0] / rows, size[1] / columns
    left, right = _span(window[0] / across, window[2] / across, columns)
    top, bottom = _span(window[1] / down, window[3] / down, rows)
    inside = heat[top:bottom, left:right]
    y, x = divmod(int(inside.argmax()), inside.shape[1])
    active = (heat > THRESHOLD * inside[y, x]).numpy().astype(np.uint8)
    _, components, stats, _ = cv2.connectedComponentsWithStats(active)
    component = int(components[top + y, left + x])
    if component == 0:  # a map that is zero everywhere
        return window
    x0, y0, wide, high = (int(side) for side in stats[component][:4])
    return x0 * across, y0 * down, (x0 + wide) * across, (y0 + high) * down


def _round_to_stride(side: int) -> int:
    """Return the positive multiple of the stride that is nearest to a side."""
    return max(1, round(side / STRIDE)) * STRIDE


def _span(first: float, last: float, length: int) -> tuple[int, int]:
    """Return integer start and stop positions within a length, at least one apart."""
    start = min(max(0, int(first)), length - 1)
    return start, min(max(int(last), start + 1), length)
