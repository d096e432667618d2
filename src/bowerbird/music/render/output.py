"""Write a score to any file by its suffix: notes, audio, sheet music, piano roll, web page.

MIDI and audio have the repeats played; everything that is read has repeat symbols.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from bowerbird.errors import MusicError
from bowerbird.files.atomic_write import atomic_write
from bowerbird.music.config import OutputConfig, PageConfig, RollConfig, SheetConfig, SoundConfig
from bowerbird.music.formats.files import MIDI, WRITES, write_score
from bowerbird.music.score.instruments import program_of
from bowerbird.music.score.repeats import expand_repeats, passages

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

    from bowerbird.music.render.page import Piece

AUDIO = (".wav", ".flac", ".mp3", ".ogg")
DRAWINGS = (".svg", ".png")
PAGE = ".html"
SUFFIXES = (*WRITES, *AUDIO, *DRAWINGS, PAGE)


def check_suffix(path: Path) -> str:
    """Return a file's suffix in lower case; raise MusicError if that format can't be written."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise MusicError(f"{path} has an unknown suffix; use one of {', '.join(SUFFIXES)}")
    return suffix


def write_output(
    path: Path, score: "Score", config: OutputConfig | None = None, *, force: bool = True
) -> list[Path]:
    """Write a score in the format of the suffix; return the files. Each is written atomically.

    Sheet music of several pages is several files; without ``force`` none of them may exist. Raises
    MusicError for an unknown suffix, ValueError for a score that the format can't hold, OSError.
    """
    config = config or OutputConfig()
    suffix = check_suffix(path)
    if config.instrument:
        score = _with_instrument(score, config.instrument)
    # each renderer is imported where it is used: together they take 0.5 s
    if suffix in AUDIO:
        from bowerbird.music.render.synthesizer import write_sound  # noqa: PLC0415

        sound = SoundConfig(soundfont=config.soundfont, leading_silence=config.leading_silence)
        write_sound(path, expand_repeats(score), sound)
    elif suffix in DRAWINGS:
        return _draw(path, score, config, force=force)
    elif suffix == PAGE:
        from bowerbird.music.render.page import write_page  # noqa: PLC0415

        title, sound = config.title or path.stem, SoundConfig(soundfont=config.soundfont)
        write_page(path, title, [piece_of(score, title)], PageConfig(sound=sound))
    else:
        write_score(path, expand_repeats(score) if suffix in MIDI else score)
    return [path]


def piece_of(score: "Score", title: str, caption: str = "") -> "Piece":
    """Return a score as a piece of a page, printed as written and played with its repeats."""
    from bowerbird.music.render.page import Piece  # noqa: PLC0415

    return Piece(title, score, caption, expand_repeats(score), tuple(passages(score)))


def _with_instrument(score: "Score", instrument: str) -> "Score":
    """Return a copy in which an instrument plays everything but drums."""
    score = score.copy()
    for track in score.tracks:
        if not track.is_drum:
            track.program = program_of(instrument)
    return score


def _draw(path: Path, score: "Score", config: OutputConfig, *, force: bool) -> list[Path]:
    from bowerbird.music.render.engraving import engrave, png_of, write_sheet  # noqa: PLC0415
    from bowerbird.music.render.pianoroll import draw_roll  # noqa: PLC0415

    if not config.roll:
        return write_sheet(path, engrave(score, SheetConfig(title=config.title)), force=force)
    drawing = draw_roll(expand_repeats(score), RollConfig(title=config.title)).svg
    with atomic_write(path) as part:
        part.write_bytes(drawing.encode() if path.suffix.lower() == ".svg" else png_of(drawing, 96))
    return [path]
