"""The transformer: its formula in float64, the step form, carried states, nanoGPT's sizes."""

import itertools
import math

import numpy as np
import pytest
import torch

from bowerbird.learning.config import SamplingConfig
from bowerbird.learning.sequences import batches
from bowerbird.learning.sequences.batches import (
    SequenceBatches,
    SequenceTask,
    next_token_loss,
    stream_loss,
)
from bowerbird.learning.sequences.sampling import generate_tokens
from bowerbird.networks.config import TransformerConfig
from bowerbird.networks.transformer import Transformer

# nanoGPT (Karpathy, github.com/karpathy/nanoGPT): config/train_shakespeare_char.py and the
# README's line for a computer without a GPU; bias=False is train.py's default
GPU = {
    "num_layers": 6,
    "num_heads": 6,
    "embedding_dim": 384,
    "context_length": 256,
    "block_dropout": 0.2,
}
CPU = {"num_layers": 4, "num_heads": 4, "embedding_dim": 128, "context_length": 64}
BOTH = pytest.mark.parametrize("positions", ["rotary", "learned"])


def tokens(batch=3, length=29, vocab_size=17):
    return torch.randint(vocab_size, (batch, length), generator=torch.Generator().manual_seed(0))


def build(vocab_size=17, **changes):
    shape = {
        "embedding_dim": 24,
        "num_heads": 3,
        "num_layers": 2,
        "context_length": 8,
        "init_std": 0.4,
    }
    return Transformer(vocab_size, TransformerConfig(**{**shape, **changes})).eval()


def by_steps(network, whole, state=None):
    state = network.initial_state(len(whole)) if state is None else state
    logits = []
    for column in whole.T:
        one, state = network.step(column, state)
        logits.append(one)
    return torch.stack(logits, 1), state


def in_sight(state):
    """The part of a state that can still be looked at."""
    *parts, count = state
    places = torch.arange(parts[0].shape[1]) >= parts[0].shape[1] - count[:, None]
    return [*(part * places[..., None] for part in parts), count]


def norm(x, weight, bias):
    centered = x - x.mean(-1, keepdims=True)
    return centered / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * weight + bias


def rotation(place, width):
    """Su et al. 2021, equation 15: a block-diagonal matrix of turned pairs."""
    matrix = np.zeros((width, width))
    for i in range(width // 2):
        angle = place * 10000 ** (-2 * i / width)
        turn = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = turn
    return matrix


def looked(q, k, v, config):
    """One head, token by token: softmax((R_n q_n) . (R_m k_m) / sqrt(d)) v_m."""
    width, out = q.shape[1], []
    rotary = config.positions == "rotary"
    for n in range(len(q)):
        first = (
            max(0, n - config.context_length + 1)
            if rotary
            else n // config.context_length * config.context_length
        )
        logits = []
        for m in range(first, n + 1):
            near, far = (rotation(p, width) if rotary else np.eye(width) for p in (n, m))
            logits.append((near @ q[n]) @ (far @ k[m]) / math.sqrt(width))
        shares = np.exp(logits) / np.exp(logits).sum()
        out.append(shares @ v[first : n + 1])
    return np.array(out)


def formula(network, row):
    config = network.config
    weights = {n: p.detach().double().numpy() for n, p in network.named_parameters()}

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)

    def normed(x, name):
        return norm(x, weights[f"{name}.weight"], weights.get(f"{name}.bias", 0))

    x = weights["embedding.weight"][row]
    if config.positions == "learned":
        x = x + weights["position_embedding.weight"][np.arange(len(row)) % config.context_length]
    for i in range(config.num_layers):
        name = f"layers.{i}"
        parts = np.split(linear(normed(x, f"{name}.norm1"), f"{name}.qkv"), 3, -1)
        heads = zip(*(np.split(part, config.num_heads, -1) for part in parts), strict=True)
        y = np.concatenate([looked(q, k, v, config) for q, k, v in heads], -1)
        x = x + linear(y, f"{name}.output")
        h = linear(normed(x, f"{name}.norm2"), f"{name}.expand")
        h = h * (1 + np.vectorize(math.erf)(h / math.sqrt(2))) / 2  # GELU
        x = x + linear(h, f"{name}.contract")
    return normed(x, "norm") @ weights.get("decoder.weight", weights["embedding.weight"]).T


@BOTH
@pytest.mark.parametrize("changes", [{}, {"bias": True, "num_layers": 1, "num_heads": 2}])
def test_it_equals_the_written_out_formula(positions, changes):
    network = build(positions=positions, **changes)
    with torch.no_grad():
        random = torch.Generator().manual_seed(1)
        for p in network.parameters():
            if p.ndim == 1:
                p.normal_(1, 0.5, generator=random)
    whole, _ = network(tokens())
    expected = np.stack([formula(network, row) for row in tokens().numpy()])
    assert np.ptp(expected) > 4
    np.testing.assert_allclose(whole.detach().double().numpy(), expected, atol=1e-4)


@BOTH
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"context_length": 1},
        {"context_length": 29},
        {"context_length": 64},
        {"bias": True, "context_length": 5},
    ],
)
def test_a_step_at_a_time_is_the_whole_sequence_also_beyond_the_window(positions, changes):
    network = build(positions=positions, **changes)
    whole, after = network(tokens())
    logits, state = by_steps(network, tokens())
    torch.testing.assert_close(logits, whole, atol=1e-4, rtol=0)
    torch.testing.assert_close(in_sight(state), in_sight(after), atol=1e-4, rtol=0)


@BOTH
@pytest.mark.parametrize("cuts", [(1,), (8,), (16,), (3, 5, 20), (11, 24)])
def test_a_carried_state_joins_windows_of_any_lengths(positions, cuts):
    network, state, logits = build(positions=positions), None, []
    for start, end in itertools.pairwise((0, *cuts, 29)):
        one, state = network(tokens()[:, start:end], state)
        logits.append(one)
    whole, after = network(tokens())
    torch.testing.assert_close(torch.cat(logits, 1), whole, atol=1e-4, rtol=0)
    torch.testing.assert_close(in_sight(state), in_sight(after), atol=1e-4, rtol=0)


@BOTH
def test_rows_are_independent_and_may_have_pasts_of_different_lengths(positions):
    network = build(positions=positions)
    pasts = [network(tokens()[i : i + 1, :length])[1] for i, length in enumerate((1, 5, 13))]
    state = tuple(torch.cat(parts) for parts in zip(*pasts, strict=True))
    state = tuple(
        torch.cat([new, old[1:]]) for new, old in zip(network.initial_state(1), state, strict=True)
    )
    together, _ = network(tokens()[:, 15:], state)
    for i in range(3):
        alone, _ = network(tokens()[i : i + 1, 15:], pasts[i] if i else None)
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-4, rtol=0)


@BOTH
def test_a_later_token_changes_no_earlier_evaluate(positions):
    network = build(positions=positions)
    other = tokens()
    other[:, 12] = (other[:, 12] + 1) % 17
    change = (network(tokens())[0] - network(other)[0]).detach().abs().amax((0, 2))
    assert float(change[:12].max()) < 1e-5  # not 0: sums of other lengths may round otherwise
    assert float(change[12]) > 0.1


def test_each_token_sees_the_last_window_tokens_and_none_before():
    network = build(num_layers=1)
    other = tokens()
    other[:, 10] = (other[:, 10] + 1) % 17
    change = (network(tokens())[0] - network(other)[0]).detach().abs().amax((0, 2))
    assert float(change[10:18].min()) > 1e-3
    assert float(change[18:].max()) < 1e-5


def test_with_trained_positions_the_past_ends_with_each_window():
    network = build(positions="learned")
    whole, state = network(tokens()[:, :16])
    torch.testing.assert_close(whole[:, 8:], network(tokens()[:, 8:16])[0], atol=1e-5, rtol=0)
    one, _ = network.step(tokens()[:, 16], state)
    torch.testing.assert_close(one, network(tokens()[:, 16:17])[0][:, 0], atol=1e-5, rtol=0)


@BOTH
def test_a_state_keeps_its_size_and_is_not_changed_by_reading_on(positions):
    network = build(positions=positions)
    _, state = network(tokens())
    shapes, kept = [s.shape for s in network.initial_state(3)], [s.clone() for s in state]
    _, after = by_steps(network, tokens(), state)
    assert [s.shape for s in after] == [s.shape for s in state] == shapes
    assert all(s.is_contiguous() for s in after)
    assert all(torch.equal(s, k) for s, k in zip(state, kept, strict=True))


def count(vocab_size, num_layers, embedding_dim, context_length):
    """Embedding (tied) and places; per layer 4 + 2 * 4 squares and 2 norms; the last norm.

    nanoGPT's model.py with bias=False; what it prints leaves out the position embedding.
    """
    places = (vocab_size + context_length) * embedding_dim
    return places + num_layers * (12 * embedding_dim**2 + 2 * embedding_dim) + embedding_dim


@pytest.mark.parametrize(
    ("recipe", "exact", "printed"),
    [(GPU, 10_745_088, "10.65M"), (CPU, 804_096, "0.80M")],  # printed at the start of train.py
)
def test_nanogpts_sizes(recipe, exact, printed):
    network = Transformer(65, TransformerConfig(positions="learned", **recipe))
    ours = sum(p.numel() for p in network.parameters())
    size = {name: recipe[name] for name in ("num_layers", "embedding_dim", "context_length")}
    assert ours == count(65, **size) == exact
    assert f"{(ours - network.position_embedding.weight.numel()) / 1e6:.2f}M" == printed
    rotary = Transformer(65, TransformerConfig(**recipe))
    places = recipe["context_length"] * recipe["embedding_dim"]
    assert sum(p.numel() for p in rotary.parameters()) == exact - places


def test_first_weights_are_nanogpts():
    network = Transformer(65, TransformerConfig(positions="learned", bias=True, **CPU))
    for name, p in network.named_parameters():
        if name.endswith("bias"):
            assert float(p.detach().abs().max()) == 0
        elif "norm" in name:
            assert bool((p == 1).all())
        else:
            small = name.endswith(("output.weight", "contract.weight"))
            expected = 0.02 / math.sqrt(2 * 4) if small else 0.02
            assert float(p.detach().std()) == pytest.approx(expected, rel=0.05)


def test_the_same_seed_draws_the_same_weights_and_tied_ones_are_one():
    one, other = build(), build()
    assert one.decoder.weight is one.embedding.weight
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    other.initialize(seed=1)
    assert not torch.equal(one.decoder.weight, other.decoder.weight)


@BOTH
def test_the_gradient_reaches_every_weight_and_every_earlier_token(positions):
    network = build(positions=positions, bias=True).train()
    logits, state = network(tokens()[:, :8])
    next_token_loss(logits, tokens()[:, 1:9]).backward()
    for name, p in network.named_parameters():
        thirds = "qkv" in name  # queries, keys, values
        for i, part in enumerate(p.grad.chunk(3) if thirds else [p.grad]):
            if positions == "learned" and name.endswith("qkv.bias") and i == 1:
                continue  # it adds the same to all logits of a token: the softmax takes it away
            assert float(part.abs().max()) > 1e-5, (name, i)
    _, state = network(tokens()[:, :8])
    state[0].retain_grad()
    network(tokens()[:, 8:12], state)[0].square().sum().backward()
    carried = positions == "rotary"  # the trained past has just ended
    assert (state[0].grad is not None) == carried


@BOTH
def test_it_overfits_one_batch(positions):
    network = build(positions=positions, embedding_dim=32, num_heads=2, init_std=0.05).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(100):
        loss = next_token_loss(network(tokens(4, 16)[:, :-1])[0], tokens(4, 16)[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(math.log(17), rel=0.1)
    assert losses[-1] < losses[0] / 10


def test_dropout_is_drawn_from_the_seed_and_ends_with_eval():
    network = build(block_dropout=0.3).train()
    torch.manual_seed(0)
    one = network(tokens())[0].detach()
    torch.manual_seed(0)
    assert torch.equal(network(tokens())[0], one)
    assert float((network(tokens())[0] - one).detach().abs().max()) > 0.1
    x = network._drop(torch.ones(2, 50, 24), 0.5)
    assert sorted(set(x.flatten().tolist())) == [0.0, 2.0]
    state = network.initial_state(3)
    assert torch.equal(
        network.step(tokens()[:, 0], state)[0], network.step(tokens()[:, 0], state)[0]
    )
    network.eval()
    assert torch.equal(network(tokens())[0], network(tokens())[0])


def test_masks_of_outputs_are_drawn_from_a_generator_if_there_is_one():
    network = build(block_dropout=0.3).train()
    drawn = []
    for _ in range(2):
        network.random = torch.Generator().manual_seed(3)
        drawn.append(network._drop(torch.ones(2, 5, 24), 0.5))
    assert torch.equal(*drawn)


@BOTH
def test_bfloat16_is_near_float32_and_logits_are_float32(positions):
    single = build(positions=positions, init_std=0.1)
    half = Transformer(17, single.config, torch.bfloat16).eval()
    assert all(p.dtype == torch.float32 for p in half.parameters())
    logits, state = half(tokens())
    assert logits.dtype == torch.float32
    assert state[0].dtype == half.initial_state(1)[0].dtype == torch.bfloat16
    expected = single(tokens())[0]
    error = (logits - expected).square().mean().sqrt() / expected.std()
    assert float(error.detach()) < 0.02
    assert float((by_steps(half, tokens())[0] - logits).detach().abs().max()) < 0.02


def one_by_one(network, data):
    state, nats = network.eval().initial_state(1), 0.0
    with torch.no_grad():
        for now, then in itertools.pairwise(data):
            logits, state = network.step(torch.tensor([int(now)]), state)
            nats -= float(logits.log_softmax(1)[0, int(then)])
    return nats / (len(data) - 1)


@BOTH
def test_the_loss_of_a_stream_is_that_of_reading_it_token_by_token(positions, monkeypatch):
    monkeypatch.setattr(batches, "WARMUP", 128)
    network = build(11, positions=positions)
    data = np.random.default_rng(0).integers(0, 11, 4 * 128 * 2 + 1).astype(np.uint8)
    for some in (data[:301], data):  # the second in two rows, that begin where windows of 8 do
        assert stream_loss(network, some, sequence_length=100) == pytest.approx(
            one_by_one(network, some), rel=1e-5
        )


@BOTH
def test_it_writes_what_reading_everything_again_would_write(positions):
    network, prompt = build(positions=positions), tokens(2, 5)
    written = generate_tokens(network, prompt, SamplingConfig(temperature=0))
    for token in itertools.islice(written, 24):
        assert torch.equal(token, network(prompt)[0][:, -1].argmax(1))
        prompt = torch.cat([prompt, token[:, None]], 1)


@BOTH
def test_a_task_carries_its_state_and_goes_on_exactly_with_dropout(positions):
    data = np.random.default_rng(0).integers(0, 17, 2000).astype(np.uint8)
    network = build(positions=positions, block_dropout=0.2).train()
    task = SequenceTask(network, SequenceBatches(data, 4, 12), data, torch.device("cpu"))
    torch.manual_seed(0)
    for _ in range(2):
        task.loss(network).backward()
    assert not any(s.requires_grad for s in task.state)
    kept, random = {n: t.clone() for n, t in task.state_dict().items()}, torch.get_rng_state()
    losses = [float(task.loss(network).detach()) for _ in range(2)]
    again = SequenceTask(network, SequenceBatches(data, 4, 12), data, torch.device("cpu"))
    again.load_state_dict(kept)
    torch.set_rng_state(random)
    assert [float(again.loss(network).detach()) for _ in range(2)] == losses


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": "sines"}, "positions must be one of rotary, learned, got 'sines'"),
        ({"num_layers": 0}, "at least 1"),
        ({"context_length": 0}, "at least 1"),
        ({"embedding_dim": 100, "num_heads": 3}, "a multiple of num_heads = 3, got 100"),
        (
            {"embedding_dim": 9, "num_heads": 3},
            "rotate pairs, and embedding_dim / num_heads = 3 is odd",
        ),
        ({"block_dropout": 1.0}, "block_dropout must be in .0, 1., got 1.0"),
        ({"init_std": 0.0}, "init_std must be positive, got 0.0"),
        ({"init_std": math.nan}, "init_std must be positive, got nan"),
    ],
)
def test_impossible_shapes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        TransformerConfig(**changes)
