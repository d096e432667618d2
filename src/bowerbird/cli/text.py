"""``bowerbird text``: train, write, evaluate."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.options import RUN, Device, Json, Switch
from bowerbird.cli.report import notify, report
from bowerbird.cli.text_output import WriteOptions
from bowerbird.cli.training_run import TrainingRun, TrainOptions
from bowerbird.learning.config import SamplingConfig, SequenceConfig, TrainerConfig
from bowerbird.models import model_path
from bowerbird.networks.config import LanguageModelConfig, RecurrentConfig, TransformerConfig
from bowerbird.text.config import GenerateConfig, TrainConfig
from bowerbird.text.presets import PresetName

if TYPE_CHECKING:
    from rich.table import Table

    from bowerbird.cli.progress import Work
    from bowerbird.text.corpus import Corpus
    from bowerbird.text.perplexity_reference import Reference
    from bowerbird.text.training import Training

TRAINING = Group("Training", sort_key=2)
GENERATION = Group("Generation", sort_key=2)
Flags = Parameter(name="*", group=TRAINING)
Source = Annotated[str, Parameter(allow_leading_hyphen=True)]  # - is standard input
# these are parts of the configurations; their fields are flags like all others
Parameter(name="*")(LanguageModelConfig)
Parameter(name="*", group=Group("Network", sort_key=3))(RecurrentConfig)
Parameter(name="transformer", group=Group("Transformer", sort_key=6))(TransformerConfig)
Parameter(name="*", group=Group("Batches", sort_key=4))(SequenceConfig)
Parameter(name="*", group=Group("Optimizer", sort_key=5))(TrainerConfig)
Parameter(name="*", group=GENERATION)(SamplingConfig)


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class CorpusOptions:
    """How to read texts."""

    encoding: str = "utf-8"
    """Encoding of the files."""
    column: Annotated[str | None, Parameter(show_default=False)] = None
    """Column of a table with the text."""

    def corpus(self, sources: Sequence[str]) -> "Corpus":
        """Return the sources as one corpus."""
        from bowerbird.text.corpus import Corpus

        if not sources:
            raise ValueError("give a corpus: files, a folder, - or shakespeare")
        for name in sources:
            if name.startswith("-") and name != "-":
                raise ValueError(f"there is no option {name}; write ./{name} for a file")
        return Corpus(sources, encoding=self.encoding, column=self.column)


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


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class EvaluateOptions:
    """Options of ``text evaluate``."""

    adapt: float = 0.0
    """Learning rate of dynamic evaluation: the model trains on what it has read; 0 is off."""
    device: Device = "auto"
    json: Json = False


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

        generator = training.generator
        results = _results(training, generator.provenance, work)
        facts = {"model": str(run.output), "preset": run.preset, **inputs, **results}
        return job.finish(work, lambda path: generator.save(path, half=run.half), facts)


def write(
    model: str,
    /,
    *,
    run: WriteOptions = WriteOptions(),
    config: Annotated[GenerateConfig, Parameter(name="*", group=GENERATION)] = GenerateConfig(),
) -> int:
    """Write a text with a trained model, as the continuation of a prompt.

    Parameters
    ----------
    model
        Model file, or shakespeare.
    """
    from bowerbird.cli.interactive import write_together
    from bowerbird.cli.text_output import ask, generate, save_texts
    from bowerbird.text.generator import load

    prompt, corpus = run.read()
    generator = load(model, run.device)

    if run.interactive:
        texts, work = [write_together(generator, prompt, config, ask, print)], None
    else:
        texts, work = generate(generator, prompt, config, run)

    save_texts(texts, prompt, work, run, corpus)
    return 0 if work is None else work.exit_code("text")


def evaluate(
    model: str,
    file: Source,
    /,
    *,
    run: EvaluateOptions = EvaluateOptions(),
    reading: CorpusOptions = CorpusOptions(),
) -> None:
    """Print how well a model predicts a text, with reference values.

    Parameters
    ----------
    model
        Model file, or shakespeare.
    file
        The text: a file, a folder, a pattern, or - for standard input.
    """
    from bowerbird.cli.errors import about
    from bowerbird.text.generator import load
    from bowerbird.text.perplexity_reference import assess, perplexity_references

    generator = load(model, run.device)
    documents = ["".join(blocks) for _, blocks in reading.corpus([file]).documents()]
    with about(Path(file)):
        evaluation = generator.evaluate(*documents, adapt=run.adapt)

    text, loss = "".join(documents), evaluation.nats_per_char
    references = perplexity_references(text, generator.provenance.get("validation_loss"))
    assessment = assess(loss, references)
    facts = {
        "nats_per_char": loss,
        "bits_per_char": evaluation.bits_per_char,
        "perplexity": evaluation.perplexity,
        "characters": evaluation.characters,
        "assessment": assessment,
        "references": [asdict(reference) for reference in references],
    }
    unknown = generator.unknown_fraction(text)
    note = f", {unknown:.1%} of them unknown to the model" if unknown else ""
    summary = f"{evaluation.characters} characters{note}; {assessment}"
    report(facts, _reference_table(loss, references), summary, json=run.json)


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
    from bowerbird.cli.run_record import read_recipe

    for name, reason in training.corpus.skipped.items():
        notify(f"skipped {name}: {reason}")
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


def _results(training: "Training", provenance: dict[str, Any], work: "Work[str]") -> dict[str, Any]:
    """Return the results of a training."""
    from bowerbird.learning.trainer import ALREADY_DONE

    # the steps before a resumed run are not its own
    steps = 0 if work.last.note == ALREADY_DONE else work.last.number - work.history[0].number + 1
    characters, seconds = steps * training.characters_per_step, max(work.last.seconds, 1e-9)
    planned, precision = training.trainer.planned, str(training.compute.dtype)[6:]
    return {
        "config": {**asdict(planned), "precision": precision},
        "train_loss": provenance["train_loss"],
        "validation_loss": provenance["validation_loss"],
        "characters_per_second": round(characters / seconds),
        "parameters": sum(p.numel() for p in training.trainer.network.parameters()),
    }


def _reference_table(loss: float, references: "Sequence[Reference]") -> "Table":
    """Return a table of the loss among its reference values."""
    from rich.table import Table

    table = Table("nats/char", "bits/char", "perplexity", "", box=None, pad_edge=False)
    rows = [(r.nats_per_char, f"{r.name} ({r.source})") for r in references]
    for nats, name in sorted([*rows, (loss, "this model")], reverse=True):
        style = "bold" if name == "this model" else None
        bits = f"{nats / math.log(2):.3f}"
        table.add_row(f"{nats:.3f}", bits, f"{math.exp(nats):.2f}", name, style=style)
    return table
