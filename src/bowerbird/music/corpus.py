"""A corpus of music: pieces from files, folders, glob patterns or built-in collections.

``scottish``, ``irish`` and ``bach`` are tunes and chorales in the package music21, whose files are
read without importing it. ``scottish`` are James Aird's airs (Glasgow 1782 on) without those that
name another origin, and the strathspeys, reels and Highland flings of Ryan's Mammoth Collection
(Boston 1883); ``irish`` is O'Neill's Music of Ireland (Chicago 1903); ``bach`` the four-part
chorales. Whatever is skipped is reported with its reason.
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
from bowerbird.music.copied_melodies import MelodyIndex, melody_intervals
from bowerbird.music.formats.files import SUFFIXES, read_scores
from bowerbird.music.formats.tune import Tune
from bowerbird.music.score.melody import melody

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

BuiltIn = Literal["scottish", "irish", "bach"]
BUILT_IN: tuple[BuiltIn, ...] = get_args(BuiltIn)
SHIPPED = "scottish"  # whose MelodyIndex is in the package; its recipe says how it is made
MIN_NOTES = 8  # of a piece to train on
NGRAM = 8  # consecutive intervals by which tunes are compared
COMMON = 32  # tunes with the same n-gram, from which it counts as a figure of the style
SIMILAR = 0.5  # fraction of shared n-grams, of the shorter tune, from which tunes are versions

NamedScore = tuple[str, "Score"]
WhyNot = Callable[[Tune], str] | None
"""Returns why a tune is skipped; empty if it isn't."""

_OTHER_ORIGIN = re.compile(
    r"irish|english|german|french|italian|wel[cs]h|swiss|turkish|spanish|dutch|russia|prussian"
    r"|virginia|negro|west india|america|hessian|minuet|waltz|allemand|cotillion|dibdin|handel"
    r"|taptoo|rondo|gavot",
    re.IGNORECASE,
)
_SCOTTISH_DANCES = ("strathspey", "reel", "fling")


class Corpus:
    """Pieces in the order of their sources, each file once.

    ``names`` are the sources; ``built_in`` those that are built-in collections, not files or
    folders of the same name; ``skipped`` maps the name of a piece or file to the reason.
    """

    def __init__(self, sources: Iterable[str | Path], *, melodies: bool = False) -> None:
        """Find the files; ``melodies`` reduces each piece to its melody.

        Raises MusicError for a source that is missing or has an unknown format.
        """
        sources = [sources] if isinstance(sources, str | Path) else list(sources)
        self.names, self.melodies = [str(source) for source in sources], melodies
        self.built_in: list[BuiltIn] = []
        self.skipped: dict[str, str] = {}
        self._files: dict[Path, tuple[str, WhyNot]] = {}  # by resolved path: name, filter
        for source in sources:
            self._add(source)

    @cached_property
    def pieces(self) -> list[NamedScore]:
        """The name and the score of each piece; raises MusicError if there is none."""
        pieces: list[NamedScore] = []
        for path, (file_name, why_not) in self._files.items():
            skipped: dict[str, str] = {}
            try:
                for piece, score in read_scores(path, skipped, why_not):
                    name = file_name + piece.removeprefix(path.name)
                    if reason := _too_short(score):
                        self.skipped[name] = reason
                    else:
                        pieces.append((name, melody(score) if self.melodies else score))
            except MusicError as error:
                self.skipped[file_name] = str(error).removeprefix(f"{path} can't be read: ")
            for name, reason in skipped.items():
                self.skipped[file_name + name.removeprefix(path.name)] = reason
        return self._not_empty(pieces)

    def filter(self, why_not: Callable[["Score"], str]) -> None:
        """Skip the pieces for which ``why_not`` returns a reason.

        Raises MusicError if none is left.
        """
        reasons = [why_not(score) for _, score in self.pieces]
        pairs = list(zip(self.pieces, reasons, strict=True))
        self.skipped |= {name: reason for (name, _), reason in pairs if reason}
        self.pieces = self._not_empty([piece for piece, reason in pairs if not reason])

    def _not_empty(self, pieces: list[NamedScore]) -> list[NamedScore]:
        if not pieces:
            first = [f"{name}: {reason}" for name, reason in self.skipped.items()][:3]
            sources, why = ", ".join(self.names) or "no files", "; ".join(first) or "it is empty"
            raise MusicError(f"there is no music in {sources} ({why})")
        return pieces

    def summary(self) -> str:
        """Return in one line how many pieces there are, and why others are skipped."""
        notes = sum(score.note_num() for _, score in self.pieces)
        line = f"{len(self.pieces):,} pieces, {notes:,} notes"
        if not self.skipped:
            return line
        counts = Counter(_general(reason) for reason in self.skipped.values())
        common = counts.most_common(4)
        reasons = "; ".join(f"{reason}: {count}" for reason, count in common)
        others = counts.total() - sum(count for _, count in common)
        reasons += f"; others: {others}" if others else ""
        return f"{line}; {len(self.skipped):,} skipped ({reasons})"

    def split(self, *, validation: float = 0.05, test: float = 0.05, seed: int = 0) -> "Split":
        """Split the pieces into training, validation and test pieces.

        Versions of one tune (`version_groups`) stay together. The split depends on the pieces and
        the seed only, not on their order. Raises MusicError for fewer than three different pieces.
        """
        groups = version_groups([score for _, score in self.pieces])
        if len(groups) < 3:
            raise MusicError("a split needs at least three different pieces; add more of them")
        digests = [_digest(score) for _, score in self.pieces]
        ordered = sorted(
            (hashlib.sha256(f"{seed}.{min(digests[i] for i in group)}".encode()).digest(), group)
            for group in groups
        )
        sides: list[list[NamedScore]] = [[], [], []]
        for side, fraction in ((2, test), (1, validation)):
            smallest = min((len(group) for _, group in ordered), default=0)
            limit = max(1, round(fraction * len(self.pieces)), smallest)
            for pair in list(ordered):
                if len(sides[side]) + len(pair[1]) <= limit:
                    sides[side] += [self.pieces[i] for i in pair[1]]
                    ordered.remove(pair)
        sides[0] = [self.pieces[i] for _, group in ordered for i in group]
        return Split(*map(tuple, sides))

    def _add(self, source: str | Path) -> None:
        """Add the files of a source; a Path is never a built-in collection."""
        path = Path(source)
        if source in BUILT_IN and not path.exists():
            self.built_in.append(source)
            self._files |= {file: (file.name, why) for file, why in _built_in(source).items()}
        elif path.is_dir():
            self._add_folder(path)
        elif path.exists():
            self._files.setdefault(path.resolve(), (str(path), None))
        elif matches := sorted(glob.glob(str(source), recursive=True)):
            for match in matches:  # as if a shell had expanded the pattern
                self._add(Path(match))
        else:
            known = ", ".join(BUILT_IN)
            raise MusicError(f"{source} does not exist; give files, folders, or one of {known}")

    def _add_folder(self, folder: Path) -> None:
        """Add the music in a folder and its subfolders, in order of name."""
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            raise MusicError(f"{folder} can't be read ({error.strerror})") from error
        for path in entries:
            if path.name.startswith(".") or (path.is_dir() and path.is_symlink()):
                self.skipped[str(path)] = "it is hidden, or a link to a folder"
            elif path.is_dir():
                self._add_folder(path)
            elif path.suffix.lower() in SUFFIXES:
                self._files.setdefault(path.resolve(), (str(path), None))
            else:
                self.skipped[str(path)] = f"its suffix is not one of {', '.join(SUFFIXES)}"


@dataclass(frozen=True)
class Split:
    """The pieces of a corpus in three parts."""

    train: tuple[NamedScore, ...]
    validation: tuple[NamedScore, ...]
    """For the loss during training."""
    test: tuple[NamedScore, ...]
    """For the loss at the end."""


def melody_index(names: Sequence[str]) -> MelodyIndex:
    """Return the melodies of a corpus to compare with; raise MusicError as `Corpus` does.

    That of ``scottish`` is in the package, because reading the tunes takes a second.
    """
    if list(names) == [SHIPPED] and not Path(SHIPPED).exists():
        return MelodyIndex.open(Path(str(files("bowerbird.music") / f"{SHIPPED}.npz")))
    return MelodyIndex.of(Corpus(names, melodies=True).pieces)


def version_groups(scores: list["Score"]) -> list[list[int]]:
    """Return groups of scores that are versions of one tune, also transposed, by their indices.

    Two are, if half of the n-grams of eight intervals in one melody are in the other.
    """
    lines = [melody_intervals(score).astype(np.int8).tobytes() for score in scores]
    first = {line: number for number, line in reversed(list(enumerate(lines)))}
    parent = [first[line] for line in lines]  # equal melodies are one tune, however many
    ngrams = {number: _ngrams(line) for line, number in first.items()}
    tunes_with: dict[bytes, list[int]] = defaultdict(list)
    for number in sorted(ngrams):
        for ngram in ngrams[number]:
            tunes_with[ngram].append(number)
    shared: Counter[tuple[int, int]] = Counter()
    for tunes in tunes_with.values():
        if 1 < len(tunes) <= COMMON:
            shared.update((a, b) for i, a in enumerate(tunes) for b in tunes[i + 1 :])

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    for (a, b), count in shared.items():
        if count >= SIMILAR * min(len(ngrams[a]), len(ngrams[b])):
            parent[root(b)] = root(a)
    groups: dict[int, list[int]] = defaultdict(list)
    for number in range(len(scores)):
        groups[root(number)].append(number)
    return list(groups.values())


def _ngrams(intervals: bytes) -> set[bytes]:
    if len(intervals) <= NGRAM:
        return {intervals}
    return {intervals[i : i + NGRAM] for i in range(len(intervals) - NGRAM + 1)}


def _digest(score: "Score") -> str:
    """Return a hash of the notes of a piece."""
    digest = hashlib.sha256()
    for track in score.tracks:
        notes = track.notes.numpy()
        for name in ("time", "duration", "pitch"):
            digest.update(np.ascontiguousarray(notes[name]).tobytes())
    return digest.hexdigest()


def _built_in(name: BuiltIn) -> dict[Path, WhyNot]:
    """Return the files of a built-in collection, and which of their tunes to skip."""
    root = package_folder("music21", f"the corpus {name}") / "corpus"
    paths: dict[Path, WhyNot] = {}
    if name == "scottish":
        paths |= dict.fromkeys(sorted(root.glob("airdsAirs/*.abc")), _not_scottish)
        paths |= dict.fromkeys(sorted(root.glob("ryansMammoth/*.abc")), _not_scottish_dance)
    elif name == "irish":
        paths |= dict.fromkeys(sorted(root.glob("oneills1850/*.abc")))
    else:
        paths |= dict.fromkeys(p for p in sorted(root.glob("bach/*")) if p.suffix in SUFFIXES)
    if not paths:
        raise MusicError(f"music21 doesn't have the files of {name}; pip install --force music21")
    return paths


def _too_short(score: "Score") -> str:
    """Return why a piece is too short to train on; empty if it isn't."""
    if all(track.is_drum for track in score.tracks):
        return "it has only drums"
    count = sum(len(track.notes) for track in score.tracks if not track.is_drum)
    return f"it has {count} notes, fewer than {MIN_NOTES}" if count < MIN_NOTES else ""


def _general(reason: str) -> str:
    """Return a reason without what differs from piece to piece."""
    return re.sub(r"'[^']*'", "a token", re.sub(r"line \d+: |: .*", "", reason))


def _not_scottish(tune: Tune) -> str:
    named = _OTHER_ORIGIN.search(f"{tune.title} {tune.origin}")
    return "its title or origin is not Scottish" if named else ""


def _not_scottish_dance(tune: Tune) -> str:
    named = any(dance in f"{tune.rhythm} {tune.title.lower()}" for dance in _SCOTTISH_DANCES)
    return "" if named else "it is not a strathspey, reel or fling"
