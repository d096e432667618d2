"""``bowerbird text train``."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.options import Switch
from bowerbird.cli.report import notify, notify_skipped
from bowerbird.cli.text.corpus import CorpusOptions, Source
from bowerbird.cli.training_run import TrainingRun, TrainOptions
from bowerbird.models import model_path
from bowerbird.text.config import TrainConfig
from bowerbird.text.presets import PresetName

if TYPE_CHECKING:
    from bowerbird.text.training import Training

TRAINING = Group("Training", sort_key=2)
Flags = Parameter(name="*", group=TRAINING)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TextTrainOptions(TrainOptions):
    """Options of ``text train`` besides its configuration."""

    preset: Annotated[PresetName | None, Parameter(show_default=False)] = None
    """Settings of another tool, or small, default, large."""
    start: Annotated[str | None, Parameter(name="--from", show_default=False)] = None
    """Model to start from, with its network and tokenizer."""
    half: Switch = False
    """Store the weights in half precision: half the file size."""


def train(
    *corpus: Source,
    run: TextTrainOptions,
    config: Annotated[TrainConfig, Flags] = TrainConfig(),
    reading: CorpusOptions = CorpusOptions(),
) -> int:
    """Train a text generator on a corpus.

    Parameters
    ----------
    corpus
        Files, folders, patterns, - for standard input, or shakespeare: 38 plays.
    """
    from bowerbird.text.generator import load
    from bowerbird.text.training import Training

    with TrainingRun("text train", run) as job:
        start = None if run.start is None else load(run.start, config.device)
        training = Training(reading.corpus(corpus), config, job.work_dir, start)
        inputs = _inputs(training, run, reading)
        if job.is_main:
            _notify_changes(training, run, inputs)

        work = job.train(training.steps(run.checkpoint_every, resume=run.resume))

        generator, trainer = training.generator, training.trainer
        per_step = training.characters_per_step
        results = job.facts(work, trainer.planned, trainer.network, training.compute, per_step)
        facts = {"preset": run.preset, **inputs, **results}
        return job.finish(work, lambda path: generator.save(path, half=run.half), facts)


def _inputs(training: "Training", run: TextTrainOptions, reading: CorpusOptions) -> dict[str, Any]:
    """Return what a repetition of this run needs besides its configuration."""
    from bowerbird.cli.run_record import sha256

    inputs: dict[str, Any] = {"corpus": [{"file": name} for name in training.corpus.names]}
    if run.start is not None:
        inputs["start"] = [{"file": run.start, "sha256": sha256(model_path(run.start))}]
    options = {**asdict(reading), "half": run.half}
    return {"inputs": inputs, "corpus_sha256": training.statistics.sha256, "run": options}


def _notify_changes(training: "Training", run: TextTrainOptions, inputs: dict[str, Any]) -> None:
    """Print which files are skipped, and which differ from those of the repeated run."""
    from bowerbird.cli.recipe import read_recipe

    notify_skipped(training.corpus.skipped)
    if run.recipe is None:
        return
    recipe = read_recipe(run.recipe)
    names = [given["file"] for given in recipe.files.get("corpus", ())]
    changed = recipe.corpus_sha256 not in ("", training.statistics.sha256)
    if changed and names == training.corpus.names:
        notify(f"the corpus has changed since {run.recipe} was written")
    starts = recipe.files.get("start", ()), inputs["inputs"].get("start", ())
    for before, now in zip(*starts, strict=False):
        if before["file"] == now["file"] and before["sha256"] != now["sha256"]:
            notify(f"{now['file']} has changed since {run.recipe} was written")
