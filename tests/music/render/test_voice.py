"""A voice has the right pitch, length and brightness, whatever blocks it is computed in."""

import numpy as np
import pytest

from bowerbird.music.render.soundfont import default_soundfont, load_soundfont
from bowerbird.music.render.voice import Voice

RATE = 44100


def voice(program=73, key=69, velocity=104):
    regions = load_soundfont(default_soundfont()).regions(0, program)
    region = next(r for r in regions if r.keys[0] <= key <= r.keys[1])
    return Voice(region, key, velocity, RATE)


def fundamental(wave, about):
    """Return the frequency of the strongest partial near `about` Hz, by parabola."""
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 8 * len(wave)))
    hertz = np.fft.rfftfreq(8 * len(wave), 1 / RATE)
    near = (hertz > about * 0.94) & (hertz < about * 1.06)
    return hertz[near][spectrum[near].argmax()]


# A4 is 440 Hz and an octave doubles; strings and winds of the font may be some cents off, or sway
@pytest.mark.parametrize("program", [0, 24, 40, 73, 19])
@pytest.mark.parametrize(("key", "hertz"), [(57, 220), (69, 440), (81, 880)])
def test_pitch(program, key, hertz):
    wave = voice(program, key).samples(4410, 4410 + RATE)
    assert abs(1200 * np.log2(fundamental(wave, hertz) / hertz)) < 15  # cents


@pytest.mark.parametrize("program", [0, 40, 52])
def test_a_block_does_not_depend_on_those_before(program):
    whole = voice(program).samples(0, 3 * RATE)
    assert np.allclose(voice(program)._compute(RATE, 2 * RATE), whole[RATE : 2 * RATE], atol=1e-6)


def test_a_loop_has_no_seam():
    """A held accordion is steady: no sample jumps more than its own slopes."""
    wave = voice(21).samples(RATE // 2, 4 * RATE)
    steps = np.abs(np.diff(wave))
    assert steps.max() < 1.05 * np.sort(steps)[-len(steps) // 500 :].min() + 1e-3


def test_soft_is_dark():
    def centre(velocity):
        spectrum = np.abs(np.fft.rfft(voice(0, 60, velocity).samples(0, RATE // 2)))
        return (spectrum * np.arange(len(spectrum))).sum() / spectrum.sum()

    assert centre(24) < 0.95 * centre(120)


def test_nothing_above_what_the_rate_carries():
    """Played three octaves up, the recording's high partials are cut, not folded back."""
    high = voice(73, 108)
    wave = high.samples(0, RATE // 2)
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    assert spectrum[int(0.47 * len(wave)) :].max() < 3e-3 * spectrum.max()


def test_length_ends_in_silence():
    piano = voice(0, 96)
    assert piano.length(60 * RATE) < 30 * RATE  # a struck string dies
    organ = voice(19)
    assert 60 * RATE <= organ.length(60 * RATE) < 63 * RATE  # a pipe does not
