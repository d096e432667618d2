"""``bowerbird vision digits`` and ``train-digits``."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.options import Switch
from bowerbird.cli.progress import Work
from bowerbird.cli.training_run import TrainingRun, TrainOptions
from bowerbird.cli.vision.batch_run import BatchOptions, run_batch
from bowerbird.networks.config import SmallConvNetConfig
from bowerbird.pictures.pixels import Picture
from bowerbird.vision.digits.augment import DistortionConfig
from bowerbird.vision.digits.idx import read_digits
from bowerbird.vision.digits.page import ReadConfig, boxed, read_page
from bowerbird.vision.digits.reader import load
from bowerbird.vision.digits.train import DigitSchool, DigitTraining
from bowerbird.vision.results import Seen

Parameter(name="*", group=Group("Network", sort_key=3))(SmallConvNetConfig)
Parameter(name="*", group=Group("Distortion", sort_key=4))(DistortionConfig)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DigitRun(TrainOptions):
    """What training a reader of digits can be told besides its configuration."""

    half: Switch = False
    """Store the weights in half precision: a file of half the size."""
    test: Switch = False
    """At the end, read the test digits of the folder (t10k-...) and tell how many are wrong."""


def train_digits(
    folder: Path,
    /,
    *,
    run: DigitRun,
    config: Annotated[DigitTraining, Parameter(name="*", group=Group("Learning", sort_key=2))] = (
        DigitTraining()
    ),
) -> int:
    """Learn to read handwritten digits.

    Parameters
    ----------
    folder
        Folder with IDX files (NAME-images-idx3-ubyte and NAME-labels-idx1-ubyte, or packed), or
        mnist: the full set, which is downloaded.
    """
    with TrainingRun("vision train-digits", run, unit="digit") as training_run:
        tested = read_digits(folder, "test") if run.test else None
        made = DigitSchool(read_digits(folder, "training"), config, training_run.work_dir)

        work = training_run.follow(made.steps(run.checkpoint_every, resume=run.resume))

        told = _told_digits(made, work, run)
        if tested is not None:
            score = made.reader.score(tested)
            told["test"] = {**asdict(score), "accuracy": score.accuracy}
            told["test"]["official"] = tested.official
        code = training_run.finish(work, lambda path: made.reader.save(path, half=run.half), told)
        if tested is not None and not run.json and not training_run.quiet:
            print(f"{score.errors} of {score.count} test digits are wrong")  # noqa: T201
        return code


def _told_digits(made: DigitSchool, work: Work[str], run: DigitRun) -> dict[str, Any]:
    """Return what is told of a training, besides how it went."""
    steps = work.last.number - work.history[0].number + 1
    rate = steps * made.planned.rows / max(work.last.seconds, 1e-9)
    return {
        "model": str(run.output),
        "inputs": {},
        "preset": None,
        "corpus_sha256": made.digits.sha256,
        "run": {"half": run.half},
        "config": {**asdict(made.planned), "precision": str(made.compute.dtype)[6:]},
        "validation_loss": made.best,
        "digits_per_second": round(rate),
        "parameters": sum(p.numel() for p in made.task.network.parameters()),
    }


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DigitLook(BatchOptions):
    """What reading digits can be told besides its configuration."""

    model: str = "digits"
    """Model file, or digits: the reader that comes with the package."""


def digits(
    *images: Path,
    run: DigitLook = DigitLook(),
    config: Annotated[ReadConfig, Parameter(name="*", group=Group("Reading", sort_key=2))] = (
        ReadConfig()
    ),
) -> int:
    """Find and read handwritten digits on photographed pages.

    Parameters
    ----------
    images
        Photographs.
    """
    reader = load(run.model, run.device)

    def see(picture: Picture) -> Seen:
        return read_page(picture.over(), reader, config)

    return run_batch(
        images,
        run.output_paths(images),
        run,
        see,
        lambda seen: _in_words(seen, config),
        lambda rgb, seen: boxed(rgb, seen, config.sure),
    )


def _in_words(seen: Seen, config: ReadConfig) -> str:
    """Say each line, with a question mark where it is not sure."""
    lines = seen.lines or ()
    words = [one.text if one.confidence >= config.sure else f"{one.text} ?" for one in lines]
    return "\n".join(words) or "no digits"
