"""``bowerbird text``: train, write, score."""

import json as jsonlib
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter
from rich.console import Console
from rich.table import Table

from bowerbird.cli.failure import about, say
from bowerbird.cli.interactive import together
from bowerbird.cli.school import School, TrainRun
from bowerbird.cli.settings import RUN, Switch
from bowerbird.learning.atomic import whole
from bowerbird.learning.fit import FitConfig
from bowerbird.learning.novelty import copied_share, longest_copies
from bowerbird.learning.sampling import SamplingConfig
from bowerbird.learning.sequence import StreamConfig
from bowerbird.networks.attention import AttentionConfig
from bowerbird.networks.predictor import PredictorConfig
from bowerbird.networks.recurrent import RecurrentConfig
from bowerbird.text.alphabet import Characters
from bowerbird.text.corpus import Corpus
from bowerbird.text.presets import PresetName
from bowerbird.text.training import TrainConfig, Training
from bowerbird.text.verdict import references, verdict
from bowerbird.text.writer import Score, WriteConfig, Writer, open_writer

LEARNING = Group("Learning", sort_key=2)
WRITING = Group("Writing", sort_key=2)
Flags = Parameter(name="*", group=LEARNING)
# these are parts of the configurations; their fields are flags like all others
Parameter(name="*")(PredictorConfig)
Parameter(name="*", group=Group("Network", sort_key=3))(RecurrentConfig)
Parameter(name="*", group=Group("Transformer", sort_key=6))(AttentionConfig)
Parameter(name="*", group=Group("Reading", sort_key=4))(StreamConfig)
Parameter(name="*", group=Group("Fitting", sort_key=5))(FitConfig)
Parameter(name="*", group=WRITING)(SamplingConfig)

LEAST_COPY = 40  # characters; shorter passages are turns of phrase


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
        return Corpus(given, encoding=self.encoding, column=self.column)


@Parameter(name="*")
@dataclass(frozen=True)
class TextRun(TrainRun):
    """What training a writer can be told besides its configuration."""

    preset: Annotated[PresetName | None, Parameter(show_default=False)] = None
    """Settings of another tool, or small, default, large."""
    start: Annotated[str | None, Parameter(name="--from", show_default=False)] = None
    """Model file to go on from, with its network and its alphabet."""
    half: Switch = False
    """Store the weights in half precision: a file of half the size."""


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class WriteRun:
    """What writing can be told besides its configuration."""

    prompt: str = ""
    """Text to go on from."""
    prompt_file: Annotated[Path | None, Parameter(show_default=False)] = None
    """File with the text to go on from."""
    output: Annotated[Path | None, Parameter(name=("--output", "-o"), show_default=False)] = None
    """File to write; else standard output."""
    interactive: Switch = False
    """The writer proposes ways to go on, you pick one or write."""
    novelty: Annotated[tuple[str, ...], Parameter(show_default=False)] = ()
    """Corpus to compare with: reports the longest passages that were copied from it."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""
    samples: Annotated[int, Parameter(name=("--samples", "-n"))] = 1
    """Samples, written side by side."""
    json: Switch = False
    """Print one JSON object on standard output."""
    quiet: Switch = False
    """Show nothing but the text."""
    force: Switch = False
    """Overwrite a file that exists."""

    def __post_init__(self) -> None:
        if self.prompt and self.prompt_file:
            raise ValueError("give --prompt or --prompt-file, not both")
        if self.output and self.output.exists() and not self.force:
            raise ValueError(f"{self.output} exists; add --force to overwrite it")
        if self.samples < 1:
            raise ValueError(f"samples are at least 1, not {self.samples}")
        if self.interactive and self.json:
            raise ValueError("--interactive talks with a person; leave --json out")

    def opening(self) -> str:
        """Return the text to go on from."""
        if self.prompt_file is None:
            return self.prompt
        with about(self.prompt_file):
            return self.prompt_file.read_text(encoding="utf-8")


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class ScoreRun:
    """What scoring can be told."""

    adapt: float = 0.0
    """Rate at which the model goes on learning from what it has read; 0 is not at all."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""
    json: Switch = False
    """Print one JSON object on standard output."""


def train(
    *corpus: str,
    run: TextRun,
    config: Annotated[TrainConfig, Flags] = TrainConfig(),  # noqa: B008 - frozen
    reading: Reading = Reading(),
) -> int:
    """Learn to write in the manner of a corpus.

    Parameters
    ----------
    corpus
        Files, folders, patterns, - for standard input, or shakespeare: his 38 plays.
    """
    school = School("text train", run)
    start = None if run.start is None else open_writer(run.start, config.device)
    training = Training(reading.corpus(corpus), config, school.room, start)

    work = school.learn(training.steps(run.checkpoint_every, resume=run.resume))

    told = {"model": str(run.output), "preset": run.preset, **_told(training, work.last.seconds)}
    return school.finish(work, lambda path: training.writer.save(path, half=run.half), told)


def write(
    model: str,
    /,
    *,
    run: WriteRun = WriteRun(),
    config: Annotated[WriteConfig, Parameter(name="*", group=WRITING)] = WriteConfig(),  # noqa: B008
) -> int:
    """Write on from a prompt, in the manner that a model has learned.

    Parameters
    ----------
    model
        Model file, or shakespeare.
    """
    opening, writer = run.opening(), open_writer(model, run.device)
    if run.interactive:
        text = together(writer, opening, config, input, print)
        return _finish_writing([text], 0.0, run)

    began = time.perf_counter()
    texts = _written(writer, opening, config, run)
    return _finish_writing(texts, time.perf_counter() - began, run)


def score(
    model: str,
    file: str,
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
    writer = open_writer(model, run.device)
    documents = reading.corpus([file]).documents()
    text = "".join(block for _, blocks in documents for block in blocks)

    with about(Path(file)):
        found = writer.score(text, adapt=run.adapt)
    return _tell_score(found, text, run.json)


def _told(training: Training, seconds: float) -> dict[str, Any]:
    """Return what is told of a training, besides how it went."""
    provenance, stream = training.writer.provenance, training.config.stream
    signs = provenance["iterations"] * stream.rows * stream.window
    for name, why in training.corpus.skipped.items():
        say(f"left out {name}: {why}")
    corpus = [{"file": name, "sha256": training.tally.sha256} for name in training.corpus.names]
    return {
        "inputs": {"corpus": corpus},
        "config": {**asdict(training.config), "precision": str(training.compute.dtype)[6:]},
        "train_loss": provenance["train_loss"],
        "validation_loss": provenance["validation_loss"],
        "characters_per_second": round(signs / max(seconds, 1e-9)),
        "parameters": sum(p.numel() for p in training.network.parameters()),
    }


def _written(writer: Writer, opening: str, config: WriteConfig, run: WriteRun) -> list[str]:
    """Write; a single sample appears on standard output as it is written."""
    shows = run.samples == 1 and not run.json and run.output is None
    texts = [opening] * run.samples
    if shows:
        sys.stdout.write(opening)
    for step in writer.write_steps(opening, config, run.samples):
        assert step.preview is not None
        if step.note and not run.quiet:
            say(step.note)
        texts = [text + new for text, new in zip(texts, step.preview, strict=True)]
        if shows:
            sys.stdout.write(step.preview[0])
            sys.stdout.flush()
    if shows:
        sys.stdout.write("\n")
    return texts


def _finish_writing(texts: list[str], seconds: float, run: WriteRun) -> int:
    """Save or print what was written, and report what was copied."""
    copied = [_copied(text, run.novelty) for text in texts] if run.novelty else []
    if run.output is not None:
        with whole(run.output) as part:
            part.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    if run.json:
        facts: dict[str, Any] = {"text": texts[0], "texts": texts, "seconds": round(seconds, 3)}
        facts |= {"characters": sum(map(len, texts)), "copied": copied}
        print(jsonlib.dumps(facts))  # noqa: T201
    elif run.output is None and (len(texts) > 1 or run.interactive):
        for text in texts:
            print(text, end="\n\n")  # noqa: T201
    for report in copied:
        say(
            f"{report['share']:.0%} lies in passages of {LEAST_COPY} characters or more that stand "
            "in the corpus too" + "".join(f"; {p!r}" for p in report["longest"])
        )
    return 0


def _copied(text: str, corpus: tuple[str, ...]) -> dict[str, Any]:
    """Return how much of a text was copied, and its longest copied passages."""
    signs = Characters(text)
    copies = longest_copies(signs.encode(text), Corpus(corpus).encoded(signs), LEAST_COPY)
    longest = [text[c.start : c.start + c.length] for c in copies[:3]]
    return {"share": round(copied_share(copies, len(text)), 4), "longest": longest}


def _tell_score(found: Score, text: str, json: bool) -> int:
    """Print a score: one JSON object, or a table of what to compare it with."""
    meaning = verdict(found.nats_per_char, text)
    rungs = references(text)
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
    print(f"{found.characters} characters; {meaning}")  # noqa: T201
    return 0
