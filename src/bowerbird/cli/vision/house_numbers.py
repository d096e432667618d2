"""``bowerbird vision house-numbers`` and ``train-house-numbers``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from bowerbird.cli.options import RUN
from bowerbird.cli.training_run import TrainingRun, TrainOptions
from bowerbird.cli.vision.batch_run import BatchOptions, run_batch
from bowerbird.networks.config import MultiDigitConfig
from bowerbird.vision.house_numbers.config import (
    HouseNumberConfig,
    HouseNumberTrainConfig,
    SceneConfig,
    ScenePoolConfig,
    TrainingAssets,
)

if TYPE_CHECKING:
    from bowerbird.vision.results import VisionResult

Parameter(name="*", group=Group("Network", sort_key=3))(MultiDigitConfig)
Parameter(name="*", group=Group("Scenes", sort_key=4))(SceneConfig)
Parameter(name="*", group=Group("Scenes", sort_key=4))(ScenePoolConfig)


@Parameter(name="*", group=RUN, show_default=False)
@dataclass(frozen=True)
class AssetOptions(TrainingAssets):
    """Where the training data is, as flags."""

    start: Annotated[Path | None, Parameter(name="--from")] = None
    """Model file to continue from."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class HouseNumberOptions(BatchOptions):
    """Options of ``house-numbers`` besides its configuration."""

    model: str = "house-numbers"
    """Model file, or house-numbers: the model that comes with the package."""


def house_numbers(
    *images: Path,
    run: HouseNumberOptions = HouseNumberOptions(),
    config: Annotated[
        HouseNumberConfig, Parameter(name="*", group=Group("Detection", sort_key=2))
    ] = HouseNumberConfig(),
) -> int:
    """Detect and read the house numbers in photographs.

    Parameters
    ----------
    images
        Photographs of any size.
    """
    from bowerbird.vision.drawing import draw
    from bowerbird.vision.house_numbers.reader import load_house_number_reader

    paths = run.output_paths(images)
    reader = load_house_number_reader(run.model, run.device)
    threshold = reader.confident_threshold(config)

    return run_batch(
        images,
        paths,
        run,
        lambda picture: reader.predict(picture, config),
        lambda result: _text(result, threshold),
        lambda rgb, result: draw(rgb, result.mark_uncertain(threshold)),
    )


def train_house_numbers(
    *,
    run: TrainOptions,
    assets: AssetOptions = AssetOptions(),
    config: Annotated[
        HouseNumberTrainConfig, Parameter(name="*", group=Group("Training", sort_key=2))
    ] = HouseNumberTrainConfig(),
) -> int:
    """Train a network to detect and read house numbers, on generated street scenes."""
    from bowerbird.vision.house_numbers.train import HouseNumberTraining

    with TrainingRun("vision train-house-numbers", run, "number") as job:
        training = HouseNumberTraining(assets, config, job.work_dir)

        work = job.train(training.steps(run.checkpoint_every, resume=run.resume))

        planned, network = training.config, training.network
        per_step = planned.pool.batch_size * planned.trainer.gradient_accumulation_steps
        results = job.facts(work, planned, network, training.compute, per_step)
        facts = {"preset": None, "inputs": {}, **results, **training.thresholds}
        return job.finish(work, training.reader.save, facts)


def _text(result: "VisionResult", threshold: float) -> str:
    """Return each number with its score, the ones that are not confident last."""
    boxes = result.boxes or ()
    texts = [f"{box.name} ({box.score:.1%})" for box in boxes if box.score >= threshold]
    texts += [f"perhaps {box.name} ({box.score:.1%})" for box in boxes if box.score < threshold]
    return ", ".join(texts) or "no number"
