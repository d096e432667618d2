"""Melodies to integers and back: the signs that a composer of tunes reads and writes.

A tune begins with its meter, its tonic and its mode, so that they can be asked for. Then each note
is two signs, how high and how long; ``rest`` is a silence, ``hold`` goes on with a note over a bar
line. Repeats and endings have signs too, and bar lines, which count the bars of a section, 1 to 8
and again, 0 for a first bar with a pickup: so a network knows where a cadence is due, and the
grammar (`tokens.melody_grammar`) makes bars add up. A bar that is the same as one 1, 2, 4, 8 or
16 bars ago is one sign: that is how tunes are made, and what a small network forgets (the labels
of Magenta's lookback RNN say it note by note: Waite 2016, "Generating long-term structure in songs
and stories").

Pitches are semitones above the tonic: a tune means the same in every key, so nothing has to be
learned twelve times, and any key can be asked for. This is our departure from Eck and Schmidhuber
(2002) and folk-rnn, which learn letters; times are on a grid of 24 ticks a quarter note, which
holds 32nds and triplets of 16ths.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bowerbird.music.score.build import (
    TICKS,
    new_marker,
    new_meter,
    new_score,
    new_tempo,
    new_track,
)
from bowerbird.music.score.error import MusicError
from bowerbird.music.score.key import MODES, Key, key_at, key_of, with_key
from bowerbird.music.score.melody import GRID, Lines, grid_notes, is_melody
from bowerbird.music.score.meter import Bars, Meter, bars_of, meters_of, usual_tempo
from bowerbird.music.score.sections import RepeatSymbol, repeat_symbols
from bowerbird.music.tokens.melody_grammar import PHRASE, Count, NotesGrammar

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

COPIES = (4, 8, 2, 1, 16)  # bars ago that a bar may be the same as; the first that fits is told
SIGNS: tuple[RepeatSymbol, ...] = (":|", "||", "|:", "[1", "[2")
END, REST, HOLD = "end", "rest", "hold"


METERS: tuple[Meter, ...] = tuple((n, d) for d in (2, 4, 8, 16, 32) for n in range(1, 65))
LENGTHS = range(1, 8 * GRID + 1)


@dataclass(frozen=True)
class Ranges:
    """What an alphabet of notes has signs for."""

    meters: tuple[Meter, ...] = METERS
    lengths: tuple[int, ...] = tuple(LENGTHS)
    """Lengths of notes and rests within a bar, in ticks of the grid."""
    lowest: int = -71
    """Semitones above the tonic that lies in the octave of middle C."""
    highest: int = 67

    def __post_init__(self) -> None:
        if not (self.meters and self.lengths and self.lowest <= self.highest):
            raise MusicError("an alphabet of notes has meters, lengths and pitches")
        inside = self.lowest >= -71 and self.highest <= 67
        if not (inside and {*self.lengths} <= {*LENGTHS} and {*self.meters} <= {*METERS}):
            raise MusicError("an alphabet of notes has a meter, pitch or length that can't be")


class Notes:
    """Signs for melodies: pitch above the tonic, then length."""

    kind = "notes"
    end = 0

    def __init__(self, ranges: Ranges | None = None) -> None:
        """Number the signs; without ranges there are signs for every melody."""
        self.ranges = ranges = ranges or Ranges()
        names: list[Any] = [END, *(("M", *meter) for meter in ranges.meters)]
        names += [("K", tonic) for tonic in range(12)]
        names += list(MODES)
        names += [("|", number) for number in range(PHRASE + 1)]
        names += [*SIGNS, *(("=", ago) for ago in COPIES), REST, HOLD]
        names += [("p", pitch) for pitch in range(ranges.lowest, ranges.highest + 1)]
        names += [("t", length) for length in ranges.lengths]
        self.names = names
        self.number = {name: number for number, name in enumerate(names)}
        self.size = len(names)
        self.parts: Any = None  # what grammars of this alphabet share
        self._first_pitch = self.number["p", ranges.lowest] - ranges.lowest
        self._lengths = np.full(max(ranges.lengths) + 1, -1)
        self._lengths[list(ranges.lengths)] = [self.number["t", n] for n in ranges.lengths]

    @classmethod
    def learned(cls, scores: Iterable["Score"]) -> "Notes":
        """Return the alphabet of a corpus, with signs for what it holds and nothing else."""
        everything = cls()
        seen: set[int] = set()
        for score in scores:
            seen.update(np.unique(everything.encode(score)).tolist())
        names = [everything.names[sign] for sign in sorted(seen)]
        found: dict[str, list[Any]] = {"M": [], "p": [], "t": []}
        for name in names:
            if isinstance(name, tuple) and name[0] in found:
                found[name[0]].append(name[1:])
        if not found["p"]:
            raise MusicError("there are no notes to learn from")
        pitches = [p for (p,) in found["p"]]
        lengths = tuple(sorted(n for (n,) in found["t"]))
        return cls(Ranges(tuple(found["M"]), lengths, min(pitches), max(pitches)))

    def opening(self, key: Key | None = None, meter: Meter | None = None) -> list[int]:
        """Return the signs that ask for a meter, and a key; a key needs a meter before it.

        Raises MusicError for a meter that the alphabet does not have.
        """
        if meter is None:
            if key:
                raise MusicError("to ask for a key, ask for a meter as well")
            return []
        if ("M", *meter) not in self.number:
            known = ", ".join(f"{n}/{d}" for n, d in self.ranges.meters)
            raise MusicError(f"the composer knows no {meter[0]}/{meter[1]}; it knows {known}")
        signs = [self.number["M", *meter]]
        if key:
            signs += [self.number["K", key.pitch_class], self.number[key.mode]]
        return signs

    def encode(self, score: "Score") -> np.ndarray:
        """Return the signs of a melody, in the smallest unsigned integers that number them.

        Raises MusicError for a score that is no melody, or has what the alphabet has no sign for.
        """
        if not is_melody(score, GRID):
            raise MusicError("it is no melody: several notes sound at once; ask for its melody")
        lines = grid_notes(score, GRID)
        key = key_of(score)
        meters = meters_of(score, GRID)
        bars = bars_of(meters, int(lines.ends[-1]))
        signs = repeat_symbols(score, GRID, bars, int(lines.starts[0]))
        cuts = [bars.starts, np.array([bars.end]), np.array([t for t, _ in signs], np.int64)]
        edges = np.unique(np.concatenate([lines.starts, lines.ends, *cuts]))
        edges = edges[edges <= self._stop(lines, bars, signs)]
        body = self._pieces(edges, lines, 60 + key.pitch_class)
        places, extra = self._marks(bars, signs, pickup=lines.starts[0] > 0)
        at = 2 * np.searchsorted(edges, places)
        kept = at <= len(body)
        head = np.array(self._head(bars.meters[0], key))
        body = self._shortened(np.insert(body, at[kept], np.array(extra)[kept]))
        return np.concatenate([head, body]).astype(np.min_scalar_type(self.size - 1))

    def _shortened(self, body: np.ndarray) -> np.ndarray:
        """Return signs with bars that have been there before as one sign each."""
        rest, hold = self.number[REST], self.number[HOLD]
        signs, between = body.tolist(), (body < rest).tolist()  # meters, repeats, endings
        bars = (body >= self.number["|", 0]) & (body <= self.number["|", PHRASE])
        begins = [*np.flatnonzero(bars).tolist(), len(signs)]
        seen: list[list[int]] = []
        short = signs[: begins[0]]
        for first, last in pairwise(begins):
            end = last
            while between[end - 1] and end > first + 1:
                end -= 1
            told = signs[first + 1 : end]
            if len(told) <= 2 or told[0] == hold or True in between[first + 1 : end]:
                told = []
            ago = next((n for n in COPIES if told and len(seen) >= n and seen[-n] == told), 0)
            seen.append(told)
            if ago:
                short += [signs[first], self.number["=", ago], *signs[end:last]]
            else:
                short += signs[first:last]
        return np.array(short, np.int64)

    def _head(self, meter: Meter, key: Key) -> list[int]:
        try:
            return self.opening(key, meter)
        except MusicError as error:
            raise MusicError(f"its meter {meter[0]}/{meter[1]} is not in the alphabet") from error

    def _stop(self, lines: Lines, bars: Bars, signs: list[tuple[int, RepeatSymbol]]) -> int:
        """Return where the tune stops: at a bar's end, or early by as much as its pickup has."""
        last = max(int(lines.ends[-1]), max((t for t, _ in signs), default=0))
        first = int(lines.starts[0])
        lead = first if first < bars.starts[1 if len(bars.starts) > 1 else 0] else 0
        return last if lead and last - bars.starts[-1] == lead else bars.end

    def _pieces(self, edges: np.ndarray, lines: Lines, tonic: int) -> np.ndarray:
        """Return pitch and length of each stretch between two edges, one after the other."""
        left, lengths = edges[:-1], np.diff(edges)
        note = np.searchsorted(lines.starts, left, "right") - 1
        sounds = (note >= 0) & (left < lines.ends[note])
        heights = lines.pitches[note] - tonic
        fresh = sounds & (left == lines.starts[note])
        low, high = self.ranges.lowest, self.ranges.highest
        wrong = heights[fresh & ((heights < low) | (heights > high))]
        if len(wrong):
            raise MusicError(
                f"it has a pitch {wrong[0]} semitones above its tonic; the alphabet has {low} to "
                f"{high}"
            )
        if lengths.max(initial=0) >= len(self._lengths):
            raise MusicError(f"it has a note or rest of {lengths.max() / GRID:.3g} beats in a bar")
        times = self._lengths[lengths]
        if times.min(initial=0) < 0:
            beats = lengths[times.argmin()] / GRID
            raise MusicError(f"it has a note or rest of {beats:.3g} beats, which has no sign")
        pitch = np.where(fresh, heights + self._first_pitch, self.number[REST])
        pitch = np.where(sounds & ~fresh, self.number[HOLD], pitch)
        return np.stack([pitch, times], 1).ravel()

    def _marks(
        self, bars: Bars, signs: list[tuple[int, RepeatSymbol]], *, pickup: bool
    ) -> tuple[np.ndarray, list[int]]:
        """Return what stands between the notes, and where: bar lines, repeats, new meters."""
        marks = [(time, rank, self.number[sign]) for rank, (time, sign) in enumerate(signs)]
        count, coming = Count(-1 if pickup else 0), list(reversed(signs))
        for number, start in enumerate(bars.starts.tolist()):
            while coming and coming[-1][0] <= start:
                count.sign(coming.pop()[1])
            if number and bars.meters[number] != bars.meters[number - 1]:
                name = ("M", *bars.meters[number])
                if name not in self.number:
                    raise MusicError(f"its meter {name[1]}/{name[2]} is not in the alphabet")
                marks.append((start, len(signs), self.number[name]))
            marks.append((start, len(signs) + 1, self.number["|", count.bar()]))
        marks.sort()
        return np.array([mark[0] for mark in marks]), [mark[2] for mark in marks]

    def decode(self, ids: Iterable[int]) -> "Score":
        """Return the score of signs, at 480 ticks a quarter note, up to an end if there is one.

        Any signs can be read: what makes no sense is passed over. Raises MusicError for a number
        that is no sign.
        """
        state = _Reading()
        for sign in ids:
            if not 0 <= sign < self.size:
                raise MusicError(f"{sign} is no sign of an alphabet of {self.size}")
            if sign == self.end:
                break
            state.read(self.names[sign])
        return state.score()

    def grammar(self, bars: int = 0, *, steady: bool = False) -> NotesGrammar:
        """Return what says which signs may come next, at the beginning of a tune.

        ``bars`` is how many there shall be, as played (0: any number); ``steady`` is one meter.
        """
        return NotesGrammar(self, bars, steady=steady)

    def to_dict(self) -> dict[str, Any]:
        """Return the ranges."""
        ranges = self.ranges
        return {
            "kind": self.kind,
            "meters": [list(meter) for meter in ranges.meters],
            "lengths": list(ranges.lengths),
            "pitches": [ranges.lowest, ranges.highest],
        }

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> "Notes":
        """Return the alphabet that was described; raise MusicError for anything else."""
        try:
            meters = tuple((int(n), int(d)) for n, d in described["meters"])
            lengths = tuple(int(n) for n in described["lengths"])
            lowest, highest = map(int, described["pitches"])
            alphabet = cls(Ranges(meters, lengths, lowest, highest))
            if alphabet.to_dict() == dict(described):
                return alphabet
        except (KeyError, TypeError, ValueError):
            pass
        raise MusicError("the notes of the model's alphabet are damaged; fetch the model again")


class _Reading:
    """Signs in, notes out."""

    def __init__(self) -> None:
        self.key, self.tonic = Key(), 0
        self.meters: list[tuple[int, Meter]] = []
        self.marks: list[tuple[int, str]] = []
        self.rows: list[list[int]] = []
        self.at, self.started = 0, False
        self.pending: Any = None
        self.bars: list[list[tuple[Any, int]]] = []

    def read(self, name: Any) -> None:
        """Take one sign in."""
        if name in MODES:
            self.key = key_at(self.tonic, name)
        elif name in (REST, HOLD):
            self.pending = name
        elif isinstance(name, str):
            self.marks.append((self.at, name))
        elif name[0] == "|":
            self.bars.append([])
        elif name[0] == "p":
            self.pending = 60 + self.tonic + name[1]
        elif name[0] == "t":
            self._sound(name[1])
        elif name[0] == "=" and len(self.bars) > name[1]:
            for what, length in list(self.bars[-name[1] - 1]):
                self.pending = what
                self._sound(length)
        elif name[0] == "M":
            self.meters.append((self.at, name[1:]))
        elif name[0] == "K" and not self.started:
            self.tonic = name[1]
            self.key = key_at(self.tonic, self.key.mode)

    def _sound(self, length: int) -> None:
        what, self.pending, self.started = self.pending, None, True
        if self.bars:
            self.bars[-1].append((what, length))
        if what == HOLD and self.rows and sum(self.rows[-1][:2]) == self.at:
            self.rows[-1][1] += length
        elif isinstance(what, int) and 0 <= what <= 127:
            self.rows.append([self.at, length, what])
        self.at += length

    def score(self) -> "Score":
        """Return what was read."""
        score, step = new_score(), TICKS // GRID
        for time, (beats, part) in self.meters or [(0, (4, 4))]:
            score.time_signatures.append(new_meter(time * step, beats, part))
        for time, text in self.marks:
            score.markers.append(new_marker(time * step, text))
        with_key(score, self.key)
        score.markers.sort(key=lambda marker: marker.time)
        meter = self.meters[0][1] if self.meters else (4, 4)
        score.tempos.append(new_tempo(0, usual_tempo(meter)))
        table = np.array(self.rows, np.int64).reshape(-1, 3)
        table[:, :2] *= step
        score.tracks.append(new_track(table))
        return score
