"""Drawing the next sign from a network's scores, again and again.

``p_i = softmax(scores / temperature)``; what is unlikely is cut away first: all but the k likeliest
(top-k), all beyond a summed probability (top-p, Holtzman et al. 2020, arXiv:1904.09751), or all
below a share of the likeliest (min-p, arXiv:2407.01082). The repetition penalty is that of CTRL
(Keskar et al. 2019, arXiv:1909.05858): scores of signs seen lately are divided by it if positive,
multiplied if negative.

At temperature 0 the likeliest sign is taken; equal ones go to the lowest number.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from bowerbird.learning.config import SamplingConfig
from bowerbird.learning.sequence_batches import SequenceNetwork, State

WINDOW = 1024  # signs of a prompt that are read at once


class Rule(Protocol):
    """Which signs may come next, given those that came before."""

    @property
    def ended(self) -> bool:
        """Whether all is said; then nothing is forbidden any more, and nothing taken."""
        ...

    def allowed(self) -> np.ndarray:
        """Return for each sign whether it may come next; before the end at least one may."""
        ...

    def advance(self, sign: int) -> None:
        """Take a sign as written."""
        ...


def allowed(
    scores: Float[Tensor, "b v"], config: SamplingConfig, past: Int[Tensor, "b n"] | None = None
) -> Float[Tensor, "b v"]:
    """Return the scores divided by the temperature, minus infinity where a sign is cut away."""
    if past is not None and config.repetition_penalty != 1:
        recent = past[:, -config.repetition_window :]
        seen = scores.gather(1, recent)
        penalty = config.repetition_penalty
        scores = scores.scatter(1, recent, torch.where(seen > 0, seen / penalty, seen * penalty))
    scores = scores / (config.temperature or 1.0)
    if config.top_k and config.top_k < scores.shape[1]:
        least = scores.topk(config.top_k, 1).values[:, -1:]
        scores = scores.masked_fill(scores < least, -math.inf)
    if config.min_p:
        least = scores.max(1, keepdim=True).values + math.log(config.min_p)
        scores = scores.masked_fill(scores < least, -math.inf)
    if config.top_p < 1:
        ordered, order = scores.softmax(1).sort(stable=True, dim=1, descending=True)
        beyond = ordered.cumsum(1) - ordered >= config.top_p  # the first is always allowed
        scores = scores.masked_fill(beyond.gather(1, order.argsort(1)), -math.inf)
    return scores


def sample_token(
    scores: Float[Tensor, "b v"],
    config: SamplingConfig,
    random: torch.Generator,
    past: Int[Tensor, "b n"] | None = None,
) -> Int[Tensor, " b"]:
    """Draw a sign for each row: the first whose cumulated probability exceeds a random number.

    In NumPy, which takes a third of the time of ``torch.multinomial`` for a row of a hundred signs.
    Raises ValueError for scores that are no numbers.
    """
    scores = allowed(scores, config, past)
    if config.temperature == 0:
        return scores.argmax(1)
    each = scores.numpy()
    sums = np.exp(each - each.max(1, keepdims=True)).cumsum(1, dtype=np.float64)
    drawn = torch.rand(len(each), 1, generator=random, dtype=torch.float64).numpy()
    if not np.isfinite(sums[:, -1]).all():
        raise ValueError("the network's scores are no numbers; its weights are damaged")
    total = sums[:, -1:]
    place = np.minimum(drawn * total, np.nextafter(total, 0))  # rounding must not reach the end
    return torch.from_numpy((sums <= place).sum(1))


@torch.no_grad()
def read_prompt(
    network: SequenceNetwork, prompt: Int[Tensor, "b t"]
) -> tuple[Float[Tensor, "b v"], State]:
    """Return the scores after a prompt of at least one sign, and the state.

    It is read in windows: the scores of all its signs at once could fill the memory.
    """
    state: State | None = None
    for window in prompt.split(WINDOW, 1):
        scores, state = network(window, state)
        last = scores[:, -1].clone()  # a view would keep the scores of the whole window
    assert state is not None
    return last, state


@torch.no_grad()
def generate_tokens(
    network: SequenceNetwork,
    prompt: Int[Tensor, "b t"],
    config: SamplingConfig,
    samples: int = 1,
    rules: Sequence[Rule] = (),
) -> Iterator[Int[Tensor, " n"]]:
    """Yield one more sign for each sample, for ever; the network's dropping is switched off.

    Each of the ``b`` prompts has so many ``samples``, one after the other; it is read once. The
    network is on a processor or a GPU, as the prompt; choices are drawn on the processor.
    ``rules``, one a sample, have taken the prompt; what they forbid is never chosen, until they
    have ended. Raises ValueError for a rule that allows nothing before its end.
    """
    network.eval()
    random = torch.Generator().manual_seed(config.seed)
    scores, state = read_prompt(network, prompt)
    scores = scores.repeat_interleave(samples, 0)
    state = tuple(s.repeat_interleave(samples, 0) for s in state)
    past = prompt[:, -config.repetition_window :].cpu().repeat_interleave(samples, 0)
    step = network.fast_step()
    while True:
        sign = sample_token(_ruled(scores.cpu(), rules), config, random, past)
        if config.repetition_penalty != 1:
            past = torch.cat([past, sign[:, None]], 1)[:, -config.repetition_window :]
        yield sign
        for rule, one in zip(rules, sign.tolist(), strict=False):
            if not rule.ended:
                rule.advance(one)
        scores, state = step(sign.to(prompt.device), state)


def _ruled(scores: Float[Tensor, "b v"], rules: Sequence[Rule]) -> Float[Tensor, "b v"]:
    """Return the scores, minus infinity where a rule that has not ended forbids a sign."""
    if not rules:
        return scores
    every = np.ones(scores.shape[1], bool)
    masks = np.stack([every if rule.ended else rule.allowed() for rule in rules])
    if not masks.any(1).all():
        raise ValueError("no sign may come next, nor the end: the model knows too few signs")
    return scores.masked_fill(torch.from_numpy(~masks), -math.inf)
