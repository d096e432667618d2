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
MODULES = ("rolls", "independent_keys", "frame_tokens")


@pytest.fixture(scope="module")
def bench():
    """Import the benchmark's modules, which are not in a package."""
    sys.path.insert(0, str(FOLDER))
    yield {name: importlib.import_module(name) for name in MODULES}
    sys.path.remove(str(FOLDER))
    for name in MODULES:
        del sys.modules[name]


@pytest.fixture
def frame_tokens(bench, monkeypatch):
    """Give it a keyboard of four keys, so that all frames can be counted."""
    for name, value in (("KEYS", 4), ("END", 4), ("START", 5)):
        monkeypatch.setattr(bench["frame_tokens"], name, value)
    return bench["frame_tokens"]


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


def probability_of_next(frame_tokens, networks, frame):
    both = 2 * frame_tokens.nats_per_frame(networks, [np.stack([*PAST, frame])])
    return np.exp(frame_tokens.nats_per_frame(networks, [PAST]) - both)


def test_tokens(frame_tokens):
    assert frame_tokens.encode(PAST).tolist() == [5, 1, 3, 4, 0, 4]
    allowed = [False, False, True, True, True, False]
    assert frame_tokens.allowed(torch.tensor(1)).tolist() == allowed
    assert frame_tokens.allowed(torch.tensor([4, 5]))[:, :5].all()


def test_the_probabilities_of_all_frames_sum_to_one(frame_tokens, networks):
    probabilities = [probability_of_next(frame_tokens, networks, frame) for frame in ALL]
    assert sum(probabilities) == pytest.approx(1, abs=1e-6)
    assert max(probabilities) < 0.9


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
    config = bench["independent_keys"].RollConfig(key_units=8, inputs=8, frame_units=8)
    return bench["independent_keys"].RollNetwork(len(rolls.keys), config).eval()


def test_a_frame_depends_on_past_frames_only(roll_network, rolls):
    frames = torch.from_numpy(rolls.train[1][None][:, :, rolls.keys]).float()
    place, state = torch.arange(30)[None], roll_network.initial_state(1)
    changed = frames.clone()
    changed[:, 12:] = 1 - changed[:, 12:]
    a, _ = roll_network(frames, place, state)
    b, _ = roll_network(changed, place, state)
    assert torch.equal(a[:, :12], b[:, :12])
    assert not torch.equal(a[:, 12], b[:, 12])


def test_the_loss_is_that_of_each_frame_but_the_first(bench, roll_network, rolls):
    keys, nats, count = rolls.keys, 0.0, 0
    training_frames = sum(map(len, rolls.train))
    for piece in rolls.test:  # each by itself, frame after frame
        state, frames = roll_network.initial_state(1), np.zeros((1, len(keys)), np.uint8)
        for t, frame in enumerate(piece):
            x = torch.from_numpy(frames[-1][None, None]).float()
            logits, state = roll_network(x, torch.tensor([[t - 1]]), state)
            probability = np.full(88, 1 / (training_frames + 2))
            probability[keys] = logits[0, 0].double().sigmoid().detach()
            if t:
                nats -= np.log(np.where(frame > 0, probability, 1 - probability)).sum()
                count += 1
            frames = np.append(frames, frame[None, keys], 0)
    loss = bench["independent_keys"].nats_per_frame([roll_network], rolls, rolls.test)
    assert loss == pytest.approx(nats / count, rel=1e-5)
