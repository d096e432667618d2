"""Tunes to integers by way of ABC, with the tokens of folk-rnn.

Sturm, Santos, Ben-Tal and Korshunova 2016, "Music transcription modelling and composition using
deep learning": ``M:6/8 K:Dmaj |: A 2 F A 2 d | ...``, meter and key first, a note with accidental
and octave, then its length in eighths if it is not one. Departures: every key is kept, not only
those on C; tied and broken lengths are written out; the meter may change (``[M:2/4]``).
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bowerbird.music.formats.abc_reader import read_abc
from bowerbird.music.formats.abc_writer import length_token, measure_tokens, measures_and_voices
from bowerbird.music.formats.bars import tune_to_score
from bowerbird.music.formats.tune import Tune
from bowerbird.music.score.build import new_tempo
from bowerbird.music.score.error import MusicError
from bowerbird.music.score.key import MODES, Key, key_at
from bowerbird.music.score.meter import Meter, usual_tempo
from bowerbird.music.tokens.abc_grammar import AbcGrammar

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

END = "</s>"
BARS = ("|", "|]", "||", "|:", ":|", "[1", "[2")


@lru_cache
def all_tokens() -> tuple[str, ...]:
    """Return every token that a tune can need, the end first."""
    meters = [f"{n}/{d}" for d in (2, 4, 8, 16, 32) for n in range(1, 65)]
    keys = {key_at(tonic, mode).abc for mode in MODES for tonic in range(12)}
    keys |= {
        Key(letter + sign, mode).abc
        for mode in MODES
        for letter in "CDEFGAB"
        for sign in ("", "#", "b")
        if -7 <= Key(letter + sign, mode).sharps <= 7
    }
    tokens = [END, *(f"M:{meter}" for meter in meters), *(f"K:{key}" for key in sorted(keys))]
    tokens += [*BARS, *(f"[M:{meter}]" for meter in meters), "[", "]", "-"]
    tokens += [f"(3:2:{n}" if n != 3 else "(3" for n in range(1, 13)]
    lengths = {Fraction(n, ticks) for ticks in (8, 12) for n in range(1, 97)} - {Fraction(1)}
    tokens += [length_token(length) for length in sorted(lengths)]
    tokens.append("z")
    for sign in ("", "^", "_", "=", "^^", "__"):
        for octave in range(-1, 10):
            for letter in "CDEFGAB":
                low = letter + "," * (4 - octave)
                tokens.append(sign + (letter.lower() + "'" * (octave - 5) if octave >= 5 else low))
    return tuple(tokens)


class AbcTokens:
    """Signs for tunes in ABC: melodies, with double stops if they begin and end together."""

    kind = "abc"
    end = 0

    def __init__(self, tokens: Iterable[str] | None = None) -> None:
        """Number the tokens; without them there are all. Raises MusicError for what is none."""
        known = all_tokens()
        chosen = tuple(known if tokens is None else tokens)
        order = {token: n for n, token in enumerate(known)}
        numbers = [order.get(token, -1) for token in chosen]
        if numbers[:1] != [0] or any(b <= a for a, b in pairwise(numbers)):
            raise MusicError("these are no tokens of ABC, or not in order")
        self.tokens = chosen
        self.number = {token: n for n, token in enumerate(chosen)}
        self.size = len(chosen)
        self.parts: Any = None  # what grammars of this alphabet share

    @classmethod
    def learned(cls, scores: Iterable["Score"]) -> "AbcTokens":
        """Return the alphabet of a corpus, with tokens for what it holds and nothing else."""
        seen = {END}
        for score in scores:
            seen.update(abc_tokens(score))
        if len(seen) == 1:
            raise MusicError("there are no notes to learn from")
        return cls(token for token in all_tokens() if token in seen)

    def opening(self, key: Key | None = None, meter: Meter | None = None) -> list[int]:
        """Return the signs that ask for a meter, and a key; a key needs a meter before it.

        Raises MusicError for a meter or key that the alphabet does not have.
        """
        if meter is None:
            if key:
                raise MusicError("to ask for a key, ask for a meter as well")
            return []
        asked = [f"M:{meter[0]}/{meter[1]}", *([f"K:{key.abc}"] if key else [])]
        for token in asked:
            if token not in self.number:
                known = " ".join(t[2:] for t in self.tokens if t[:2] == token[:2])
                raise MusicError(f"the composer knows no {token[2:]}; it knows {known}")
        return [self.number[token] for token in asked]

    def encode(self, score: "Score") -> np.ndarray:
        """Return the signs of a tune, in the smallest unsigned integers that number them.

        Raises MusicError for a score of several voices, or with what the alphabet has no sign for.
        """
        tokens = abc_tokens(score)
        numbers = [self.number.get(token, -1) for token in tokens]
        if -1 in numbers:
            told = tokens[numbers.index(-1)]
            if told[:2] == "M:":
                known = ", ".join(token[2:] for token in self.tokens if token[:2] == "M:")
                raise MusicError(f"its meter is {told[2:]}; the composer knows {known}")
            raise MusicError(f"it has {told!r}, for which there is no sign")
        return np.array(numbers, np.min_scalar_type(self.size - 1))

    def text(self, ids: Iterable[int]) -> str:
        """Return the ABC of signs, up to an end if there is one.

        Raises MusicError for a number that is no sign.
        """
        head, body = ["X:1", "L:1/8"], ""
        for sign in ids:
            if not 0 <= sign < self.size:
                raise MusicError(f"{sign} is no sign of an alphabet of {self.size}")
            if sign == self.end:
                break
            token = self.tokens[sign]
            if token[:2] in ("M:", "K:"):
                head.append(token)
            else:
                body += f" {token} " if token in BARS or token[:2] == "[M" else token
        if not any(line.startswith("K:") for line in head):
            head.append("K:C")
        head.sort(key=lambda line: "XMLK".index(line[0]))
        return "\n".join([*head, body.strip()]) + "\n"

    def decode(self, ids: Iterable[int]) -> "Score":
        """Return the score of signs, up to an end; raise MusicError if they make no tune."""
        text = self.text(ids)
        tune = next(iter(read_abc(text)))
        if not isinstance(tune, Tune):
            raise MusicError(f"the signs make no tune: {tune}")
        score = tune_to_score(tune)
        first = score.time_signatures[0]
        score.tempos.append(new_tempo(0, usual_tempo((first.numerator, first.denominator))))
        return score

    def grammar(self, bars: int = 0, *, steady: bool = False) -> AbcGrammar:
        """Return what says which signs may come next, at the beginning of a tune.

        ``bars`` is how many there shall be, as played (0: any number); ``steady`` is one meter.
        """
        return AbcGrammar(self, bars, steady=steady)

    def to_dict(self) -> dict[str, Any]:
        """Return the tokens."""
        return {"kind": self.kind, "tokens": list(self.tokens)}

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> "AbcTokens":
        """Return the alphabet that was described; raise MusicError for anything else."""
        tokens = described.get("tokens")
        if isinstance(tokens, list) and all(isinstance(token, str) for token in tokens):
            return cls(tokens)
        raise MusicError("the tokens of the model's alphabet are damaged; fetch the model again")


def abc_tokens(score: "Score") -> list[str]:
    """Return the tokens of a score of one voice, without the end.

    Raises MusicError if it has several voices or no notes.
    """
    measures, voices = measures_and_voices(score, changes=False)
    if len(voices) > 1:
        raise MusicError("it has several voices at once; ask for its melody")
    (track, voice), (first, *_) = voices[0], measures
    if track.is_drum:
        raise MusicError("it has only drums")
    tokens = [f"M:{first.meter[0]}/{first.meter[1]}", f"K:{first.key.abc}"]
    for inside in measure_tokens(measures, voice):
        tokens += [token for token, _ in inside]
    return tokens
