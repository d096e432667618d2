"""``bowerbird music``: train, compose, render, score."""

import json as jsonlib
import math
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.errors import about
from bowerbird.cli.options import RUN, CommonOptions, Device, Json, RequiredOutput, Switch
from bowerbird.cli.progress import Work
from bowerbird.cli.report import notify
from bowerbird.cli.training_run import TrainingRun, TrainOptions
from bowerbird.errors import MusicError
from bowerbird.learning.atomic_write import check_output
from bowerbird.learning.config import SamplingConfig, SequenceConfig, TrainerConfig
from bowerbird.learning.trainer import ALREADY_DONE
from bowerbird.models import model_path
from bowerbird.music.composer import Composer, Composition, load
from bowerbird.music.config import (
    MELODY_KINDS,
    AugmentConfig,
    ComposeConfig,
    OutputConfig,
    TrainConfig,
)
from bowerbird.music.copied_melodies import MelodyIndex, Novelty, novelty
from bowerbird.music.corpus import BUILT_IN, Corpus, melody_index
from bowerbird.music.formats.files import read_score
from bowerbird.music.formats.midi import seconds_of
from bowerbird.music.notation.measures import bar_count
from bowerbird.music.presets import PresetName
from bowerbird.music.render.output import DRAWINGS, check_suffix, write_output
from bowerbird.music.score.key import key_of
from bowerbird.music.score.melody import GRID, melody
from bowerbird.music.score.meter import main_meter
from bowerbird.music.score.repeats import expand_repeats
from bowerbird.music.training import Training
from bowerbird.networks.config import LanguageModelConfig, RecurrentConfig, TransformerConfig

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

LEARNING = Group("Learning", sort_key=2)
COMPOSING = Group("Composing", sort_key=2)
RENDERING = Group("Rendering", sort_key=2)
Parameter(name="*")(LanguageModelConfig)
Parameter(name="*", group=Group("Network", sort_key=3))(RecurrentConfig)
Parameter(name="transformer", group=Group("Transformer", sort_key=6))(TransformerConfig)
Parameter(name="*", group=Group("Reading", sort_key=4))(SequenceConfig)
Parameter(name="*", group=Group("Reading", sort_key=4))(AugmentConfig)
Parameter(name="*", group=Group("Fitting", sort_key=5))(TrainerConfig)
Parameter(name="*", group=COMPOSING)(SamplingConfig)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MusicRun(TrainOptions):
    """What training a composer can be told besides its configuration."""

    preset: Annotated[PresetName | None, Parameter(show_default=False)] = None
    """Settings of another tool."""
    start: Annotated[str | None, Parameter(name="--from", show_default=False)] = None
    """Model file to go on from, with its network and its alphabet."""
    half: Switch = False
    """Store the weights in half precision: a file of half the size."""


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class ComposeRun(CommonOptions):
    """What composing can be told besides its configuration."""

    output: RequiredOutput
    """File to write: .mid, .abc, .musicxml, or any that `music render` writes."""
    audio: Switch = False
    """Write OUT.mp3 too."""
    score: Switch = False
    """Write OUT.png too: the sheet music."""
    roll: Switch = False
    """Write OUT.roll.png too: the piano roll."""
    page: Switch = False
    """Write OUT.html too: a page with player, score and piano roll."""
    primer: Annotated[Path | None, Parameter(show_default=False)] = None
    """Piece to go on from."""
    melody: Annotated[Path | None, Parameter(show_default=False)] = None
    """Melody to set other voices to; its notes stay. Needs a composer of many voices."""
    novelty: Annotated[tuple[str, ...], Parameter(show_default=False)] = ()
    """Corpus to compare with; a composer of a built-in corpus is compared with that."""
    device: Device = "auto"
    samples: Annotated[int, Parameter(name=("--samples", "-n"))] = 1
    """Pieces; several are OUT-1, OUT-2 ..."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples are at least 1, not {self.samples}")
        if self.primer and self.melody:
            raise ValueError("give --primer or --melody, not both")

    def paths(self) -> list[list[Path]]:
        """Return the files of each piece; raise ValueError if one can't be written."""
        check_suffix(self.output)
        wanted = [(".mp3", self.audio), (".png", self.score), (".html", self.page)]
        found = []
        for number in range(1, self.samples + 1):
            stem = self.output.stem + (f"-{number}" if self.samples > 1 else "")
            path = self.output.with_stem(stem)
            files = [path, *(path.with_suffix(suffix) for suffix, asked in wanted if asked)]
            files += [path.with_name(f"{stem}.roll.png")] if self.roll else []
            files = list(dict.fromkeys(files))
            for file in files:
                check_output(file, force=self.force)
            found.append(files)
        return found


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class RenderRun(CommonOptions):
    """What rendering can be told besides its configuration."""

    output: RequiredOutput
    """File to write: the suffix says how."""


def train(
    *corpus: str,
    run: MusicRun,
    config: Annotated[TrainConfig, Parameter(name="*", group=LEARNING)] = TrainConfig(),
) -> int:
    """Learn to compose in the manner of a corpus.

    Parameters
    ----------
    corpus
        Files, folders, patterns, or scottish, irish, bach: tunes that come with the installation.
    """
    with TrainingRun("music train", run, "note") as job:
        if not corpus:
            raise ValueError(f"there is no corpus; name files, a folder, or {', '.join(BUILT_IN)}")
        start = None if run.start is None else load(run.start, config.device)
        melodies = (start.tokenizer.kind if start else config.tokenizer) in MELODY_KINDS
        training = Training(Corpus(corpus, melodies=melodies), config, job.work_dir, start)
        if job.is_main:
            _tell_skipped(training.corpus, run.quiet)

        work = job.train(training.steps(run.checkpoint_every, resume=run.resume))

        told = {"model": str(run.output), "preset": run.preset, **_told(training, work)}
        return job.finish(work, lambda path: training.composer.save(path, half=run.half), told)


def compose(
    model: str,
    /,
    *,
    run: ComposeRun,
    config: Annotated[ComposeConfig, Parameter(name="*", group=COMPOSING)] = ComposeConfig(),
) -> int:
    """Compose in the manner that a model has learned.

    Parameters
    ----------
    model
        Model file, or scottish.
    """
    paths = run.paths()
    composer = load(model, run.device)
    corpus = _compared(model, composer, run)

    made = _composed(composer, config, run)

    told = [_kept(piece, files, corpus, run) for piece, files in zip(made, paths, strict=True)]
    return _tell(told, run)


def render(
    file: Path,
    /,
    *,
    run: RenderRun,
    config: Annotated[OutputConfig, Parameter(name="*", group=RENDERING)] = OutputConfig(),
) -> int:
    """Write any file of music as sound, sheet music, piano roll, page, MIDI, ABC or MusicXML.

    Parameters
    ----------
    file
        MIDI, ABC, MusicXML or Kern; of several tunes the first.
    """
    check_suffix(run.output)
    check_output(run.output, force=run.force)
    score = read_score(file)

    with about(file, MusicError):
        files = write_output(run.output, score, config, force=run.force)

    facts = {"output": str(files[0]), "files": [str(f) for f in files], **_facts(score)}
    if run.json:
        print(jsonlib.dumps(facts))  # noqa: T201
    elif not run.quiet:
        print(", ".join(facts["files"]))  # noqa: T201
    return 0


def evaluate(
    model: str,
    /,
    *files: str,
    device: Device = "auto",
    json: Json = False,
    each: Switch = False,
    grammar: Switch = False,
) -> int:
    """Tell how well a model foresees pieces, in nats per note.

    Parameters
    ----------
    model
        Model file, or scottish.
    files
        Pieces: files, folders, patterns.
    each
        Tell it of each piece.
    grammar
        Tell too how well it foresees them with the grammar that it composes by.
    """
    composer = load(model, device)
    corpus = Corpus(files, melodies=composer.tokenizer.kind in MELODY_KINDS)
    corpus.filter(composer.why_not)
    pieces = corpus.pieces

    found = composer.evaluate([piece for _, piece in pieces], grammar=grammar)

    own = composer.provenance.get("validation_loss")
    facts = {**asdict(found), "perplexity": math.exp(found.nats_per_note), "pieces": len(pieces)}
    facts |= {"own_validation_nats_per_note": own, "skipped": corpus.skipped}
    if each:
        facts["each"] = {name: composer.evaluate([one]).nats_per_note for name, one in pieces}
    if json:
        print(jsonlib.dumps(facts))  # noqa: T201
        return 0
    _tell_skipped(corpus, False)
    for name, nats in facts.get("each", {}).items():
        print(f"{nats:.3f}  {name}")  # noqa: T201
    beside = f"; on pieces of its own corpus it had {own:.3f}" if isinstance(own, float) else ""
    if found.nats_per_note_with_grammar is not None:
        beside += f"; with its grammar {found.nats_per_note_with_grammar:.3f}"
    print(f"{found.nats_per_note:.3f} nats per note over {found.notes} notes{beside}")  # noqa: T201
    return 0


def _tell_skipped(corpus: Corpus, quiet: bool) -> None:
    if quiet:
        return
    for name, why in corpus.skipped.items():
        notify(f"left out {name}: {why}")
    notify(corpus.summary())


def _told(training: Training, work: Work[str]) -> dict[str, Any]:
    """Return what is told of a training, besides how it went."""
    provenance, seconds = training.composer.provenance, work.last.seconds
    # a resumed run has not done what was done before it
    steps = 0 if work.last.note == ALREADY_DONE else work.last.number - work.history[0].number + 1
    return {
        "inputs": {"corpus": [{"file": name} for name in training.corpus.names]},
        "corpus_sha256": training.data.sha256,
        "config": {
            **asdict(training.trainer.planned),
            "precision": str(training.compute.dtype)[6:],
        },
        "train_loss": provenance["train_loss"],
        "validation_loss": provenance["validation_loss"],
        "notes_per_second": round(steps * training.notes_per_step / max(seconds, 1e-9)),
        "parameters": sum(p.numel() for p in training.trainer.network.parameters()),
        "pieces": provenance["pieces"],
        "skipped": len(training.corpus.skipped),
    }


def _compared(model: str, composer: Composer, run: ComposeRun) -> MelodyIndex | None:
    """Return the melodies that what is composed is compared with.

    Without --novelty they are those of the built-in corpora that the model learned from: a name of
    its corpus alone may be that of a folder.
    """
    embedded = model_path(model) != Path(model)
    told = composer.provenance.get("corpus" if embedded else "built_in", ())
    names = run.novelty or tuple(name for name in told if name in BUILT_IN)
    return melody_index(names) if names else None


def _composed(composer: Composer, config: ComposeConfig, run: ComposeRun) -> list[Composition]:
    if run.melody is not None:
        with about(run.melody, MusicError):
            return composer.harmonize(read_score(run.melody), config, run.samples)
    if run.primer is None:
        return composer.compose(config, run.samples)
    with about(run.primer, MusicError):
        primer = read_score(run.primer)
        made = composer.compose(config, run.samples, primer)
    if composer.tokenizer.kind in MELODY_KINDS and primer.note_num() > melody(primer).note_num():
        notify(f"{run.primer}: its melody goes on; its other notes are left out")
    return made


def _kept(
    piece: Composition, paths: list[Path], corpus: MelodyIndex | None, run: ComposeRun
) -> dict[str, Any]:
    """Write a piece; return what is told of it."""
    found: Novelty | None = novelty(piece.score, corpus) if corpus else None
    written: dict[Path, list[Path]] = {}
    # drawings first: only now is known how many pages there are, and whether they may be written
    for path in sorted(paths, key=lambda path: path.suffix.lower() not in DRAWINGS):
        config = OutputConfig(roll=path.name.endswith(".roll.png"))
        written[path] = write_output(path, piece.score, config, force=run.force)
    return {
        "output": str(written[paths[0]][0]),
        "files": [str(file) for path in paths for file in written[path]],
        **_facts(piece.score),
        "nats_per_token": piece.nats_per_token,
        "longest_copy_notes": found.longest_copy_notes if found else None,
        "copied_fraction": found.copied_fraction if found else None,
        "copied_from": found.piece if found else None,
    }


def _facts(score: "Score") -> dict[str, Any]:
    """Return what a piece is, as it is played; None is what it has not."""
    played = expand_repeats(score)
    facts: dict[str, Any] = {"notes": played.note_num(), "bars": None}
    facts |= {"seconds": round(seconds_of(played), 2), "key": None, "meter": None}
    with suppress(MusicError):  # its meter changes within a beat
        beats, part = main_meter(played, GRID)
        facts |= {"bars": bar_count(played), "meter": f"{beats}/{part}"}
    with suppress(MusicError):  # it has only drums
        facts["key"] = str(key_of(melody(score)))
    return facts


def _tell(told: list[dict[str, Any]], run: ComposeRun) -> int:
    if run.json:
        print(jsonlib.dumps({**told[0], "pieces": told}))  # noqa: T201
    elif not run.quiet:
        for one in told:
            copied = one["longest_copy_notes"]
            beside = "" if copied is None else f", longest copied passage {copied} notes"
            bars = f"{one['bars']} bars in {one['meter']}, " if one["bars"] else ""
            print(  # noqa: T201
                f"{', '.join(one['files'])}: {bars}{one['key']}, {one['notes']} notes, "
                f"{one['seconds']:.0f} s{beside}"
            )
    return 0
