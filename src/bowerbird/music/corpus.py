"""A corpus: the pieces that a composer learns from, and those it is measured on.

Given are files, folders, patterns with ``*``, and ``scottish``, ``irish``, ``bach``: tunes and
chorales that come with the package music21, whose files are read without importing it. Whatever is
left out is named, with the reason.

``scottish`` are James Aird's airs (Glasgow 1782 on) but for those that say they are from elsewhere,
and the strathspeys, reels and Highland flings of Ryan's Mammoth Collection (Boston 1883); ``irish``
is O'Neill's Music of Ireland (Chicago 1903); ``bach`` the four-part chorales.
"""

import glob
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.learning.extras import package_folder
from bowerbird.music.copied_melodies import Melodies, melody_intervals
from bowerbird.music.formats.files import SUFFIXES, read_scores
from bowerbird.music.formats.tune import Tune
from bowerbird.music.score.melody import melody

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

Embedded = Literal["scottish", "irish", "bach"]
EMBEDDED: tuple[Embedded, ...] = get_args(Embedded)
SHIPPED = "scottish"  # whose melodies lie in the package: Melodies.of(...).save, see its recipe
LEAST_NOTES = 8  # a shorter piece teaches nothing of form
GRAM = 8  # intervals in a row that tunes are compared by
COMMON = 32  # tunes that share a gram: then it is a turn of the style, and no sign of a copy
ALIKE = 0.5  # share of the shorter tune's grams in the other one, from which they count as the same

Piece = tuple[str, "Score"]
Refusal = Callable[[Tune], str] | None

_ELSEWHERE = re.compile(
    r"irish|english|german|french|italian|wel[cs]h|swiss|turkish|spanish|dutch|russia|prussian"
    r"|virginia|negro|west india|america|hessian|minuet|waltz|allemand|cotillion|dibdin|handel"
    r"|taptoo|rondo|gavot",
    re.IGNORECASE,
)
_DANCES = ("strathspey", "reel", "fling")


class Corpus:
    """Pieces in the order in which they were given, each file once.

    Files are named as they were given, or found in a folder, those of built-in corpora by their own
    names. ``skipped`` tells by name what isn't learned from, and why; ``built_in`` which of what
    was given are built-in corpora, not files or folders of the same name.
    """

    def __init__(self, given: Iterable[str | Path], *, melodies: bool = False) -> None:
        """Find the files; ``melodies`` reduces each piece to its melody.

        Raises MusicError for what is missing or of no kind that can be read.
        """
        names = [given] if isinstance(given, str | Path) else list(given)
        self.names, self.melodies = [str(name) for name in names], melodies
        self.built_in: list[Embedded] = []
        self.skipped: dict[str, str] = {}
        self._files: dict[Path, tuple[str, Refusal]] = {}  # with the name that is told
        for name in names:
            self._find(name)

    @cached_property
    def pieces(self) -> list[Piece]:
        """The name and the score of each piece; raises MusicError if there is none."""
        pieces: list[Piece] = []
        for path, (told, refused) in self._files.items():
            skipped: dict[str, str] = {}
            try:
                for own, score in read_scores(path, skipped, refused):
                    name = told + own.removeprefix(path.name)
                    if why := self._too_little(score):
                        self.skipped[name] = why
                    else:
                        pieces.append((name, melody(score) if self.melodies else score))
            except MusicError as error:
                self.skipped[told] = str(error).removeprefix(f"{path} can't be read: ")
            self.skipped |= {told + n.removeprefix(path.name): why for n, why in skipped.items()}
        return self._some(pieces)

    def leave_out(self, refusal: Callable[["Score"], str]) -> None:
        """Leave out pieces for which ``refusal`` gives a reason.

        Raises MusicError if none is left.
        """
        reasons = [refusal(score) for _, score in self.pieces]
        told = list(zip(self.pieces, reasons, strict=True))
        self.skipped |= {name: why for (name, _), why in told if why}
        self.pieces = self._some([piece for piece, why in told if not why])

    def _some(self, pieces: list[Piece]) -> list[Piece]:
        """Return pieces; raise MusicError if there is none."""
        if not pieces:
            reasons = "; ".join(f"{name}: {why}" for name, why in [*self.skipped.items()][:3])
            given = ", ".join(self.names) or "no files at all"
            raise MusicError(f"there is no music in {given} ({reasons or 'it is empty'})")
        return pieces

    def summary(self) -> str:
        """Return in one line how many pieces there are, and why others are left out."""
        pieces = self.pieces
        notes = sum(score.note_num() for _, score in pieces)
        line = f"{len(pieces):,} pieces, {notes:,} notes"
        if self.skipped:
            why = Counter(_plain(w) for w in self.skipped.values())
            told = "; ".join(f"{reason}: {count}" for reason, count in why.most_common(4))
            others = why.total() - sum(count for _, count in why.most_common(4))
            told += f"; others: {others}" if others else ""
            line += f"; {len(self.skipped):,} left out ({told})"
        return line

    def split(self, *, validation: float = 0.05, test: float = 0.05, seed: int = 0) -> "Split":
        """Return what is learned from, and what is measured on, by piece.

        Pieces that are alike (`alike`) are on one side. The same pieces are always split the same
        way, in whatever order they are given. Raises MusicError for fewer than three pieces that
        differ.
        """
        groups = alike([score for _, score in self.pieces])
        if len(groups) < 3:
            raise MusicError("a corpus of fewer than three different pieces can't be split")
        marks = [_mark(score) for _, score in self.pieces]
        keyed = [
            (hashlib.sha256(f"{seed}.{min(marks[i] for i in g)}".encode()).digest(), g)
            for g in groups
        ]
        keyed.sort(key=lambda pair: pair[0])
        sides: list[list[Piece]] = [[], [], []]
        for number, share in ((2, test), (1, validation)):
            wanted = max(1, round(share * len(self.pieces)))
            least = min(
                (len(group) for _, group in keyed), default=0
            )  # if none fits, one of the smallest
            for pair in list(keyed):
                room = max(wanted, least) - len(sides[number])
                if len(pair[1]) <= room:
                    sides[number] += [self.pieces[i] for i in pair[1]]
                    keyed.remove(pair)
        sides[0] = [self.pieces[i] for _, group in keyed for i in group]
        return Split(*map(tuple, sides))

    def _too_little(self, score: "Score") -> str:
        if all(track.is_drum for track in score.tracks):
            return "it has only drums"
        count = sum(len(track.notes) for track in score.tracks if not track.is_drum)
        return f"it has {count} notes, fewer than {LEAST_NOTES}" if count < LEAST_NOTES else ""

    def _find(self, given: str | Path) -> None:
        """Add what a name stands for; a Path is never a built-in name."""
        path = Path(given)
        if given in EMBEDDED and not path.exists():
            self.built_in.append(given)
            self._files |= {path: (path.name, why) for path, why in _embedded(given).items()}
        elif path.is_dir():
            self._walk(path)
        elif path.exists():
            self._files.setdefault(path.resolve(), (str(path), None))
        elif found := sorted(glob.glob(str(given), recursive=True)):
            for one in found:  # as if a shell had spelled the pattern out
                self._find(Path(one))
        else:
            known = ", ".join(EMBEDDED)
            raise MusicError(f"{given} does not exist; give files, folders, or one of {known}")

    def _walk(self, folder: Path) -> None:
        """Add the music in a folder and its folders, in order of name."""
        try:
            inside = sorted(folder.iterdir())
        except OSError as error:
            raise MusicError(f"{folder} can't be read ({error.strerror})") from error
        for path in inside:
            if path.name.startswith(".") or (path.is_dir() and path.is_symlink()):
                self.skipped[str(path)] = "it is hidden, or a link to a folder"
            elif path.is_dir():
                self._walk(path)
            elif path.suffix.lower() in SUFFIXES:
                self._files.setdefault(path.resolve(), (str(path), None))
            else:
                self.skipped[str(path)] = f"it is none of {', '.join(SUFFIXES)}"


@dataclass(frozen=True)
class Split:
    """The pieces of a corpus, parted."""

    train: tuple[Piece, ...]
    """What is learned from."""
    validation: tuple[Piece, ...]
    """What is measured on while it learns."""
    test: tuple[Piece, ...]
    """What is measured on at the end."""


def melodies_of(names: Sequence[str]) -> Melodies:
    """Return the melodies of a corpus to compare with; raise MusicError as `Corpus` does.

    Those of `scottish` come with the package, told already: reading the tunes takes a second.
    """
    if list(names) == [SHIPPED] and not Path(SHIPPED).exists():
        return Melodies.open(Path(str(files("bowerbird.music") / f"{SHIPPED}.npz")))
    return Melodies.of(Corpus(names, melodies=True).pieces)


def alike(scores: list["Score"]) -> list[list[int]]:
    """Return groups of scores that are versions of one tune, transposed or not.

    Two are, if half of the stretches of eight intervals in the melody of one are in the other.
    """
    lines = [melody_intervals(score).astype(np.int8).tobytes() for score in scores]
    first = {line: number for number, line in reversed(list(enumerate(lines)))}
    parent = [first[line] for line in lines]  # the same line is the same tune, however often
    grams = {number: _grams(line) for line, number in first.items()}
    homes: dict[bytes, list[int]] = defaultdict(list)
    for number in sorted(grams):
        for gram in grams[number]:
            homes[gram].append(number)
    shared: Counter[tuple[int, int]] = Counter()
    for home in homes.values():
        if 1 < len(home) <= COMMON:
            shared.update((a, b) for i, a in enumerate(home) for b in home[i + 1 :])

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    for (a, b), count in shared.items():
        if count >= ALIKE * min(len(grams[a]), len(grams[b])):
            parent[root(b)] = root(a)
    groups: dict[int, list[int]] = defaultdict(list)
    for number in range(len(scores)):
        groups[root(number)].append(number)
    return list(groups.values())


def _grams(intervals: bytes) -> set[bytes]:
    if len(intervals) <= GRAM:
        return {intervals}
    return {intervals[i : i + GRAM] for i in range(len(intervals) - GRAM + 1)}


def _mark(score: "Score") -> str:
    """Return what names a piece by its content."""
    digest = hashlib.sha256()
    for track in score.tracks:
        notes = track.notes.numpy()
        for name in ("time", "duration", "pitch"):
            digest.update(np.ascontiguousarray(notes[name]).tobytes())
    return digest.hexdigest()


def _embedded(name: Embedded) -> dict[Path, Refusal]:
    """Return the files of a built-in corpus, and what refuses some of their tunes."""
    root = package_folder("music21", f"the corpus {name}") / "corpus"
    found: dict[Path, Refusal] = {}
    if name == "scottish":
        found |= dict.fromkeys(sorted(root.glob("airdsAirs/*.abc")), _not_scotch)
        found |= dict.fromkeys(sorted(root.glob("ryansMammoth/*.abc")), _no_scotch_dance)
    elif name == "irish":
        found |= dict.fromkeys(sorted(root.glob("oneills1850/*.abc")))
    else:
        found |= dict.fromkeys(p for p in sorted(root.glob("bach/*")) if p.suffix in SUFFIXES)
    if not found:
        raise MusicError(f"{name} is not where music21 keeps it; pip install --force music21")
    return found


def _plain(why: str) -> str:
    """Return a reason without what differs from piece to piece."""
    return re.sub(r"'[^']*'", "a sign", re.sub(r"line \d+: |: .*", "", why))


def _not_scotch(tune: Tune) -> str:
    if _ELSEWHERE.search(f"{tune.title} {tune.origin}"):
        return "it says that it is no Scotch air"
    return ""


def _no_scotch_dance(tune: Tune) -> str:
    if any(dance in f"{tune.rhythm} {tune.title.lower()}" for dance in _DANCES):
        return ""
    return "it is no strathspey, reel or fling"
