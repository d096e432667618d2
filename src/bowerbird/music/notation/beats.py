"""Beats: how strong each position of a measure is, by its time signature.

Written time is counted in divisions of 1/48 of a quarter note, so that 64ths and triplet 32nds are
whole numbers. The strength of a position decides where a long note is written as two tied ones, and
where beams break (E. Gould, Behind Bars, 2011, chapters on beams and on rests).
"""

from dataclasses import dataclass
from functools import cached_property

from bowerbird.music.score.meter import Meter

QUARTER = 48  # divisions of a quarter note
DOWNBEAT, HALF_MEASURE, BEAT, EIGHTH = 6, 5, 4, 3  # strengths; 2, 1, 0 are 16ths, 32nds, 64ths


@dataclass(frozen=True)
class BeatPattern:
    """The beats of a time signature, from `offset` on: a pickup is the end of its measure."""

    numerator: int
    denominator: int
    offset: int = 0  # divisions

    @property
    def meter(self) -> Meter:
        """The time signature."""
        return self.numerator, self.denominator

    @property
    def full(self) -> int:
        """Divisions of a whole measure."""
        return self.numerator * 4 * QUARTER // self.denominator

    @property
    def compound(self) -> bool:
        """Whether beats are dotted notes: 6/8, 9/8, 12/8 and the like."""
        return self.denominator >= 8 and self.numerator % 3 == 0 and self.numerator > 3

    @property
    def window(self) -> int:
        """Divisions of the windows that are quantized one by one: a quarter, or an eighth."""
        return QUARTER if self.denominator <= 4 else QUARTER // 2

    @cached_property
    def beats(self) -> tuple[int, ...]:
        """Divisions from the whole measure's start at which beats begin, with its end."""
        unit = 4 * QUARTER // self.denominator
        if self.compound:
            return tuple(range(0, self.full + 1, 3 * unit))
        if self.denominator >= 8 and self.numerator in (5, 7, 8, 11):  # 3+2, 2+2+3, 3+3+2, ...
            groups = {5: (3, 2), 7: (2, 2, 3), 8: (3, 3, 2), 11: (3, 3, 3, 2)}[self.numerator]
            starts = [0]
            for group in groups:
                starts.append(starts[-1] + group * unit)
            return tuple(starts)
        if self.denominator >= 8:
            return (0, self.full)
        return tuple(range(0, self.full + 1, unit))

    def strength(self, position: int) -> int:
        """Return how strong a position is, in divisions from `offset`."""
        at = position + self.offset
        if at % self.full == 0:
            return DOWNBEAT
        if at in self.beats:
            index, count = self.beats.index(at), len(self.beats) - 1
            return HALF_MEASURE if count % 2 == 0 and 2 * index == count and count > 2 else BEAT
        # in a compound beat there is no level between it and its three eighths
        for strength, size in ((EIGHTH, 24), (2, 12), (1, 6), (0, 3)):
            if at % size == 0:
                return strength - self.compound
        return -1

    def beam_groups(self, shortest: int) -> tuple[int, ...]:
        """Return where beams must break, for notes of `shortest` divisions or more.

        Eighths are joined over half a measure of 4/4 and over a whole measure of 3/4 or 2/4; faster
        notes over a beat.
        """
        beats = self.beats
        if self.compound or self.denominator >= 8 or shortest < QUARTER // 2:
            limit = QUARTER if self.denominator == 2 and shortest < QUARTER // 2 else 0
            return tuple(range(0, self.full + 1, limit)) if limit else beats
        if self.denominator == 2:
            return beats
        if self.numerator % 2 == 0:
            return beats[::2]
        return (0, self.full) if self.numerator == 3 else beats
