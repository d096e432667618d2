"""Sampling: what is cut away, temperature and penalty, the same choices for the same seed."""

import itertools
import math

import numpy as np
import pytest
import torch

from bowerbird.learning.config import SamplingConfig
from bowerbird.learning.sequences import sampling
from bowerbird.learning.sequences.sampling import (
    filter_logits,
    generate_tokens,
    read_prompt,
    sample_token,
    uniform_numbers,
)
from bowerbird.networks.config import RecurrentConfig, TransformerConfig
from bowerbird.networks.recurrent import Recurrent
from bowerbird.networks.transformer import Transformer

LOGITS = torch.tensor([[2.0, 1.0, 0.5, -1.0, -3.0]])


def allowed(**changes):
    logits = filter_logits(LOGITS, SamplingConfig(temperature=1.0, **changes))
    return logits.isfinite()[0].nonzero().flatten().tolist()


def test_unlikely_tokens_are_removed():
    p = LOGITS.softmax(1)[0].tolist()  # 0.60, 0.22, 0.13, 0.03, 0.004
    assert allowed() == [0, 1, 2, 3, 4]
    assert allowed(top_k=2) == [0, 1]
    assert allowed(top_k=99) == [0, 1, 2, 3, 4]
    assert allowed(top_p=p[0] - 0.01) == [0]  # the first is always allowed
    assert allowed(top_p=p[0] + 0.01) == [0, 1]
    assert allowed(min_p=p[2] / p[0] - 0.01) == [0, 1, 2]
    assert allowed(top_k=3, top_p=0.7) == [0, 1]


def test_temperature_sharpens_towards_the_most_likely():
    many = LOGITS.expand(4000, -1)
    random = uniform_numbers(0, len(many))
    for temperature in (0.5, 1.0, 2.0):
        drawn = sample_token(many, SamplingConfig(temperature=temperature), random)
        frequencies = drawn.bincount(minlength=5) / 4000
        expected = (LOGITS[0] / temperature).softmax(0)
        assert float((frequencies - expected).abs().max()) < 4 * math.sqrt(0.25 / 4000)
    assert sample_token(many, SamplingConfig(temperature=0), random).unique().tolist() == [0]


def test_repetition_is_penalized_whatever_the_sign_of_the_logit():
    past = torch.tensor([[0, 3]])
    config = SamplingConfig(temperature=1.0, repetition_penalty=2.0)
    torch.testing.assert_close(
        filter_logits(LOGITS, config, past), torch.tensor([[1.0, 1.0, 0.5, -2.0, -3.0]])
    )
    short = SamplingConfig(temperature=1.0, repetition_penalty=2.0, repetition_window=1)
    assert float(filter_logits(LOGITS, short, past)[0, 0]) == 2.0


def generated(count=12, **changes):
    network = Recurrent(5, RecurrentConfig(hidden_size=16))
    prompt = torch.tensor([[1, 2], [3, 4]])
    drawn = itertools.islice(generate_tokens(network, prompt, SamplingConfig(**changes)), count)
    return torch.stack(list(drawn), 1)


def test_the_same_seed_generates_the_same():
    assert torch.equal(generated(seed=3), generated(seed=3))
    assert not torch.equal(generated(seed=3, temperature=1.0), generated(seed=4, temperature=1.0))


def test_generating_at_temperature_0_agrees_with_the_whole_sequence():
    network = Recurrent(5, RecurrentConfig(hidden_size=16)).eval()
    prompt = torch.tensor([[1, 2]])
    drawn = list(
        itertools.islice(generate_tokens(network, prompt, SamplingConfig(temperature=0)), 8)
    )
    whole = torch.cat([prompt, torch.stack(drawn, 1)], 1)
    assert network(whole)[0].argmax(2)[0, 1:-1].tolist() == whole[0, 2:].tolist()


@pytest.mark.parametrize("kind", ["recurrent", "transformer", "nanogpt"])
def test_a_long_prompt_is_read_in_chunks_once_for_all_samples(kind, monkeypatch):
    if kind == "recurrent":
        network = Recurrent(5, RecurrentConfig(hidden_size=16, num_layers=2)).eval()
    else:
        places = "rotary" if kind == "transformer" else "learned"
        config = TransformerConfig(
            num_layers=2, embedding_dim=16, num_heads=2, context_length=8, positions=places
        )
        network = Transformer(5, config).eval()
    with torch.no_grad():
        for p in network.parameters():
            p.mul_(2)  # so that the past matters
    random = torch.Generator().manual_seed(0)
    prompt = torch.randint(5, (1, 33), generator=random)
    with torch.no_grad():
        expected = network(prompt)[0][:, -1]
    monkeypatch.setattr(sampling, "CHUNK", 10)
    read, forward = [], network.forward
    monkeypatch.setattr(
        network,
        "forward",
        lambda tokens, state: read.append(tokens.shape) or forward(tokens, state),
    )
    logits, _ = read_prompt(network, prompt)
    torch.testing.assert_close(logits, expected)
    assert logits.untyped_storage().nbytes() == 4 * 5, "the logits of a chunk are not kept"
    read.clear()
    config = SamplingConfig(temperature=0)
    drawn = list(itertools.islice(generate_tokens(network, prompt, config, 3), 5))
    assert [tuple(shape) for shape in read] == [(1, 10)] * 3 + [(1, 3)]
    whole = torch.cat([prompt, torch.stack([d[:1] for d in drawn], 1)], 1)
    with torch.no_grad():
        assert forward(whole)[0].argmax(2)[0, 32:-1].tolist() == whole[0, 33:].tolist()
    assert all(d.unique().numel() == 1 and len(d) == 3 for d in drawn)


class Countdown:
    """A constraint: some ones, then the end, 0; ``end`` may be withheld."""

    def __init__(self, ones, end=0):
        self.ones, self.end, self.ended, self.taken = ones, end, False, []

    def allowed(self):
        assert not self.ended, "it is not called after its end"
        return np.arange(5) == (self.end if self.ones == len(self.taken) else 1)

    def advance(self, token):
        self.taken.append(token)
        self.ended = token == 0


def test_a_constraint_forbids_until_it_has_ended():
    network = Recurrent(5, RecurrentConfig(hidden_size=16))
    constraints = [Countdown(2), Countdown(4)]
    drawn = generate_tokens(
        network, torch.tensor([[0]]), SamplingConfig(temperature=2.0), 2, constraints
    )
    rows = torch.stack(list(itertools.islice(drawn, 40)), 1).tolist()
    assert rows[0][:3] == constraints[0].taken == [1, 1, 0]
    assert rows[1][:5] == constraints[1].taken == [1, 1, 1, 1, 0]
    assert len(set(rows[0][3:])) > 2, "then every token is allowed"


def test_a_constraint_that_allows_nothing_is_an_error():
    network = Recurrent(5, RecurrentConfig(hidden_size=16))
    constraints = [Countdown(1), Countdown(2, end=9)]
    drawn = generate_tokens(network, torch.tensor([[0]]), SamplingConfig(), 2, constraints)
    with pytest.raises(ValueError, match="no token is allowed next"):
        list(itertools.islice(drawn, 8))


@pytest.mark.parametrize(
    "change",
    [{"temperature": -1}, {"temperature": math.nan}, {"top_p": 0}, {"min_p": 2}, {"seed": -1}],
)
def test_impossible_settings_are_refused(change):
    with pytest.raises(ValueError, match=r"temperature|top_p|min_p|seed"):
        SamplingConfig(**change)
