"""``bowerbird vision digits`` and ``train-digits``."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from bowerbird.cli.options import Switch
from bowerbird.cli.report import show
from bowerbird.cli.training_run import TrainingRun, TrainOptions
from bowerbird.cli.vision.batch_run import BatchOptions, run_batch
from bowerbird.networks.config import SmallConvNetConfig
from bowerbird.vision.digits.config import AugmentConfig, DigitConfig, DigitTrainConfig

if TYPE_CHECKING:
    from bowerbird.vision.results import VisionResult

Parameter(name="*", group=Group("Network", sort_key=3))(SmallConvNetConfig)
Parameter(name="*", group=Group("Augmentation", sort_key=4))(AugmentConfig)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DigitTrainOptions(TrainOptions):
    """Options of ``train-digits`` besides its configuration."""

    half: Switch = False
    """Store the weights in half precision: a file of half the size."""
    test: Switch = False
    """At the end, evaluate on the test digits of the folder (t10k-...)."""


def train_digits(
    folder: Path,
    /,
    *,
    run: DigitTrainOptions,
    config: Annotated[
        DigitTrainConfig, Parameter(name="*", group=Group("Training", sort_key=2))
    ] = DigitTrainConfig(),
) -> int:
    """Train a classifier of handwritten digits.

    Parameters
    ----------
    folder
        Folder with IDX files (NAME-images-idx3-ubyte and NAME-labels-idx1-ubyte, or compressed),
        or mnist: the full set, which is downloaded.
    """
    from bowerbird.vision.digits.idx import read_digit_dataset
    from bowerbird.vision.digits.train import DigitTraining

    with TrainingRun("vision train-digits", run, unit="digit") as job:
        test_set = read_digit_dataset(folder, "test") if run.test else None
        training = DigitTraining(read_digit_dataset(folder, "train"), config, job.work_dir)

        work = job.train(training.steps(run.checkpoint_every, resume=run.resume))

        planned = training.config
        per_step = planned.batch_size * planned.trainer.gradient_accumulation_steps
        facts = {
            "preset": None,
            "inputs": {},
            "corpus_sha256": training.digits.sha256,
            "run": {"half": run.half},
            **job.facts(work, planned, training.task.network, training.compute, per_step),
        }
        if test_set is not None:
            metrics = training.reader.evaluate(test_set)
            facts["test"] = {**asdict(metrics), "accuracy": metrics.accuracy}
            facts["test"]["official"] = test_set.official
        code = job.finish(work, lambda path: training.reader.save(path, half=run.half), facts)
        if test_set is not None and not run.json and not job.quiet:
            show(f"{metrics.errors} of {metrics.count} test digits are wrong")
        return code


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DigitOptions(BatchOptions):
    """Options of ``digits`` besides its configuration."""

    model: str = "digits"
    """Model file, or digits: the model that comes with the package."""


def digits(
    *images: Path,
    run: DigitOptions = DigitOptions(),
    config: Annotated[
        DigitConfig, Parameter(name="*", group=Group("Reading", sort_key=2))
    ] = DigitConfig(),
) -> int:
    """Find and read handwritten digits on photographed pages.

    Parameters
    ----------
    images
        Photographs.
    """
    from bowerbird.vision.digits.page import read_page
    from bowerbird.vision.digits.reader import load_digit_reader
    from bowerbird.vision.drawing import draw

    paths = run.output_paths(images)
    reader = load_digit_reader(run.model, run.device)

    return run_batch(
        images,
        paths,
        run,
        lambda picture: read_page(picture.over(), reader, config),
        lambda result: _text(result, config),
        lambda rgb, result: draw(rgb, result.mark_uncertain(config.confident_threshold)),
    )


def _text(result: "VisionResult", config: DigitConfig) -> str:
    """Return the lines, with a question mark behind those that are not confident."""
    lines = [
        line.text if line.confidence >= config.confident_threshold else f"{line.text} ?"
        for line in result.lines or ()
    ]
    return "\n".join(lines) or "no digits"
