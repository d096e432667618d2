"""A network that predicts the next sign: recurrent, or a transformer, by one configuration."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch

from bowerbird.networks.attention import Attention, AttentionConfig
from bowerbird.networks.recurrent import Recurrent, RecurrentConfig

Network = Literal["recurrent", "transformer"]
LARGEST = 1e6  # of a number with a fraction: beyond it is none that a weight could start with


@dataclass(frozen=True)
class PredictorConfig:
    """Which network predicts, and its shape."""

    network: Network = "recurrent"
    """recurrent, or transformer for comparison."""
    recurrent: RecurrentConfig = field(default_factory=RecurrentConfig)
    """The shape of a recurrent network."""
    transformer: AttentionConfig = field(default_factory=AttentionConfig)
    """The shape of a transformer."""

    def __post_init__(self) -> None:
        if self.network not in get_args(Network):
            raise ValueError(
                f"network is one of {', '.join(get_args(Network))}, not {self.network!r}"
            )

    def described(self) -> dict[str, Any]:
        """Return what ``predictor_from`` needs, ready for JSON."""
        shape = self.recurrent if self.network == "recurrent" else self.transformer
        return {"network": self.network, **asdict(shape)}

    def resized(self, width: int, dropout: float) -> "PredictorConfig":
        """Return a recurrent network of another width that drops another share."""
        shape = replace(self.recurrent, width=width, dropout=dropout)
        return replace(self, recurrent=shape)


def predictor(
    vocabulary: int, config: PredictorConfig, dtype: torch.dtype = torch.float32
) -> Recurrent | Attention:
    """Return a network for so many signs, with its first weights, that computes in ``dtype``."""
    if config.network == "transformer":
        return Attention(vocabulary, config.transformer, dtype)
    return Recurrent(vocabulary, config.recurrent, dtype)


def predictor_config(described: Mapping[str, Any]) -> PredictorConfig:
    """Return the configuration that ``described()`` spoke of; ValueError for anything else."""
    shape = {name: value for name, value in described.items() if name != "network"}
    network = described.get("network")
    if network == "transformer":
        _check_types(AttentionConfig, shape)
        return PredictorConfig("transformer", transformer=AttentionConfig(**shape))
    if network == "recurrent":
        _check_types(RecurrentConfig, shape)
        return PredictorConfig("recurrent", recurrent=RecurrentConfig(**shape))
    raise ValueError(f"the model's network is {network!r:.40}, which is not known")


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
