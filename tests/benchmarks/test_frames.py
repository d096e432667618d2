"""The loss of a frame of piano roll is that of a distribution over all frames."""

import importlib.util
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from bowerbird.networks.recurrent import Recurrent, RecurrentConfig

FILE = Path(__file__).resolve().parents[2] / "benchmarks/music/frames.py"


@pytest.fixture(scope="module")
def frames():
    """Open the benchmark's file with a keyboard of four keys, so that all frames can be counted."""
    spec = importlib.util.spec_from_file_location("frames", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["frames"] = module  # dataclasses look for their module
    spec.loader.exec_module(module)
    module.KEYS, module.END, module.MARK = 4, 4, 5
    yield module
    del sys.modules["frames"]


@pytest.fixture(scope="module")
def networks():
    made = [Recurrent(6, RecurrentConfig(width=12, embedding=8)) for _ in range(2)]
    for seed, network in enumerate(made):
        network.initialize(seed)
        torch.nn.init.normal_(network.decoder.weight, generator=torch.Generator().manual_seed(seed))
        network.eval()
    return made


ALL = [np.array(keys, np.uint8) for keys in product((0, 1), repeat=4)]
PAST = np.array([[0, 1, 0, 1], [1, 0, 0, 0]], np.uint8)


def chance_of_next(frames, networks, frame):
    piece = np.stack([*PAST, frame])
    both = 2 * frames.nats_within(networks, [piece])
    return np.exp(frames.nats_within(networks, [PAST]) - both)


def test_signs(frames):
    assert frames.told(PAST).tolist() == [5, 1, 3, 4, 0, 4]
    assert frames.possible(torch.tensor(1)).tolist() == [False, False, True, True, True, False]
    assert frames.possible(torch.tensor([4, 5]))[:, :5].all()


def test_the_chances_of_all_frames_sum_to_one(frames, networks):
    chances = [chance_of_next(frames, networks, frame) for frame in ALL]
    assert sum(chances) == pytest.approx(1, abs=1e-6)
    assert max(chances) < 0.9


def test_keys_on_their_own_have_the_chances_of_all_frames_together(frames, networks):
    for network in networks:
        exact = sum(chance_of_next(frames, [network], frame) * frame for frame in ALL)
        ((after, place),) = frames._states(network, np.stack([*PAST, ALL[0]]))
        assert place == slice(0, 2)
        random = torch.Generator().manual_seed(1)
        found = frames.marginals(network, after, 4000, random)[1]
        assert np.abs(found.numpy() - exact).max() < 0.02


def test_apart_is_the_sum_over_keys(frames, networks, monkeypatch):
    monkeypatch.setattr(frames, "marginals", lambda *_: torch.tensor([[0.5, 0.25, 0.0, 1.0]]))
    rolls = frames.Rolls([PAST], [PAST], [PAST])
    usual = rolls.frequencies().numpy()
    assert usual == pytest.approx([0.5, 0.5, 0.25, 0.5])
    chance = (1 - frames.RARE) * np.array([0.5, 0.25, 0, 1]) + frames.RARE * usual
    expected = -np.log(np.where(PAST[1] > 0, chance, 1 - chance)).sum()
    assert frames.nats_apart(networks, rolls, [PAST], 1) == pytest.approx(expected)
