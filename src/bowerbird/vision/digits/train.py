"""Training of the digit classifier on distorted digits and negatives.

The loss is the cross entropy with label smoothing (Szegedy et al. 2015, arXiv:1512.00567, section
7); for LeNet-5 it is that of its paper. The learning rate rises and falls once (L. Smith 2018,
arXiv:1803.09820), and the result is a running mean of the weights.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor, nn

from bowerbird.learning.device import Compute
from bowerbird.networks.convolution import digit_network
from bowerbird.vision.digits.augment import distort
from bowerbird.vision.digits.config import NO_DIGIT, DigitTrainConfig
from bowerbird.vision.digits.idx import DigitDataset
from bowerbird.vision.digits.negatives import make_negatives
from bowerbird.vision.digits.reader import DigitReader
from bowerbird.vision.task_training import TaskTraining

VALIDATION_BATCH = 500


@dataclass(frozen=True, eq=False)
class DigitTrainingData:
    """Digits for training and validation, and negatives."""

    train: DigitDataset
    validation: DigitDataset | None
    negatives: UInt8[Tensor, "n 28 28"]


class DigitTask:
    """A classifier with its batches of distorted digits and negatives, for ``learning.trainer``.

    It has its own random state: torch's generators are unchanged after each batch.
    """

    def __init__(
        self,
        network: nn.Module,
        data: DigitTrainingData,
        config: DigitTrainConfig,
        compute: Compute,
        random: torch.Generator,
    ) -> None:
        self.network, self.config, self.compute = network, config, compute
        for p in network.parameters():
            if p.ndim == 4:  # convolutions are faster in this layout
                p.data = p.data.contiguous(memory_format=torch.channels_last)
        train, self.validation = data.train, data.validation
        self.images, self.labels = train.images[:, None], train.labels
        self.negatives = data.negatives[:, None]
        self.num_negatives = round(config.negative_fraction * config.batch_size)
        self.num_digits = config.batch_size - self.num_negatives
        if len(train) < self.num_digits:
            raise ValueError(
                f"batch_size {config.batch_size} is larger than the training set of {len(train)} "
                "digits; give a smaller --batch-size"
            )
        self.order, self.position = torch.randperm(len(train), generator=random), 0
        self.random_state = random.get_state()
        self.exact = config.network == "lenet5"  # float32, and the loss of the paper
        self.smoothing = 0.0 if self.exact else config.label_smoothing
        self.validation_errors: int | None = None

    def loss(self, network: nn.Module) -> Tensor:
        """Return the mean loss of the next batch."""
        with self._own_random_state():
            images, labels = self._batch()
            logits = self._logits(network, images, exact=self.exact)
            return F.cross_entropy(logits, labels.to(logits.device), label_smoothing=self.smoothing)

    def validate(self, network: nn.Module) -> float:
        """Return the loss on the validation digits, or NaN if there are none."""
        if self.validation is None:
            return math.nan
        network.eval()
        images, labels = self.validation.images[:, None].float() / 255, self.validation.labels
        with torch.inference_mode():
            parts = images.split(VALIDATION_BATCH)
            logits = torch.cat([self._logits(network, p, exact=True).cpu() for p in parts])
        self.validation_errors = int((logits[:, :NO_DIGIT].argmax(1) != labels).sum())
        return float(F.cross_entropy(logits, labels, label_smoothing=self.smoothing))

    def state_dict(self) -> dict[str, Tensor]:
        """Return the order of the digits, the position in it, and the random state."""
        position = torch.tensor(self.position)
        return {"order": self.order, "position": position, "random": self.random_state}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a stored state."""
        self.order, self.position = state["order"], int(state["position"])
        self.random_state = state["random"]

    @contextmanager
    def _own_random_state(self) -> Iterator[None]:
        """Let torch, whose dropout takes no generator, continue this task's random numbers."""
        cuda = self.compute.device.type == "cuda"
        with torch.random.fork_rng(range(torch.cuda.device_count()) if cuda else []):
            torch.set_rng_state(self.random_state)
            if cuda:
                torch.cuda.manual_seed_all(int(torch.randint(1 << 62, ())))
            yield
            self.random_state = torch.get_rng_state()

    def _batch(self) -> tuple[Tensor, Tensor]:
        """Return images (b, 1, 28, 28) in 0..1 and labels (b,)."""
        if self.position + self.num_digits > len(self.order):
            self.order, self.position = torch.randperm(len(self.order)), 0
        chosen = self.order[self.position : self.position + self.num_digits]
        self.position += self.num_digits
        images, labels = self.images[chosen], self.labels[chosen]
        if self.num_negatives:
            indices = torch.randint(len(self.negatives), (self.num_negatives,))
            images = torch.cat([images, self.negatives[indices]])
            labels = torch.cat([labels, labels.new_full((self.num_negatives,), NO_DIGIT)])
        images = images.float() / 255
        plain = round(self.config.undistorted_fraction * self.num_digits)
        if plain < len(images):
            distorted = distort(images[plain:], self.config.augment)
            images = torch.cat([images[:plain], distorted])
        return images, labels

    def _logits(self, network: nn.Module, images: Tensor, *, exact: bool) -> Tensor:
        device = self.compute.device
        images = images.to(device).contiguous(memory_format=torch.channels_last)
        bfloat16 = self.compute.dtype == torch.bfloat16 and not exact
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            logits = network(images)
        return logits.float()


class DigitTraining(TaskTraining[DigitTrainConfig]):
    """One training run of a digit classifier; ``reader`` is the current result."""

    def __init__(
        self, digits: DigitDataset, config: DigitTrainConfig, work_dir: Path | None = None
    ) -> None:
        """Prepare the negatives and the task; checkpoints go into ``work_dir``."""
        super().__init__(config, work_dir)
        self.digits = digits
        num_train = len(digits) - round(config.validation_fraction * len(digits))
        train, validation = digits[:num_train], digits[num_train:]
        negatives = digits.images[:0]
        if round(config.negative_fraction * config.batch_size):
            negatives = make_negatives(train, config.trainer.seed)
        self.data = DigitTrainingData(train, validation if len(validation) else None, negatives)
        self.task = self.make_task()

    @property
    def reader(self) -> DigitReader:
        """The network as it is now, with the provenance so far."""
        provenance = self.provenance() | {
            "corpus": [f"{len(self.data.train):,} handwritten digits"],
            "digits": len(self.data.train),
            "digits_sha256": self.data_id(),
            "settings": asdict(self.config),
        }
        return DigitReader(self.task.network, self.config.network, self.config.model, provenance)

    def make_task(self) -> DigitTask:
        """Return the task with new weights."""
        config, random = self.config, torch.Generator().manual_seed(self.config.trainer.seed)
        network = digit_network(config.network, config.model, random).to(self.compute.device)
        self.task = DigitTask(network, self.data, config, self.compute, random)
        return self.task

    def data_id(self) -> str:
        """Return the hash of the digits."""
        return self.digits.sha256

    def sample(self) -> str:
        """Return how many validation digits are wrong."""
        errors, count = self.task.validation_errors, len(self.data.validation or ())
        return f"{errors} of {count} validation digits are wrong"
