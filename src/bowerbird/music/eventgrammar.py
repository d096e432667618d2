"""Which events may come next: a mask while they are sampled, so that nothing invalid is written.

A piece begins with meter, key, mode and the instruments of its voices. Notes that begin together
are in order of voice, then pitch; a note ends after it began, and once; a position in a bar comes
after those before it; a piece ends when nothing sounds any more.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from bowerbird.music.error import MusicError
from bowerbird.music.key import MODES
from bowerbird.music.meter import bar_length
from bowerbird.music.voices import GRID, SECOND

if TYPE_CHECKING:
    from bowerbird.music.polyphony import Events

LONGEST = 4 * GRID


class EventGrammar:
    """The grammar of `bowerbird.music.polyphony.Events`."""

    def __init__(self, alphabet: "Events", bars: int = 0) -> None:
        """Begin a piece; with ``bars`` it has to end after so many, where bars are counted."""
        self.alphabet, self.limit = alphabet, bars
        self.kind = alphabet.kind
        self.pairs = self.kind in ("midi-like", "performance")
        self.last: Any = "start"
        self.parts = _Parts(alphabet)
        self.at = self.bar = self.count = self.voice = 0
        self.length = 0
        self.voices, self.drawn = 0, -1  # voices, and the one that a sign has just named
        self.order = (-1, -1, -1)  # phase, voice and pitch of the last event at this time
        self.sounding: dict[tuple[int, int], int] = {}
        self.meter = -1
        self.loud = -1
        self.moved = False  # whether a sign has said when

    def allowed(self) -> np.ndarray:
        """Return for each sign whether it may come next; after an end nothing may."""
        mask = np.zeros(self.alphabet.size, bool)
        if self.last != "end":
            head = self._head(mask)
            if not head:
                self._body(mask)
        return mask

    def _head(self, mask: np.ndarray) -> bool:
        """Allow what stands at the beginning; return whether that is all."""
        parts, kind = self.parts, self._kind(self.last)
        if self.kind == "performance":
            return False
        following = {"start": "M", "M": "K", "K": "mode", "mode": "program"}
        if self.voices == 0:
            mask[parts.of[following[kind]]] = True
            return True
        if kind == "program" and self.voices < len(parts.of["voice"] or [0]):
            mask[parts.of["program"]] = True
        return False

    def _body(self, mask: np.ndarray) -> None:
        kind = self._kind(self.last)
        if kind in ("voice", "loud") or (kind in ("shift", "position") and self.kind == "structured"):
            pass  # a note has to follow
        elif kind == "on" and not self.pairs:
            mask[self.parts.of["lasts"]] = True
            return
        else:
            self._times(mask, kind)
            mask[self.alphabet.end] = self._may_end(kind)
            if kind == "lasts" and self.last[1] == LONGEST:
                mask[self.parts.of["lasts"]] = True
        self._notes(mask, kind)

    def _may_end(self, kind: str) -> bool:
        begun = self.order != (-1, -1, -1) or kind in ("lasts", "off")
        return begun and not self.sounding and kind in ("lasts", "off")

    def _times(self, mask: np.ndarray, kind: str) -> None:
        """Allow what says when the next thing happens, bars and meters."""
        parts = self.parts
        if self.kind == "remi":
            mask[parts.bar] = True
            places = parts.places
            if self.length and kind != "position":
                now = self.at - self.bar
                fits = (places > now) & (places < self.length)
                if self.order == (-1, -1, -1):
                    fits |= places == 0
                mask[parts.of["position"]] = fits[places >= 0]
            if kind == "bar" and self.count > 1:
                mask[parts.of["M"]] = True
                mask[self.meter] = False
        else:
            most = SECOND if self.kind == "performance" else LONGEST
            if kind != "shift" or self.last[1] == most:
                mask[parts.of["shift"]] = True
            if self.kind == "structured" and (kind == "shift" or self.order == (-1, -1, -1)):
                zero = self.alphabet.number.get(("shift", 0))
                if zero is not None and kind == "shift":
                    mask[zero] = False
            if kind != "shift" or self.last[1] != most:
                pass
            if self.at and kind == "shift":
                mask[parts.of["M"]] = True
                mask[self.meter] = False

    def _notes(self, mask: np.ndarray, kind: str) -> None:
        """Allow notes to begin and end, in order."""
        parts = self.parts
        if self.kind == "remi" and (kind in ("bar", "M", "program") or not self.length):
            return
        if self.kind == "structured" and kind not in ("shift", "voice"):
            return
        phase, voice, pitch = self.order
        named = self.drawn >= 0
        if self.voices > 1 and not named and kind != "loud":
            later = parts.numbers > (voice if phase >= 2 and not self.pairs else -1)
            mask[parts.of["voice"]] = later & (parts.numbers != self.voice) & (
                parts.numbers < self.voices
            )
        begins = np.ones(128, bool)
        if phase == 2:
            if self.voice < voice:
                begins[:] = False
            elif self.voice == voice:
                begins[: pitch + 1] = False
        for owner, sounds in self.sounding:
            if owner == self.voice:
                begins[sounds] = False
        mask[parts.of["on"]] = begins[parts.on_pitches]
        if self.kind == "performance" and kind != "loud":
            mask[parts.of["loud"]] = True
            if self.loud >= 0:
                mask[self.loud] = False
            else:
                mask[parts.of["on"]] = False
        if self.pairs and kind != "loud":
            ends = np.zeros(128, bool)
            for (owner, sounds), start in self.sounding.items():
                late = phase < 2 and (owner, sounds) > ((voice, pitch) if phase == 0 else (-1, -1))
                ends[sounds] |= owner == self.voice and start < self.at and late
            mask[parts.of["off"]] = ends[parts.off_pitches]

    def advance(self, sign: int) -> None:
        """Take a sign as written; raise MusicError if it may not come next."""
        if not (0 <= sign < self.alphabet.size and self.allowed()[sign]):
            raise MusicError(f"the sign {sign} may not come here")
        name = self.alphabet.names[sign]
        kind = self._kind(name)
        match kind:
            case "M":
                self.meter = sign
                if self.kind == "remi":
                    self.length = bar_length(name[1:], GRID)
            case "program":
                self.voices += 1
            case "bar":
                meter = self.alphabet.names[self.meter]
                self.bar += self.length if self.count else 0
                self.length = bar_length(meter[1:], GRID)
                self.count += 1
                self._move(self.bar)
            case "position":
                self._move(self.bar + name[1])
            case "shift":
                if name[1]:
                    self._move(self.at + name[1])
            case "voice":
                self.voice = self.drawn = name[1]
            case "loud":
                self.loud = sign
            case "on":
                self.order, self.drawn = (2, self.voice, name[1]), -1
                if self.pairs:
                    self.sounding[self.voice, name[1]] = self.at
            case "off":
                self.order, self.drawn = (0, self.voice, name[1]), -1
                del self.sounding[self.voice, name[1]]
        self.last = name

    def _move(self, time: int) -> None:
        self.at, self.order = time, (-1, -1, -1)

    @staticmethod
    def _kind(name: Any) -> str:
        if isinstance(name, tuple):
            return str(name[0])
        return {"drums": "program"}.get(name, "mode" if name in MODES else name)


class _Parts:
    """Where the kinds of signs lie in an alphabet."""

    def __init__(self, alphabet: "Events") -> None:
        self.of: dict[str, list[int]] = {
            kind: []
            for kind in (
                "M K mode program voice position shift on off lasts loud bar end".split()
            )
        }
        for number, name in enumerate(alphabet.names):
            self.of[EventGrammar._kind(name)].append(number)
        names = alphabet.names
        self.bar = self.of["bar"]
        self.places = np.array([names[n][1] for n in self.of["position"]], np.int64)
        self.numbers = np.array([names[n][1] for n in self.of["voice"]], np.int64)
        self.on_pitches = np.array([names[n][1] for n in self.of["on"]], np.int64)
        self.off_pitches = np.array([names[n][1] for n in self.of["off"]], np.int64)
