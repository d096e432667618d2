"""Piano rolls: which of 88 keys sound in each frame of a piece.

The splits are those of Boulanger-Lewandowski, Bengio and Vincent 2012 (arXiv:1206.6392), as in the
repository of TCN (Bai, Kolter and Koltun 2018, arXiv:1803.01271). Losses are computed as there:
over all frames but the first of each piece and all 88 keys, in nats, divided by the frames.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat

KEYS = 88


@dataclass(frozen=True)
class Rolls:
    """The three parts of a data set; a piece is (frames, 88) of 0 and 1."""

    train: list[np.ndarray]
    valid: list[np.ndarray]
    test: list[np.ndarray]

    @property
    def keys(self) -> np.ndarray:
        """All keys from the lowest to the highest that sounds in a training piece."""
        used = np.flatnonzero(np.any([piece.any(0) for piece in self.train], axis=0))
        return np.arange(used[0], used[-1] + 1)


def read_rolls(path: Path) -> Rolls:
    """Return the splits in a MATLAB file."""
    arrays = loadmat(path)
    parts = [arrays[name][0] for name in ("traindata", "validdata", "testdata")]
    return Rolls(*([np.asarray(piece, np.uint8) for piece in part] for part in parts))
