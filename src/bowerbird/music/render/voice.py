"""One note of an instrument: a sample at the right pitch, velocity and brightness.

A sample is resampled to the pitch (cubic Hermite interpolation), loops while the key is held, and
is shaped by a volume envelope with delay, attack, hold, decay, sustain and release (SoundFont
specification 2.04, section 8.1). Its low-pass filter moves between an open and a closed cutoff: the
sample is filtered once with each, and the two are mixed by the modulation envelope, so that any
stretch of a note can be computed without those before it. The filter is applied to the spectrum of
the sample, which also removes what would alias at the new pitch.

Departures: the modulation envelope and LFO change the pitch as vibrato only; attenuations are
multiplied by 0.4, as in the sound chips that fonts are made for.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from bowerbird.music.render.soundfont import Region

Samples = NDArray[np.float32]
_MAX_CACHED = 12.0  # s of a voice that are cached; later samples are computed when needed
_SILENCE = 72.0  # dB below its start, at which a released note ends
_MIN_RELEASE = 0.05  # s for 100 dB; a shorter release clicks
_OPEN = 13500  # cents above 8.176 Hz: 20 kHz, a filter that does nothing
_VELOCITY_TO_CUTOFF = 2400  # cents by which velocity 0 lowers the cutoff (section 8.4.2)
_MIN_SWEEP = 300  # cents; a smaller movement of the cutoff is ignored


def seconds(timecents: float) -> float:
    """Convert timecents to seconds: 0 is one second, and 1200 more double it."""
    return float(2.0 ** (max(timecents, -12000) / 1200)) if timecents > -12000 else 0.0


def hertz(cents: float) -> float:
    """Convert absolute cents to a frequency: 6900 is 440 Hz."""
    return float(440.0 * 2.0 ** ((cents - 6900) / 1200))


@dataclass(frozen=True)
class Envelope:
    """Delay, attack, hold, decay and sustain; times in s, ``decay`` in units per second.

    ``sustain`` is how far the envelope decays below its peak, in the same units.
    """

    delay: float
    attack: float
    hold: float
    decay: float
    sustain: float

    @classmethod
    def of(cls, region: Region, key: int, first: int, full: float) -> "Envelope":
        """Read the generators from ``first`` on; the decay time is that of a fall by ``full``."""
        delay, attack, hold, decay, sustain = (region.amount(first + i) for i in range(5))
        hold += region.amount(first + 6) * (60 - key)
        decay += region.amount(first + 7) * (60 - key)
        level = full * min(max(sustain, 0), 1000) / 1000
        rate = full / max(seconds(decay), 1e-3)
        return cls(seconds(delay), seconds(attack), seconds(hold), rate, level)

    def decayed(self, t: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return how far it is below its peak at times ``t`` in s, in its units."""
        return np.clip((t - (self.delay + self.attack + self.hold)) * self.decay, 0, self.sustain)

    def attacked(self, t: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the fraction of the attack that is over, 0..1, at times ``t`` in s."""
        return np.clip((t - self.delay) / max(self.attack, 1e-4), 0, 1)


@dataclass(eq=False)
class Voice:
    """A region played at one key and velocity, at ``sample_rate`` Hz."""

    region: Region
    key: int
    velocity: int  # 0 to 127; only the cutoff depends on it
    sample_rate: int
    _cache: Samples = field(default_factory=lambda: np.zeros(0, np.float32))

    @cached_property
    def step(self) -> float:
        """Samples of the region in one output sample."""
        region = self.region
        cents = region.amount(56) * (self.key - region.root)
        cents += 100 * region.amount(51) + region.amount(52)
        return float(2 ** (cents / 1200)) * region.sample_rate / self.sample_rate

    @cached_property
    def volume(self) -> Envelope:
        """The volume envelope; it decays in dB."""
        return Envelope.of(self.region, self.key, 33, 100.0)

    @cached_property
    def release(self) -> float:
        """Decay after the key is released, in dB per second."""
        return 100.0 / max(seconds(self.region.amount(38)), _MIN_RELEASE)

    @cached_property
    def gain(self) -> float:
        """Attenuation of the region, as a factor."""
        return float(10 ** (-0.4 * max(self.region.amount(48), 0) / 200))

    @cached_property
    def pan(self) -> tuple[float, float]:
        """Gains to the left and right, of equal power."""
        angle = np.pi / 4 * (1 + min(max(self.region.amount(17), -500), 500) / 500)
        return float(np.cos(angle)), float(np.sin(angle))

    @property
    def size(self) -> int:
        """The number of cached samples."""
        return len(self._cache)

    def length(self, held: int) -> int:
        """Return the number of samples until silence, if the key is held for ``held`` samples."""
        end = held + int(self.sample_rate * _SILENCE / self.release)
        if self.region.loop is None:
            end = min(end, int((len(self.region.wave) - 1) / self.step))
        volume = self.volume
        if volume.sustain >= _SILENCE:  # struck and plucked strings decay to silence
            peak = volume.delay + volume.attack + volume.hold
            end = min(end, int(self.sample_rate * (peak + _SILENCE / volume.decay)))
        return max(end, 1)

    def samples(self, start: int, stop: int) -> Samples:
        """Return samples ``start`` to ``stop`` of the held note, before gain, pan and release."""
        if stop > _MAX_CACHED * self.sample_rate:
            return self._compute(start, stop)
        if stop > len(self._cache):
            size = max(stop, int(1.5 * len(self._cache)), self.sample_rate // 4)
            more = self._compute(len(self._cache), size)
            self._cache = np.concatenate([self._cache, more])
        return self._cache[start:stop]

    def _compute(self, start: int, stop: int) -> Samples:
        index = np.arange(start, stop)
        time = (index / self.sample_rate).astype(np.float32)
        opened, closed, loop = self._filtered
        position = self._position(index)
        if loop is not None:
            a, b = loop
            after = position >= b
            position[after] = a + np.mod(position[after] - a, b - a)
        whole = position.astype(np.int64)
        fraction = (position - whole).astype(np.float32)
        if closed is opened:
            wave = _hermite(opened, whole, fraction)
        else:
            envelope = self._modulation
            mix = envelope.attacked(time) * (1 - envelope.decayed(time) / envelope.sustain)
            wave = _hermite(closed, whole, fraction)
            wave += mix.astype(np.float32) * (_hermite(opened, whole, fraction) - wave)
        volume = self.volume
        decibels = np.float32(-np.log(10) / 20) * volume.decayed(time)
        return (wave * volume.attacked(time) * np.exp(decibels)).astype(np.float32)

    def _position(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return where in the region each output sample is, with vibrato."""
        position = index * self.step
        for depth, delay, frequency in ((5, 21, 22), (6, 23, 24)):  # both LFOs
            swing = self.region.amount(depth) * np.log(2) / 1200
            if swing:
                angular = 2 * np.pi * hertz(self.region.amount(frequency))
                start = seconds(self.region.amount(delay))
                time = np.maximum(index / self.sample_rate - start, 0)
                shift = self.step * self.sample_rate * swing / angular
                position += shift * (1 - np.cos(angular * time))
        return np.clip(position, 0, None if self.region.loop else len(self.region.wave) - 1)

    @cached_property
    def _modulation(self) -> Envelope:
        return Envelope.of(self.region, self.key, 25, 1.0)

    @cached_property
    def _filtered(self) -> tuple[Samples, Samples, tuple[int, int] | None]:
        """The sample with its filter open and closed, extended by one loop, and the new loop.

        A filter has memory: only the second pass through a loop is what all later ones are.
        """
        region = self.region
        wave = region.wave[: region.loop[1] if region.loop else None].astype(np.float32) / 32768
        loop = None
        if region.loop:
            a, b = region.loop
            times = -(-1024 // (b - a))
            wave = np.concatenate([wave, np.tile(wave[a:b], times + 1)])
            loop = (b + (times - 1) * (b - a), b + times * (b - a))
        base = region.amount(8) - _VELOCITY_TO_CUTOFF * (1 - self.velocity / 127)
        sweep = region.amount(11)
        cutoffs = [base + sweep, base + sweep * (1 - self._modulation.sustain)]
        if abs(cutoffs[0] - cutoffs[1]) < _MIN_SWEEP:
            cutoffs = cutoffs[:1]
        # padded, so that the response of the filter doesn't wrap around
        size = scipy.fft.next_fast_len(len(wave) + 512, real=True)
        spectrum = scipy.fft.rfft(wave, size)
        results = []
        for cutoff in cutoffs:
            result = self._low_pass(spectrum, size, cutoff)[: len(wave)]
            after = result[loop[0] : loop[0] + 4] if loop else result[-1:].repeat(4)
            results.append(np.concatenate([result, after]))
        return results[0], results[-1], loop

    def _low_pass(self, spectrum: NDArray[np.complexfloating], size: int, cutoff: float) -> Samples:
        """Apply a two-pole low-pass with a cutoff in cents, and remove what would alias."""
        f = scipy.fft.rfftfreq(size, 1 / (self.sample_rate * self.step)).astype(np.float32)
        nyquist = self.sample_rate / 2  # f is in Hz after resampling
        response = np.clip((nyquist - f) / (0.1 * nyquist), 0, 1).astype(np.complex64)
        if cutoff < _OPEN:
            s = 1j * f / hertz(max(cutoff, 1500))
            resonance = 10 ** (min(max(self.region.amount(9), 0), 960) / 200) / np.sqrt(2)
            response /= 1 + s / resonance + s * s
        return np.asarray(scipy.fft.irfft(spectrum * response, size), np.float32)


def _hermite(wave: Samples, whole: NDArray[np.int64], fraction: Samples) -> Samples:
    """Interpolate between samples by the cubic Hermite spline (Catmull-Rom)."""
    p0, p1 = wave[np.maximum(whole - 1, 0)], wave[whole]
    p2, p3 = wave[whole + 1], wave[whole + 2]
    c1 = 0.5 * (p2 - p0)
    c2 = p0 - 2.5 * p1 + 2 * p2 - 0.5 * p3
    c3 = 0.5 * (p3 - p0) + 1.5 * (p1 - p2)
    return np.asarray(p1 + fraction * (c1 + fraction * (c2 + fraction * c3)), np.float32)
