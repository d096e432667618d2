"""A trained classifier of single handwritten digits, and its model file.

Ten of its classes are the digits, the last is "not a digit".
"""

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
    load_weights,
    read_model,
    stored_weights,
    write_model,
)
from bowerbird.models import model_path
from bowerbird.networks.config import DigitNetwork, SmallConvNetConfig
from bowerbird.networks.convolution import digit_network
from bowerbird.vision.digits.config import NO_DIGIT
from bowerbird.vision.digits.idx import DigitDataset

KIND = "digits"
CLASSES = {"classes": "0123456789"}
BATCH_SIZE = 500
SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))  # px down and to the right


@dataclass(frozen=True)
class DigitMetrics:
    """Errors on labeled digits."""

    count: int
    errors: int
    rejected: int  # digits, of right and wrong ones, whose most probable class is "not a digit"

    @property
    def accuracy(self) -> float:
        """Fraction of digits that are read right, 0..1, without the class "not a digit"."""
        return 1 - self.errors / self.count


@dataclass(frozen=True, eq=False)
class DigitReader:
    """A classifier of digits with its provenance."""

    network: nn.Module
    name: DigitNetwork
    config: SmallConvNetConfig
    provenance: dict[str, Any]

    def predict_proba(
        self, images: Float[Tensor, "n 28 28"], *, shifts: bool = False
    ) -> Float[Tensor, "n 11"]:
        """Return the probability of each class; images are 0..1, writing is 1.

        With ``shifts`` it is the mean over the image and the image shifted by a pixel each way
        (test-time augmentation).
        """
        if shifts:
            shifted = torch.cat([images.roll(shift, (1, 2)) for shift in SHIFTS])
            probabilities = self.predict_proba(shifted)
            return probabilities.view(len(SHIFTS), len(images), NO_DIGIT + 1).mean(0)
        device = next(self.network.parameters()).device
        self.network.eval()
        with torch.inference_mode():
            parts = [
                self.network(part[:, None].to(device)).float().softmax(1).cpu()
                for part in images.split(BATCH_SIZE)
            ]
        return torch.cat(parts) if len(images) else torch.zeros(0, NO_DIGIT + 1)

    def evaluate(self, digits: DigitDataset) -> DigitMetrics:
        """Return the number of errors on labeled digits."""
        probabilities = self.predict_proba(digits.images.float() / 255, shifts=True)
        errors = int((probabilities[:, :NO_DIGIT].argmax(1) != digits.labels).sum())
        rejected = int((probabilities.argmax(1) == NO_DIGIT).sum())
        return DigitMetrics(len(digits), errors, rejected)

    def save(self, path: Path, *, half: bool = False) -> None:
        """Write a model file, in half precision on request; raise OSError if that fails."""
        config = {"network": self.name, **asdict(self.config)}
        header = ModelHeader(KIND, config, CLASSES, self.provenance)
        write_model(path, header, stored_weights(self.network, half=half))


def load_digit_reader(path_or_name: str | Path = "digits", device: str = "auto") -> DigitReader:
    """Return the reader in a model file; the default is the shipped one.

    Raises ModelError for a file that is missing, damaged or of another kind.
    """
    path = model_path(path_or_name)
    header, tensors = read_model(path, KIND)
    try:
        values = dict(header.config)
        network = cast(DigitNetwork, values.pop("network", "small"))
        config = SmallConvNetConfig(**{**values, "channels": tuple(values.get("channels", ()))})
        if config.num_classes != NO_DIGIT + 1:
            raise ValueError(f"it has {config.num_classes} classes instead of {NO_DIGIT + 1}")
        with torch.device("meta"):  # a forged header must not allocate more than the file has
            load_weights(digit_network(network, config), tensors)
        module = digit_network(network, config, torch.Generator())
        load_weights(module, tensors)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        reason = str(error).split("\n")[0]
        raise ModelError(f"{path} is damaged: {reason}; {REPLACE}") from error
    module.to(select_compute(device, "float32").device).eval()
    return DigitReader(module, network, config, dict(header.provenance))
