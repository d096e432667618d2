"""Training of a house-number reader: assets, scenes, the run, and the confidence thresholds.

Typefaces and photographs are split before any scene is generated: those for validation are never
trained on, those for tests are used in neither. At the end the confidence thresholds are set on
validation scenes (``calibration.calibrate``).
"""

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from bowerbird.learning.device import keep_freed_memory
from bowerbird.learning.step import Step
from bowerbird.networks.multi_digit import MultiDigit
from bowerbird.vision.house_numbers.assets import (
    find_photos,
    load_pixels,
    split_photos,
    split_typefaces,
)
from bowerbird.vision.house_numbers.calibration import PHOTO, calibrate, read_scenes
from bowerbird.vision.house_numbers.config import (
    HouseNumberConfig,
    HouseNumberTrainConfig,
    ScenePoolConfig,
    TrainingAssets,
)
from bowerbird.vision.house_numbers.crops import Pixels
from bowerbird.vision.house_numbers.reader import HouseNumberReader, load_house_number_reader
from bowerbird.vision.house_numbers.scenes.streets import Scene, make_scene
from bowerbird.vision.house_numbers.scenes.typefaces import find_typefaces
from bowerbird.vision.house_numbers.svhn import Svhn
from bowerbird.vision.house_numbers.task import HouseNumberTask
from bowerbird.vision.task_training import TaskTraining

NUM_SAMPLES = 6  # scenes whose readings are shown during training
TRIAL_POOL = 32  # scenes, to time a step
MINING = HouseNumberConfig(finder_threshold=0.1, max_regions=12)


class HouseNumberTraining(TaskTraining[HouseNumberTrainConfig]):
    """One training run; ``reader`` is the current result."""

    def __init__(
        self, assets: TrainingAssets, config: HouseNumberTrainConfig, work_dir: Path | None = None
    ) -> None:
        """Load typefaces and photographs; raise ValueError if there are too few of them."""
        super().__init__(config, work_dir)
        keep_freed_memory()
        faces = split_typefaces(
            find_typefaces(assets.fonts), config.validation_families, config.test_families
        )
        paths = split_photos(find_photos(assets.photos, config.exclude_photos))
        photos = [[load_pixels(path) for path in part] for part in paths[:2]]
        self.assets = [
            str(assets.start),
            *(path.name for part in (*faces, *paths) for path in part),
        ]
        seed = config.trainer.seed
        torch.manual_seed(seed)
        self.network = MultiDigit(config.model)
        svhn = Svhn(assets.svhn) if assets.svhn else None
        negatives: list[Scene] = []
        if assets.start:
            start = load_house_number_reader(assets.start, config.device)
            negatives = mine_hard_negatives(start, photos[0][: config.max_mined_photos])
            self.network = start.network
        self.network.to(self.compute.device)
        self.train = Scenes((seed, 0), faces[0], photos[0], config, svhn, negatives)
        self.validation = Scenes((0, 5), faces[1], photos[1], config)
        self.photos = replace(self.validation, key=(0, 6), config=replace(config, scene=PHOTO))
        self.thresholds: dict[str, float] = {}

    @property
    def reader(self) -> HouseNumberReader:
        """The network as it is now, with the provenance so far."""
        provenance, pool, trainer = self.provenance(), self.config.pool, self.config.trainer
        batches = provenance["iterations"] * trainer.gradient_accumulation_steps
        provenance |= {
            "typefaces": len(self.train.typefaces),
            "photographs": len(self.train.photos),
            "scenes": batches * pool.new_scenes_per_step + pool.pool_size,
            **self.thresholds,
            "settings": {"pool": asdict(pool), "trainer": asdict(trainer)},
        }
        return HouseNumberReader(self.network, provenance, self.compute)

    def steps(
        self, checkpoint_every: int = 0, *, resume: bool = False
    ) -> Generator[Step[str], None, None]:
        """Train and yield a step after each, with losses in nats per number; then calibrate."""
        try:
            yield from super().steps(checkpoint_every, resume=resume)
        finally:  # also after Ctrl-C: the saved model needs its thresholds
            crops = [self.validation(k) for k in range(self.config.calibration_crops)]
            photos = [self.photos(k) for k in range(self.config.calibration_photos)]
            self.thresholds = calibrate(self.reader, crops, photos)

    def make_task(self) -> HouseNumberTask:
        """Return the task with the network as it is."""
        return self._task(self.network, self.config.pool)

    def make_trial(self) -> HouseNumberTask:
        """Return a task to time a step with: another network and a small pool."""
        network = MultiDigit(self.network.config).to(self.compute.device)
        return self._task(network, replace(self.config.pool, pool_size=TRIAL_POOL))

    def data_id(self) -> list[str]:
        """Return the names of the assets."""
        return self.assets

    def sample(self) -> str:
        """Return what a few validation scenes are read as."""
        scenes = [self.validation(k) for k in range(NUM_SAMPLES)]
        pairs = zip(scenes, read_scenes(self.reader, scenes), strict=True)
        return ", ".join(f"{s.text or 'nothing'} as {n.text or 'nothing'}" for s, n in pairs)

    def _task(self, network: MultiDigit, pool: ScenePoolConfig) -> HouseNumberTask:
        seed, dtype = self.config.trainer.seed, self.compute.dtype
        return HouseNumberTask(network, self.train, self.validation, pool, seed, dtype)


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


@dataclass(frozen=True)
class Scenes:
    """Generated scenes, mixed with SVHN and hard negatives; number k is always the same one."""

    key: tuple[int, int]
    typefaces: Sequence[Path]
    photos: Sequence[Pixels]
    config: HouseNumberTrainConfig
    svhn: Svhn | None = None
    negatives: Sequence[Scene] = ()

    def __call__(self, index: int) -> Scene:
        """Return scene number ``index``."""
        random = np.random.default_rng((*self.key, index))
        if self.negatives and random.random() < self.config.hard_negative_fraction:
            return self.negatives[int(random.integers(len(self.negatives)))]
        if self.svhn is not None and random.random() < self.config.svhn_fraction:
            return self.svhn[int(random.integers(len(self.svhn)))]
        return make_scene(random, self.typefaces, self.photos, self.config.scene)
