"""Files of music: MIDI, ABC, MusicXML and Kern to scores, and scores to MIDI, ABC and MusicXML.

A score is symusic's, in ticks. ABC and MusicXML are read as they are written, with repeats in the
score's markers (`score.repeats.expand_repeats` plays them); a pickup stands at the end of a
whole bar, so that bars lie on the grid of the meter.

Read by: MIDI symusic, behind checks; ABC and MusicXML our own readers, for abc2midi (in symusic)
and verovio play repeats and put pickups on the first beat, and music21 takes 6.5 s for 200 tunes of
ABC where we take 0.1; Kern verovio.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bowerbird.errors import MusicError
from bowerbird.files.atomic_write import atomic_write
from bowerbird.music.formats.abc_reader import read_abc
from bowerbird.music.formats.bars import tune_to_score
from bowerbird.music.formats.midi import midi_to_score
from bowerbird.music.formats.musicxml_reader import read_musicxml, unpacked
from bowerbird.music.formats.tune import Tune
from bowerbird.music.score.titles import title_of

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

MIDI = (".mid", ".midi", ".kar", ".smf", ".rmi")
MUSICXML = (".musicxml", ".xml", ".mxl")
SUFFIXES = (*MIDI, ".abc", *MUSICXML, ".krn")
"""What can be read."""
WRITES = (".mid", ".midi", ".abc", ".musicxml", ".xml")
"""What can be written."""
MOST_BYTES = 1 << 27  # 128 MB: no file of music is larger


def read_scores(
    path: str | Path,
    skipped: dict[str, str] | None = None,
    refused: Callable[[Tune], str] | None = None,
) -> Iterator[tuple[str, "Score"]]:
    """Yield the name and the score of each piece in a file.

    Raises MusicError, naming the file, for what can't be read; where `skipped` is given, what can't
    be read of several tunes goes there, by name, with the reason. ``refused`` gives the reason why
    a tune of ABC is not wanted, or nothing.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise MusicError(f"{path} has {path.stat().st_size >> 20} MB; no music is so large")
        data = path.read_bytes()
    except OSError as error:
        raise MusicError(f"{path} can't be read ({error.strerror})") from error
    kind = _kind(path, data)
    try:
        if kind == ".abc":
            yield from _tunes(path, data, skipped, refused)
        else:
            yield path.name, _score(kind, data)
    except MusicError as error:
        raise MusicError(f"{path} can't be read: {error}") from error


def read_score(path: str | Path) -> "Score":
    """Return the first score in a file; raise MusicError as `read_scores` does."""
    return next(read_scores(path))[1]


def write_score(path: str | Path, score: "Score") -> None:
    """Write a score as MIDI, ABC or MusicXML, by the suffix; the file is whole or not written.

    MIDI plays what stands there: to hear repeats, expand them first. Raises MusicError for another
    suffix, or a score that can't be written, and OSError.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITES:
        raise MusicError(f"{path} can't be written: its suffix is none of {', '.join(WRITES)}")
    if not any(len(track.notes) for track in score.tracks):
        raise MusicError(f"{path} is not written: the score has no notes")
    if suffix in MIDI:
        data = score.dumps_midi()
    elif suffix == ".abc":
        from bowerbird.music.formats.abc_writer import to_abc  # noqa: PLC0415

        data = to_abc(score).encode()
    else:
        from bowerbird.music.formats.musicxml_writer import to_musicxml  # noqa: PLC0415

        data = to_musicxml(score, title_of(score), separate_tracks=True).encode()
    with atomic_write(path) as part:
        part.write_bytes(data)


def _kind(path: Path, data: bytes) -> str:
    """Return the suffix that fits the content, else the file's own."""
    suffix = path.suffix.lower()
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"MThd") or (start[:4] == b"RIFF" and start[8:12] == b"RMID"):
        return ".mid"
    if start.startswith(b"PK\x03\x04"):
        return ".mxl"
    if suffix in SUFFIXES:
        return ".xml" if suffix == ".mxl" else suffix
    if b"<score-partwise" in start or b"<score-timewise" in start:
        return ".xml"
    if b"**kern" in start:
        return ".krn"
    if start.startswith((b"X:", b"%abc")) or b"\nX:" in start:
        return ".abc"
    raise MusicError(f"{path} can't be read: it is none of {', '.join(SUFFIXES)}")


def _score(kind: str, data: bytes) -> "Score":
    if kind in MIDI:
        return midi_to_score(data)
    if kind == ".krn":
        from bowerbird.music.formats.kern import kern_to_score  # noqa: PLC0415  verovio is seldom needed

        return kern_to_score(_text(data))
    return tune_to_score(read_musicxml(unpacked(data) if kind == ".mxl" else data))


def _tunes(
    path: Path,
    data: bytes,
    skipped: dict[str, str] | None,
    refused: Callable[[Tune], str] | None,
) -> Iterator[tuple[str, "Score"]]:
    found = False
    for number, tune in enumerate(read_abc(_text(data)), 1):
        found = True
        known = isinstance(tune, Tune) and tune.name
        name = f"{path.name}: {known or f'tune {number}'}"
        try:
            if isinstance(tune, MusicError):
                raise tune
            if why := refused(tune) if refused else "":
                raise MusicError(why)
            yield name, tune_to_score(tune)
        except MusicError as error:
            if skipped is None:
                raise
            skipped[name] = str(error)
    if not found:
        raise MusicError("there is no tune in it: a tune has lines X: and K:")


def _text(data: bytes) -> str:
    if b"\0" in data:
        raise MusicError("it has zero bytes: it is no text")
    with contextlib.suppress(UnicodeDecodeError):
        return data.decode("utf-8-sig")
    return data.decode("latin-1")  # older collections
