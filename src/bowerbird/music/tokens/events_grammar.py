"""Which events may come next: a mask while they are sampled, so that nothing invalid is written.

A piece begins with meter, key, mode and the instruments of its voices. Notes that begin together
are in order of voice, then pitch; a note ends after it began, and once; a position in a bar comes
after those before it; a piece ends when nothing sounds any more, or nothing else may come. Where so
many bars are asked for, a pickup is none of them, and nothing sounds after the last one.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.score.key import MODES
from bowerbird.music.score.meter import bar_length
from bowerbird.music.tokens.voices import GRID, SECOND

if TYPE_CHECKING:
    from bowerbird.music.tokens.events import Events

LONGEST = 4 * GRID  # ticks that one duration or shift can say
_ENDLESS = 1 << 60  # ticks: until a sign ends it


class EventGrammar:
    """The grammar of `bowerbird.music.tokens.events.Events`."""

    def __init__(self, alphabet: "Events", bars: int = 0, *, steady: bool = False) -> None:
        """Begin a piece; with ``bars`` it ends after so many; ``steady`` keeps to one meter.

        A performance has bars of 4/4 at 120 quarter notes a minute: 2 s.
        """
        self.alphabet, self.limit, self.steady = alphabet, bars, steady
        self.until = _ENDLESS  # when all has to be silent, besides the limit
        self.kind = alphabet.kind
        self.pairs = self.kind in ("midi-like", "performance")
        self.last: Any = "start"
        self.parts = _Parts(alphabet)
        self.at = self.bar = self.count = 0
        self.length = 2 * SECOND if self.kind == "performance" else 0
        self.voice = -1 if self.parts.of["voice"] else 0  # that notes are in
        self.voices, self.drawn = 0, -1  # voices, and the one that a sign has just named
        self.order = (-1, -1, -1)  # phase, voice and pitch of the last event at this time
        self.sounding: dict[tuple[int, int], int] = {}  # until when, by voice and pitch
        self.begun: dict[tuple[int, int], int] = {}
        self.meter = -1
        self.loud = -1

    @property
    def ended(self) -> bool:
        """Whether the end has been taken."""
        return bool(self.last == "end")

    def allowed(self) -> np.ndarray:
        """Return for each sign whether it may come next; after an end nothing may."""
        mask = np.zeros(self.alphabet.size, bool)
        if not self.ended:
            if not self._head(mask):
                self._body(mask)
                self._in_time(mask)
            mask[self.alphabet.end] |= not mask.any()
        return mask

    def _head(self, mask: np.ndarray) -> bool:
        """Allow what stands at the beginning; return whether that is all."""
        parts, kind = self.parts, self.kind_of(self.last)
        if self.kind == "performance":
            return False
        following = {"start": "M", "M": "K", "K": "mode", "mode": "program"}
        if self.voices == 0:
            mask[parts.of[following[kind]]] = True
            return True
        if kind == "program" and self.voices < len(parts.voices):
            mask[parts.of["program"]] = True
        return False

    def _body(self, mask: np.ndarray) -> None:
        kind = self.kind_of(self.last)
        if self._over():  # what sounds ends, then the piece
            if self.pairs and self.sounding:
                self._close(mask, *min(self.sounding))
            return
        shifted = self.kind == "structured" and kind == "shift"
        if kind == "on" and not self.pairs:
            mask[self.parts.of["lasts"]] = True
            return
        if kind not in ("voice", "loud", "position") and not shifted:
            self._times(mask, kind)
            mask[self.alphabet.end] = self._may_end(kind)
            if kind == "lasts" and self.last[1] == LONGEST:
                mask[self.parts.of["lasts"]] = True
        elif shifted and self.last[1] == LONGEST:  # so long a wait may be longer
            mask[self.parts.of["shift"]] = True
            mask[self.alphabet.number.get(("shift", 0), 0)] = False
        if kind in ("shift", "off", "bar") and self.order[0] < 1 and self._at_bar():
            mask[self.parts.of["M"]] = True
            mask[self.meter] = False
        self._notes(mask, kind)

    def _in_time(self, mask: np.ndarray) -> None:
        """Forbid what opens with silence but for a pickup, or sounds beyond the end."""
        parts, left = self.parts, self.left
        if self._asked() and not self.begun:
            self._keep(mask, "shift", self._opens(self.at + parts.shifts))
            self._keep(mask, "position", self._opens(parts.places))
            if self.count:
                mask[parts.bar] = False
        room = left if self.pairs and self.sounding else left - parts.least
        self._keep(mask, "shift", parts.shifts <= room)
        self._keep(mask, "position", parts.places - (self.at - self.bar) <= room)
        self._keep(mask, "lasts", parts.lengths <= left - self.told)

    def _keep(self, mask: np.ndarray, kind: str, good: np.ndarray) -> None:
        """Keep of the signs of a kind the good ones, unless nothing could come then."""
        kept = mask.copy()
        kept[self.parts.of[kind]] &= good
        if kept.any():
            mask[:] = kept

    def _asked(self) -> bool:
        """Return whether bars are counted as musicians do, without a pickup."""
        return bool(self.limit) and self.steady and self.kind != "performance"

    def _opens(self, times: np.ndarray) -> np.ndarray:
        """Return whether a piece may open at a time: with its bar, or a pickup."""
        return (times == 0) | ((2 * times >= self.length) & (times < self.length))

    @property
    def left(self) -> int:
        """The ticks from now until all has to be silent."""
        until = self.until
        if self.limit and self.length:
            first = self.bar + (self.length if self.kind == "remi" else 0)
            until = min(until, first + (self.limit - self.count) * self.length)
        return until - self.at

    @property
    def told(self) -> int:
        """The ticks that the last note has so far, of those that are told by their lengths."""
        return self.sounding.get(self.order[1:], self.at) - self.at

    def _at_bar(self) -> bool:
        """Return whether a bar has just begun that may have a new meter."""
        if self.steady:
            return False
        if self.kind in ("remi", "performance"):
            return self.kind == "remi" and self.last == "bar" and self.count > 1
        return self.at > self.bar and (self.at - self.bar) % self.length == 0

    def _passed(self, ago: int = 0) -> int:
        """Return how many bars have begun, up to some ticks ago."""
        if self.kind == "remi":
            return self.count
        return self.count + 1 + (self.at - ago - self.bar) // self.length if self.length else 0

    def _over(self) -> bool:
        """Return whether there are enough bars for no more notes to begin."""
        due = self.pairs and bool(self.sounding) and self.left < self.parts.least
        return bool(self.limit) and (due or self._passed() > self.limit)

    def _may_end(self, kind: str) -> bool:
        if self.limit and self._passed(int(self.pairs)) < self.limit:  # none sounded in the last
            return False
        return kind == "lasts" or (kind == "off" and not self.sounding)

    def _times(self, mask: np.ndarray, kind: str) -> None:
        """Allow what says when the next thing happens."""
        parts = self.parts
        if self.kind == "remi":
            mask[parts.bar] = not (self.limit and self.count >= self.limit)
            if self.length:
                now = self.at - self.bar
                fits = (parts.places > now) & (parts.places < self.length)
                if self.order[0] < 2:
                    fits |= parts.places == now
                mask[parts.of["position"]] = fits
            return
        most = SECOND if self.kind == "performance" else LONGEST
        mask[parts.of["shift"]] = kind != "shift" or self.last[1] == most
        if self.kind == "structured" and ("shift", 0) in self.alphabet.number:
            now = any(self._can_begin(voice).any() for voice in range(self.voices))
            mask[self.alphabet.number["shift", 0]] &= now

    def _close(self, mask: np.ndarray, voice: int, pitch: int) -> None:
        """Allow nothing but the end of a note."""
        off = self.alphabet.number.get(("off", pitch), self.alphabet.end)
        mask[off if voice == self.voice else self.parts.voices[voice]] = True

    def _notes(self, mask: np.ndarray, kind: str) -> None:
        """Allow notes to begin and end, in order."""
        parts = self.parts
        if self.kind == "remi" and kind not in ("position", "voice", "lasts"):
            return
        if self.kind == "structured" and kind not in ("shift", "voice"):
            return
        if self.drawn < 0 and self.voices > 1 and kind != "loud":
            for voice in range(self.voices):
                if voice != self.voice and self._can_begin(voice).any():
                    mask[parts.voices[voice]] = True
        if self.voice >= 0:
            mask[parts.of["on"]] = self._can_begin(self.voice)
        if self.kind == "performance" and kind != "loud" and self._can_begin(0).any():
            mask[parts.of["loud"]] = True
            if self.loud >= 0:
                mask[self.loud] = False
            else:
                mask[parts.of["on"]] = False
        if self.pairs and kind != "loud":
            self._ends(mask)

    def _can_begin(self, voice: int) -> np.ndarray:
        """Return which notes may begin now in a voice: those after the last one, and silent."""
        phase, last, pitch = self.order
        pitches = self.parts.on_pitches
        begins = np.full(len(pitches), phase < 2 or voice >= last)
        begins &= self.left >= self.parts.least
        if phase == 2 and voice == last:
            begins &= pitches > pitch
        for (owner, sounds), until in self.sounding.items():
            if owner == voice and until > self.at:
                begins &= pitches != sounds
        return begins

    def _ends(self, mask: np.ndarray) -> None:
        """Allow notes to end, in order, before others begin."""
        phase, voice, pitch = self.order
        ends = np.zeros(128, bool)
        for owner, sounds in self.sounding:
            start = self.begun[owner, sounds]
            late = phase < 1 and (owner, sounds) > (voice, pitch)
            ends[sounds] |= owner == self.voice and start < self.at and late
            if late and owner != self.voice and self.drawn < 0:
                mask[self.parts.voices[owner]] = True
        mask[self.parts.of["off"]] = ends[self.parts.off_pitches]

    def advance(self, sign: int) -> None:
        """Take a sign as written; raise MusicError if it may not come next."""
        if not (0 <= sign < self.alphabet.size and self.allowed()[sign]):
            raise MusicError(f"the sign {sign} may not come here")
        name = self.alphabet.names[sign]
        match self.kind_of(name):
            case "M":
                self._set_meter(sign, bar_length(name[1:], GRID))
            case "program":
                self.voices += 1
                self.voice = 0 if self.voices == 1 else -1
            case "bar":
                meter = self.alphabet.names[self.meter]
                self.bar += self.length if self.count else 0
                self.length = bar_length(meter[1:], GRID)
                self.count += 1
                self._move(self.bar)
            case "position":
                self._move(self.bar + name[1])
            case "shift" if name[1]:
                self._move(self.at + name[1])
            case "voice":
                self.voice = self.drawn = name[1]
            case "loud":
                self.loud = sign
            case "lasts":
                self.sounding[self.order[1:]] += name[1]
            case "on" | "off" as what:
                self._note(what, name[1])
        self.last = name

    def go_on(self, bars: int) -> None:
        """Ask for so many bars more than have begun so far (0: any number)."""
        self.limit = self._passed() + bars if bars else 0

    def _note(self, what: str, pitch: int) -> None:
        place = self.voice, pitch
        self.order, self.drawn = (2 if what == "on" else 0, *place), -1
        if not self.begun and self._asked():
            self.limit += 2 * self.at >= self.length  # a pickup is no bar
        if what == "off":
            del self.sounding[place]
        else:
            self.sounding[place] = _ENDLESS if self.pairs else self.at
            self.begun[place] = self.at

    def _set_meter(self, sign: int, length: int) -> None:
        if self.meter >= 0:
            self.order = (1, -1, -1)
            if self.kind != "remi":
                self.count += (self.at - self.bar) // self.length
                self.bar = self.at
        self.meter = sign
        self.length = length if self.count or self.kind != "remi" else 0

    def _move(self, time: int) -> None:
        self.at, self.order = time, (-1, -1, -1)
        self.sounding = {place: until for place, until in self.sounding.items() if until > time}

    @staticmethod
    def kind_of(name: Any) -> str:
        """Return the kind of a sign, by its name."""
        if isinstance(name, tuple):
            return str(name[0])
        return {"drums": "program"}.get(name, "mode" if name in MODES else name)


class _Parts:
    """Where the kinds of signs lie in an alphabet."""

    def __init__(self, alphabet: "Events") -> None:
        self.of: dict[str, list[int]] = {
            kind: []
            for kind in (
                [
                    "M",
                    "K",
                    "mode",
                    "program",
                    "voice",
                    "position",
                    "shift",
                    "on",
                    "off",
                    "lasts",
                    "loud",
                    "bar",
                    "end",
                ]
            )
        }
        for number, name in enumerate(alphabet.names):
            self.of[EventGrammar.kind_of(name)].append(number)
        names = alphabet.names
        self.bar = self.of["bar"]
        self.places = np.array([names[n][1] for n in self.of["position"]], np.int64)
        self.voices = {names[n][1]: n for n in self.of["voice"]}
        self.shifts = np.array([names[n][1] for n in self.of["shift"]], np.int64)
        self.lengths = np.array([names[n][1] for n in self.of["lasts"]], np.int64)
        shortest = self.lengths if len(self.lengths) else self.shifts[self.shifts > 0]
        self.least = int(shortest.min(initial=LONGEST))  # ticks that a note takes
        self.on_pitches = np.array([names[n][1] for n in self.of["on"]], np.int64)
        self.off_pitches = np.array([names[n][1] for n in self.of["off"]], np.int64)
