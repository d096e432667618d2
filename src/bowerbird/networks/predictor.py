"""A network that predicts the next sign: recurrent, or a transformer, by one configuration."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import torch

from bowerbird.networks.attention import Attention, AttentionConfig
from bowerbird.networks.recurrent import Recurrent, RecurrentConfig

Network = Literal["recurrent", "transformer"]


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
    try:
        if described.get("network") == "transformer":
            return PredictorConfig("transformer", transformer=AttentionConfig(**shape))
        if described.get("network") == "recurrent":
            return PredictorConfig("recurrent", recurrent=RecurrentConfig(**shape))
    except TypeError as error:
        raise ValueError(f"the model's network is described in unknown words: {error}") from error
    raise ValueError(f"the model's network is {described.get('network')!r}, which is not known")
