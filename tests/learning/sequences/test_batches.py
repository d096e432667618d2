"""Streams of integers: batches, carried state, and both ways to measure a loss."""

import itertools
import math

import numpy as np
import pytest
import torch

from bowerbird.learning.config import SequenceConfig
from bowerbird.learning.sequences.batches import (
    WARMUP,
    SequenceBatches,
    SequenceTask,
    next_token_loss,
    stream_loss,
    write_stream,
)
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.recurrent import Recurrent


def stream(length=5000, vocab_size=11, seed=0):
    return np.random.default_rng(seed).integers(0, vocab_size, length).astype(np.uint8)


def build(vocab_size=11, width=16):
    network = Recurrent(vocab_size, RecurrentConfig(hidden_size=width, num_layers=2))
    with torch.no_grad():
        for p in network.parameters():
            p.mul_(1.5)  # so that the past matters
    return network


@pytest.mark.parametrize(
    ("count", "kind"),
    [(2, "uint8"), (256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "uint32")],
)
def test_a_stream_has_the_smallest_type(tmp_path, count, kind):
    written = write_stream(tmp_path / "stream", [np.array([0, count - 1])], count)
    assert written.dtype.name == kind
    assert int(written[1]) == count - 1


def test_a_stream_goes_to_a_file_in_parts(tmp_path):
    parts = [np.arange(5), np.arange(300, 310), np.array([], dtype=np.int64)]
    written = write_stream(tmp_path / "stream", parts, 1000)
    assert written.tolist() == [*range(5), *range(300, 310)]
    assert written.dtype == np.uint16
    with pytest.raises(ValueError, match="empty"):
        write_stream(tmp_path / "none", [], 10)


def test_batches_continue_and_targets_follow():
    data = np.arange(1000, dtype=np.uint16)
    batches = SequenceBatches(data, batch_size=4, sequence_length=10)
    before, epochs = None, 0
    for _ in range(batches.batches_per_epoch * 3):
        tokens, targets, new_epoch = next(batches)
        assert torch.equal(targets, tokens + 1)
        if not new_epoch:
            assert torch.equal(tokens[:, 0], before[:, -1] + 1)
        epochs += new_epoch
        before = tokens
    assert epochs == 3


def test_each_epoch_begins_elsewhere_and_nearly_everything_is_read():
    data = np.arange(1003, dtype=np.uint16)
    batches, seen, starts = SequenceBatches(data, batch_size=2, sequence_length=50), set(), set()
    for _ in range(batches.batches_per_epoch * 8):
        tokens, _, new_epoch = next(batches)
        seen.update(tokens.flatten().tolist())
        starts.update([int(tokens[0, 0])] if new_epoch else [])
    assert len(starts) > 3
    assert len(seen) > 0.95 * 1003


def test_processes_share_the_rows():
    data = stream()
    whole = SequenceBatches(data, batch_size=6, sequence_length=20)
    parts = [
        SequenceBatches(data, batch_size=6, sequence_length=20, shard=(p, 2)) for p in range(2)
    ]
    for _ in range(5):
        tokens, _, _ = next(whole)
        parts_of_batch = [next(part)[0] for part in parts]
        assert torch.equal(torch.stack(parts_of_batch, 1).flatten(0, 1), tokens)


def test_a_corpus_shorter_than_a_window_is_refused():
    with pytest.raises(ValueError, match="only 10 tokens for sequences of 10"):
        SequenceBatches(stream(10), batch_size=2, sequence_length=10)
    assert SequenceBatches(stream(32), batch_size=64, sequence_length=10).batch_size == 3


def one_by_one(network, data):
    state, nats = network.eval().initial_state(1), 0.0
    with torch.no_grad():
        for now, then in itertools.pairwise(data):
            logits, state = network.step(torch.tensor([int(now)]), state)
            nats -= float(logits.log_softmax(1)[0, int(then)])
    return nats / (len(data) - 1)


@pytest.mark.parametrize("length", [2, 3, 257, 4 * WARMUP * 2 + 3])
def test_the_loss_of_a_stream_is_that_of_reading_it_token_by_token(length):
    network, data = build(), stream(length)
    # several rows have a past of WARMUP tokens where reading has all of it
    assert stream_loss(network, data, sequence_length=100) == pytest.approx(
        one_by_one(network, data), rel=1e-5
    )


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
    tokens, targets, _ = next(SequenceBatches(data, 4, 25))
    assert float(next_token_loss(network(tokens)[0], targets).detach()) == losses[0]


def test_validation_is_the_end_of_the_stream():
    stream = np.arange(1000)
    train, validation = SequenceConfig(sequence_length=8, validation=0.25).split(stream)
    assert train.tolist() + validation.tolist() == stream.tolist()
    assert len(validation) == 250
    assert np.shares_memory(stream, train)
    assert len(SequenceConfig(sequence_length=8, max_validation_tokens=20).split(stream)[1]) == 20


@pytest.mark.parametrize(("length", "window"), [(0, 4), (9, 4), (100, 90)])
def test_a_stream_too_short_to_be_split(length, window):
    with pytest.raises(ValueError, match=f"the corpus has only {length} tokens: too few"):
        SequenceConfig(sequence_length=window).split(np.arange(length))


def test_a_batch_that_is_not_finite_does_not_spoil_the_next():
    network, data = build(), stream()
    task = SequenceTask(network, SequenceBatches(data, 4, 25), data, torch.device("cpu"))
    task.loss(network)

    def spoiled(tokens, state):
        logits, after = network(tokens, state)
        return logits * math.nan, tuple(s * math.nan for s in after)

    assert math.isnan(float(task.loss(spoiled).detach()))
    loss = float(task.loss(network).detach())
    batches = SequenceBatches(data, 4, 25)
    tokens, targets, _ = [next(batches) for _ in range(3)][-1]
    with torch.no_grad():
        assert loss == pytest.approx(float(next_token_loss(network(tokens)[0], targets)), rel=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_measuring_leaves_dropout_as_it_was(training):
    network, data = build().train(training), stream(400)
    stream_loss(network, data)
    assert network.training == training
