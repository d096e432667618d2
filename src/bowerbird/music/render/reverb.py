"""A room: what is played in it comes back from its walls, softer and duller.

The echo is the sound convolved with noise that dies away exponentially, by 60 dB in about a
second, high tones sooner than low ones, another noise for each ear (J. A. Moorer, About this
reverberation business, 1979); made of sound in blocks by overlap-add.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_SECONDS = 1.1  # of echo
_BEFORE = 0.014  # s until the first wall answers
_BANDS = ((250.0, 1.1), (1000.0, 1.0), (3000.0, 0.8), (7000.0, 0.5))  # Hz; s to fall by 60 dB
_ENERGY = 0.9  # of the echo beside the sound itself, at loudness 1


class Room:
    """An echo for blocks of sound, which remembers what has not come back yet."""

    def __init__(self, rate: int, loudness: float) -> None:
        """Make the echo of a room at `rate` samples a second, `loudness` 0 (none) to 1."""
        self.loudness = loudness
        self.echo = _echo(rate) * np.float32(loudness)
        self.pending: Samples = np.zeros((2, 0), np.float32)
        self.size = 0
        self.spectra = np.zeros(0, np.complex64)

    def add(self, block: Samples) -> None:
        """Add the echo of a block (2, samples), and of those before it, in place."""
        if self.loudness == 0:
            return
        length, taps = block.shape[1], self.echo.shape[1]
        if self.size < length + taps:
            self.size = scipy.fft.next_fast_len(length + taps, real=True)
            self.spectra = scipy.fft.rfft(self.echo, self.size)
        spectrum = scipy.fft.rfft(block.sum(axis=0) / 2, self.size)
        wet = scipy.fft.irfft(spectrum * self.spectra, self.size)[:, : length + taps]
        wet[:, : self.pending.shape[1]] += self.pending
        block += wet[:, :length]
        self.pending = wet[:, length:]


def _echo(rate: int) -> Samples:
    """Return the answer of the room to a click, (2, samples), of a fixed energy."""
    count = int(rate * _SECONDS)
    noise = np.random.default_rng(7).standard_normal((2, count))  # any room will do, but the same
    time = np.arange(count) / rate
    spectrum, f = np.fft.rfft(noise), np.fft.rfftfreq(count, 1 / rate)
    echo, below = np.zeros_like(noise), np.zeros_like(f)
    for top, fall in _BANDS:
        share = 1 / (1 + (f / top) ** 4)
        echo += np.fft.irfft(spectrum * (share - below), count) * 10 ** (-3 * time / fall)
        below = share
    echo *= np.clip(time / 0.02, 0, 1)  # the walls don't answer all at once
    echo = np.concatenate([np.zeros((2, int(rate * _BEFORE))), echo], axis=1)
    return (echo * _ENERGY / np.sqrt((echo**2).sum(axis=1, keepdims=True))).astype(np.float32)
