"""Recurrent networks: torch's own layers, the step form, published sizes, dropout."""

import pytest
import torch
from torch import nn

from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.recurrent import Recurrent
from bowerbird.networks.recurrent_numpy import MAX_VECTORS


def tokens(batch=3, length=11, vocab_size=17):
    return torch.randint(vocab_size, (batch, length), generator=torch.Generator().manual_seed(0))


def build(vocab_size=17, **changes):
    return Recurrent(vocab_size, RecurrentConfig(**{"hidden_size": 24, **changes})).eval()


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_it_equals_torchs_layers_on_the_same_weights(cell):
    ours = build(cell=cell, num_layers=2, embedding_dim=9, biases=2)
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[cell]
    theirs = kind(9, 24, 2, batch_first=True)
    for i, layer in enumerate(ours.layers):
        for name, p in layer.named_parameters():
            getattr(theirs, f"{name}_l{i}").data.copy_(p.data)
    y, state = theirs(ours.embedding(tokens()))
    logits, after = ours(tokens())
    torch.testing.assert_close(logits, ours.decoder(y))
    flat = [s[i] for i in range(2) for s in (state if cell == "lstm" else (state,))]
    torch.testing.assert_close(list(after), flat)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"embedding_dim": 24, "tie_weights": True, "layer_norm": True},
        {
            "biases": 2,
            "embedding_dim": 7,
            "dropout": 0.5,
            "input_dropout": 0.3,
            "recurrent_dropout": 0.4,
        },
        {"residual": True, "num_layers": 3},
    ],
)
def test_a_step_at_a_time_is_the_whole_sequence(monkeypatch, cell, changes):
    network = build(**{"cell": cell, "num_layers": 2, **changes})
    whole, after = network(tokens())
    state, logits = network.initial_state(3), []
    for column in tokens().T:
        one, state = network.step(column, state)
        logits.append(one)
    torch.testing.assert_close(torch.stack(logits, 1), whole)
    torch.testing.assert_close(state, after)
    # few rows are multiplied one by one
    for rows, max_vectors in ((3, MAX_VECTORS), (3, 2), (1, MAX_VECTORS)):
        monkeypatch.setattr("bowerbird.networks.recurrent_numpy.MAX_VECTORS", max_vectors)
        state, logits, step = network.initial_state(rows), [], network.fast_step()
        for column in tokens()[:rows].T:
            one, state = step(column, state)
            logits.append(one)
        torch.testing.assert_close(torch.stack(logits, 1), whole[:rows])
        torch.testing.assert_close(state, tuple(s[:rows] for s in after))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_carried_state_joins_windows(cell):
    network = build(cell=cell, num_layers=2)
    first, state = network(tokens()[:, :4])
    second, after = network(tokens()[:, 4:], state)
    whole, end = network(tokens())
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(after, end)


@pytest.mark.parametrize(
    ("vocab_size", "changes", "published"),
    [
        # char-rnn at 65 characters prints 240321; torch-rnn 242945; folk-rnn v2's paper 5,599,881
        (65, {"num_layers": 2, "hidden_size": 128, "biases": 2}, 240_321),
        (65, {"num_layers": 2, "hidden_size": 128, "embedding_dim": 64}, 242_945),
        (137, {"num_layers": 3, "hidden_size": 512}, 5_599_881),
    ],
)
def test_published_sizes(vocab_size, changes, published):
    network = Recurrent(vocab_size, RecurrentConfig(**changes))
    assert sum(p.numel() for p in network.parameters()) == published


def test_tied_weights_are_one():
    network = build(embedding_dim=24, tie_weights=True)
    assert network.decoder.weight is network.embedding.weight


def test_variational_dropout_keeps_its_choice_for_a_window_and_ends_with_eval():
    network = build(embedding_dim=24, input_dropout=0.5).train()
    x = network._drop(torch.ones(2, 50, 24), 0.5)
    assert bool((x == x[:, :1]).all())
    assert sorted(set(x.flatten().tolist())) == [0.0, 2.0]
    free = (
        build(embedding_dim=24, variational_dropout=False).train()._drop(torch.ones(2, 50, 24), 0.5)
    )
    assert not bool((free == free[:, :1]).all())
    network.eval()
    torch.testing.assert_close(network(tokens())[0], network(tokens())[0])


def test_dropout_recurrent_weights_changes_only_what_comes_after_the_first_token():
    network = build(recurrent_dropout=0.5).train()
    one, other = network(tokens())[0], network(tokens())[0]
    torch.testing.assert_close(one[:, 0], other[:, 0])
    assert float((one - other).detach().abs()[:, 1:].max()) > 1e-4


def test_the_forget_gate_begins_open():
    layer = build(forget_bias=3.0).layers[0].requires_grad_(False)
    assert layer.bias_ih[24:48].tolist() == [3.0] * 24
    assert float(layer.bias_ih[:24].abs().max()) == 0


def test_the_same_seed_draws_the_same_weights():
    one, other = build(), build()
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    other.initialize(seed=1)
    assert not torch.equal(one.decoder.weight, other.decoder.weight)


def test_folk_rnns_recurrent_weights_are_orthogonal():
    gate = build(initialization="folk-rnn").layers[0].weight_hh[:24].double()
    torch.testing.assert_close(gate @ gate.T, torch.eye(24).double(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "lstmm"}, "cell must be one of lstm, gru, rnn, got 'lstmm'"),
        ({"initialization": "x"}, "torch, char-rnn, torch-rnn, folk-rnn"),
        ({"num_layers": 0}, "at least 1"),
        ({"dropout": 1.0}, "dropout must be in .0, 1., got 1.0"),
        ({"tie_weights": True}, "embedding_dim = hidden_size = 512, got 0"),
    ],
)
def test_impossible_shapes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        RecurrentConfig(**changes)
