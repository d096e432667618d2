"""A reader of single handwritten digits: a network, what it learned from, and its file.

Ten classes are the digits, and the last is "none of these".
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bowerbird.errors import ModelError
from bowerbird.learning.device import select_compute
from bowerbird.learning.model_file import (
    REPLACE,
    ModelHeader,
    read_model,
    stored_weights,
    write_model,
)
from bowerbird.models import model_path
from bowerbird.networks.config import DigitNetwork, SmallConvNetConfig
from bowerbird.networks.convolution import digit_network
from bowerbird.vision.digits.idx import Digits

KIND = "digits"
NONE = 10  # the class of what is no digit
AT_ONCE = 500  # pictures
MOVES = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))  # px down and to the right


@dataclass(frozen=True)
class Score:
    """How well digits were read."""

    count: int
    errors: int
    unsure: int  # of them, or of the others, those that were held for no digit

    @property
    def accuracy(self) -> float:
        """Share of digits that were read right, 0..1, "none of these" not being a choice."""
        return 1 - self.errors / self.count


@dataclass(frozen=True, eq=False)
class DigitReader:
    """A network that reads digits, and what is known of it."""

    network: nn.Module
    name: DigitNetwork
    shape: SmallConvNetConfig
    provenance: dict[str, Any]

    def probabilities(self, ink: Float[Tensor, "n 28 28"]) -> Float[Tensor, "n 11"]:
        """Return the probability of each digit and of "none of these"; ink is 0..1."""
        device = next(self.network.parameters()).device
        self.network.eval()
        with torch.inference_mode():
            parts = [
                self.network(part[:, None].to(device)).float().softmax(1).cpu()
                for part in ink.split(AT_ONCE)
            ]
        return torch.cat(parts) if len(ink) else torch.zeros(0, NONE + 1)

    def steady(self, ink: Float[Tensor, "n 28 28"]) -> Float[Tensor, "n 11"]:
        """Return the mean of the probabilities of ink as it lies and moved by a px each way."""
        moved = torch.cat([ink.roll(move, (1, 2)) for move in MOVES])
        return self.probabilities(moved).view(len(MOVES), len(ink), NONE + 1).mean(0)

    def score(self, digits: Digits) -> Score:
        """Return how many of some digits are read wrong."""
        found = self.steady(digits.ink.float() / 255)
        errors = int((found[:, :NONE].argmax(1) != digits.labels).sum())
        return Score(len(digits), errors, int((found.argmax(1) == NONE).sum()))

    def save(self, path: Path, *, half: bool = False) -> None:
        """Write it as a model file; raise OSError, naming the file, if that can't be done."""
        config = {"network": self.name, **asdict(self.shape)}
        card = ModelHeader(KIND, config, {"classes": "0123456789"}, self.provenance)
        write_model(path, card, stored_weights(self.network, half=half))


def _built(
    network: DigitNetwork, shape: SmallConvNetConfig, tensors: Mapping[str, Tensor]
) -> nn.Module:
    """Return a network with the weights of a file; raise ValueError if they do not fit."""
    with torch.device("meta"):  # whatever the card asks for, only what the file has takes memory
        wanted = {name: p.shape for name, p in digit_network(network, shape).named_parameters()}
    if tensors.keys() != wanted.keys():
        raise ValueError("its weights are of another network")
    for name, size in wanted.items():
        if tensors[name].shape != size or not bool(tensors[name].isfinite().all()):
            raise ValueError(f"its {name} is of another shape, or holds no numbers")
    built = digit_network(network, shape, torch.Generator())
    for name, weight in built.named_parameters():
        weight.data.copy_(tensors[name])
    return built


def load(path_or_name: str | Path = "digits", device: str = "auto") -> DigitReader:
    """Return the reader in a model file; the default is shipped.

    Raises ModelError for a file that is missing, damaged or of another kind.
    """
    path = model_path(path_or_name)
    card, tensors = read_model(path, KIND)
    try:
        told = dict(card.config)
        network = cast(DigitNetwork, told.pop("network", "small"))
        shape = SmallConvNetConfig(**{**told, "channels": tuple(told.get("channels", ()))})
        if shape.num_classes != NONE + 1:
            raise ValueError(f"it has {shape.num_classes} classes instead of {NONE + 1}")
        built = _built(network, shape, tensors)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        reason = str(error).split("\n")[0]
        raise ModelError(f"{path} is damaged: {reason}; {REPLACE}") from error
    built.to(select_compute(device, "float32").device).eval()
    return DigitReader(built, network, shape, dict(card.provenance))
