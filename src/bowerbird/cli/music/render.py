"""``bowerbird music render``."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.errors import about
from bowerbird.cli.options import RUN, CommonOptions, RequiredOutput
from bowerbird.cli.report import report
from bowerbird.errors import MusicError
from bowerbird.files.atomic_write import check_output
from bowerbird.music.config import (
    OutputConfig,
)

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

Flags = Parameter(name="*", group=Group("Rendering", sort_key=2))


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class RenderOptions(CommonOptions):
    """Options of ``music render`` besides its configuration."""

    output: RequiredOutput
    """File to write; its suffix is the format."""


def render(
    file: Path,
    /,
    *,
    run: RenderOptions,
    config: Annotated[OutputConfig, Flags] = OutputConfig(),
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

    facts = {"output": files[0], "files": files, **piece_facts(score)}
    report(facts, ", ".join(files), json=run.json, quiet=run.quiet)


def piece_facts(score: "Score") -> dict[str, Any]:
    """Return the facts of a piece as played; None for what it doesn't have."""
    from bowerbird.music.notation.measures import bar_count
    from bowerbird.music.score.key import key_of
    from bowerbird.music.score.melody import GRID, melody
    from bowerbird.music.score.meter import main_meter
    from bowerbird.music.score.repeats import expand_repeats
    from bowerbird.music.score.tempo import seconds_of

    played = expand_repeats(score)
    facts: dict[str, Any] = {"notes": played.note_num(), "bars": None}
    facts |= {"seconds": round(seconds_of(played), 2), "key": None, "meter": None}
    with suppress(MusicError):  # its meter changes within a beat
        beats, part = main_meter(played, GRID)
        facts |= {"bars": bar_count(played), "meter": f"{beats}/{part}"}
    with suppress(MusicError):  # it has only drums
        facts["key"] = str(key_of(melody(score)))
    return facts
