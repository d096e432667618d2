"""Any file from a score, by its suffix: notes, sound, sheet music, piano roll, a page that plays.

What is heard (MIDI, sound) has its repeats played; what is read has their signs.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bowerbird.learning.atomic_write import atomic_write
from bowerbird.music.formats.files import MIDI, WRITES, write_score
from bowerbird.music.score.error import MusicError
from bowerbird.music.score.repeats import expand_repeats, passages

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

    from bowerbird.music.render.page import Piece

SOUNDS = (".wav", ".flac", ".mp3", ".ogg")
DRAWINGS = (".svg", ".png")
PAGE = ".html"
SUFFIXES = (*WRITES, *SOUNDS, *DRAWINGS, PAGE)


@dataclass(frozen=True)
class OutputConfig:
    """How a score is written."""

    title: str = ""
    """What stands on top of sheet, roll and page; empty takes the piece's own name."""
    roll: bool = False
    """Draw a piano roll instead of sheet music."""
    instrument: str = ""
    """Instrument of General MIDI for everything but drums; empty is as written."""
    soundfont: Path | None = field(default=None)
    """SoundFont 2 file instead of the one that is installed."""
    lead: bool = False
    """Keep the silence before the first note in sound, so that it lines up with the MIDI."""

    def __post_init__(self) -> None:
        if self.instrument:
            from bowerbird.music.score.instruments import program_of  # noqa: PLC0415

            program_of(self.instrument)


def check_suffix(path: Path) -> str:
    """Return the suffix of a file in small letters; raise MusicError if nothing is written so."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise MusicError(f"{path} can't be written: its suffix is none of {', '.join(SUFFIXES)}")
    return suffix


def write_output(
    path: Path, score: "Score", config: OutputConfig | None = None, *, force: bool = True
) -> list[Path]:
    """Write a score in the way that the suffix says; return the files, whole or not written.

    Sheet music of several pages is several files; without ``force`` none of them may exist. Raises
    MusicError for another suffix, ValueError for a score that can't be written so, OSError.
    """
    config = config or OutputConfig()
    suffix = check_suffix(path)
    if config.instrument:
        score = _played_by(config.instrument, score)
    if suffix in SOUNDS:
        from bowerbird.music.render.synthesizer import (  # noqa: PLC0415 - each takes a moment
            SoundConfig,
            write_sound,
        )

        sound = SoundConfig(soundfont=config.soundfont, lead=config.lead)
        write_sound(path, expand_repeats(score), sound)
    elif suffix in DRAWINGS:
        return _draw(path, score, config, force=force)
    elif suffix == PAGE:
        from bowerbird.music.render.page import PageConfig, write_page  # noqa: PLC0415
        from bowerbird.music.render.synthesizer import SoundConfig  # noqa: PLC0415

        title, sound = config.title or path.stem, SoundConfig(soundfont=config.soundfont)
        write_page(path, title, [piece_of(score, title)], PageConfig(sound=sound))
    else:
        write_score(path, expand_repeats(score) if suffix in MIDI else score)
    return [path]


def piece_of(score: "Score", title: str, caption: str = "") -> "Piece":
    """Return a score as a piece of a page, printed as written and played with its repeats."""
    from bowerbird.music.render.page import Piece  # noqa: PLC0415

    return Piece(title, score, caption, expand_repeats(score), tuple(passages(score)))


def _played_by(instrument: str, score: "Score") -> "Score":
    """Return a score in which everything but drums is played by an instrument."""
    from bowerbird.music.score.instruments import program_of  # noqa: PLC0415

    score = score.copy()
    for track in score.tracks:
        if not track.is_drum:
            track.program = program_of(instrument)
    return score


def _draw(path: Path, score: "Score", config: OutputConfig, *, force: bool) -> list[Path]:
    from bowerbird.music.render.engraving import (  # noqa: PLC0415
        SheetConfig,
        engrave,
        png_of,
        write_sheet,
    )
    from bowerbird.music.render.pianoroll import RollConfig, draw_roll  # noqa: PLC0415

    if not config.roll:
        return write_sheet(path, engrave(score, SheetConfig(title=config.title)), force=force)
    drawing = draw_roll(expand_repeats(score), RollConfig(title=config.title)).svg
    with atomic_write(path) as part:
        part.write_bytes(drawing.encode() if path.suffix.lower() == ".svg" else png_of(drawing, 96))
    return [path]
