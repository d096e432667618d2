"""Training of a house-number reader: assets, scenes, the run, and the confidence thresholds.

Typefaces and photographs are split before any scene is generated: those for validation are never
trained on, those for tests are used in neither. At the end the confidence thresholds are set on
validation scenes (``evaluation.calibrate``).
"""

import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from bowerbird.learning.device import keep_freed_memory, select_compute
from bowerbird.learning.step import Step
from bowerbird.networks.multi_digit import MultiDigit
from bowerbird.vision.house_numbers.assets import (
    find_photos,
    load_pixels,
    split_photos,
    split_typefaces,
)
from bowerbird.vision.house_numbers.config import (
    HouseNumberConfig,
    HouseNumberTrainConfig,
    TrainingAssets,
)
from bowerbird.vision.house_numbers.crops import Pixels
from bowerbird.vision.house_numbers.evaluation import PHOTO, calibrate, read_scenes
from bowerbird.vision.house_numbers.reader import HouseNumberReader, load_house_number_reader
from bowerbird.vision.house_numbers.scenes.streets import Scene, make_scene
from bowerbird.vision.house_numbers.scenes.typefaces import Typeface, find_typefaces
from bowerbird.vision.house_numbers.svhn import Svhn
from bowerbird.vision.house_numbers.task import HouseNumberTask
from bowerbird.vision.task_training import TaskTraining

NUM_SAMPLES = 6  # scenes whose readings are shown during training
TRIAL_POOL = 32  # scenes, to time a step
MINING = HouseNumberConfig(finder_threshold=0.1, max_regions=12)


class HouseNumberTraining:
    """One training run; ``reader`` is the current result."""

    def __init__(
        self,
        assets: TrainingAssets,
        config: HouseNumberTrainConfig,
        work_dir: Path | None = None,
    ) -> None:
        """Load typefaces and photographs; raise ValueError if there are too few of them."""
        start_time = time.perf_counter()
        self.config, self.compute = config, select_compute(config.device, config.precision)
        keep_freed_memory()
        train_faces, validation_faces = split_typefaces(
            find_typefaces(assets.fonts), config.validation_families, config.test_families
        )
        paths = split_photos(find_photos(assets.photos, config.exclude_photos))
        train_photos, validation_photos = ([load_pixels(p) for p in part] for part in paths[:2])
        seed = config.trainer.seed
        torch.manual_seed(seed)
        self.network = MultiDigit(config.model)
        svhn = Svhn(assets.svhn) if assets.svhn else None
        negatives: list[Scene] = []
        if assets.start:
            start = load_house_number_reader(assets.start, config.device)
            negatives = mine_hard_negatives(start, train_photos[: config.max_mined_photos])
            self.network = start.network
        self.network.to(self.compute.device)
        self.train = Scenes((seed, 0), train_faces, train_photos, config, svhn, negatives)
        self.validation = Scenes((0, 5), validation_faces, validation_photos, config)
        self.photos = Scenes(
            (0, 6), validation_faces, validation_photos, replace(config, scene=PHOTO)
        )
        self.num_typefaces, self.num_photos = len(train_faces), len(paths[0])
        self.thresholds: dict[str, float] = {}
        names = [path.name for part in paths for path in part]
        names += [face.path.name for faces in (train_faces, validation_faces) for face in faces]
        self.run = TaskTraining(
            lambda: self._task(self.network),
            config.trainer,
            self.compute,
            {**asdict(config), "start": assets.start, "assets": names},
            self._sample,
            config.minutes,
            self._trial,
            work_dir,
            start_time,
        )

    @property
    def reader(self) -> HouseNumberReader:
        """The network as it is now, with the provenance so far."""
        last, trainer, pool = self.run.last, self.run.trainer, self.config.pool
        iterations = last.number if last else 0
        batches = iterations * trainer.gradient_accumulation_steps
        provenance = {
            "typefaces": self.num_typefaces,
            "photographs": self.num_photos,
            "scenes": batches * pool.new_scenes_per_step + pool.pool_size,
            "iterations": iterations,
            "seconds": round(last.seconds, 1) if last else 0.0,
            "validation_loss": self.run.best,
            **self.thresholds,
            "licence": self.config.licence,
            "settings": {"pool": asdict(pool), "trainer": asdict(trainer)},
            "versions": {"bowerbird": version("bowerbird"), "torch": version("torch")},
        }
        return HouseNumberReader(self.network, provenance, self.compute)

    def steps(
        self, checkpoint_every: int = 0, *, resume: bool = False
    ) -> Generator[Step[str], None, None]:
        """Train and yield a step after each, with losses in nats per number; then calibrate."""
        try:
            yield from self.run.steps(checkpoint_every, resume=resume)
        finally:  # also after Ctrl-C: the saved model needs its thresholds
            crops = [self.validation(k) for k in range(self.config.calibration_crops)]
            photos = [self.photos(k) for k in range(self.config.calibration_photos)]
            self.thresholds = calibrate(self.reader, crops, photos)

    def _sample(self) -> str:
        """Return what a few validation scenes are read as."""
        scenes = [self.validation(k) for k in range(NUM_SAMPLES)]
        pairs = zip(scenes, read_scenes(self.reader, scenes), strict=True)
        return ", ".join(f"{s.text or 'nothing'} as {n.text or 'nothing'}" for s, n in pairs)

    def _task(self, network: MultiDigit, **pool: int) -> HouseNumberTask:
        config = replace(self.config.pool, **pool)
        seed, dtype = self.config.trainer.seed, self.compute.dtype
        return HouseNumberTask(network, self.train, self.validation, config, seed, dtype)

    def _trial(self) -> HouseNumberTask:
        network = MultiDigit(self.network.config).to(self.compute.device)
        return self._task(network, pool_size=TRIAL_POOL)


def train_house_numbers(
    assets: TrainingAssets = TrainingAssets(),
    config: HouseNumberTrainConfig = HouseNumberTrainConfig(),
) -> HouseNumberReader:
    """Train to the end and return the reader."""
    training = HouseNumberTraining(assets, config)
    for _ in training.steps():
        pass
    return training.reader


def mine_hard_negatives(reader: HouseNumberReader, photos: Sequence[Pixels]) -> list[Scene]:
    """Return a scene without a number for each false positive in photographs without numbers.

    Bootstrapping (Sung, Poggio 1998): nearly all of the thousands of regions of a picture are easy
    negatives, so the model itself selects those that it gets wrong.
    """
    return [
        Scene(pixels, negative_boxes=box[None].astype(np.float32))
        for pixels in photos
        for _, box in reader.find_regions(pixels, MINING)
    ]


class Scenes:
    """Generated scenes, mixed with SVHN and hard negatives; number k is always the same one."""

    def __init__(
        self,
        key: tuple[int, int],
        typefaces: Sequence[Typeface],
        photos: Sequence[Pixels],
        config: HouseNumberTrainConfig,
        svhn: Svhn | None = None,
        negatives: Sequence[Scene] = (),
    ) -> None:
        self.key, self.config = key, config
        self.svhn, self.negatives = svhn, negatives
        self.generate = partial(make_scene, typefaces=typefaces, photos=photos, config=config.scene)

    def __call__(self, index: int) -> Scene:
        """Return scene number ``index``."""
        random = np.random.default_rng((*self.key, index))
        if self.negatives and random.random() < self.config.hard_negative_fraction:
            return self.negatives[int(random.integers(len(self.negatives)))]
        if self.svhn is not None and random.random() < self.config.svhn_fraction:
            return self.svhn[int(random.integers(len(self.svhn)))]
        return self.generate(random)
