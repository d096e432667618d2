"""A training of a reader of numbers as a whole: what is at hand, the steps, and the threshold.

Typefaces and photographs are split before anything is made of them: those of validation are never
learned from, those kept for tests are in neither. At the end the threshold of "sure" is found on
validation scenes (``measure.py``).
"""

import hashlib
import math
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from bowerbird.learning.config import CheckpointConfig, Precision, TrainerConfig
from bowerbird.learning.device import keep_freed_memory, select_compute
from bowerbird.learning.step import Step
from bowerbird.learning.time_budget import seconds_per_step
from bowerbird.learning.trainer import train_steps
from bowerbird.networks.config import MultiDigitConfig
from bowerbird.networks.multi_digit import MultiDigit
from bowerbird.vision.house_numbers.assets import (
    Materials,
    photographs,
    pixels_of,
    split_photos,
    split_typefaces,
)
from bowerbird.vision.house_numbers.crops import Pixels
from bowerbird.vision.house_numbers.evaluation import PHOTO, answers, calibrated
from bowerbird.vision.house_numbers.hard_negatives import decoys
from bowerbird.vision.house_numbers.reader import NumberReader, load_house_number_reader
from bowerbird.vision.house_numbers.scenes.streets import Scene, StreetConfig, make_scene
from bowerbird.vision.house_numbers.scenes.typefaces import Typeface, typefaces
from bowerbird.vision.house_numbers.svhn import Svhn
from bowerbird.vision.house_numbers.task import NumbersTask, PoolConfig

SAMPLE = 6  # scenes that are shown while it learns


@dataclass(frozen=True)
class NumbersTrainConfig:
    """How a reader of numbers learns."""

    minutes: float = 0.0
    """Time to learn for, in minutes: steps are chosen to fit it on this machine."""
    validation_families: tuple[str, ...] = (
        *("Manrope", "P052", "STIXGeneral", "STIXGeneralBolIta", "HankenGrotesk"),
    )
    """Typefaces with which is measured, never learned from."""
    test_families: tuple[str, ...] = ("Lato", "Caladea", "FjallaOne", "Intuitive", "URWBookman")
    """Typefaces kept for tests: neither learned from nor measured with."""
    without: tuple[str, ...] = ()
    """Parts of the names of photographs that are left out, as they show numbers."""
    svhn_share: float = 0.5
    """Share of SVHN's pictures among what is learned from, if they are given."""
    searched: int = 160
    """Photographs that are searched for errors of the model from which is gone on (--from)."""
    error_share: float = 0.07
    """Share of these errors among what is learned from."""
    judged: int = 1500
    """Numbers that are read at the end to find the threshold of readings."""
    photographed: int = 300
    """Whole scenes that are searched at the end to find the threshold of searches."""
    precision: Precision = "auto"
    """Precision of the network: auto takes bfloat16 where it is faster, else float32."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""
    licence: str = ""
    """Licence of what is learned, which the model file then names."""
    network: MultiDigitConfig = field(default_factory=MultiDigitConfig)
    """The network."""
    street: StreetConfig = field(default_factory=StreetConfig)
    """The scenes."""
    pool: PoolConfig = field(default_factory=PoolConfig)
    """How scenes are used."""
    trainer: TrainerConfig = field(
        default_factory=lambda: TrainerConfig(
            iterations=13000, learning_rate=4e-3, warmup_steps=200
        )
    )
    """How weights are learned."""

    def __post_init__(self) -> None:
        if not 0 <= self.minutes < math.inf:
            raise ValueError(f"minutes are a number from 0 on, not {self.minutes}")
        if not 0 < self.svhn_share <= 1:
            raise ValueError(f"svhn_share is a share in 0..1, above 0, not {self.svhn_share}")
        if not 0 <= self.error_share < 1 or self.searched < 0:
            raise ValueError(
                "error_share is a share in 0..1 without 1, and searched is not below 0"
            )


class NumbersTraining:
    """One training; ``reader`` is what it can do so far."""

    def __init__(self, materials: Materials, config: NumbersTrainConfig) -> None:
        """Read typefaces and photographs; raise ValueError if there are too few of them."""
        self.config, self.compute = config, select_compute(config.device, config.precision)
        keep_freed_memory()
        learned, measured = split_typefaces(
            typefaces(materials.fonts), config.validation_families, config.test_families
        )
        photos = split_photos(photographs(materials.photos, config.without))
        self.photos, self.typefaces = photos, (learned, measured)
        svhn = Svhn(materials.svhn) if materials.svhn else None
        pixels = [[pixels_of(path) for path in part] for part in photos]
        seed = config.trainer.seed
        photographed = replace(config, street=PHOTO)
        self.photographed = _source((0, 6), measured, pixels[1], (None, ()), photographed)
        torch.manual_seed(seed)
        network, errors = MultiDigit(config.network), []
        if materials.start:
            before = load_house_number_reader(materials.start, config.device)
            errors = decoys(before, pixels[0][: config.searched])
            network = before.network
        self.learned = _source((seed, 0), learned, pixels[0], (svhn, errors), config)
        self.measured = _source((0, 5), measured, pixels[1], (None, ()), config)
        self.network = network.to(self.compute.device)
        self.task = self._task(self.network)
        self.sure: dict[str, float] = {}
        self.last: Step[str] | None = None
        self.best: float | None = None
        self.fit = self._paced() if config.minutes else config.trainer

    @property
    def reader(self) -> NumberReader:
        """What learns, with what is known of its learning so far."""
        told = {
            "typefaces": len(self.typefaces[0]),
            "photographs": len(self.photos[0]),
            "scenes": self.task.step * self.config.pool.fresh + self.config.pool.pool,
            "iterations": self.last.number if self.last else 0,
            "seconds": round(self.last.seconds, 1) if self.last else 0.0,
            "validation_loss": self.best,
            **self.sure,
            "licence": self.config.licence,
            "settings": {"pool": asdict(self.config.pool), "trainer": asdict(self.fit)},
            "versions": {"bowerbird": version("bowerbird"), "torch": version("torch")},
        }
        return NumberReader(self.network, told, self.compute)

    def steps(
        self, room: Path, checkpoints: int = 0, *, resume: bool = False
    ) -> Generator[Step[str], None, None]:
        """Learn; yield a step after each, its losses in nats a number; then find the threshold."""
        kept = None
        if checkpoints:
            room.mkdir(parents=True, exist_ok=True)
            kept = CheckpointConfig(room / "checkpoint", checkpoints, resume, self._name())
        try:
            steps = train_steps(self.task, self.fit, kept, device=str(self.compute.device))
            with closing(steps) as learned:
                for step in learned:
                    self.best = step.losses.get("best_validation_loss", self.best)
                    shown = self._sample() if "validation_loss" in step.losses else None
                    told = (step.number, step.total, step.losses, step.seconds)
                    self.last = Step(*told, shown, step.note)
                    yield self.last
        finally:  # also after Ctrl-C: what is saved then needs its threshold as well
            self._find_threshold()

    def _find_threshold(self) -> None:
        config = self.config
        crops = [self.measured(k) for k in range(config.judged)]
        photos = [self.photographed(k) for k in range(config.photographed)]
        self.sure = calibrated(self.reader, crops, photos)

    def _sample(self) -> str:
        """Say what a few scenes are read as."""
        scenes = [self.measured(k) for k in range(SAMPLE)]
        pairs = zip(scenes, answers(self.reader, scenes), strict=True)
        return ", ".join(f"{s.text or 'nothing'} as {n.text or 'nothing'}" for s, n in pairs)

    def _task(self, network: MultiDigit) -> NumbersTask:
        pool, seed, dtype = self.config.pool, self.config.trainer.seed, self.compute.dtype
        return NumbersTask(network, self.learned, self.measured, pool, seed, dtype)

    def _paced(self) -> TrainerConfig:
        """Return the settings with as many steps as fit into the minutes."""
        few = replace(self.config.pool, pool=32)
        trial = MultiDigit(self.network.config).to(self.compute.device)
        task = NumbersTask(trial, self.learned, self.measured, few, 0, self.compute.dtype)
        fit = self.config.trainer
        step = seconds_per_step(task, fit, str(self.compute.device))
        iterations = max(10, int(60 * self.config.minutes / step))
        return replace(
            fit,
            iterations=iterations,
            validate_every=max(1, iterations // 8),
            warmup_steps=min(fit.warmup_steps, iterations // 10),
        )

    def _name(self) -> str:
        """Tell this run from others."""
        names = [path.name for part in self.photos for path in part]
        names += [face.path.name for part in self.typefaces for face in part]
        told = repr((asdict(self.config), names))
        return hashlib.sha256(told.encode()).hexdigest()


def train_numbers(
    materials: Materials, config: NumbersTrainConfig, room: Path | None = None
) -> NumberReader:
    """Learn to the end; return the reader."""
    training = NumbersTraining(materials, config)
    for _ in training.steps(room or Path()):
        pass
    return training.reader


def _source(
    key: tuple[int, int],
    faces: Sequence[Typeface],
    photos: Sequence[Pixels],
    others: tuple[Svhn | None, Sequence[Scene]],
    config: NumbersTrainConfig,
) -> Callable[[int], Scene]:
    """Return what makes scene number k, always the same one."""

    svhn, errors = others

    def make(index: int) -> Scene:
        random = np.random.default_rng((*key, index))
        if errors and random.random() < config.error_share:
            return errors[int(random.integers(len(errors)))]
        if svhn is not None and random.random() < config.svhn_share:
            return svhn[int(random.integers(len(svhn)))]
        return make_scene(random, faces, photos, config.street)

    return make
