"""One note of an instrument: a recorded tone at the right pitch, loudness and brightness.

A recorded tone is read at another speed (cubic Hermite interpolation between samples), goes on in
its loop for as long as it is held, and is shaped in loudness by delay, attack, hold, decay,
sustain and release (SoundFont specification 2.04, section 8.1). Its low-pass filter moves between
an open and a closed position: here the tone is filtered twice, once in each, and the two are
mixed as the envelope of the filter says. Any piece of a tone can so be computed without the
pieces before it. Filtering is a product of spectra on the recording itself, which also takes away
what would alias at the new speed.

Departures: the envelope and the low-frequency oscillator of pitch are read as vibrato only;
attenuations count 0.4 of their nominal value, as the sound chips that fonts are made for had it.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from bowerbird.music.render.soundfont import Region

Samples = NDArray[np.float32]
_LONGEST_PREFIX = 12.0  # s of a tone that are kept; what lies beyond is computed when it is needed
_SILENCE = 72.0  # dB below its start, at which a released tone ends
_SHORTEST_RELEASE = 0.05  # s for 100 dB; sooner is a click
_OPEN = 13500  # cents above 8.176 Hz: 20 kHz, a filter that does nothing
_DARKER = 2400  # cents by which the softest note is darker (section 8.4.2)
_SWEEP = 300  # cents; a filter that moves less stands still


def seconds(timecents: float) -> float:
    """Return the seconds of a time in timecents: 1200 a doubling, 0 is one second."""
    return float(2.0 ** (max(timecents, -12000) / 1200)) if timecents > -12000 else 0.0


def hertz(cents: float) -> float:
    """Return the frequency of a pitch in absolute cents: 6900 is 440 Hz."""
    return float(440.0 * 2.0 ** ((cents - 6900) / 1200))


@dataclass(frozen=True)
class Envelope:
    """Rise, hold, fall to a level: times in s, `fall` in units a second, `sustain` in units."""

    delay: float
    attack: float
    hold: float
    fall: float
    sustain: float

    @classmethod
    def of(cls, region: Region, key: int, first: int, full: float) -> "Envelope":
        """Read the six generators from `first` on; they fall by `full` in their decay time."""
        delay, attack, hold, decay, sustain = (region.amount(first + i) for i in range(5))
        hold += region.amount(first + 6) * (60 - key)
        decay += region.amount(first + 7) * (60 - key)
        level = full * min(max(sustain, 0), 1000) / 1000
        fall = full / max(seconds(decay), 1e-3)
        return cls(seconds(delay), seconds(attack), seconds(hold), fall, level)

    def fallen(self, t: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return how far it has fallen from its peak at times `t` in s."""
        return np.clip((t - (self.delay + self.attack + self.hold)) * self.fall, 0, self.sustain)

    def risen(self, t: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return how far it has risen, 0..1, at times `t` in s."""
        return np.clip((t - self.delay) / max(self.attack, 1e-4), 0, 1)


@dataclass(eq=False)
class Tone:
    """A region played at one key, in one band of brightness, at `rate` samples a second."""

    region: Region
    key: int
    velocity: int  # of the band
    rate: int
    _kept: Samples = field(default_factory=lambda: np.zeros(0, np.float32))

    @cached_property
    def step(self) -> float:
        """Samples of the recording in one of the output."""
        region = self.region
        cents = region.amount(56) * (self.key - region.root)
        cents += 100 * region.amount(51) + region.amount(52)
        return float(2 ** (cents / 1200)) * region.rate / self.rate

    @cached_property
    def volume(self) -> Envelope:
        """The envelope of loudness; it falls in dB."""
        return Envelope.of(self.region, self.key, 33, 100.0)

    @cached_property
    def release(self) -> float:
        """Fall in dB a second after the key is let go."""
        return 100.0 / max(seconds(self.region.amount(38)), _SHORTEST_RELEASE)

    @cached_property
    def gain(self) -> float:
        """Loudness of the region beside others, as a factor."""
        return float(10 ** (-0.4 * max(self.region.amount(48), 0) / 200))

    @cached_property
    def pan(self) -> tuple[float, float]:
        """Gains to the left and right, of equal power."""
        angle = np.pi / 4 * (1 + min(max(self.region.amount(17), -500), 500) / 500)
        return float(np.cos(angle)), float(np.sin(angle))

    @property
    def size(self) -> int:
        """Samples that are kept."""
        return len(self._kept)

    def length(self, held: int) -> int:
        """Return the number of samples until silence, of a tone held for `held` samples."""
        end = held + int(self.rate * _SILENCE / self.release)
        if self.region.loop is None:
            end = min(end, int((len(self.region.wave) - 1) / self.step))
        volume = self.volume
        if volume.sustain >= _SILENCE:  # struck and plucked strings die away by themselves
            peak = volume.delay + volume.attack + volume.hold
            end = min(end, int(self.rate * (peak + _SILENCE / volume.fall)))
        return max(end, 1)

    def samples(self, start: int, stop: int) -> Samples:
        """Return samples start..stop of the tone while it is held, before `gain` and `pan`."""
        if stop > _LONGEST_PREFIX * self.rate:
            return self._compute(start, stop)
        if stop > len(self._kept):
            grown = max(stop, int(1.5 * len(self._kept)), self.rate // 4)
            more = self._compute(len(self._kept), grown)
            self._kept = np.concatenate([self._kept, more])
        return self._kept[start:stop]

    def _compute(self, start: int, stop: int) -> Samples:
        index = np.arange(start, stop)
        time = (index / self.rate).astype(np.float32)
        opened, closed, loop = self._filtered
        position = self._position(index)
        if loop is not None:
            a, b = loop
            over = position >= b
            position[over] = a + np.mod(position[over] - a, b - a)
        whole = position.astype(np.int64)
        part = (position - whole).astype(np.float32)
        if closed is opened:
            wave = _hermite(opened, whole, part)
        else:
            envelope = self._sweep
            mix = envelope.risen(time) * (1 - envelope.fallen(time) / envelope.sustain)
            wave = _hermite(closed, whole, part)
            wave += mix.astype(np.float32) * (_hermite(opened, whole, part) - wave)
        volume = self.volume
        loud = np.float32(-np.log(10) / 20) * volume.fallen(time)
        return (wave * volume.risen(time) * np.exp(loud)).astype(np.float32)

    def _position(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """Where in the recording each sample of the output lies; vibrato bends the way."""
        position = index * self.step
        for depth, delay, speed in ((5, 21, 22), (6, 23, 24)):
            swing = self.region.amount(depth) * np.log(2) / 1200
            if swing:
                rate = 2 * np.pi * hertz(self.region.amount(speed))
                time = np.maximum(index / self.rate - seconds(self.region.amount(delay)), 0)
                position += self.step * self.rate * swing / rate * (1 - np.cos(rate * time))
        return np.clip(position, 0, None if self.region.loop else len(self.region.wave) - 1)

    @cached_property
    def _sweep(self) -> Envelope:
        return Envelope.of(self.region, self.key, 25, 1.0)

    @cached_property
    def _filtered(self) -> tuple[Samples, Samples, tuple[int, int] | None]:
        """The recording with its filter open and closed, one loop longer, and the new loop.

        A filter has a memory: only the second time around is a loop what it will stay.
        """
        region = self.region
        wave = region.wave[: region.loop[1] if region.loop else None].astype(np.float32) / 32768
        loop = None
        if region.loop:
            a, b = region.loop
            times = -(-1024 // (b - a))
            wave = np.concatenate([wave, np.tile(wave[a:b], times + 1)])
            loop = (b + (times - 1) * (b - a), b + times * (b - a))
        base = region.amount(8) - _DARKER * (1 - self.velocity / 127)
        sweep = region.amount(11)
        cents = [base + sweep, base + sweep * (1 - self._sweep.sustain)]
        if abs(cents[0] - cents[1]) < _SWEEP:
            cents = cents[:1]
        # the filter's echo must not wrap around
        size = scipy.fft.next_fast_len(len(wave) + 512, real=True)
        spectrum = scipy.fft.rfft(wave, size)
        results = []
        for c in cents:
            result = self._low_pass(spectrum, size, c)[: len(wave)]
            after = result[loop[0] : loop[0] + 4] if loop else result[-1:].repeat(4)
            results.append(np.concatenate([result, after]))
        return results[0], results[-1], loop

    def _low_pass(self, spectrum: NDArray[np.complexfloating], size: int, cents: float) -> Samples:
        """Filter by two poles at `cents`, and cut what the new speed can't carry."""
        speed = self.rate * self.step
        f = scipy.fft.rfftfreq(size, 1 / speed).astype(np.float32)  # Hz as they will sound
        nyquist = self.rate / 2
        response = np.clip((nyquist - f) / (0.1 * nyquist), 0, 1).astype(np.complex64)
        if cents < _OPEN:
            s = 1j * f / hertz(max(cents, 1500))
            resonance = 10 ** (min(max(self.region.amount(9), 0), 960) / 200) / np.sqrt(2)
            response /= 1 + s / resonance + s * s
        return np.asarray(scipy.fft.irfft(spectrum * response, size), np.float32)


def _hermite(wave: Samples, whole: NDArray[np.int64], part: Samples) -> Samples:
    """Interpolate between samples by the cubic through two with the slopes of their neighbours."""
    before, here = wave[np.maximum(whole - 1, 0)], wave[whole]
    after, beyond = wave[whole + 1], wave[whole + 2]
    slope = 0.5 * (after - before)
    bend = before - 2.5 * here + 2 * after - 0.5 * beyond
    twist = 0.5 * (beyond - before) + 1.5 * (here - after)
    return np.asarray(here + part * (slope + part * (bend + part * twist)), np.float32)
