"""Piano rolls: which of 88 keys sound in each frame of a piece.

The splits are those of Boulanger-Lewandowski, Bengio, Vincent 2012 (arXiv:1206.6392), as the
repository of TCN (Bai, Kolter, Koltun 2018, arXiv:1803.01271) keeps them. Losses are TCN's: of all
frames but each piece's first, over all 88 keys, in nats, divided by the number of frames.
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
        """The keys from the lowest to the highest that ever sound while learning."""
        used = np.flatnonzero(np.any([piece.any(0) for piece in self.train], axis=0))
        return np.arange(used[0], used[-1] + 1)


def read_rolls(path: Path) -> Rolls:
    """Return the splits of a file of MATLAB."""
    kept = loadmat(path)
    parts = [kept[name][0] for name in ("traindata", "validdata", "testdata")]
    return Rolls(*([np.asarray(piece, np.uint8) for piece in part] for part in parts))
