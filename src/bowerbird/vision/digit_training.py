"""Learning to read digits: distorted digits, some marks that are none, and a network.

What is minimised is the cross entropy, whose right answer has a little less than all of the
probability (label smoothing: Szegedy et al. 2015, arXiv:1512.00567, section 7); for LeNet-5 it is
the penalty of its paper. The rate rises and falls once (L. Smith 2018, arXiv:1803.09820), and the
result is a running mean of the weights.
"""

import math
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bowerbird.learning.checkpoints import Checkpoints
from bowerbird.learning.choice import check_choice
from bowerbird.learning.device import Compute, Precision, choose
from bowerbird.learning.fit import FitConfig, fit_steps
from bowerbird.learning.pace import seconds_a_step
from bowerbird.learning.step import Step
from bowerbird.networks.convolution import Reader, SmallConfig, reader
from bowerbird.vision.digits import NONE, DigitReader
from bowerbird.vision.distortion import DistortionConfig, distort
from bowerbird.vision.idx import Digits
from bowerbird.vision.strangers import strangers

LOOKS = 5  # measurements on the digits that are kept aside
TIME = 0.93  # share of the minutes for steps; the rest is for looking and for saving


@dataclass(frozen=True)
class DigitTraining:
    """How a reader of digits learns."""

    network: Reader = "small"
    """small, or lenet5: the network of 1998 as it was."""
    minutes: float = 0.0
    """Time to learn for, in minutes: the steps are chosen to fit it on this machine."""
    iterations: int = 2600
    """Steps of learning."""
    rows: int = 128
    """Pictures in each step."""
    rate: float = 4e-3
    """Learning rate at its highest."""
    warm_up: float = 0.15
    """Share of the steps in which the rate rises from 0; then it falls evenly."""
    weight_decay: float = 0.05
    """Decay of weights, times the rate."""
    average: float = 0.99
    """Decay of the running mean of the weights."""
    smoothing: float = 0.05
    """Share of the probability that is spread over all classes (not for lenet5)."""
    none: float = 0.1
    """Share of the pictures in each step that are no digits; 0 is none."""
    plain: float = 0.1
    """Share of the digits that are not distorted; 1 distorts none."""
    validation: float = 0.0
    """Share of the training digits, the last ones, that are kept aside to measure on."""
    seed: int = 0
    """Seed of first weights, order, distortions and marks that are no digits."""
    precision: Precision = "auto"
    """Precision of the network: auto takes bfloat16 where it is faster, else float32."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""
    licence: str = ""
    """Licence of what is learned, which the model file then names."""
    shape: SmallConfig = field(default_factory=SmallConfig)
    """The shape of the small network."""
    distortion: DistortionConfig = field(default_factory=DistortionConfig)
    """How far digits are distorted."""

    def __post_init__(self) -> None:
        check_choice(self.network, ("small", "lenet5"))
        if not 0 <= self.minutes < math.inf:
            raise ValueError(f"minutes are a number from 0 on, not {self.minutes}")
        if not 2 <= self.rows <= 1 << 20:
            raise ValueError(f"rows are at least 2, not {self.rows}")
        for name in ("warm_up", "smoothing", "none", "validation"):
            if not 0 <= getattr(self, name) <= 0.9:
                raise ValueError(f"{name} is in 0..0.9, not {getattr(self, name)}")
        if not 0 <= self.plain <= 1:
            raise ValueError(f"plain is in 0..1, not {self.plain}")
        if self.shape.classes != NONE + 1:
            raise ValueError(f"a reader of digits has {NONE + 1} classes")
        self.fit()  # which checks the rest

    def fit(self) -> FitConfig:
        """Return how weights are learned."""
        return FitConfig(
            iterations=self.iterations,
            rate=self.rate,
            warm_up=round(self.warm_up * self.iterations),
            final_rate=0.005,
            weight_decay=self.weight_decay,
            average=self.average,
            validate_every=max(1, self.iterations // LOOKS if self.validation else self.iterations),
            seed=self.seed,
        )


class DigitTask:
    """Batches of distorted digits and of marks that are none."""

    def __init__(
        self,
        network: nn.Module,
        learned: Digits,
        measured: Digits | None,
        config: DigitTraining,
        compute: Compute,
    ) -> None:
        self.network, self.config, self.compute, self.measured = network, config, compute, measured
        for p in network.parameters():
            if p.ndim == 4:  # convolutions are faster so
                p.data = p.data.contiguous(memory_format=torch.channels_last)
        self.ink, self.labels = learned.ink[:, None], learned.labels
        self.others = round(config.none * config.rows)
        self.own = config.rows - self.others
        if len(learned) < self.own:
            raise ValueError(f"there are {len(learned)} digits to learn from; give --rows fewer")
        self.strange = strangers(learned, config.seed)[:, None] if self.others else self.ink[:0]
        self.order, self.place = torch.randperm(len(learned)), 0
        self.smoothing = 0.0 if config.network == "lenet5" else config.smoothing
        self.errors: int | None = None

    def loss(self, network: nn.Module) -> Tensor:
        """Return the mean loss of the next batch."""
        if self.place + self.own > len(self.order):
            self.order, self.place = torch.randperm(len(self.order)), 0
        picked = self.order[self.place : self.place + self.own]
        self.place += self.own
        ink, labels = self.ink[picked], self.labels[picked]
        if self.others:
            strange = torch.randint(len(self.strange), (self.others,))
            ink = torch.cat([ink, self.strange[strange]])
            labels = torch.cat([labels, labels.new_full((self.others,), NONE)])
        ink = ink.float() / 255
        first = round(self.config.plain * self.own)
        if first < len(ink):
            ink = torch.cat([ink[:first], distort(ink[first:], self.config.distortion)])
        lenet = self.config.network == "lenet5"
        logits = self._logits(network, ink, exact=lenet)
        return F.cross_entropy(logits, labels.to(logits.device), label_smoothing=self.smoothing)

    def validate(self, network: nn.Module) -> float:
        """Return the loss on what is kept aside, or no number if nothing is."""
        if self.measured is None:
            return math.nan
        network.eval()
        ink, labels = self.measured.ink[:, None].float() / 255, self.measured.labels
        with torch.inference_mode():
            parts = [self._logits(network, part, exact=True).cpu() for part in ink.split(500)]
        logits = torch.cat(parts)
        self.errors = int((logits[:, :NONE].argmax(1) != labels).sum())
        return float(F.cross_entropy(logits, labels, label_smoothing=self.smoothing))

    def kept(self) -> dict[str, Tensor]:
        """Return the order of the digits and the place in it."""
        return {"order": self.order, "place": torch.tensor(self.place)}

    def restore(self, kept: Mapping[str, Tensor]) -> None:
        """Go on from what ``kept`` returned."""
        self.order, self.place = kept["order"], int(kept["place"])

    def _logits(self, network: nn.Module, ink: Tensor, *, exact: bool) -> Tensor:
        where = self.compute.device
        ink = ink.to(where).contiguous(memory_format=torch.channels_last)
        rough = self.compute.dtype == torch.bfloat16 and not exact
        with torch.autocast(where.type, torch.bfloat16, enabled=rough):
            logits = network(ink)
        return logits.float()


class DigitSchool:
    """One training of a reader of digits; ``reader`` is what it can do so far."""

    def __init__(self, digits: Digits, config: DigitTraining, room: Path | None = None) -> None:
        """Prepare the network and the marks that are no digits; ``room`` is for checkpoints."""
        self.digits, self.config, self.room = digits, config, room
        self.compute = choose(config.device, config.precision)
        aside = round(config.validation * len(digits))
        self.learned = digits.some(0, len(digits) - aside)
        self.measured = digits.some(len(digits) - aside, len(digits)) if aside else None
        self.planned = self._planned()
        self.task = self._task()
        self.last: Step[str] | None = None
        self.best: float | None = None

    @property
    def reader(self) -> DigitReader:
        """What learns, with what is known of its learning so far."""
        config = self.planned
        told = {
            "corpus": [f"{len(self.learned):,} handwritten digits"],
            "digits": len(self.learned),
            "digits_sha256": self.digits.sha256,
            "seconds": round(self.last.seconds, 1) if self.last else 0.0,
            "iterations": self.last.number if self.last else 0,
            "validation_loss": self.best,
            "licence": config.licence,
            "settings": asdict(config),
            "versions": {"bowerbird": version("bowerbird"), "torch": version("torch")},
        }
        return DigitReader(self.task.network, config.network, config.shape, told)

    def steps(
        self, checkpoints: int = 0, *, resume: bool = False
    ) -> Generator[Step[str], None, None]:
        """Learn; yield a step after each, with the errors where they were measured."""
        kept = None
        if self.room is not None:
            self.room.mkdir(parents=True, exist_ok=True)
            run = f"{asdict(self.planned)} {self.digits.sha256}"
            kept = Checkpoints(self.room / "checkpoint", checkpoints, resume, run)
        fit, device = self.planned.fit(), str(self.compute.device)
        with closing(fit_steps(self.task, fit, kept, device=device)) as learned:
            for step in learned:
                losses = {n: v for n, v in step.losses.items() if math.isfinite(v)}
                self.best = losses.get("best", self.best)
                words = None
                if "validation" in losses and self.measured is not None:
                    words = f"{self.task.errors} of {len(self.measured)} read wrong"
                self.last = Step(step.number, step.total, losses, step.seconds, words, step.note)
                yield self.last

    def _task(self) -> DigitTask:
        config = self.planned
        torch.manual_seed(config.seed)
        network = reader(config.network, config.shape).to(self.compute.device)
        return DigitTask(network, self.learned, self.measured, config, self.compute)

    def _planned(self) -> DigitTraining:
        """Return the configuration with the steps that fit into its minutes."""
        config = self.planned = self.config
        if not config.minutes:
            return config
        began = time.perf_counter()
        task = self._task()
        ready = time.perf_counter() - began
        pace = seconds_a_step(task, config.fit(), str(self.compute.device))
        left = 60 * config.minutes * TIME - (time.perf_counter() - began) - ready
        return replace(config, iterations=max(1, math.floor(left / pace)))


def train_digits(digits: Digits, config: DigitTraining = DigitTraining()) -> DigitReader:
    """Learn to read digits and return the reader."""
    school = DigitSchool(digits, config)
    for _ in school.steps():
        pass
    return school.reader
