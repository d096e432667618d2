"""A network that predicts the next sign: recurrent, or a transformer, by one configuration."""

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from bowerbird.networks.config import LanguageModelConfig, RecurrentConfig, TransformerConfig
from bowerbird.networks.recurrent import Recurrent
from bowerbird.networks.transformer import Transformer

LONGEST_SPAN = 1 << 16  # signs that a transformer in a model file may look back
LARGEST = 1e6  # of a number with a fraction: beyond it is none that a weight could start with


def language_model(
    vocabulary: int, config: LanguageModelConfig, dtype: torch.dtype = torch.float32
) -> Recurrent | Transformer:
    """Return a network for so many signs, with its first weights, that computes in ``dtype``."""
    if config.network == "transformer":
        return Transformer(vocabulary, config.transformer, dtype)
    return Recurrent(vocabulary, config.recurrent, dtype)


def language_model_config(described: Mapping[str, Any]) -> LanguageModelConfig:
    """Return the configuration that ``to_dict()`` spoke of; ValueError for anything else."""
    shape = {name: value for name, value in described.items() if name != "network"}
    network = described.get("network")
    if network == "transformer":
        _check_types(TransformerConfig, shape)
        return LanguageModelConfig("transformer", transformer=TransformerConfig(**shape))
    if network == "recurrent":
        _check_types(RecurrentConfig, shape)
        return LanguageModelConfig("recurrent", recurrent=RecurrentConfig(**shape))
    raise ValueError(f"the model's network is {network!r:.40}, which is not known")


def language_model_from(
    described: Mapping[str, Any], vocabulary: int, tensors: Mapping[str, Tensor]
) -> tuple[Recurrent | Transformer, LanguageModelConfig]:
    """Return the float32 network that was described, with these weights, and its configuration.

    Both may be a stranger's: raises ValueError for a shape larger than the weights, before it is
    built, for weights that are not those of the network, and for numbers that are none.
    """
    config = language_model_config(described)
    _check_room({**described, "alphabet": vocabulary}, tensors)
    network = language_model(vocabulary, config)
    if set(tensors) != {name for name, _ in network.named_parameters()}:
        raise ValueError("its weights are not those of its network")
    if not all(bool(t.isfinite().all()) for t in tensors.values()):
        raise ValueError("some of its weights are no numbers")
    try:
        network.load_state_dict({n: t.float() for n, t in tensors.items()}, strict=False)
    except RuntimeError as error:
        raise ValueError("its weights have other shapes than its network") from error
    return network, config


def _check_room(shape: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError if a network of this shape is larger than its weights.

    A forged description must not make us build a network that fills the memory.
    """
    widest = max((side for t in tensors.values() for side in t.shape), default=0)
    for name, value in shape.items():
        most = len(tensors) if name == "num_layers" else widest
        if name == "context_length":
            most = LONGEST_SPAN
        if type(value) is int and value > max(most, 2):
            raise ValueError(f"its weights have no room for {name} = {value}")


def _check_types(config: type, values: Mapping[str, Any]) -> None:
    """Raise ValueError for a value that a configuration can't have; numbers are checked later."""
    hints = get_type_hints(config)
    for name, value in values.items():
        hint = hints.get(name)
        if hint is None:
            raise ValueError(f"the model's network is described in an unknown word: {name!r:.40}")
        if get_origin(hint) is Literal:
            good = any(type(value) is type(one) and value == one for one in get_args(hint))
        elif hint is float:
            good = type(value) in (int, float) and abs(value) < LARGEST
        else:  # not isinstance: a boolean is an int to Python
            good = type(value) is hint
        if not good:
            raise ValueError(f"the model's network can't have {name} = {value!r:.40}")
