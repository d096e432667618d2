"""Stereo reverb by convolution with a synthetic impulse response.

The impulse response is noise that decays exponentially, by 60 dB in about a second, high
frequencies sooner than low ones, with different noise for each ear (J. A. Moorer, "About this
reverberation business", 1979). Blocks of sound are convolved by overlap-add.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_SECONDS = 1.1  # length of the impulse response
_PREDELAY = 0.014  # s
_ATTACK = 0.02  # s until the response has its full level
_BANDS = ((250.0, 1.1), (1000.0, 1.0), (3000.0, 0.8), (7000.0, 0.5))  # Hz; s to decay by 60 dB
_ENERGY = 0.9  # of the response, relative to the dry sound, at level 1


class Reverb:
    """Adds reverb to one block of sound after the other."""

    def __init__(self, sample_rate: int, level: float) -> None:
        """Compute the impulse response for a sample rate in Hz; ``level`` is 0 (dry) to 1."""
        self.level = level
        self.response = _impulse_response(sample_rate) * np.float32(level)
        self.tail: Samples = np.zeros((2, 0), np.float32)  # of the blocks so far
        self.size = 0
        self.spectra = np.zeros(0, np.complex64)

    def add(self, block: Samples) -> None:
        """Add the reverb of a block (2, samples), and of those before it, in place."""
        if self.level == 0:
            return
        length, taps = block.shape[1], self.response.shape[1]
        if self.size < length + taps:
            self.size = scipy.fft.next_fast_len(length + taps, real=True)
            self.spectra = scipy.fft.rfft(self.response, self.size)
        spectrum = scipy.fft.rfft(block.sum(axis=0) / 2, self.size)
        wet = scipy.fft.irfft(spectrum * self.spectra, self.size)[:, : length + taps]
        wet[:, : self.tail.shape[1]] += self.tail
        block += wet[:, :length]
        self.tail = wet[:, length:]


def _impulse_response(sample_rate: int) -> Samples:
    """Return the impulse response (2, samples), normalized to a fixed energy."""
    count = int(sample_rate * _SECONDS)
    noise = np.random.default_rng(7).standard_normal((2, count))  # always the same
    time = np.arange(count) / sample_rate
    spectrum, f = np.fft.rfft(noise), np.fft.rfftfreq(count, 1 / sample_rate)
    response, below = np.zeros_like(noise), np.zeros_like(f)
    for top, decay in _BANDS:
        low_pass = 1 / (1 + (f / top) ** 4)
        band = np.fft.irfft(spectrum * (low_pass - below), count)
        response += band * 10 ** (-3 * time / decay)
        below = low_pass
    response *= np.clip(time / _ATTACK, 0, 1)
    silence = np.zeros((2, int(sample_rate * _PREDELAY)))
    response = np.concatenate([silence, response], axis=1)
    energy = np.sqrt((response**2).sum(axis=1, keepdims=True))
    return (response * _ENERGY / energy).astype(np.float32)
