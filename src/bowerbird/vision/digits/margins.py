"""Large writing on even paper, as it is cut out of a page: more of its paper is laid around it.

Paper and rulings are found by windows that are a share of the picture, so writing has to be small
in it. Where most of a picture is of one shade and its ink is strong, as in what was scanned or
drawn, the picture is continued by that shade until writing is as small as on a page.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from bowerbird.vision.digits.binarize import Array

FAINT = 0.1  # of the most that ink differs from paper: below it is paper
CONTRAST = 0.1  # of white, that ink differs from paper at least
INK = 0.5  # of the most that ink differs, above which a px is surely ink
PAPER = 0.55  # least share of the picture that is paper
FULL = 0.35  # least share of the ink that is more than half as strong as the strongest
HIGH = 1 / 16  # of the picture's long side, that writing on a page is high


@dataclass(frozen=True, eq=False)
class Laid:
    """A picture on more of its paper."""

    values: Array  # (h, w, 3), 0..1
    margin: int = 0  # px that were added on each side


def inked(away: Array) -> Array | None:
    """Return ink, 0..1, from how far px are from paper; None if there is none."""
    most = float(away.max())
    if most < CONTRAST:
        return None
    return np.where(away < FAINT * most, 0, away / most).astype(np.float32)


def is_strong(ink: Array) -> bool:
    """Tell whether ink, 0..1, is strong and on even paper: no half-tones."""
    even = (ink == 0).mean() >= PAPER
    return bool(even and (ink > INK).sum() > FULL * (ink > 0).sum())


def laid_out(values: Array) -> Laid:
    """Lay a picture (h, w, 3) in 0..1 on more paper, if large writing fills it."""
    gray = values.mean(axis=2)
    ink = inked(np.abs(gray - np.median(gray)))
    if ink is None or not is_strong(ink):
        return Laid(values)
    body = (ink > INK).astype(np.uint8)
    _, _, facts, _ = cv2.connectedComponentsWithStats(body, connectivity=8)
    high = np.sort(facts[1:, cv2.CC_STAT_HEIGHT].astype(float))
    weight = np.cumsum(np.sqrt(high))  # so that one grid outweighs no digits, nor do a few specks
    usual = float(high[np.searchsorted(weight, weight[-1] / 2)])
    margin = math.ceil((usual / HIGH - max(gray.shape)) / 2)
    if margin <= 0:
        return Laid(values)
    paper = [float(np.median(values[..., channel])) for channel in range(3)]
    wide = cv2.copyMakeBorder(
        values, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=paper
    )
    return Laid(wide, margin)
