"""``bowerbird music``: train, compose, render, evaluate."""

import math
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.errors import about
from bowerbird.cli.options import RUN, CommonOptions, Device, Json, RequiredOutput, Switch
from bowerbird.cli.report import notify, report
from bowerbird.cli.training_run import TrainingRun, TrainOptions
from bowerbird.errors import MusicError
from bowerbird.files.atomic_write import check_output
from bowerbird.learning.config import SamplingConfig, SequenceConfig, TrainerConfig
from bowerbird.music.config import (
    MELODY_KINDS,
    AugmentConfig,
    ComposeConfig,
    OutputConfig,
    TrainConfig,
)
from bowerbird.music.presets import PresetName
from bowerbird.networks.config import LanguageModelConfig, RecurrentConfig, TransformerConfig

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

    from bowerbird.cli.progress import Work
    from bowerbird.music.composer import Composer, Composition
    from bowerbird.music.copied_melodies import MelodyIndex
    from bowerbird.music.corpus import Corpus
    from bowerbird.music.training import Training

TRAINING = Group("Training", sort_key=2)
COMPOSITION = Group("Composition", sort_key=2)
RENDERING = Group("Rendering", sort_key=2)
# these are parts of the configurations; their fields are flags like all others
Parameter(name="*")(LanguageModelConfig)
Parameter(name="*", group=Group("Network", sort_key=3))(RecurrentConfig)
Parameter(name="transformer", group=Group("Transformer", sort_key=6))(TransformerConfig)
Parameter(name="*", group=Group("Batches", sort_key=4))(SequenceConfig)
Parameter(name="*", group=Group("Batches", sort_key=4))(AugmentConfig)
Parameter(name="*", group=Group("Optimizer", sort_key=5))(TrainerConfig)
Parameter(name="*", group=COMPOSITION)(SamplingConfig)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MusicTrainOptions(TrainOptions):
    """Options of ``music train`` besides its configuration."""

    preset: Annotated[PresetName | None, Parameter(show_default=False)] = None
    """Settings of another tool."""
    start: Annotated[str | None, Parameter(name="--from", show_default=False)] = None
    """Model to start from, with its network and tokenizer."""
    half: Switch = False
    """Store the weights in half precision: half the file size."""


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class ComposeOptions(CommonOptions):
    """Options of ``music compose`` besides its configuration."""

    output: RequiredOutput
    """File to write: .mid, .abc, .musicxml, or any format of `music render`."""
    audio: Switch = False
    """Also write OUT.mp3."""
    sheet: Switch = False
    """Also write OUT.png, the sheet music."""
    roll: Switch = False
    """Also write OUT.roll.png, the piano roll."""
    page: Switch = False
    """Also write OUT.html, a page with player, sheet music and piano roll."""
    primer: Annotated[Path | None, Parameter(show_default=False)] = None
    """Piece to continue."""
    melody: Annotated[Path | None, Parameter(show_default=False)] = None
    """Melody to harmonize; its notes stay. Needs a model for several voices."""
    novelty: Annotated[tuple[str, ...], Parameter(show_default=False)] = ()
    """Corpus to compare with; by default, the built-in corpus of the model."""
    device: Device = "auto"
    samples: Annotated[int, Parameter(name=("--samples", "-n"))] = 1
    """Number of pieces; several are written to OUT-1, OUT-2 ..."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"--samples must be at least 1, got {self.samples}")
        if self.primer and self.melody:
            raise ValueError("give --primer or --melody, not both")

    def paths(self) -> list[list[Path]]:
        """Return the files of each piece; raise ValueError if one can't be written."""
        from bowerbird.music.render.output import check_suffix

        check_suffix(self.output)
        extras = [(".mp3", self.audio), (".png", self.sheet), (".html", self.page)]
        paths = []
        for number in range(1, self.samples + 1):
            stem = self.output.stem + (f"-{number}" if self.samples > 1 else "")
            path = self.output.with_stem(stem)
            files = [path, *(path.with_suffix(suffix) for suffix, wanted in extras if wanted)]
            files += [path.with_name(f"{stem}.roll.png")] if self.roll else []
            paths.append(list(dict.fromkeys(files)))
            for file in paths[-1]:
                check_output(file, force=self.force)
        return paths


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class RenderOptions(CommonOptions):
    """Options of ``music render`` besides its configuration."""

    output: RequiredOutput
    """File to write; its suffix is the format."""


def train(
    *corpus: str,
    run: MusicTrainOptions,
    config: Annotated[TrainConfig, Parameter(name="*", group=TRAINING)] = TrainConfig(),
) -> int:
    """Train a composer on a corpus.

    Parameters
    ----------
    corpus
        Files, folders, patterns, or scottish, irish, bach: built-in tunes and chorales.
    """
    from bowerbird.music.composer import load
    from bowerbird.music.corpus import BUILT_IN, Corpus
    from bowerbird.music.training import Training

    with TrainingRun("music train", run, "note") as job:
        if not corpus:
            raise ValueError(f"give a corpus: files, a folder, or {', '.join(BUILT_IN)}")
        start = None if run.start is None else load(run.start, config.device)
        melodies = (start.tokenizer.kind if start else config.tokenizer) in MELODY_KINDS
        training = Training(Corpus(corpus, melodies=melodies), config, job.work_dir, start)
        if job.is_main and not run.quiet:
            _notify_skipped(training.corpus)

        work = job.train(training.steps(run.checkpoint_every, resume=run.resume))

        facts = {"model": str(run.output), "preset": run.preset, **_results(training, work)}
        return job.finish(work, lambda path: training.composer.save(path, half=run.half), facts)


def compose(
    model: str,
    /,
    *,
    run: ComposeOptions,
    config: Annotated[ComposeConfig, Parameter(name="*", group=COMPOSITION)] = ComposeConfig(),
) -> None:
    """Compose music with a trained model.

    Parameters
    ----------
    model
        Model file, or scottish.
    """
    from bowerbird.music.composer import load

    paths = run.paths()
    composer = load(model, run.device)
    corpus = _compared_corpus(model, composer, run)

    compositions = _compose(composer, config, run)

    pairs = zip(compositions, paths, strict=True)
    pieces = [_write(composition, files, corpus, run) for composition, files in pairs]
    facts = {**pieces[0], "pieces": pieces}
    report(facts, *map(_sentence, pieces), json=run.json, quiet=run.quiet)


def render(
    file: Path,
    /,
    *,
    run: RenderOptions,
    config: Annotated[OutputConfig, Parameter(name="*", group=RENDERING)] = OutputConfig(),
) -> None:
    """Convert a music file to audio, sheet music, piano roll, web page, MIDI, ABC or MusicXML.

    Parameters
    ----------
    file
        MIDI, ABC, MusicXML or Kern; of several tunes the first.
    """
    from bowerbird.music.formats.files import read_score
    from bowerbird.music.render.output import check_suffix, write_output

    check_suffix(run.output)
    check_output(run.output, force=run.force)
    score = read_score(file)

    with about(file, MusicError):
        files = [str(path) for path in write_output(run.output, score, config, force=run.force)]

    facts = {"output": files[0], "files": files, **_piece_facts(score)}
    report(facts, ", ".join(files), json=run.json, quiet=run.quiet)


def evaluate(
    model: str,
    /,
    *files: str,
    device: Device = "auto",
    json: Json = False,
    each: Switch = False,
    grammar: Switch = False,
) -> None:
    """Print how well a model predicts pieces, in nats per note.

    Parameters
    ----------
    model
        Model file, or scottish.
    files
        Pieces: files, folders, patterns.
    each
        Also print the loss of each piece.
    grammar
        Also print the loss with the grammar that is used to compose.
    """
    from bowerbird.music.composer import load
    from bowerbird.music.corpus import Corpus

    composer = load(model, device)
    corpus = Corpus(files, melodies=composer.tokenizer.kind in MELODY_KINDS)
    corpus.filter(composer.why_not)

    result = composer.evaluate([score for _, score in corpus.pieces], grammar=grammar)

    loss, own = result.nats_per_note, composer.provenance.get("validation_loss")
    facts = {**asdict(result), "perplexity": math.exp(loss), "pieces": len(corpus.pieces)}
    facts |= {"own_validation_nats_per_note": own, "skipped": corpus.skipped}
    losses = {
        name: composer.evaluate([score]).nats_per_note
        for name, score in (corpus.pieces if each else ())
    }
    facts |= {"each": losses} if each else {}
    sentence = f"{loss:.3f} nats per note over {result.notes} notes"
    sentence += f"; {own:.3f} on its own validation pieces" if isinstance(own, float) else ""
    if result.nats_per_note_with_grammar is not None:
        sentence += f"; {result.nats_per_note_with_grammar:.3f} with its grammar"
    if not json:
        _notify_skipped(corpus)
    lines = [f"{nats:.3f}  {name}" for name, nats in losses.items()]
    report(facts, *lines, sentence, json=json)


def _notify_skipped(corpus: "Corpus") -> None:
    for name, reason in corpus.skipped.items():
        notify(f"skipped {name}: {reason}")
    notify(corpus.summary())


def _results(training: "Training", work: "Work[str]") -> dict[str, Any]:
    """Return the results of a training."""
    from bowerbird.learning.trainer import ALREADY_DONE

    provenance, seconds = training.composer.provenance, work.last.seconds
    planned, precision = training.trainer.planned, str(training.compute.dtype)[6:]
    # the steps before a resumed run are not its own
    steps = 0 if work.last.note == ALREADY_DONE else work.last.number - work.history[0].number + 1
    return {
        "inputs": {"corpus": [{"file": name} for name in training.corpus.names]},
        "corpus_sha256": training.data.sha256,
        "config": {**asdict(planned), "precision": precision},
        "train_loss": provenance["train_loss"],
        "validation_loss": provenance["validation_loss"],
        "notes_per_second": round(steps * training.notes_per_step / max(seconds, 1e-9)),
        "parameters": sum(p.numel() for p in training.trainer.network.parameters()),
        "pieces": provenance["pieces"],
        "skipped": len(training.corpus.skipped),
    }


def _compared_corpus(model: str, composer: "Composer", run: ComposeOptions) -> "MelodyIndex | None":
    """Return the melodies to compare with, if any.

    Without --novelty they are those of the built-in corpora that the model was trained on. A name
    of its corpus is not enough, because it may be that of a folder.
    """
    from bowerbird.models import model_path
    from bowerbird.music.corpus import BUILT_IN, melody_index

    shipped = model_path(model) != Path(model)
    trained_on = composer.provenance.get("corpus" if shipped else "built_in", ())
    names = run.novelty or tuple(name for name in trained_on if name in BUILT_IN)
    return melody_index(names) if names else None


def _compose(
    composer: "Composer", config: ComposeConfig, run: ComposeOptions
) -> list["Composition"]:
    from bowerbird.music.formats.files import read_score
    from bowerbird.music.score.melody import melody

    if run.melody is not None:
        with about(run.melody, MusicError):
            return composer.harmonize(read_score(run.melody), config, run.samples)
    if run.primer is None:
        return composer.compose(config, run.samples)
    with about(run.primer, MusicError):
        primer = read_score(run.primer)
        compositions = composer.compose(config, run.samples, primer)
    if composer.tokenizer.kind in MELODY_KINDS and primer.note_num() > melody(primer).note_num():
        notify(f"{run.primer}: only its melody is continued")
    return compositions


def _write(
    composition: "Composition",
    paths: list[Path],
    corpus: "MelodyIndex | None",
    run: ComposeOptions,
) -> dict[str, Any]:
    """Write a piece to its files, and return its facts."""
    from bowerbird.music.copied_melodies import novelty
    from bowerbird.music.render.output import DRAWINGS, write_output

    result = novelty(composition.score, corpus) if corpus else None
    written: dict[Path, list[Path]] = {}
    # drawings first: only now is their number of pages known, and whether they may be written
    for path in sorted(paths, key=lambda path: path.suffix.lower() not in DRAWINGS):
        config = OutputConfig(roll=path.name.endswith(".roll.png"))
        written[path] = write_output(path, composition.score, config, force=run.force)
    return {
        "output": str(written[paths[0]][0]),
        "files": [str(file) for path in paths for file in written[path]],
        **_piece_facts(composition.score),
        "nats_per_token": composition.nats_per_token,
        "longest_copy_notes": result.longest_copy_notes if result else None,
        "copied_fraction": result.copied_fraction if result else None,
        "copied_from": result.piece if result else None,
    }


def _piece_facts(score: "Score") -> dict[str, Any]:
    """Return the facts of a piece as played; None for what it doesn't have."""
    from bowerbird.music.formats.midi import seconds_of
    from bowerbird.music.score.key import key_of
    from bowerbird.music.score.melody import GRID, melody
    from bowerbird.music.score.meter import bar_count, main_meter
    from bowerbird.music.score.repeats import expand_repeats

    played = expand_repeats(score)
    facts: dict[str, Any] = {"notes": played.note_num(), "bars": None}
    facts |= {"seconds": round(seconds_of(played), 2), "key": None, "meter": None}
    with suppress(MusicError):  # its meter changes within a beat
        beats, part = main_meter(played, GRID)
        facts |= {"bars": bar_count(played), "meter": f"{beats}/{part}"}
    with suppress(MusicError):  # it has only drums
        facts["key"] = str(key_of(melody(score)))
    return facts


def _sentence(piece: dict[str, Any]) -> str:
    """Return the facts of a composed piece in words."""
    bars = f"{piece['bars']} bars in {piece['meter']}, " if piece["bars"] else ""
    copied = piece["longest_copy_notes"]
    return (
        f"{', '.join(piece['files'])}: {bars}{piece['key']}, {piece['notes']} notes, "
        f"{piece['seconds']:.0f} s"
        + ("" if copied is None else f", longest copied passage {copied} notes")
    )
