"""The optimizers of a training, and their state in checkpoints.

Muon (Jordan et al. 2024) is for the matrices of layers; AdamW, at a quarter of the learning rate,
trains the rest. Weight decay is decoupled, and only for matrices.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bowerbird.learning.config import TrainerConfig


def make_optimizers(network: nn.Module, config: TrainerConfig) -> list[torch.optim.Optimizer]:
    """Return the optimizers; ``lr_factor`` of a group multiplies the learning rate."""
    named = list(network.named_parameters())
    matrices = [p for _, p in named if p.ndim >= 2]
    vectors = [p for _, p in named if p.ndim < 2]
    if config.optimizer in ("rmsprop", "sgd"):  # without decoupled weight decay
        everything = [{"params": matrices + vectors, "lr_factor": 1.0}]
        if config.optimizer == "rmsprop":
            return [torch.optim.RMSprop(everything, lr=config.learning_rate, alpha=config.beta2)]
        return [torch.optim.SGD(everything, lr=config.learning_rate, momentum=config.beta1)]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay, "lr_factor": 1.0},
        {"params": vectors, "weight_decay": 0.0, "lr_factor": 1.0},
    ]
    betas = (config.beta1, config.beta2)
    if config.optimizer == "adamw":
        return [torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, fused=True)]
    inner = [p for n, p in named if p.ndim == 2 and n.startswith("layers")]
    rest = [p for n, p in named if not (p.ndim == 2 and n.startswith("layers"))]
    muon = torch.optim.Muon(
        [{"params": inner, "lr_factor": 1.0}],
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
    )
    adam = torch.optim.AdamW(
        [{"params": rest, "lr_factor": 0.25}],
        lr=config.learning_rate,
        betas=betas,
        weight_decay=0.0,
        fused=True,
    )
    return [muon, adam]


def load_optimizer(optimizer: Any, index: int, tensors: Mapping[str, Tensor]) -> None:
    """Restore the state of optimizer number ``index`` from the tensors of a checkpoint."""
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        i, j, field = name.split(".")
        if int(i) == index:
            states.setdefault(int(j), {})[field] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
    for p, state in optimizer.state.items():
        for field, t in state.items():  # a fused step needs both in the same memory layout
            if t.shape == p.shape and t.stride() != p.stride():
                state[field] = torch.empty_like(p, dtype=t.dtype).copy_(t)
