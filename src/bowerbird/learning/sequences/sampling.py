"""Sample the next token from a network's logits, again and again.

``p_i = softmax(logits / temperature)``; unlikely tokens are removed first: all but the k most
likely (top-k), all beyond a cumulative probability (top-p, Holtzman et al. 2020, arXiv:1904.09751),
or all below a fraction of the largest probability (min-p, arXiv:2407.01082). The repetition penalty
is that of CTRL (Keskar et al. 2019, arXiv:1909.05858): logits of recent tokens are divided by it if
positive, multiplied if negative.

Temperature 0 takes the most likely token; ties go to the lowest id.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from bowerbird.learning.config import SamplingConfig
from bowerbird.learning.sequences.batches import SequenceNetwork, State

CHUNK = 1024  # tokens of a prompt that are read at once
DRAWS = 64  # random numbers of a row that are drawn at once


class Constraint(Protocol):
    """Which tokens may come next, given the tokens so far: a grammar, for example."""

    @property
    def ended(self) -> bool:
        """Whether the sequence is complete; from then on every token is allowed and ignored."""

    def allowed(self) -> np.ndarray:
        """Return a boolean for each token, at least one of them true before the end."""

    def advance(self, token: int) -> None:
        """Append a token to the sequence."""


def filter_logits(
    logits: Float[Tensor, "b v"], config: SamplingConfig, past: Int[Tensor, "b n"] | None = None
) -> Float[Tensor, "b v"]:
    """Return the logits divided by the temperature, minus infinity for removed tokens.

    ``past`` are the tokens so far, for the repetition penalty.
    """
    if past is not None and config.repetition_penalty != 1:
        recent = past[:, -config.repetition_window :]
        old, penalty = logits.gather(1, recent), config.repetition_penalty
        logits = logits.scatter(1, recent, torch.where(old > 0, old / penalty, old * penalty))
    logits = logits / (config.temperature or 1.0)
    if config.top_k and config.top_k < logits.shape[1]:
        lowest = logits.topk(config.top_k, 1).values[:, -1:]
        logits = logits.masked_fill(logits < lowest, -math.inf)
    if config.min_p:
        lowest = logits.max(1, keepdim=True).values + math.log(config.min_p)
        logits = logits.masked_fill(logits < lowest, -math.inf)
    if config.top_p < 1:
        ordered, order = logits.softmax(1).sort(stable=True, dim=1, descending=True)
        beyond = ordered.cumsum(1) - ordered >= config.top_p  # never the first
        logits = logits.masked_fill(beyond.gather(1, order.argsort(1)), -math.inf)
    return logits


def sample_token(
    logits: Float[Tensor, "b v"],
    config: SamplingConfig,
    uniform: Iterator[Float[np.ndarray, "b 1"]],
    past: Int[Tensor, "b n"] | None = None,
) -> Int[Tensor, " b"]:
    """Sample a token for each row: the first whose cumulative probability exceeds a random number.

    It runs in NumPy, which takes a fifth of the time of ``torch.multinomial`` for a hundred tokens.
    Raises ValueError if the logits aren't finite.
    """
    logits = filter_logits(logits, config, past)
    if config.temperature == 0:
        return logits.argmax(1)
    array = logits.numpy()
    weights = np.exp(array - array.max(1, keepdims=True)).astype(np.float64)
    cumulative = np.add.accumulate(weights, 1)
    total = cumulative[:, -1:]
    if not np.isfinite(total).all():
        raise ValueError("the logits are not finite: the network's weights are damaged")
    # rounding must not reach the end
    place = np.minimum(next(uniform) * total, np.nextafter(total, 0))
    return torch.from_numpy(np.add.reduce(cumulative <= place, 1))


def uniform_numbers(seed: int, rows: int) -> Iterator[Float[np.ndarray, "b 1"]]:
    """Yield random numbers in [0, 1), one for each row; drawing many at once saves 2 us each."""
    random = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.rand(DRAWS, rows, 1, generator=random, dtype=torch.float64).numpy()


@torch.no_grad()
def read_prompt(
    network: SequenceNetwork, prompt: Int[Tensor, "b t"]
) -> tuple[Float[Tensor, "b v"], State]:
    """Return the logits and the state after a prompt of at least one token.

    It is read in chunks: the logits of all of its tokens at once could fill the memory.
    """
    state: State | None = None
    for chunk in prompt.split(CHUNK, 1):
        logits, state = network(chunk, state)
        last = logits[:, -1].clone()  # a view would keep the logits of the whole chunk
    assert state is not None
    return last, state


@torch.no_grad()
def generate_tokens(
    network: SequenceNetwork,
    prompt: Int[Tensor, "b t"],
    config: SamplingConfig,
    samples: int = 1,
    constraints: Sequence[Constraint] = (),
) -> Iterator[Int[Tensor, " n"]]:
    """Yield the next token of each sample, without end; switch the network to evaluation.

    Each of the ``b`` prompts is read once and continued by ``samples`` samples, which are adjacent
    in the result. The network is on the prompt's device; tokens are sampled on the CPU.
    ``constraints``, one for each sample, have advanced through the prompt already; a token that
    they forbid is never sampled before their end. Raises ValueError for a constraint that allows
    no token.
    """
    network.eval()
    logits, state = read_prompt(network, prompt)
    logits = logits.repeat_interleave(samples, 0)
    state = tuple(s.repeat_interleave(samples, 0) for s in state)
    past = prompt[:, -config.repetition_window :].cpu().repeat_interleave(samples, 0)
    step, uniform = network.fast_step(), uniform_numbers(config.seed, len(logits))
    while True:
        tokens = sample_token(_constrained(logits.cpu(), constraints), config, uniform, past)
        if config.repetition_penalty != 1:
            past = torch.cat([past, tokens[:, None]], 1)[:, -config.repetition_window :]
        yield tokens
        for constraint, token in zip(constraints, tokens.tolist(), strict=False):
            if not constraint.ended:
                constraint.advance(token)
        logits, state = step(tokens.to(prompt.device), state)


def _constrained(
    logits: Float[Tensor, "b v"], constraints: Sequence[Constraint]
) -> Float[Tensor, "b v"]:
    """Return the logits, minus infinity for tokens that a constraint forbids before its end."""
    if not constraints:
        return logits
    everything = np.ones(logits.shape[1], bool)
    masks = np.stack([everything if c.ended else c.allowed() for c in constraints])
    if not masks.any(1).all():
        raise ValueError("no token is allowed next: the model's vocabulary is too small")
    return logits.masked_fill(torch.from_numpy(~masks), -math.inf)
