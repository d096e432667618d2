"""Reverb is the same whatever blocks the sound comes in, and decays."""

import numpy as np

from bowerbird.music.render.reverb import Reverb


def test_blocks_are_one_sound():
    sound = np.random.default_rng(1).standard_normal((2, 40000)).astype(np.float32)
    once = sound.copy()
    Reverb(8000, 0.5).add(once)
    reverb, parts = Reverb(8000, 0.5), []
    for i in range(0, 40000, 10000):
        part = sound[:, i : i + 10000].copy()
        reverb.add(part)
        parts.append(part)
    assert np.abs(np.concatenate(parts, axis=1) - once).max() < 1e-4


def test_a_click_decays():
    click = np.zeros((2, 16000), np.float32)
    click[:, 0] = 1
    Reverb(8000, 1.0).add(click)
    wet = click[:, 1:]
    early, late = (np.sqrt((wet[:, a:b] ** 2).mean()) for a, b in ((800, 1600), (7200, 8000)))
    assert 0 < late < 0.05 * early
    assert 0.5 < np.sqrt((wet**2).sum(axis=1)).max() < 1.1  # as loud as the sound, at most
    assert np.abs(np.corrcoef(wet)[0, 1]) < 0.2  # stereo


def test_level_0_is_dry():
    sound = np.ones((2, 100), np.float32)
    Reverb(8000, 0).add(sound)
    assert (sound == 1).all()
