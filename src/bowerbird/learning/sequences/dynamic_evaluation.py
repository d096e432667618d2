"""Dynamic evaluation: a network keeps training on the text that it is evaluated on.

A stream is read window by window. The loss of each window is counted first; then the weights take a
step of gradient descent on it, so the network never trains on a token before it is counted. Source:
Krause, Kahembwe, Murray, Renals 2018 (arXiv:1709.07432), section 3.

Departures: plain gradient descent with a bounded norm (their simplest form), and the weights are
restored afterwards.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from bowerbird.learning.sequences.batches import SequenceNetwork, State

MAX_GRAD_NORM = 1.0


def adapted_loss(
    network: SequenceNetwork,
    stream: np.ndarray,
    *,
    learning_rate: float,
    sequence_length: int = 64,
    device: torch.device | str = "cpu",
) -> float:
    """Return the loss over a stream, in nats per token, while the network trains on it.

    Raises ValueError for a stream of fewer than two tokens and a learning rate that isn't positive.
    """
    if len(stream) < 2:
        raise ValueError("a stream of fewer than two tokens has nothing to predict")
    if not 0 < learning_rate < math.inf:
        raise ValueError(f"the learning rate of --adapt must be positive, got {learning_rate}")
    assert isinstance(network, torch.nn.Module)
    parameters: list[torch.Tensor] = list(network.parameters())
    before = [p.detach().clone() for p in parameters]
    training = network.training
    network.eval()
    state: State | None = None
    nats, count = 0.0, len(stream) - 1
    try:
        # cuDNN has no gradient of a recurrent network in evaluation mode
        with torch.backends.cudnn.flags(enabled=False):
            for start in range(0, count, sequence_length):
                window = stream[start : min(start + sequence_length, count) + 1].astype(np.int64)
                tokens = torch.from_numpy(window)[None].to(device)
                logits, state = network(tokens[:, :-1], state)
                state = tuple(s.detach() for s in state)
                loss = F.cross_entropy(logits[0], tokens[0, 1:])
                nats += float(loss.detach()) * (len(window) - 1)
                if not math.isfinite(nats):
                    raise ValueError(f"training diverges with --adapt {learning_rate:g}; lower it")
                _descend(parameters, loss, learning_rate)
    finally:
        with torch.no_grad():
            for p, old in zip(parameters, before, strict=True):
                p.copy_(old)
        network.train(training)
    return nats / count


def _descend(parameters: list[torch.Tensor], loss: torch.Tensor, learning_rate: float) -> None:
    """Take one step of gradient descent, of bounded norm."""
    gradients = torch.autograd.grad(loss, parameters)
    norm = float(torch.linalg.vector_norm(torch.stack([g.norm() for g in gradients])))
    step = -learning_rate * min(1.0, MAX_GRAD_NORM / max(norm, 1e-12))
    with torch.no_grad():
        torch._foreach_add_(parameters, gradients, alpha=step)
