"""Streams of integers: rows, carried state, and both ways to measure a loss."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bowerbird.learning.config import SequenceConfig
from bowerbird.learning.sequence_batches import (
    WARM,
    SequenceBatches,
    SequenceTask,
    next_token_loss,
    stream_loss,
    window_loss,
    write_stream,
)
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.recurrent import Recurrent


def stream(length=5000, vocabulary=11, seed=0):
    return np.random.default_rng(seed).integers(0, vocabulary, length).astype(np.uint8)


def build(vocabulary=11, width=16):
    network = Recurrent(vocabulary, RecurrentConfig(hidden_size=width, num_layers=2))
    with torch.no_grad():
        for p in network.parameters():
            p.mul_(1.5)  # so that the past matters
    return network


@pytest.mark.parametrize(
    ("count", "kind"),
    [(2, "uint8"), (256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "uint32")],
)
def test_a_stream_has_the_smallest_type(tmp_path, count, kind):
    there = write_stream(tmp_path / "stream", [np.array([0, count - 1])], count)
    assert there.dtype.name == kind
    assert int(there[1]) == count - 1


def test_a_stream_goes_to_a_file_in_parts(tmp_path):
    parts = [np.arange(5), np.arange(300, 310), np.array([], dtype=np.int64)]
    there = write_stream(tmp_path / "stream", parts, 1000)
    assert there.tolist() == [*range(5), *range(300, 310)]
    assert there.dtype == np.uint16
    with pytest.raises(ValueError, match="empty"):
        write_stream(tmp_path / "none", [], 10)


def test_rows_go_on_where_they_were_and_targets_follow():
    data = np.arange(1000, dtype=np.uint16)
    rows = SequenceBatches(data, rows=4, window=10)
    before, fresh_seen = None, 0
    for _ in range(rows.windows * 3):
        signs, targets, fresh = next(rows)
        assert torch.equal(targets, signs + 1)
        if not fresh:
            assert torch.equal(signs[:, 0], before[:, -1] + 1)
        fresh_seen += fresh
        before = signs
    assert fresh_seen == 3


def test_each_round_begins_elsewhere_and_nearly_everything_is_read():
    data = np.arange(1003, dtype=np.uint16)
    rows, seen, starts = SequenceBatches(data, rows=2, window=50), set(), set()
    for _ in range(rows.windows * 8):
        signs, _, fresh = next(rows)
        seen.update(signs.flatten().tolist())
        starts.update([int(signs[0, 0])] if fresh else [])
    assert len(starts) > 3
    assert len(seen) > 0.95 * 1003


def test_processes_share_the_rows():
    data = stream()
    whole = SequenceBatches(data, rows=6, window=20)
    parts = [SequenceBatches(data, rows=6, window=20, part=(p, 2)) for p in range(2)]
    for _ in range(5):
        signs, _, _ = next(whole)
        shares = [next(part)[0] for part in parts]
        assert torch.equal(torch.stack(shares, 1).flatten(0, 1), signs)


def test_a_corpus_shorter_than_a_window_is_refused():
    with pytest.raises(ValueError, match="10 signs and a window 10"):
        SequenceBatches(stream(10), rows=2, window=10)
    assert SequenceBatches(stream(32), rows=64, window=10).rows == 3


def one_by_one(network, data):
    state, nats = network.eval().start(1), 0.0
    with torch.no_grad():
        for now, then in itertools.pairwise(data):
            scores, state = network.step(torch.tensor([int(now)]), state)
            nats -= float(scores.log_softmax(1)[0, int(then)])
    return nats / (len(data) - 1)


@pytest.mark.parametrize("length", [2, 3, 257, 4 * WARM * 2 + 3])
def test_the_loss_of_a_stream_is_that_of_reading_it_sign_by_sign(length):
    network, data = build(), stream(length)
    # several rows have a past of WARM signs where reading has all of it
    assert stream_loss(network, data, window=100) == pytest.approx(
        one_by_one(network, data), rel=1e-5
    )


def test_the_loss_of_windows_has_no_past():
    network, data = build(), stream(3000)
    ours = window_loss(network, data, window=30, windows=500, seed=1)
    starts = np.random.default_rng(1).integers(0, 3000 - 30, size=500)
    both = torch.from_numpy(np.stack([data[s : s + 31] for s in starts]).astype(np.int64))
    with torch.no_grad():
        expected = F.cross_entropy(network(both[:, :-1])[0].flatten(0, 1), both[:, 1:].flatten())
    assert ours == pytest.approx(float(expected), rel=1e-4)


def test_the_state_is_carried_and_can_be_kept():
    data = stream()
    torch.manual_seed(0)
    network = build()
    whole = SequenceTask(network, SequenceBatches(data, 4, 25), data, torch.device("cpu"))
    losses = [float(whole.loss(network).detach()) for _ in range(4)]
    again = SequenceTask(network, SequenceBatches(data, 4, 25), data, torch.device("cpu"))
    for _ in range(2):
        again.loss(network)
    other = SequenceTask(network, SequenceBatches(data, 4, 25), data, torch.device("cpu"))
    other.load_state_dict({n: t.clone() for n, t in again.state_dict().items()})
    assert [float(other.loss(network).detach()) for _ in range(2)] == losses[2:]
    signs, targets, _ = next(SequenceBatches(data, 4, 25))
    assert float(next_token_loss(network(signs)[0], targets).detach()) == losses[0]


def test_what_is_measured_is_the_end_of_the_stream():
    stream = np.arange(1000)
    learned, measured = SequenceConfig(sequence_length=8, validation=0.25).split(stream)
    assert learned.tolist() + measured.tolist() == stream.tolist()
    assert len(measured) == 250
    assert np.shares_memory(stream, learned)
    assert len(SequenceConfig(sequence_length=8, max_validation_tokens=20).split(stream)[1]) == 20


@pytest.mark.parametrize(("length", "window"), [(0, 4), (9, 4), (100, 90)])
def test_a_stream_too_short_to_be_split(length, window):
    with pytest.raises(ValueError, match=f"the corpus has only {length} tokens: too few"):
        SequenceConfig(sequence_length=window).split(np.arange(length))


def test_a_batch_that_is_no_number_does_not_spoil_the_next():
    network, data = build(), stream()
    task = SequenceTask(network, SequenceBatches(data, 4, 25), data, torch.device("cpu"))
    task.loss(network)

    def spoiled(signs, state):
        scores, after = network(signs, state)
        return scores * math.nan, tuple(s * math.nan for s in after)

    assert math.isnan(float(task.loss(spoiled).detach()))
    loss = float(task.loss(network).detach())
    rows = SequenceBatches(data, 4, 25)
    signs, targets, _ = [next(rows) for _ in range(3)][-1]
    with torch.no_grad():
        assert loss == pytest.approx(float(next_token_loss(network(signs)[0], targets)), rel=1e-6)


@pytest.mark.parametrize("learning", [True, False])
def test_measuring_leaves_dropping_as_it_was(learning):
    network, data = build().train(learning), stream(400)
    stream_loss(network, data)
    assert network.training == learning
    window_loss(network, data, window=10, windows=3)
    assert network.training == learning
