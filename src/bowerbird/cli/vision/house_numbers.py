"""``bowerbird vision house-numbers`` and ``train-house-numbers``."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.options import RUN
from bowerbird.cli.progress import Work
from bowerbird.cli.training_run import TrainingRun, TrainOptions
from bowerbird.cli.vision.batch_run import BatchOptions, run_batch
from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.trainer import ALREADY_DONE
from bowerbird.networks.config import MultiDigitConfig
from bowerbird.vision.drawing import draw
from bowerbird.vision.house_numbers.assets import Materials
from bowerbird.vision.house_numbers.reader import NumberReader, NumbersConfig, load
from bowerbird.vision.house_numbers.scenes.streets import StreetConfig
from bowerbird.vision.house_numbers.task import PoolConfig
from bowerbird.vision.house_numbers.train import NumbersTrainConfig, NumbersTraining
from bowerbird.vision.results import Seen

Parameter(name="*", group=Group("Network", sort_key=3))(MultiDigitConfig)
Parameter(name="*", group=Group("Scenes", sort_key=4))(StreetConfig)
Parameter(name="*", group=Group("Scenes", sort_key=4))(PoolConfig)
Parameter(name="*", group=Group("Fitting", sort_key=5))(TrainerConfig)


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class NumbersGiven:
    """What a reader of numbers learns from."""

    photos: Annotated[Path | None, Parameter(show_default=False)] = None
    """Folder of photographs without numbers; else those of scikit-image and scikit-learn."""
    fonts: Annotated[tuple[Path, ...], Parameter(show_default=False)] = ()
    """Folder of fonts, besides those of installed packages; may be given several times."""
    svhn: Annotated[Path | None, Parameter(show_default=False)] = None
    """train.tar.gz of Street View House Numbers, or its folder."""
    start: Annotated[Path | None, Parameter(name="--from", show_default=False)] = None
    """Model file to go on from."""


def house_numbers(
    *photos: Path,
    run: BatchOptions = BatchOptions(),
    config: Annotated[NumbersConfig, Parameter(name="*", group=Group("Search"))] = NumbersConfig(),
    model: Annotated[str, Parameter(group=RUN)] = "house-numbers",
) -> int:
    """Find the house numbers in photographs, and read them.

    Parameters
    ----------
    photos
        Photographs of any size.
    model
        Model file, or house-numbers, which is installed with the package.
    """
    places = run.output_paths(photos)
    reader = load(model, run.device)

    return run_batch(
        photos,
        places,
        run,
        lambda picture: reader.see(picture, config),
        lambda seen: _in_words(seen, reader, config),
        lambda rgb, seen: draw(rgb, seen.questioned(reader.sure(config))),
    )


def train_house_numbers(
    *,
    run: TrainOptions,
    given: NumbersGiven = NumbersGiven(),
    config: Annotated[
        NumbersTrainConfig, Parameter(name="*", group=Group("Learning", sort_key=2))
    ] = NumbersTrainConfig(),
) -> int:
    """Learn to find and read numbers, from generated scenes of streets."""
    with TrainingRun("vision train-house-numbers", run, "number") as training_run:
        materials = Materials(given.photos, given.fonts, given.svhn, given.start)
        training = NumbersTraining(materials, config)

        steps = training.steps(training_run.work_dir, run.checkpoint_every, resume=run.resume)
        work = training_run.follow(steps)

        return training_run.finish(
            work, training.reader.save, {"model": str(run.output), **_told_numbers(training, work)}
        )


def _in_words(seen: Seen, reader: NumberReader, config: NumbersConfig) -> str:
    """Say each number with its probability, and which of them are not sure."""
    sure = reader.sure(config)
    boxes = seen.boxes or ()
    words = [f"{one.name} ({one.score:.1%})" for one in boxes if one.score >= sure]
    words += [f"perhaps {one.name} ({one.score:.1%})" for one in boxes if one.score < sure]
    return ", ".join(words) or "no number"


def _told_numbers(training: NumbersTraining, work: Work[Any]) -> dict[str, Any]:
    steps = 0 if work.last.note == ALREADY_DONE else work.last.number - work.history[0].number + 1
    scenes = steps * training.config.pool.batch
    config = {**asdict(replace(training.config, trainer=training.fit))}
    return {
        "preset": None,
        "inputs": {},
        "config": config,
        "train_loss": work.last.losses["total"],
        "validation_loss": training.best,
        **training.sure,
        "numbers_per_second": round(scenes / max(work.last.seconds, 1e-9)),
        "parameters": sum(p.numel() for p in training.network.parameters()),
    }
