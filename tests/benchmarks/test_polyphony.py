"""The loss of a frame of piano roll is that of a distribution over all frames, given the past."""

import importlib
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.recurrent import Recurrent

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks/music"
MODULES = ("rolls", "apart", "within")


@pytest.fixture(scope="module")
def bench():
    """Open the benchmark's files, which lie in no package."""
    sys.path.insert(0, str(FOLDER))
    yield {name: importlib.import_module(name) for name in MODULES}
    sys.path.remove(str(FOLDER))
    for name in MODULES:
        del sys.modules[name]


@pytest.fixture
def within(bench, monkeypatch):
    """Give it a keyboard of four keys, so that all frames can be counted."""
    for name, value in (("KEYS", 4), ("END", 4), ("MARK", 5)):
        monkeypatch.setattr(bench["within"], name, value)
    return bench["within"]


@pytest.fixture(scope="module")
def networks():
    made = [Recurrent(6, RecurrentConfig(hidden_size=12, embedding_dim=8)) for _ in range(2)]
    for seed, network in enumerate(made):
        network.initialize(seed)
        torch.nn.init.normal_(network.decoder.weight, generator=torch.Generator().manual_seed(seed))
        network.eval()
    return made


ALL = [np.array(keys, np.uint8) for keys in product((0, 1), repeat=4)]
PAST = np.array([[0, 1, 0, 1], [1, 0, 0, 0]], np.uint8)


def chance_of_next(within, networks, frame):
    both = 2 * within.nats_within(networks, [np.stack([*PAST, frame])])
    return np.exp(within.nats_within(networks, [PAST]) - both)


def test_signs(within):
    assert within.told(PAST).tolist() == [5, 1, 3, 4, 0, 4]
    assert within.possible(torch.tensor(1)).tolist() == [False, False, True, True, True, False]
    assert within.possible(torch.tensor([4, 5]))[:, :5].all()


def test_the_chances_of_all_frames_sum_to_one(within, networks):
    chances = [chance_of_next(within, networks, frame) for frame in ALL]
    assert sum(chances) == pytest.approx(1, abs=1e-6)
    assert max(chances) < 0.9


@pytest.fixture(scope="module")
def rolls(bench):
    random = np.random.default_rng(0)
    pieces = [(random.random((n, 88)) < 0.1).astype(np.uint8) for n in (9, 30, 17)]
    for piece in pieces:
        piece[:, :20] = piece[:, 70:] = 0
    return bench["rolls"].Rolls(pieces, pieces, pieces)


@pytest.fixture(scope="module")
def roll_network(bench, rolls):
    torch.manual_seed(1)
    config = bench["apart"].RollConfig(width=8, inputs=8, whole=8)
    return bench["apart"].RollNetwork(len(rolls.keys), config).eval()


def test_what_follows_is_not_seen(roll_network, rolls):
    frames = torch.from_numpy(rolls.train[1][None][:, :, rolls.keys]).float()
    place, state = torch.arange(30)[None], roll_network.begin(1)
    changed = frames.clone()
    changed[:, 12:] = 1 - changed[:, 12:]
    a, _ = roll_network(frames, place, state)
    b, _ = roll_network(changed, place, state)
    assert torch.equal(a[:, :12], b[:, :12])
    assert not torch.equal(a[:, 12], b[:, 12])


def test_the_loss_apart_is_that_of_each_frame_but_the_first(bench, roll_network, rolls):
    keys, nats, count = rolls.keys, 0.0, 0
    learned_from = sum(map(len, rolls.train))
    for piece in rolls.test:  # each by itself, frame after frame
        state, frames = roll_network.begin(1), np.zeros((1, len(keys)), np.uint8)
        for t, frame in enumerate(piece):
            x = torch.from_numpy(frames[-1][None, None]).float()
            logits, state = roll_network(x, torch.tensor([[t - 1]]), state)
            chance = np.full(88, 1 / (learned_from + 2))
            chance[keys] = logits[0, 0].double().sigmoid().detach()
            if t:
                nats -= np.log(np.where(frame > 0, chance, 1 - chance)).sum()
                count += 1
            frames = np.append(frames, frame[None, keys], 0)
    found = bench["apart"].nats_apart([roll_network], rolls, rolls.test)
    assert found == pytest.approx(nats / count, rel=1e-5)
