"""What may come next: the base class of the grammars of music tokens.

A grammar masks the tokens that would make no valid music while a network samples. It follows a
piece token by token, and is independent of the tokenizer: it reads the vocabulary only.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.tokens.vocabulary import Vocabulary

UNLIMITED = 1 << 60
SECOND_ENDING_DUE = 2


class Grammar(ABC):
    """Which tokens may come next, given those before."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        bars: int = 0,
        *,
        single_meter: bool = False,
        cadence: bool = False,
    ) -> None:
        """Start a piece of ``bars`` as played (0 for any number).

        ``single_meter`` forbids changes of meter; ``cadence`` ends on the tonic (melody only).
        """
        self.vocabulary = vocabulary
        self.single_meter, self.cadence = single_meter, cadence
        self.scale: frozenset[int] = frozenset()  # degrees allowed (melody only); empty for all
        self.ended = False
        self._mask: np.ndarray | None = None
        self._start(bars)

    def allowed(self) -> np.ndarray:
        """Return a boolean mask (vocabulary,) of the tokens that may come next; none after the end.

        The array is read-only by convention: the next call may return it again.
        """
        if self._mask is None:
            self._mask = np.zeros(len(self.vocabulary), bool)
            if not self.ended:
                self._allow(self._mask)
        return self._mask

    def advance(self, token: int) -> None:
        """Append a token to the piece; raise MusicError if it isn't allowed."""
        if not (0 <= token < len(self.vocabulary) and self.allowed()[token]):
            raise MusicError(f"token {token} is not allowed here")
        self._mask = None
        if token == 0:
            self.ended = True
        else:
            self._append(token)

    def extend(self, bars: int) -> None:
        """Ask for this many more bars than there are so far; 0 for any number."""
        self._mask = None
        self._extend(bars)

    def accepts(self, ids: np.ndarray) -> bool:
        """Return whether all these tokens are allowed in this order, and append them."""
        for token in ids:
            if not self.allowed()[token]:
                return False
            self.advance(int(token))
        return True

    @abstractmethod
    def _start(self, bars: int) -> None:
        """Set the state at the start of a piece of this many bars."""

    @abstractmethod
    def _allow(self, mask: np.ndarray) -> None:
        """Set the tokens that may come next in a mask of False."""

    @abstractmethod
    def _append(self, token: int) -> None:
        """Append an allowed token other than the end."""

    @abstractmethod
    def _extend(self, bars: int) -> None:
        """Ask for more bars."""


class Sums:
    """Which numbers of ticks durations can fill, in any combination."""

    def __init__(self, durations: Iterable[int]) -> None:
        """Start with these durations, in ticks."""
        self._durations = sorted(set(durations))
        self._reached = np.ones(1, bool)

    def up_to(self, ticks: int) -> np.ndarray:
        """Return for each number of ticks, at least up to this one, whether it can be filled."""
        while len(self._reached) <= ticks:
            place = len(self._reached)
            rests = [place - duration for duration in self._durations if duration <= place]
            self._reached = np.append(self._reached, self._reached[rests].any())
        return self._reached


class Sections:
    """The repeats of a tune while it is composed, and how long the current section may become.

    Lengths are in the ticks of the grammar; `remaining` counts them as played, with repeats.
    """

    def __init__(self, bars: int) -> None:
        """Start a tune of ``bars`` as played; 0 for any number."""
        self.bars = bars
        self.bar = 0  # ticks of a bar in the meter that the bars are counted in
        self.primer = 0  # ticks of the primer, which don't count
        self.played = 0  # ticks, with repeats, before this section
        self.repeating = False  # whether |: is open
        self.ending = 0  # 1 in a first ending, SECOND_ENDING_DUE after it
        self.common = 0  # ticks of the section before its first ending, which are played twice
        self.once = False  # whether the section began in a primer and must not be repeated

    @property
    def plain(self) -> bool:
        """Whether neither a repeat nor an ending is open."""
        return not self.repeating and not self.ending

    @property
    def remaining(self) -> int:
        """The ticks that this section may still have, as played."""
        return self.bars * self.bar + self.primer - self.played if self.bars else UNLIMITED

    def repeated(self, length: int) -> int:
        """Return the ticks as played of a section that ``:|`` closes after ``length`` ticks.

        They include the shortest second ending, one bar.
        """
        return length + self.common + self.bar if self.ending == 1 else 2 * length

    def mark(self, symbol: str, length: int) -> None:
        """Append a repeat symbol or an ending after ``length`` ticks of the section."""
        if symbol in ("[1", "[2"):
            self.ending, self.common = (1, length) if symbol == "[1" else (0, 0)
            return
        if symbol == ":|":
            self.played += self.common if self.ending == 1 else length
        self.played += length
        self.ending = SECOND_ENDING_DUE if self.ending == 1 and symbol == ":|" else 0
        self.repeating, self.once = symbol == "|:", False

    def extend(self, bars: int, bar: int, length: int) -> None:
        """Ask for more bars of ``bar`` ticks after ``length`` ticks of this section."""
        twice = self.repeating or self.ending == 1
        self.bars, self.bar = bars, bar
        self.once = length > 0 and not twice
        again = self.common if self.ending == 1 else length
        self.primer = self.played + length + (again if twice else 0)
