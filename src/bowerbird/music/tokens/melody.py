"""Melody tokens: one voice, as pitches above the tonic and durations, in counted bars.

A tune begins with its meter, tonic and mode, so that they can be asked for. Each note is two
tokens, pitch and duration; ``rest`` is a silence, ``hold`` continues a note over a bar line.
Repeats and endings are tokens, and so are bar lines, which count the bars of a section, 1 to 8 and
again, 0 for a first bar with a pickup: this shows the network where a cadence is due, and lets the
grammar (`melody_grammar`) make bars add up. A bar equal to the one 1, 2, 4, 8 or 16 bars ago is one
token, because tunes are built that way and small networks forget it (the lookback RNN of Magenta
has such labels for each note: Waite 2016, "Generating long-term structure in songs and stories").

Pitches count semitones above the tonic, so a tune is the same in every key: the network need not be
trained on each key, and any key can be asked for. This departs from Eck and Schmidhuber (2002) and
folk-rnn, which use letters. Times are on a grid of 24 ticks per quarter note, which represents 32nd
notes and triplets of 16th notes.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.score.build import (
    TICKS,
    new_marker,
    new_score,
    new_tempo,
    new_time_signature,
    new_track,
)
from bowerbird.music.score.key import MODES, Key, key_at, key_of, set_key
from bowerbird.music.score.melody import GRID, GridNotes, grid_notes, is_melody
from bowerbird.music.score.meter import Bars, Meter, bars_of, meters_of, usual_tempo
from bowerbird.music.score.sections import RepeatSymbol, repeat_symbols
from bowerbird.music.tokens.melody_grammar import PHRASE, BarCounter, MelodyGrammar
from bowerbird.music.tokens.tokenizer import MusicTokenizer
from bowerbird.music.tokens.vocabulary import METERS, Token, Vocabulary, kind_of, split_token

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

COPIES = (4, 8, 2, 1, 16)  # bars ago that a bar may be a copy of; the first that fits is used
REPEAT_SYMBOLS: tuple[RepeatSymbol, ...] = (":|", "||", "|:", "[1", "[2")
REST, HOLD = "rest", "hold"
LOWEST, HIGHEST = -71, 67  # semitones above a tonic in C4 .. B4 that MIDI can have
MAX_DURATION = 8 * GRID  # ticks within a bar


@cache
def melody_vocabulary() -> Vocabulary:
    """Return all tokens, the end first."""
    return Vocabulary(
        "melody",
        (
            "end",
            *(("meter", *meter) for meter in METERS),
            *(("tonic", tonic) for tonic in range(12)),
            *(("mode", mode) for mode in MODES),
            *(("bar", number) for number in range(PHRASE + 1)),
            *REPEAT_SYMBOLS,
            *(("copy", ago) for ago in COPIES),
            REST,
            HOLD,
            *(("pitch", pitch) for pitch in range(LOWEST, HIGHEST + 1)),
            *(("duration", ticks) for ticks in range(1, MAX_DURATION + 1)),
        ),
    )


class MelodyTokenizer(MusicTokenizer):
    """Encodes melodies: pitch above the tonic, then duration."""

    grammar_type = MelodyGrammar

    def __init__(self, ids: Iterable[int] | None = None) -> None:
        """Use the tokens with these ids, or all; raise MusicError if the grammar needs others."""
        super().__init__(melody_vocabulary(), ids)
        has = self.vocabulary.ids_of
        used = self._lookup >= 0
        complete = has("meter") and has("pitch") and has("duration") and self.complete(used)
        if not np.array_equal(complete, used):
            raise MusicError("the melody tokens of the model lack some; download the model again")

    def complete(self, used: np.ndarray) -> np.ndarray:
        """Add all tokens but meters and durations, of the pitches those between the used ones."""
        kinds = np.array([kind_of(token) for token in self.every.tokens])
        pitches = np.flatnonzero(used & (kinds == "pitch"))
        used = used | ~np.isin(kinds, ["meter", "pitch", "duration"])
        used[pitches.min(initial=len(used)) : pitches.max(initial=0) + 1] = True
        return used

    def _header(self, meter: Meter, key: Key | None) -> Sequence[Token]:
        names: list[Token] = [("meter", *meter)]
        return [*names, ("tonic", key.pitch_class), ("mode", key.mode)] if key else names

    def _encode(self, score: "Score") -> np.ndarray:
        if not is_melody(score, GRID):
            raise MusicError("several notes sound at once; extract its melody first")
        notes = grid_notes(score, GRID)
        key = key_of(score)
        bars = bars_of(meters_of(score, GRID), int(notes.ends[-1]))
        symbols = repeat_symbols(score, GRID, bars, int(notes.starts[0]))
        cuts = [bars.starts, np.array([bars.end]), np.array([t for t, _ in symbols], np.int64)]
        edges = np.unique(np.concatenate([notes.starts, notes.ends, *cuts]))
        edges = edges[edges <= _end_of(notes, bars, symbols)]
        body = self._events(edges, notes, 60 + key.pitch_class)
        times, marks = self._marks(bars, symbols, pickup=notes.starts[0] > 0)
        at = 2 * np.searchsorted(edges, times)
        inside = at <= len(body)
        body = self._with_copies(np.insert(body, at[inside], marks[inside]))
        header = [self._id(token) for token in self._header(bars.meters[0], key)]
        return np.concatenate([header, body])

    def _events(self, edges: np.ndarray, notes: GridNotes, tonic: int) -> np.ndarray:
        """Return pitch and duration of each stretch between two edges, one after the other."""
        left, lengths = edges[:-1], np.diff(edges)
        note = np.searchsorted(notes.starts, left, "right") - 1
        sounds = (note >= 0) & (left < notes.ends[note])
        steps = notes.pitches[note] - tonic
        begins = sounds & (left == notes.starts[note])
        if lengths.max(initial=0) > MAX_DURATION:
            raise MusicError(f"it has a note or rest of {lengths.max() / GRID:.3g} beats in a bar")
        ids = self.every.ids
        events = np.where(begins, steps + (ids["pitch", LOWEST] - LOWEST), ids[REST])
        events = np.where(sounds & ~begins, ids[HOLD], events)
        return np.stack([events, lengths + (ids["duration", 1] - 1)], 1).ravel()

    def _marks(
        self, bars: Bars, symbols: Sequence[tuple[int, RepeatSymbol]], *, pickup: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the times and ids of what is between the notes: bars, symbols, new meters."""
        ids = self.every.ids
        marks = [(time, rank, ids[symbol]) for rank, (time, symbol) in enumerate(symbols)]
        counter, coming = BarCounter(-1 if pickup else 0), list(reversed(symbols))
        for number, start in enumerate(bars.starts.tolist()):
            while coming and coming[-1][0] <= start:
                counter.mark(coming.pop()[1])
            if number and bars.meters[number] != bars.meters[number - 1]:
                marks.append((start, len(symbols), self._id(("meter", *bars.meters[number]))))
            marks.append((start, len(symbols) + 1, ids["bar", counter.bar()]))
        times, _, numbers = np.array(sorted(marks)).T
        return times, numbers

    def _with_copies(self, body: np.ndarray) -> np.ndarray:
        """Replace each bar that equals an earlier one by a copy token."""
        first_bar, rest, hold = self.every.ids["bar", 0], self.every.ids[REST], self.every.ids[HOLD]
        ids, is_mark = body.tolist(), (body < rest).tolist()  # bars, symbols, meters
        is_bar = (body >= first_bar) & (body <= self.every.ids["bar", PHRASE])
        begins = [*np.flatnonzero(is_bar).tolist(), len(ids)]
        bars: list[list[int]] = []
        short = ids[: begins[0]]
        for first, last in pairwise(begins):
            end = last
            while is_mark[end - 1] and end > first + 1:
                end -= 1
            bar = ids[first + 1 : end]
            if len(bar) <= 2 or bar[0] == hold or True in is_mark[first + 1 : end]:
                bar = []
            ago = next((n for n in COPIES if bar and len(bars) >= n and bars[-n] == bar), 0)
            bars.append(bar)
            if ago:
                short += [ids[first], self.every.ids["copy", ago], *ids[end:last]]
            else:
                short += ids[first:last]
        return np.array(short, np.int64)

    def _decode(self, tokens: Iterator[Token]) -> "Score":
        decoder = _Decoder()
        for token in tokens:
            decoder.add(token)
        return decoder.score()


def _end_of(notes: GridNotes, bars: Bars, symbols: Sequence[tuple[int, RepeatSymbol]]) -> int:
    """Return where a tune ends: with a bar, or early by the length of its pickup."""
    last = max(int(notes.ends[-1]), max((time for time, _ in symbols), default=0))
    first = int(notes.starts[0])
    pickup = first if first < bars.starts[1 if len(bars.starts) > 1 else 0] else 0
    return last if pickup and last - bars.starts[-1] == pickup else bars.end


class _Decoder:
    """Collects tokens into notes."""

    def __init__(self) -> None:
        self.key, self.tonic = Key(), 0
        self.meters: list[tuple[int, Meter]] = []
        self.symbols: list[tuple[int, str]] = []
        self.notes: list[list[int]] = []  # start, duration, pitch
        self.time, self.started = 0, False
        self.event: int | str | None = None  # what the next duration belongs to
        self.bars: list[list[tuple[int | str | None, int]]] = []

    def add(self, token: Token) -> None:
        """Take the next token."""
        kind, value = split_token(token)
        match kind:
            case "meter":
                self.meters.append((self.time, token[1:]))  # type: ignore[arg-type]
            case "tonic" if not self.started:
                self.tonic = value
                self.key = key_at(self.tonic, self.key.mode)
            case "tonic":
                pass
            case "mode":
                self.key = key_at(self.tonic, value)
            case "bar":
                self.bars.append([])
            case "copy":
                if len(self.bars) > value:
                    for event, duration in list(self.bars[-value - 1]):
                        self.event = event
                        self._add_event(duration)
            case "pitch":
                self.event = 60 + self.tonic + value
            case "duration":
                self._add_event(value)
            case "rest" | "hold":
                self.event = kind
            case _:
                self.symbols.append((self.time, kind))

    def _add_event(self, duration: int) -> None:
        event, self.event, self.started = self.event, None, True
        if self.bars:
            self.bars[-1].append((event, duration))
        if event == HOLD and self.notes and sum(self.notes[-1][:2]) == self.time:
            self.notes[-1][1] += duration
        elif isinstance(event, int) and 0 <= event <= 127:
            self.notes.append([self.time, duration, event])
        self.time += duration

    def score(self) -> "Score":
        """Return the score of all tokens so far."""
        score, step = new_score(), TICKS // GRID
        for time, (beats, part) in self.meters or [(0, (4, 4))]:
            score.time_signatures.append(new_time_signature(time * step, beats, part))
        for time, text in self.symbols:
            score.markers.append(new_marker(time * step, text))
        set_key(score, self.key)
        score.markers.sort(key=lambda marker: marker.time)
        meter = self.meters[0][1] if self.meters else (4, 4)
        score.tempos.append(new_tempo(0, usual_tempo(meter)))
        table = np.array(self.notes, np.int64).reshape(-1, 3)
        table[:, :2] *= step
        score.tracks.append(new_track(table))
        return score
