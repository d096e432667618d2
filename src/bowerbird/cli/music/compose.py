"""``bowerbird music compose``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.errors import about
from bowerbird.cli.music.render import piece_facts
from bowerbird.cli.options import RUN, CommonOptions, Device, RequiredOutput, Switch
from bowerbird.cli.report import notify, report
from bowerbird.errors import MusicError
from bowerbird.files.atomic_write import check_output
from bowerbird.learning.config import SamplingConfig
from bowerbird.music.config import (
    MELODY_KINDS,
    ComposeConfig,
    OutputConfig,
)

if TYPE_CHECKING:
    from bowerbird.music.composer import Composer, Composition
    from bowerbird.music.copied_melodies import MelodyIndex

COMPOSITION = Group("Composition", sort_key=2)
Flags = Parameter(name="*", group=COMPOSITION)
Parameter(name="*", group=COMPOSITION)(SamplingConfig)  # its fields are flags like all others


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


def compose(
    model: str,
    /,
    *,
    run: ComposeOptions,
    config: Annotated[ComposeConfig, Flags] = ComposeConfig(),
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
    if config.bars and run.primer is None and run.melody is None:
        for piece in pieces:
            if piece["bars"] not in (None, config.bars):
                notify(f"{piece['output']} has {piece['bars']} bars as played, not {config.bars}")
    facts = {**pieces[0], "pieces": pieces}
    report(facts, *map(_sentence, pieces), json=run.json, quiet=run.quiet)


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
        **piece_facts(composition.score),
        "nats_per_token": composition.nats_per_token,
        "longest_copy_notes": result.longest_copy_notes if result else None,
        "copied_fraction": result.copied_fraction if result else None,
        "copied_from": result.piece if result else None,
    }


def _sentence(piece: dict[str, Any]) -> str:
    """Return the facts of a composed piece in words."""
    bars = f"{piece['bars']} bars in {piece['meter']}, " if piece["bars"] else ""
    copied = piece["longest_copy_notes"]
    return (
        f"{', '.join(piece['files'])}: {bars}{piece['key']}, {piece['notes']} notes, "
        f"{piece['seconds']:.0f} s"
        + ("" if copied is None else f", longest copied passage {copied} notes")
    )
