"""``bowerbird text``: train, write, score."""

import json as jsonlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter
from rich.console import Console
from rich.table import Table

from bowerbird.cli.errors import about
from bowerbird.cli.interactive import together
from bowerbird.cli.options import RUN, Device, Json, Switch
from bowerbird.cli.progress import Work
from bowerbird.cli.report import notify
from bowerbird.cli.run_record import read_recipe, sha256
from bowerbird.cli.text_output import WriteRun, ask, keep_writing, written
from bowerbird.cli.training_run import TrainingRun, TrainOptions
from bowerbird.learning.config import SamplingConfig, SequenceConfig, TrainerConfig
from bowerbird.learning.trainer import ALREADY
from bowerbird.models import model_path
from bowerbird.networks.config import LanguageModelConfig, RecurrentConfig, TransformerConfig
from bowerbird.text.config import GenerateConfig, TrainConfig
from bowerbird.text.corpus import Corpus
from bowerbird.text.generator import Score, Writer, load
from bowerbird.text.perplexity_reference import references, verdict
from bowerbird.text.presets import PresetName
from bowerbird.text.training import Training

LEARNING = Group("Learning", sort_key=2)
WRITING = Group("Writing", sort_key=2)
Flags = Parameter(name="*", group=LEARNING)
Place = Annotated[str, Parameter(allow_leading_hyphen=True)]  # - is standard input
# these are parts of the configurations; their fields are flags like all others
Parameter(name="*")(LanguageModelConfig)
Parameter(name="*", group=Group("Network", sort_key=3))(RecurrentConfig)
Parameter(name="transformer", group=Group("Transformer", sort_key=6))(TransformerConfig)
Parameter(name="*", group=Group("Reading", sort_key=4))(SequenceConfig)
Parameter(name="*", group=Group("Fitting", sort_key=5))(TrainerConfig)
Parameter(name="*", group=WRITING)(SamplingConfig)


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class Reading:
    """How text is read."""

    encoding: str = "utf-8"
    """Encoding of the files."""
    column: Annotated[str | None, Parameter(show_default=False)] = None
    """Column of a table that has the text."""

    def corpus(self, given: Sequence[str]) -> Corpus:
        """Return what was given as one corpus."""
        if not given:
            raise ValueError("there is no corpus; name files, a folder, - or shakespeare")
        for name in given:
            if name.startswith("-") and name != "-":
                raise ValueError(f"there is no option {name}; a file is named ./{name}")
        return Corpus(given, encoding=self.encoding, column=self.column)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TextRun(TrainOptions):
    """What training a writer can be told besides its configuration."""

    preset: Annotated[PresetName | None, Parameter(show_default=False)] = None
    """Settings of another tool, or small, default, large."""
    start: Annotated[str | None, Parameter(name="--from", show_default=False)] = None
    """Model file to go on from, with its network and its alphabet."""
    half: Switch = False
    """Store the weights in half precision: a file of half the size."""


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class ScoreRun:
    """What scoring can be told."""

    adapt: float = 0.0
    """Rate at which the model goes on learning from what it has read; 0 is not at all."""
    device: Device = "auto"
    json: Json = False


def train(
    *corpus: Place,
    run: TextRun,
    config: Annotated[TrainConfig, Flags] = TrainConfig(),
    reading: Reading = Reading(),
) -> int:
    """Learn to write in the manner of a corpus.

    Parameters
    ----------
    corpus
        Files, folders, patterns, - for standard input, or shakespeare: his 38 plays.
    """
    with TrainingRun("text train", run) as job:
        start = None if run.start is None else load(run.start, config.device)
        training = Training(reading.corpus(corpus), config, job.work_dir, start)
        record = _record(training, run, reading)
        if job.is_main:
            _notice(training, run, record)

        work = job.train(training.steps(run.checkpoint_every, resume=run.resume))

        told = {"model": str(run.output), "preset": run.preset, **record, **_told(training, work)}
        return job.finish(work, lambda path: training.writer.save(path, half=run.half), told)


def write(
    model: str,
    /,
    *,
    run: WriteRun = WriteRun(),
    config: Annotated[GenerateConfig, Parameter(name="*", group=WRITING)] = GenerateConfig(),
) -> int:
    """Write on from a prompt, in the manner that a model has learned.

    Parameters
    ----------
    model
        Model file, or shakespeare.
    """
    opening, corpus = run.materials()
    writer = load(model, run.device)

    if run.interactive:
        texts, work = [together(writer, opening, config, ask, print)], None
    else:
        texts, work = written(writer, opening, config, run)

    keep_writing(texts, opening, work, run, corpus)
    return 0 if work is None else work.exit_code("text")


def evaluate(
    model: str,
    file: Place,
    /,
    *,
    run: ScoreRun = ScoreRun(),
    reading: Reading = Reading(),
) -> int:
    """Tell how well a model foresees a text, and whether that is normal.

    Parameters
    ----------
    model
        Model file, or shakespeare.
    file
        The text: a file, a folder, a pattern, or - for standard input.
    """
    writer = load(model, run.device)
    documents = ["".join(blocks) for _, blocks in reading.corpus([file]).documents()]

    with about(Path(file)):
        found = writer.score(*documents, adapt=run.adapt)
    return _tell_score(found, "".join(documents), writer, run.json)


def _record(training: Training, run: TextRun, reading: Reading) -> dict[str, Any]:
    """Return what a run that repeats this one has to be told, besides its configuration."""
    inputs: dict[str, Any] = {"corpus": [{"file": name} for name in training.corpus.names]}
    if run.start is not None:
        inputs["start"] = [{"file": run.start, "sha256": sha256(model_path(run.start))}]
    told = {**asdict(reading), "half": run.half}
    return {"inputs": inputs, "corpus_sha256": training.tally.sha256, "run": told}


def _notice(training: Training, run: TextRun, record: dict[str, Any]) -> None:
    """Say what was left out, and what is not as it was in the run that is repeated."""
    for name, why in training.corpus.skipped.items():
        notify(f"left out {name}: {why}")
    if run.recipe is None:
        return
    recipe = read_recipe(run.recipe)
    then = [given["file"] for given in recipe.files.get("corpus", ())]
    changed = recipe.corpus_sha256 not in ("", training.tally.sha256)
    if changed and then == training.corpus.names:
        notify(f"the corpus has changed since {run.recipe} was written")
    for before, now in zip(
        recipe.files.get("start", ()), record["inputs"].get("start", ()), strict=False
    ):
        if before["file"] == now["file"] and before["sha256"] != now["sha256"]:
            notify(f"{now['file']} has changed since {run.recipe} was written")


def _told(training: Training, work: Work[str]) -> dict[str, Any]:
    """Return what is told of a training, besides how it went."""
    provenance, seconds = training.writer.provenance, work.last.seconds
    # a resumed run has not done what was done before it
    steps = 0 if work.last.note == ALREADY else work.last.number - work.history[0].number + 1
    return {
        "config": {**asdict(training.planned), "precision": str(training.compute.dtype)[6:]},
        "train_loss": provenance["train_loss"],
        "validation_loss": provenance["validation_loss"],
        "characters_per_second": round(steps * training.characters_per_step / max(seconds, 1e-9)),
        "parameters": sum(p.numel() for p in training.network.parameters()),
    }


def _tell_score(found: Score, text: str, writer: Writer, json: bool) -> int:
    """Print a score: one JSON object, or a table of what to compare it with."""
    rungs = references(text, writer.provenance.get("validation_loss"))
    meaning = verdict(found.nats_per_char, rungs)
    if json:
        facts: dict[str, Any] = {
            "nats_per_char": found.nats_per_char,
            "bits_per_char": found.bits_per_char,
        }
        facts |= {"perplexity": found.perplexity}
        facts |= {"characters": found.characters, "verdict": meaning}
        facts["references"] = [asdict(rung) for rung in rungs]
        print(jsonlib.dumps(facts))  # noqa: T201
        return 0
    table = Table("nats/char", "bits/char", "perplexity", "", box=None, pad_edge=False)
    rows = [(r.nats_per_char, f"{r.name} ({r.source})") for r in rungs]
    for nats, name in sorted([*rows, (found.nats_per_char, "this model")], reverse=True):
        style = "bold" if name == "this model" else None
        bits = f"{nats / math.log(2):.3f}"
        table.add_row(f"{nats:.3f}", bits, f"{math.exp(nats):.2f}", name, style=style)
    Console().print(table)
    strange = writer.unknown_share(text)
    unseen = f", {strange:.1%} of them never seen by the model" if strange else ""
    print(f"{found.characters} characters{unseen}; {meaning}")  # noqa: T201
    return 0
