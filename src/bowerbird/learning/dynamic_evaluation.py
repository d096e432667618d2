"""Dynamic evaluation: a network goes on learning from what it has just read.

A stream is read window by window; each is scored first and then learned from by a step of gradient
descent, so nothing is learned before it is counted. Source: Krause, Kahembwe, Murray, Renals 2018
(arXiv:1709.07432), section 3.

Departures: plain gradient descent with clipped length (their simplest form), and the weights are
given back as they were.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from bowerbird.learning.sequence_batches import SequenceNetwork, State

LONGEST_GRADIENT = 1.0


def adapted_loss(
    network: SequenceNetwork,
    stream: np.ndarray,
    *,
    rate: float,
    window: int = 64,
    device: torch.device | str = "cpu",
) -> float:
    """Return the loss over a stream in nats a sign while the network learns from it.

    Raises ValueError for a stream of fewer than two signs and a rate that is not above 0.
    """
    if len(stream) < 2:
        raise ValueError("a stream of fewer than two signs has nothing to predict")
    if not 0 < rate < math.inf:
        raise ValueError(f"the rate of adapting is above 0, not {rate}")
    assert isinstance(network, torch.nn.Module)
    parameters: list[torch.Tensor] = list(network.parameters())
    before = [p.detach().clone() for p in parameters]
    learning = network.training
    network.eval()
    state: State | None = None
    nats, count = 0.0, len(stream) - 1
    try:
        # cuDNN has no gradient of a recurrent network that does not drop
        with torch.backends.cudnn.flags(enabled=False):
            for start in range(0, count, window):
                some = stream[start : min(start + window, count) + 1].astype(np.int64)
                signs = torch.from_numpy(some)[None].to(device)
                scores, state = network(signs[:, :-1], state)
                state = tuple(s.detach() for s in state)
                loss = F.cross_entropy(scores[0], signs[0, 1:])
                nats += float(loss.detach()) * (len(some) - 1)
                if not math.isfinite(nats):
                    raise ValueError(f"at a rate of {rate:g} everything is unlearned; lower it")
                _learn(parameters, loss, rate)
    finally:
        with torch.no_grad():
            for p, old in zip(parameters, before, strict=True):
                p.copy_(old)
        network.train(learning)
    return nats / count


def _learn(parameters: list[torch.Tensor], loss: torch.Tensor, rate: float) -> None:
    """Take one step of gradient descent, of bounded length."""
    gradients = torch.autograd.grad(loss, parameters)
    length = float(torch.linalg.vector_norm(torch.stack([g.norm() for g in gradients])))
    step = -rate * min(1.0, LONGEST_GRADIENT / max(length, 1e-12))
    with torch.no_grad():
        torch._foreach_add_(parameters, gradients, alpha=step)
