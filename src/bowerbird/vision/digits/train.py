"""Learning to read digits: distorted digits, some marks that are none, and a network.

What is minimised is the cross entropy, whose right answer has a little less than all of the
probability (label smoothing: Szegedy et al. 2015, arXiv:1512.00567, section 7); for LeNet-5 it is
the penalty of its paper. The rate rises and falls once (L. Smith 2018, arXiv:1803.09820), and the
result is a running mean of the weights.
"""

import json
import math
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bowerbird.learning.atomic_write import atomic_write
from bowerbird.learning.checkpoints import START_OVER
from bowerbird.learning.config import CheckpointConfig, Precision, TrainerConfig
from bowerbird.learning.device import Compute, select_compute
from bowerbird.learning.step import Step
from bowerbird.learning.time_budget import seconds_per_step
from bowerbird.learning.trainer import train_steps
from bowerbird.learning.validate import check_choice
from bowerbird.networks.config import DigitNetwork, SmallConvNetConfig
from bowerbird.networks.convolution import digit_network
from bowerbird.vision.digits.augment import DistortionConfig, distort
from bowerbird.vision.digits.idx import Digits
from bowerbird.vision.digits.negatives import strangers
from bowerbird.vision.digits.reader import NONE, DigitReader

LOOKS = 5  # measurements on the digits that are kept aside
TIME = 0.93  # share of the minutes for steps; the rest is for looking and for saving


@dataclass(frozen=True)
class DigitTraining:
    """How a reader of digits learns."""

    network: DigitNetwork = "small"
    """small, or lenet5: the network of 1998 as it was."""
    minutes: float = 0.0
    """Time to learn for, in minutes: the steps are chosen to fit it on this machine."""
    iterations: int = 2600
    """Steps of learning."""
    rows: int = 128
    """Pictures in each step."""
    rate: float = 4e-3
    """Learning rate at its highest."""
    warmup_steps: float = 0.15
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
    shape: SmallConvNetConfig = field(default_factory=SmallConvNetConfig)
    """The shape of the small network."""
    distortion: DistortionConfig = field(default_factory=DistortionConfig)
    """How far digits are distorted."""

    def __post_init__(self) -> None:
        check_choice(self.network, ("small", "lenet5"))
        if not 0 <= self.minutes < math.inf:
            raise ValueError(f"minutes are a number from 0 on, not {self.minutes}")
        if not 2 <= self.rows <= 1 << 20:
            raise ValueError(f"rows are at least 2, not {self.rows}")
        for name in ("warmup_steps", "smoothing", "none", "validation"):
            if not 0 <= getattr(self, name) <= 0.9:
                raise ValueError(f"{name} is in 0..0.9, not {getattr(self, name)}")
        if not 0 <= self.plain <= 1:
            raise ValueError(f"plain is in 0..1, not {self.plain}")
        if self.shape.num_classes != NONE + 1:
            raise ValueError(f"a reader of digits has {NONE + 1} classes")
        self.fit()  # which checks the rest

    def fit(self) -> TrainerConfig:
        """Return how weights are learned."""
        return TrainerConfig(
            iterations=self.iterations,
            learning_rate=self.rate,
            warmup_steps=round(self.warmup_steps * self.iterations),
            final_lr_ratio=0.005,
            weight_decay=self.weight_decay,
            ema_decay=self.average,
            validate_every=max(1, self.iterations // LOOKS if self.validation else self.iterations),
            seed=self.seed,
        )


class DigitTask:
    """Batches of distorted digits and of marks that are none.

    Its chance is its own: torch's generators are as before after each batch.
    """

    def __init__(
        self,
        network: nn.Module,
        learned: Digits,
        measured: Digits | None,
        config: DigitTraining,
        compute: Compute,
        random: torch.Generator,
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
        self.order, self.place = torch.randperm(len(learned), generator=random), 0
        self.random = random.get_state()
        self.smoothing = 0.0 if config.network == "lenet5" else config.smoothing
        self.errors: int | None = None

    def loss(self, network: nn.Module) -> Tensor:
        """Return the mean loss of the next batch."""
        with self._chance():
            return self._loss(network)

    @contextmanager
    def _chance(self) -> Iterator[None]:
        """Let torch, whose dropping takes no generator, draw what this task draws next."""
        cuda = self.compute.device.type == "cuda"
        with torch.random.fork_rng(range(torch.cuda.device_count()) if cuda else []):
            torch.set_rng_state(self.random)
            if cuda:
                torch.cuda.manual_seed_all(int(torch.randint(1 << 62, ())))
            yield
            self.random = torch.get_rng_state()

    def _loss(self, network: nn.Module) -> Tensor:
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

    def state_dict(self) -> dict[str, Tensor]:
        """Return the order of the digits, the place in it, and the state of chance."""
        return {"order": self.order, "place": torch.tensor(self.place), "random": self.random}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what ``state_dict`` returned."""
        self.order, self.place = state["order"], int(state["place"])
        self.random = state["random"]

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
        self.began = time.perf_counter()
        self.digits, self.config, self.room = digits, config, room
        self.compute = select_compute(config.device, config.precision)
        aside = round(config.validation * len(digits))
        self.learned = digits.some(0, len(digits) - aside)
        self.measured = digits.some(len(digits) - aside, len(digits)) if aside else None
        self.planned = config
        self.task = self._task()
        self.ready = time.perf_counter() - self.began
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
        """Learn; yield a step after each, with the errors where they were measured.

        Every ``checkpoints`` steps (0: never) all that the next step depends on is kept in the
        room; ``resume`` goes on from there, with the steps that were planned then. Raises
        ModelError for a checkpoint of another run, ValueError for a plan of another.
        """
        self._plan(resume)
        kept = None
        if self.room is not None:
            run = f"{asdict(self.planned)} {self.digits.sha256}"
            kept = CheckpointConfig(self.room / "checkpoint", checkpoints, resume, run)
        fit, device = self.planned.fit(), str(self.compute.device)
        with closing(train_steps(self.task, fit, kept, device=device)) as learned:
            for step in learned:
                losses = {n: v for n, v in step.losses.items() if math.isfinite(v)}
                self.best = losses.get("best_validation_loss", self.best)
                words = None
                if "validation_loss" in losses and self.measured is not None:
                    words = f"{self.task.errors} of {len(self.measured)} read wrong"
                self.last = Step(step.number, step.total, losses, step.seconds, words, step.note)
                yield self.last

    def _task(self) -> DigitTask:
        config, random = self.planned, torch.Generator().manual_seed(self.planned.seed)
        network = digit_network(config.network, config.shape, random).to(self.compute.device)
        return DigitTask(network, self.learned, self.measured, config, self.compute, random)

    def _plan(self, resume: bool) -> None:
        """Choose the steps that fit into the minutes, or go on with those that were chosen."""
        asked = json.loads(json.dumps({**asdict(self.config), "digits": self.digits.sha256}))
        file = None if self.room is None else self.room / "plan.json"
        if resume and file is not None and file.exists():
            steps = _planned_steps(file, asked)
        elif self.config.minutes:
            steps = self._fitting()
            self.task = self._task()  # the other is used up
        else:
            steps = self.config.iterations
        # the minutes are spent: a run that is repeated from its record has these steps
        self.planned = self.task.config = replace(self.config, iterations=steps, minutes=0.0)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(file) as part:
                part.write_text(json.dumps({"asked": asked, "iterations": steps}), "utf-8")

    def _fitting(self) -> int:
        """Return the steps that fit into the minutes; the task is used up."""
        pace = seconds_per_step(self.task, self.config.fit(), str(self.compute.device))
        left = 60 * self.config.minutes * TIME - (time.perf_counter() - self.began) - self.ready
        return max(1, math.floor(left / pace))


def _planned_steps(file: Path, asked: Mapping[str, object]) -> int:
    """Return the steps of a plan; raise ValueError for a damaged one or one of another run."""
    try:
        plan = json.loads(file.read_text(encoding="utf-8"))
        same, steps = plan["asked"] == asked, DigitTraining(iterations=plan["iterations"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is damaged; {START_OVER}") from error
    if not same:
        raise ValueError(
            f"the run to be resumed had other digits or other settings; give the same, or {START_OVER}"
        )
    return steps.iterations


def train_digits(digits: Digits, config: DigitTraining = DigitTraining()) -> DigitReader:
    """Learn to read digits and return the reader."""
    school = DigitSchool(digits, config)
    for _ in school.steps():
        pass
    return school.reader
