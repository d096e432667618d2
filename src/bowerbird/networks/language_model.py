"""A network that predicts the next token: recurrent or a transformer, as configured."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bowerbird.networks.config import LanguageModelConfig
from bowerbird.networks.recurrent import Recurrent
from bowerbird.networks.transformer import Transformer

MAX_CONTEXT_LENGTH = 1 << 16  # tokens; of a transformer in a model file


def language_model(
    vocab_size: int, config: LanguageModelConfig, dtype: torch.dtype = torch.float32
) -> Recurrent | Transformer:
    """Return a network with its initial weights that computes in ``dtype``."""
    if config.network == "transformer":
        return Transformer(vocab_size, config.transformer, dtype)
    return Recurrent(vocab_size, config.recurrent, dtype)


def seeded_language_model(
    vocab_size: int,
    config: LanguageModelConfig,
    seed: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Recurrent | Transformer:
    """Return a network to train on a device; seed its weights and torch's global generator."""
    torch.manual_seed(seed)
    network = language_model(vocab_size, config, dtype)
    network.initialize(seed)
    return network.to(device)


def language_model_from(
    data: Mapping[str, Any], vocab_size: int, tensors: Mapping[str, Tensor]
) -> tuple[Recurrent | Transformer, LanguageModelConfig]:
    """Return the float32 network of a model file with its weights, and its configuration.

    ``data`` is ``LanguageModelConfig.to_dict()``. Nothing is trusted: raises ValueError for a shape
    larger than the weights, before the network is built, for weights that don't fit the network,
    and for weights that aren't finite.
    """
    config = LanguageModelConfig.from_dict(data)
    _check_size({**data, "vocab_size": vocab_size}, tensors)
    network = language_model(vocab_size, config)
    if set(tensors) != {name for name, _ in network.named_parameters()}:
        raise ValueError("its weights are not those of its network")
    if not all(bool(t.isfinite().all()) for t in tensors.values()):
        raise ValueError("some of its weights are not finite")
    try:
        network.load_state_dict({n: t.float() for n, t in tensors.items()}, strict=False)
    except RuntimeError as error:
        raise ValueError("its weights have other shapes than its network") from error
    return network, config


def _check_size(shape: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError if a network of this shape would be larger than its weights.

    A forged file must not make us build a network that fills the memory.
    """
    widest = max((side for t in tensors.values() for side in t.shape), default=0)
    for name, value in shape.items():
        limit = len(tensors) if name == "num_layers" else widest
        if name == "context_length":
            limit = MAX_CONTEXT_LENGTH
        if type(value) is int and value > max(limit, 2):
            raise ValueError(f"its weights are too small for {name} = {value}")
