"""Event tokens: music of many voices as a stream of events.

``remi``: bars, positions in the bar, notes with durations (Huang and Yang 2020, "Pop music
transformer"). ``tsd``: time shifts instead of bars and positions; ``structured``: a shift before
every note, also of 0 (Hadjeres and Crestel 2021, "The piano inpainting application").
``midi-like``: notes begin and end by tokens of their own (Oore et al. 2018, "This time with
feeling"). ``performance`` is the same in seconds, with 32 velocities, and the sustain pedal as
longer notes: for one instrument, as it was played.

A piece begins with its meter, key and mode, then the instrument of each voice, so that voices stay
apart. Times are on the grid of 24 ticks per quarter note, in ``performance`` of 10 ms. What is
longer than one token can say takes several, the longest first.

The tokens of miditok 3 are the same but for their names (a test compares them), but miditok imports
torch, merges tracks of one instrument, and needs 2 to 5 s for the 1,034 tunes of Nottingham. This
module works on arrays and needs 0.2 s.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, get_args

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.config import EventKind
from bowerbird.music.score.build import (
    TICKS,
    VELOCITY,
    new_score,
    new_tempo,
    new_time_signature,
    new_track,
)
from bowerbird.music.score.key import MODES, Key, key_at, key_of, set_key
from bowerbird.music.score.meter import Meter, bar_length, bars_of, meters_of, usual_tempo
from bowerbird.music.tokens.events_grammar import MAX_DURATION, EventGrammar
from bowerbird.music.tokens.tokenizer import MusicTokenizer
from bowerbird.music.tokens.vocabulary import (
    METERS,
    Token,
    Vocabulary,
    split_token,
)
from bowerbird.music.tokens.voices import GRID, SECOND, Voices, voices_of

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
MAX_VOICES = 32
DRUMS = -1  # the program of drums
VELOCITIES = 32  # levels of velocity in a performance (Oore et al. 2018)
PERFORMANCE_TICKS = 500  # per quarter note: at 120 a minute one millisecond each


@cache
def event_vocabulary(kind: EventKind) -> Vocabulary:
    """Return all tokens of a kind, the end first."""
    tokens: list[Token] = ["end"]
    if kind != "performance":
        tokens += [("meter", *meter) for meter in METERS]
        tokens += [("tonic", tonic) for tonic in range(12)]
        tokens += [("mode", mode) for mode in MODES]
        tokens += [("program", number) for number in (*range(128), DRUMS)]
        tokens += [("voice", number) for number in range(MAX_VOICES)]
    if kind == "remi":
        longest = max(bar_length(m, GRID) for m in METERS if m[0] <= 2 * m[1])
        tokens += ["bar", *(("position", n) for n in range(longest))]
    else:
        longest = SECOND if kind == "performance" else MAX_DURATION
        tokens += [("shift", n) for n in range(kind != "structured", longest + 1)]
    tokens += [("on", pitch) for pitch in range(128)]
    if kind in ("midi-like", "performance"):
        tokens += [("off", pitch) for pitch in range(128)]
    else:
        tokens += [("duration", n) for n in range(1, MAX_DURATION + 1)]
    if kind == "performance":
        tokens += [("velocity", n) for n in range(VELOCITIES)]
    return Vocabulary(kind, tuple(tokens))


class EventTokenizer(MusicTokenizer):
    """Encodes music of many voices."""

    grammar_type = EventGrammar

    def __init__(self, kind: EventKind, ids: Iterable[int] | None = None) -> None:
        """Use the tokens with these ids, or all; raise MusicError if a voice is missing."""
        super().__init__(event_vocabulary(kind), ids)
        voices = self.vocabulary.values_of("voice").tolist()
        if voices != [*range(len(voices))]:
            raise MusicError(f"the voices of the {kind} tokens are not numbered without gaps")

    def _header(self, meter: Meter, key: Key | None) -> Sequence[Token]:
        names: list[Token] = [("meter", *meter)]
        return [*names, ("tonic", key.pitch_class), ("mode", key.mode)] if key else names

    def prompt(self, key: Key | None = None, meter: Meter | None = None) -> list[int]:
        """Return the ids that ask for a meter and a key; performances have neither."""
        if self.kind == "performance" and (key or meter):
            raise MusicError("performance tokens have no key and no meter; leave them out")
        return super().prompt(key, meter)

    def _encode(self, score: "Score") -> np.ndarray:
        voices = voices_of(score, seconds=self.kind == "performance")
        if len(voices.programs) > MAX_VOICES:
            raise MusicError(f"it has more than {MAX_VOICES} tracks")
        return np.concatenate(
            [self._encode_header(score, voices), self._encode_body(score, voices)]
        )

    def _encode_header(self, score: "Score", voices: Voices) -> np.ndarray:
        if self.kind == "performance":
            return np.zeros(0, np.int64)
        header = self._header(meters_of(score, GRID)[0][1], key_of(score))
        names = [*header, *(("program", max(p, DRUMS)) for p in voices.programs)]
        return np.array([self._id(name) for name in names])

    def _encode_body(self, score: "Score", voices: Voices) -> np.ndarray:
        """Return the ids of all events in order."""
        first = self.every.ids
        columns = self._note_events(voices)
        if self.kind != "performance":
            marks = self._bar_events(score, int(voices.starts[-1]) + 1)
            columns = [np.concatenate(pair) for pair in zip(columns, marks, strict=True)]
        order = np.lexsort(columns[3::-1])
        time, _, voice, _, event, duration, velocity = (column[order] for column in columns)
        parts = [self._encode_times(time, event)]  # each (events, tokens), filled up with -1
        if self.kind != "performance":
            changed = (voice >= 0) & (voice != _previous(voice)) & (len(voices.programs) > 1)
            parts.append(np.where(changed, first["voice", 0] + voice, -1)[:, None])
        else:
            changed = (velocity >= 0) & (velocity != _previous(velocity))
            parts.append(np.where(changed, first["velocity", 0] + velocity, -1)[:, None])
        parts.append(event[:, None])
        if ("duration", 1) in first:
            parts.append(_chunks(duration, MAX_DURATION, first["duration", 1] - 1))
        rows = np.concatenate(parts, 1).ravel()
        return rows[rows >= 0]

    def _note_events(self, voices: Voices) -> list[np.ndarray]:
        """Return time, rank, voice, pitch, id, duration and velocity of the events of notes."""
        count, first = len(voices.starts), self.every.ids
        on = first["on", 0] + voices.pitches
        velocity = voices.velocities.astype(np.int64) * VELOCITIES // 128
        none, rank = np.full(count, -1), np.full(count, 2)
        begin = [voices.starts, rank, voices.voices, voices.pitches, on]
        if self.kind not in ("midi-like", "performance"):
            return [*begin, voices.ends - voices.starts, none]
        off = first["off", 0] + voices.pitches
        finish = [voices.ends, 0 * rank, voices.voices, voices.pitches, off]
        both = [np.concatenate(pair) for pair in zip(begin, finish, strict=True)]
        return [*both, np.zeros(2 * count, np.int64), np.concatenate([velocity, none])]

    def _bar_events(self, score: "Score", end: int) -> list[np.ndarray]:
        """Return the same columns of bars, for remi, and of new meters."""
        bars = bars_of(meters_of(score, GRID), end)
        rows: list[tuple[int, int, int]] = []
        for number, start in enumerate(bars.starts.tolist()):
            if start >= end:
                break
            if self.kind == "remi":
                rows.append((start, 0, self.every.ids["bar"]))
            if number and bars.meters[number] != bars.meters[number - 1]:
                rows.append((start, 1, self._id(("meter", *bars.meters[number]))))
        table = np.array(rows, np.int64).reshape(-1, 3)
        none = np.full(len(table), -1)
        return [table[:, 0], table[:, 1], none, none, table[:, 2], 0 * none, none]

    def _encode_times(self, time: np.ndarray, event: np.ndarray) -> np.ndarray:
        """Return the ids that come before each event to say when it happens, or -1."""
        first = self.every.ids
        if self.kind == "remi":
            bar = event == first["bar"]
            bar_start = time[np.maximum.accumulate(np.where(bar, np.arange(len(bar)), 0))]
            note = event >= first["on", 0]
            last = _previous(np.where(note, time, -1))
            new = note & ((time != last) | (np.append(True, bar[:-1])))
            position = time - bar_start
            if position.max(initial=0) > first["on", 0] - first["position", 0] - 1:
                raise MusicError("it has a bar that is too long")
            return np.where(new, first["position", 0] + position, -1)[:, None]
        gaps = np.diff(time, prepend=0)
        longest = SECOND if self.kind == "performance" else MAX_DURATION
        shifts = _chunks(gaps, longest, first["shift", longest] - longest)
        if self.kind == "structured":  # also a shift of 0
            still = (gaps == 0) & (event >= first["on", 0])
            shifts[:, 0] = np.where(still, first["shift", 0], shifts[:, 0])
        return shifts

    def _decode(self, tokens: Iterator[Token]) -> "Score":
        decoder = _Decoder()
        for token in tokens:
            decoder.add(token)
        return decoder.score(seconds=self.kind == "performance")


def _previous(values: np.ndarray) -> np.ndarray:
    """Return for each place the last value before it that is not below 0, or -1."""
    places = np.maximum.accumulate(np.where(values >= 0, np.arange(len(values)), -1))
    before = np.append(-1, places[:-1])
    return np.where(before >= 0, values[before], -1)


def _chunks(lengths: np.ndarray, longest: int, first: int) -> np.ndarray:
    """Return each length as ids of up to ``longest`` ticks, -1 where fewer are needed."""
    columns = max(1, -(-int(lengths.max(initial=0)) // longest))
    left = lengths[:, None] - longest * np.arange(columns)
    return np.where(left > 0, first + np.minimum(left, longest), -1)


class _Decoder:
    """Collects events into notes."""

    def __init__(self) -> None:
        self.time = self.bar_start = self.bar = self.voice = self.tonic = 0
        self.velocity = VELOCITY
        self.programs: list[int] = []
        self.meters: list[tuple[int, Meter]] = []
        self.notes: list[list[int]] = []  # voice, start, duration, pitch, velocity
        self.sounding: dict[tuple[int, int], list[int]] = {}  # notes by voice and pitch
        self.key: Key | None = None

    def add(self, token: Token) -> None:
        """Take the next token."""
        kind, value = split_token(token)
        match kind:
            case "bar":
                self.bar_start += self.bar
                self.time = self.bar_start
                self.bar = bar_length(self.meters[-1][1], GRID) if self.meters else 4 * GRID
            case "meter":
                self.meters.append((self.time, token[1:]))  # type: ignore[arg-type]
                self.bar = bar_length(self.meters[-1][1], GRID) if self.bar else 0
            case "tonic":
                self.tonic = value
            case "mode":
                self.key = key_at(self.tonic, value)
            case "program":
                self.programs.append(value)
            case "voice":
                self.voice = value
            case "shift":
                self.time += value
            case "position":
                self.time = self.bar_start + value
            case "velocity":
                self.velocity = (value * 128 + 64) // VELOCITIES
            case "on":
                self.notes.append([self.voice, self.time, 0, value, self.velocity])
                self.sounding[self.voice, value] = self.notes[-1]
            case "off" if (self.voice, value) in self.sounding:
                note = self.sounding.pop((self.voice, value))
                note[2] = self.time - note[1]
            case "duration" if self.notes:
                self.notes[-1][2] += value

    def score(self, *, seconds: bool) -> "Score":
        """Return the score of all tokens so far."""
        score = new_score(PERFORMANCE_TICKS) if seconds else new_score()
        step = 2 * PERFORMANCE_TICKS // SECOND if seconds else TICKS // GRID
        if seconds:
            score.tempos.append(new_tempo(0, 120))
        else:
            for time, (beats, part) in self.meters or [(0, (4, 4))]:
                score.time_signatures.append(new_time_signature(time * step, beats, part))
            if self.key:
                set_key(score, self.key)
            meter = self.meters[0][1] if self.meters else (4, 4)
            score.tempos.append(new_tempo(0, usual_tempo(meter)))
        notes = np.array([n for n in self.notes if n[2] > 0], np.int64).reshape(-1, 5)
        for voice in range(max(len(self.programs), int(notes[:, 0].max(initial=0)) + 1)):
            table = notes[notes[:, 0] == voice, 1:]
            table[:, :2] *= step
            program = self.programs[voice] if voice < len(self.programs) else 0
            score.tracks.append(new_track(table, "", max(program, 0), drums=program < 0))
        return score
