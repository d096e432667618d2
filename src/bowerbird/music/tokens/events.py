"""Music of many voices to integers and back, as streams of events.

``remi``: bars, positions in the bar, notes with durations (Huang and Yang 2020, "Pop music
transformer"). ``tsd``: shifts of time instead of bars and positions; ``structured``: a shift before
every note, also of nothing (Hadjeres and Crestel 2021, "The piano inpainting application").
``midi-like``: a note begins and ends by events of its own (Oore et al. 2018, "This time with
feeling"). ``performance`` is the same in seconds, with 32 degrees of loudness and the pedal heard
as longer notes: for one instrument, as it was played.

A piece begins with its meter, key and mode, then the instrument of each voice, so that voices stay
apart. Times are on the grid of 24 ticks a quarter note, in ``performance`` of 10 ms. What is longer
than one sign can say takes several, the largest first.

The tokens of miditok 3 are the same up to their names (a test says so); but it takes torch along,
puts tracks of one instrument together, and needs 2 to 5 s for the 1,034 tunes of Nottingham. Here
everything is done on arrays, in 0.2 s.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.config import EventKind
from bowerbird.music.score.build import new_meter, new_score, new_tempo, new_track
from bowerbird.music.score.key import MODES, key_at, key_of, with_key
from bowerbird.music.score.meter import Meter, bar_length, bars_of, meters_of, usual_tempo
from bowerbird.music.tokens.events_grammar import EventGrammar
from bowerbird.music.tokens.voices import GRID, SECOND, Voices, voices_of

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)

LONGEST = 4 * GRID  # ticks that one duration or shift can say
LOUDNESS = 32  # degrees of velocity in a performance (Oore et al. 2018)
MOST_VOICES = 32
METERS: tuple[Meter, ...] = tuple((n, d) for d in (2, 4, 8, 16, 32) for n in range(1, 65))
PAUSE = 500  # ticks of a quarter note in a performance: at 120 a minute a millisecond each


def event_names(kind: EventKind) -> list[Any]:
    """Return the names of all signs that an alphabet of a kind may have, the end first."""
    names: list[Any] = ["end"]
    if kind != "performance":
        names += [("M", *meter) for meter in METERS]
        names += [("K", tonic) for tonic in range(12)]
        names += list(MODES)
        names += [("program", number) for number in range(128)] + ["drums"]
        names += [("voice", number) for number in range(MOST_VOICES)]
    if kind == "remi":
        longest = max(bar_length(m, GRID) for m in METERS if m[0] <= 2 * m[1])
        names += ["bar", *(("position", n) for n in range(longest))]
    else:
        most = SECOND if kind == "performance" else LONGEST
        names += [("shift", n) for n in range(kind != "structured", most + 1)]
    names += [("on", pitch) for pitch in range(128)]
    if kind in ("midi-like", "performance"):
        names += [("off", pitch) for pitch in range(128)]
    else:
        names += [("lasts", n) for n in range(1, LONGEST + 1)]
    if kind == "performance":
        names += [("loud", n) for n in range(LOUDNESS)]
    return names


class Events:
    """Signs for music of many voices."""

    end = 0

    def __init__(self, kind: EventKind, signs: Iterable[int] | None = None) -> None:
        """Number the signs; without ``signs``, numbers among all of a kind, all of them are there.

        Raises MusicError for signs that do not begin with the end, in order, or lack a voice.
        """
        self.kind = kind
        everything = event_names(kind)
        chosen = np.arange(len(everything)) if signs is None else np.array(list(signs), np.int64)
        rising = len(chosen) > 1 and chosen[0] == 0 and (np.diff(chosen) > 0).all()
        if not rising or chosen[-1] >= len(everything):
            raise MusicError(f"these are no signs of {kind}")
        self.signs = chosen
        self.names = [everything[n] for n in chosen.tolist()]
        self.number = {name: n for n, name in enumerate(self.names)}
        voices = [name[1] for name in self.names if name[0] == "voice"]
        if voices != [*range(len(voices))]:
            raise MusicError(f"the voices of an alphabet of {kind} are not numbered in a row")
        self.size = len(self.names)
        self._full = {name: n for n, name in enumerate(everything)}
        self._everything = everything
        self._lookup = np.full(len(everything), -1)
        self._lookup[chosen] = np.arange(self.size)

    @classmethod
    def learned(cls, kind: EventKind, scores: Iterable["Score"]) -> "Events":
        """Return the alphabet of a corpus, with signs for what it holds and nothing else."""
        everything = cls(kind)
        seen = np.zeros(everything.size, bool)
        seen[0] = True
        for score in scores:
            seen[everything.encode(score)] = True
        return cls(kind, np.flatnonzero(seen).tolist())

    def opening(self, key: Any = None, meter: Meter | None = None) -> list[int]:
        """Return the signs that ask for a meter, and a key; a key needs a meter before it.

        Raises MusicError for a meter or key that the alphabet does not have.
        """
        if self.kind == "performance" and (key or meter):
            raise MusicError("a composer of performances knows no key and no meter; leave them out")
        if meter is None:
            if key:
                raise MusicError("to ask for a key, ask for a meter as well")
            return []
        names: list[Any] = [("M", *meter)]
        names += [("K", key.pitch_class), key.mode] if key else []
        for name in names:
            if name not in self.number:
                asked = f"{meter[0]}/{meter[1]}" if name[0] == "M" else str(key)
                raise MusicError(f"the composer knows no {asked}: its corpus had none")
        return [self.number[name] for name in names]

    def encode(self, score: "Score") -> np.ndarray:
        """Return the signs of a score, in the smallest unsigned integers that number them.

        Raises MusicError for a score without notes, with too many voices, or with what the
        alphabet has no sign for.
        """
        voices = voices_of(score, seconds=self.kind == "performance")
        if len(voices.programs) > MOST_VOICES:
            raise MusicError(f"it has more than {MOST_VOICES} tracks")
        head = [] if self.kind == "performance" else self._head(score, voices)
        full = np.concatenate([np.array(head, np.int64), self._body(score, voices)])
        signs = self._lookup[full]
        if signs.min(initial=0) < 0:
            name = self._everything[full[signs.argmin()]]
            if name[0] == "M":
                known = ", ".join(f"{n}/{d}" for _, n, d in self._meters())
                raise MusicError(f"its meter is {name[1]}/{name[2]}; the composer knows {known}")
            told = " ".join(map(str, name)) if isinstance(name, tuple) else name
            raise MusicError(f"it has {told!r}, for which the alphabet has no sign")
        return signs.astype(np.min_scalar_type(self.size - 1))

    def _meters(self) -> list[Any]:
        return [name for name in self.names if name[0] == "M"]

    def _head(self, score: "Score", voices: Voices) -> list[int]:
        key, meter = key_of(score), meters_of(score, GRID)[0][1]
        names: list[Any] = [("M", *meter), ("K", key.pitch_class), key.mode]
        names += ["drums" if p < 0 else ("program", p) for p in voices.programs]
        for name in names:
            if name not in self._full:
                raise MusicError(f"its meter {meter[0]}/{meter[1]} is not in the alphabet")
        return [self._full[name] for name in names]

    def _body(self, score: "Score", voices: Voices) -> np.ndarray:
        """Return what happens, item after item; each is a row of signs, filled up with -1."""
        columns = self._items(voices)
        if self.kind != "performance":
            marks = self._marks(score, int(voices.starts[-1]) + 1)
            columns = [np.concatenate(pair) for pair in zip(columns, marks, strict=True)]
        order = np.lexsort(columns[3::-1])
        time, _, voice, _, sign, more, loud = (column[order] for column in columns)
        parts = [self._time(time, sign)]
        if self.kind != "performance":
            before = _held(np.where(voice < 0, -1, voice))
            changed = (voice >= 0) & (voice != before) & (len(voices.programs) > 1)
            parts.append(np.where(changed, self._full["voice", 0] + voice, -1)[:, None])
        else:
            before = _held(loud)
            parts.append(
                np.where((loud >= 0) & (loud != before), loud + self._full["loud", 0], -1)[:, None]
            )
        parts.append(sign[:, None])
        if ("lasts", 1) in self._full:
            parts.append(_chunks(more, LONGEST, self._full["lasts", 1] - 1))
        rows = np.concatenate(parts, 1).ravel()
        return rows[rows >= 0]

    def _items(self, voices: Voices) -> list[np.ndarray]:
        """Return time, rank, voice, pitch, sign, duration and loudness of every event of notes."""
        count = len(voices.starts)
        on = self._full["on", 0] + voices.pitches
        loud = voices.velocities.astype(np.int64) * LOUDNESS // 128
        none = np.full(count, -1)
        rank = np.full(count, 2)
        begin = [voices.starts, rank, voices.voices, voices.pitches, on]
        if self.kind not in ("midi-like", "performance"):
            return [*begin, voices.ends - voices.starts, none]
        off = self._full["off", 0] + voices.pitches
        finish = [voices.ends, 0 * rank, voices.voices, voices.pitches, off]
        both = [np.concatenate(pair) for pair in zip(begin, finish, strict=True)]
        return [*both, np.zeros(2 * count, np.int64), np.concatenate([loud, none])]

    def _marks(self, score: "Score", end: int) -> list[np.ndarray]:
        """Return the same of bars, for remi, and of new meters."""
        bars = bars_of(meters_of(score, GRID), end)
        rows: list[tuple[int, int, int]] = []
        for number, start in enumerate(bars.starts.tolist()):
            if start >= end:
                break
            if self.kind == "remi":
                rows.append((start, 0, self._full["bar"]))
            if number and bars.meters[number] != bars.meters[number - 1]:
                name = ("M", *bars.meters[number])
                if name not in self._full:
                    raise MusicError(f"its meter {name[1]}/{name[2]} is not in the alphabet")
                rows.append((start, 1, self._full[name]))
        table = np.array(rows, np.int64).reshape(-1, 3)
        none = np.full(len(table), -1)
        return [table[:, 0], table[:, 1], none, none, table[:, 2], 0 * none, none]

    def _time(self, time: np.ndarray, sign: np.ndarray) -> np.ndarray:
        """Return the signs that come before each item to say when it happens."""
        if self.kind == "remi":
            bar = sign == self._full["bar"]
            begun = time[np.maximum.accumulate(np.where(bar, np.arange(len(bar)), 0))]
            note = sign >= self._full["on", 0]
            last = _held(np.where(note, time, -1))
            fresh = note & ((time != last) | (np.append(True, bar[:-1])))
            place = time - begun
            if place.max(initial=0) > self._full["on", 0] - self._full["position", 0] - 1:
                raise MusicError("it has a bar that is too long")
            return np.where(fresh, self._full["position", 0] + place, -1)[:, None]
        gaps = np.diff(time, prepend=0)
        most = SECOND if self.kind == "performance" else LONGEST
        shifts = _chunks(gaps, most, self._full["shift", most] - most)
        if self.kind == "structured":  # also a shift of nothing
            still = (gaps == 0) & (sign >= self._full["on", 0])
            shifts[:, 0] = np.where(still, self._full["shift", 0], shifts[:, 0])
        return shifts

    def decode(self, ids: Iterable[int]) -> "Score":
        """Return the score of signs, up to an end if there is one.

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
        return state.score(seconds=self.kind == "performance")

    def grammar(self, bars: int = 0, *, steady: bool = False) -> EventGrammar:
        """Return what says which signs may come next, at the beginning of a piece.

        ``bars`` is how many there shall be (0: any number), 2 s each in a performance; ``steady``
        is one meter.
        """
        return EventGrammar(self, bars, steady=steady)

    def to_dict(self) -> dict[str, Any]:
        """Return the kind, and the numbers of the signs among all of the kind."""
        return {"kind": self.kind, "signs": self.signs.tolist()}

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> "Events":
        """Return the alphabet that was described; raise MusicError for anything else."""
        kind, signs = described.get("kind"), described.get("signs")
        numbers: list[int] = signs if isinstance(signs, list) else [-1]
        if kind in EVENT_KINDS and all(type(n) is int and 0 <= n < 1 << 63 for n in numbers):
            return cls(kind, numbers)
        raise MusicError("the signs of the model's alphabet are damaged; fetch the model again")


def _held(values: np.ndarray) -> np.ndarray:
    """Return for each place the last value before it that is not below 0, or -1."""
    places = np.maximum.accumulate(np.where(values >= 0, np.arange(len(values)), -1))
    before = np.append(-1, places[:-1])
    return np.where(before >= 0, values[before], -1)


def _chunks(lengths: np.ndarray, most: int, first: int) -> np.ndarray:
    """Return each length as signs of at most ``most`` ticks, -1 where fewer are needed."""
    columns = max(1, -(-int(lengths.max(initial=0)) // most))
    left = lengths[:, None] - most * np.arange(columns)
    return np.where(left > 0, first + np.minimum(left, most), -1)


class _Reading:
    """Events in, notes out."""

    def __init__(self) -> None:
        self.at = self.bar = self.length = self.voice = self.tonic = 0
        self.loud, self.started = -1, False
        self.programs: list[int] = []
        self.meters: list[tuple[int, Meter]] = []
        self.notes: list[list[int]] = []  # voice, start, length, pitch, velocity
        self.open: dict[tuple[int, int], int] = {}
        self.key: Any = None

    def read(self, name: Any) -> None:
        """Take one sign in."""
        if name == "bar":
            self.bar += self.length
            self.at = self.bar
            self.length = bar_length(self.meters[-1][1], GRID) if self.meters else 4 * GRID
        elif name == "drums":
            self.programs.append(-1)
        elif isinstance(name, str):
            self.key = key_at(self.tonic, name)  # type: ignore[arg-type]
        elif name[0] in ("on", "off"):
            self._note(name[0], name[1])
        elif name[0] == "M":
            self.meters.append((self.at, name[1:]))
            self.length = bar_length(name[1:], GRID) if self.length else 0
        else:
            self._say(name[0], name[1])

    def _say(self, what: str, number: int) -> None:
        match what:
            case "shift":
                self.at += number
            case "position":
                self.at = self.bar + number
            case "lasts":
                if self.notes:
                    self.notes[-1][2] += number
            case "K":
                self.tonic = number
            case "program":
                self.programs.append(number)
            case "voice":
                self.voice = number
            case "loud":
                self.loud = (number * 128 + 64) // LOUDNESS

    def _note(self, what: str, pitch: int) -> None:
        place = self.voice, pitch
        if what == "on":
            self.open[place] = len(self.notes)
            self.notes.append([self.voice, self.at, 0, pitch, 90 if self.loud < 0 else self.loud])
        elif place in self.open:
            note = self.notes[self.open.pop(place)]
            note[2] = self.at - note[1]

    def score(self, *, seconds: bool) -> "Score":
        """Return what was read."""
        score = new_score(PAUSE) if seconds else new_score()
        step = 2 * PAUSE // SECOND if seconds else 480 // GRID
        if seconds:
            score.tempos.append(new_tempo(0, 120))
        else:
            for time, (beats, part) in self.meters or [(0, (4, 4))]:
                score.time_signatures.append(new_meter(time * step, beats, part))
            if self.key:
                with_key(score, self.key)
            meter = self.meters[0][1] if self.meters else (4, 4)
            score.tempos.append(new_tempo(0, usual_tempo(meter)))
        notes = np.array([n for n in self.notes if n[2] > 0], np.int64).reshape(-1, 5)
        for voice in range(max(len(self.programs), int(notes[:, 0].max(initial=0)) + 1)):
            table = notes[notes[:, 0] == voice, 1:]
            table[:, :2] *= step
            program = self.programs[voice] if voice < len(self.programs) else 0
            track = new_track(table, "", max(program, 0), drums=program < 0)
            score.tracks.append(track)
        return score
