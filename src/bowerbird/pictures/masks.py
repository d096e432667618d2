"""Read masks: which part of a photograph belongs to a region.

A mask is a gray picture, white in the region. Files of other programs are read as they are meant:
0 and 1 instead of 0 and 255, one label of a palette, one color on black, and a cutout whose opacity
is the region. A file with several labels or colors has no single meaning and is refused.
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from bowerbird.errors import PictureError
from bowerbird.pictures.pixels import Picture
from bowerbird.pictures.reading import read_codes, read_picture

VOID = 255  # the border between objects in label pictures of PASCAL VOC
_MAX_LABEL = 31  # codes of a gray picture up to this are labels, not shades
_BLACK = 0.02  # up to this a mask is black, as in a compressed one
_COLORFUL = 0.1  # difference between channels from which a picture has color
_SHARE = 0.002  # of all pixels: colors that are rarer are noise of compression


def read_mask(path: Path) -> Float[Tensor, "h w"]:
    """Return the region of a mask, 0 to 1; raise PictureError for one that has none, or several.

    Other errors are those of ``read_picture``.
    """
    picture = read_picture(path)
    region = _region(path, picture)
    if not float(region.max()) > _BLACK:
        raise PictureError(f"{path} is black everywhere; make the region of its style white")
    return region


def _region(path: Path, picture: Picture) -> Tensor:
    rgb, alpha = picture.rgb, picture.alpha
    colorful = float((rgb.amax(0) - rgb.amin(0)).max()) > _COLORFUL
    if alpha is not None:
        light = picture.over(0.0).mean(0)
        return alpha if colorful or not float(light.max()) > _BLACK else light
    codes, indexed = read_codes(path) or (None, False)
    if codes is not None and (int(codes.max()) <= _MAX_LABEL or (indexed and colorful)):
        return _label_region(path, codes)
    return _color_region(path, rgb) if colorful else rgb.mean(0)


def _label_region(path: Path, codes: NDArray[np.integer]) -> Tensor:
    labels = [int(code) for code in np.unique(codes) if code not in (0, VOID)]
    if not labels:
        labels = [VOID]
    if len(labels) > 1:
        listed = ", ".join(map(str, labels[:8])) + (" ..." if len(labels) > 8 else "")
        raise PictureError(
            f"{path} has the labels {listed}; give each its painting: "
            f"--mask-label {labels[0]}=PAINTING"
        )
    return torch.from_numpy((codes == labels[0]).astype(np.float32))


def _color_region(path: Path, rgb: Tensor) -> Tensor:
    """Return the region of one color on black."""
    coarse = (rgb * 2).round().flatten(1).T
    colors, counts = torch.unique(coarse, dim=0, return_counts=True)
    common = colors[counts > _SHARE * len(coarse)]
    if int((common.sum(1) > 0).sum()) != 1 or not bool((common.sum(1) == 0).any()):
        raise PictureError(
            f"{path} has several colors; make the region of its style white and the rest black"
        )
    light = rgb.amax(0)
    return (light > light.max() / 2).float()


def read_labels(path: Path) -> NDArray[np.integer]:
    """Return the label of each pixel (h, w): its gray value, or its index in the palette.

    Raises PictureError for a picture of colors without a palette, and as ``read_picture`` does.
    """
    codes, _ = read_codes(path) or (None, False)
    if codes is None:
        raise PictureError(
            f"{path} has colors, not labels; save it as a gray picture or with a palette"
        )
    return codes


def label_region(path: Path, labels: NDArray[np.integer], label: int) -> Float[Tensor, "h w"]:
    """Return where a picture of labels has this one, 0 or 1; raise PictureError if nowhere."""
    region = labels == label
    if not region.any():
        found = [str(value) for value in np.unique(labels)[:16]]
        raise PictureError(f"{path} has no label {label}; its labels are {', '.join(found)}")
    return torch.from_numpy(region.astype(np.float32))
