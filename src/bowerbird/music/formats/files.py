"""Files of music: MIDI, ABC, MusicXML and Kern to scores, and scores to MIDI, ABC and MusicXML.

A score is symusic's, in ticks. ABC and MusicXML are read as they are written: repeats become the
score's markers, which `score.repeats.expand_repeats` plays, and a pickup is the end of a whole bar,
so that bars follow from the time signatures.

symusic parses MIDI, and verovio Kern. ABC and MusicXML have our own readers: abc2midi (in symusic)
and verovio play repeats and put pickups on the first beat, and music21 takes 6.5 s for 200 tunes of
ABC that take 0.1 s here.
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
"""Suffixes that can be read."""
WRITES = (".mid", ".midi", ".abc", ".musicxml", ".xml")
"""Suffixes that can be written."""
MAX_BYTES = 1 << 27  # 128 MB


def read_scores(
    path: str | Path,
    skipped: dict[str, str] | None = None,
    reject: Callable[[Tune], str] | None = None,
) -> Iterator[tuple[str, "Score"]]:
    """Yield the name and the score of each piece in a file.

    Raises MusicError, with the path, if the file can't be read. If `skipped` is given, it gets the
    tunes of ABC that can't be read, by name, with the reason. `reject` returns the reason why a
    tune of ABC is not wanted, or "".
    """
    path = Path(path)
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise MusicError(f"{path} has {size >> 20} MB, the maximum is {MAX_BYTES >> 20}")
        data = path.read_bytes()
    except OSError as error:
        raise MusicError(f"{path} can't be read ({error.strerror})") from error
    kind = _kind(path, data)
    try:
        if kind == ".abc":
            yield from _tunes(path, data, skipped, reject)
        else:
            yield path.name, _score(kind, data)
    except MusicError as error:
        raise MusicError(f"{path} can't be read: {error}") from error


def read_score(path: str | Path) -> "Score":
    """Return the first score in a file; raise MusicError as `read_scores` does."""
    return next(read_scores(path))[1]


def write_score(path: str | Path, score: "Score") -> None:
    """Write a score as MIDI, ABC or MusicXML, by the suffix; the write is atomic.

    MIDI has no repeats: to hear them, expand them first. Raises MusicError for another suffix or a
    score that can't be written, and OSError.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITES:
        raise MusicError(f"{path} can't be written: its suffix must be one of {', '.join(WRITES)}")
    if not any(len(track.notes) for track in score.tracks):
        raise MusicError(f"{path} can't be written: the score has no notes")
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
    """Return the suffix for the content of a file, or the one that it has."""
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
    raise MusicError(f"{path} can't be read: it must be one of {', '.join(SUFFIXES)}")


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
    reject: Callable[[Tune], str] | None,
) -> Iterator[tuple[str, "Score"]]:
    number = 0
    for number, tune in enumerate(read_abc(_text(data)), 1):
        title = isinstance(tune, Tune) and tune.name
        name = f"{path.name}: {title or f'tune {number}'}"
        try:
            if isinstance(tune, MusicError):
                raise tune
            if reason := reject(tune) if reject else "":
                raise MusicError(reason)
            yield name, tune_to_score(tune)
        except MusicError as error:
            if skipped is None:
                raise
            skipped[name] = str(error)
    if not number:
        raise MusicError("it has no tune; a tune needs lines X: and K:")


def _text(data: bytes) -> str:
    if b"\0" in data:
        raise MusicError("it has null bytes, so it is not text")
    with contextlib.suppress(UnicodeDecodeError):
        return data.decode("utf-8-sig")
    return data.decode("latin-1")  # older collections
