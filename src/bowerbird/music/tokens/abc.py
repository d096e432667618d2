"""ABC tokens: tunes as text, with the tokens of folk-rnn.

Sturm, Santos, Ben-Tal and Korshunova 2016, "Music transcription modelling and composition using
deep learning": ``M:6/8 K:Dmaj |: A 2 F A 2 d | ...``, meter and key first, a note with accidental
and octave, then its duration in eighths if it is not one. Departures: every key, not only those on
C; ties and broken rhythms are written out; the meter may change (``[M:2/4]``).
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, cast

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.formats.abc_reader import read_abc
from bowerbird.music.formats.abc_writer import length_token, measure_tokens, measures_and_voices
from bowerbird.music.formats.bars import tune_to_score
from bowerbird.music.formats.tune import Tune
from bowerbird.music.score.build import new_tempo
from bowerbird.music.score.key import MODES, Key, key_at
from bowerbird.music.score.meter import Meter, usual_tempo
from bowerbird.music.tokens.abc_grammar import AbcGrammar
from bowerbird.music.tokens.tokenizer import MusicTokenizer
from bowerbird.music.tokens.vocabulary import METERS, Token, Vocabulary

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

END = "</s>"
BAR_LINES = ("|", "|]", "||", "|:", ":|", "[1", "[2")


@cache
def abc_vocabulary() -> Vocabulary:
    """Return all tokens, the end first."""
    meters = [f"{n}/{d}" for n, d in METERS]
    keys = {key_at(tonic, mode).abc for mode in MODES for tonic in range(12)}
    keys |= {
        Key(letter + accidental, mode).abc
        for mode in MODES
        for letter in "CDEFGAB"
        for accidental in ("", "#", "b")
        if -7 <= Key(letter + accidental, mode).sharps <= 7
    }
    tokens = [END, *(f"M:{meter}" for meter in meters), *(f"K:{key}" for key in sorted(keys))]
    tokens += [*BAR_LINES, *(f"[M:{meter}]" for meter in meters), "[", "]", "-"]
    tokens += [f"(3:2:{n}" if n != 3 else "(3" for n in range(1, 13)]
    durations = {Fraction(n, ticks) for ticks in (8, 12) for n in range(1, 97)} - {Fraction(1)}
    tokens += [length_token(duration) for duration in sorted(durations)]
    tokens.append("z")
    for accidental in ("", "^", "_", "=", "^^", "__"):
        for octave in range(-1, 10):
            for letter in "CDEFGAB":
                low = letter + "," * (4 - octave)
                high = letter.lower() + "'" * (octave - 5)
                tokens.append(accidental + (high if octave >= 5 else low))
    return Vocabulary("abc", tuple(tokens))


class AbcTokenizer(MusicTokenizer):
    """Encodes tunes in ABC: one voice, with double stops that begin and end together."""

    grammar_type = AbcGrammar

    def __init__(self, ids: Iterable[int] | None = None) -> None:
        """Use the tokens with these ids, or all."""
        super().__init__(abc_vocabulary(), ids)

    def _header(self, meter: Meter, key: Key | None) -> Sequence[str]:
        return [f"M:{meter[0]}/{meter[1]}", *([f"K:{key.abc}"] if key else [])]

    def _meter_of(self, token: Token) -> str:
        return token[2:] if isinstance(token, str) and token.startswith("M:") else ""

    def _encode(self, score: "Score") -> np.ndarray:
        return np.array([self._id(token) for token in abc_tokens(score)])

    def _decode(self, tokens: Iterator[Token]) -> "Score":
        tune = next(iter(read_abc(abc_text(cast(Iterable[str], tokens)))))
        if not isinstance(tune, Tune):
            raise MusicError(f"the tokens are not a tune: {tune}")
        score = tune_to_score(tune)
        first = score.time_signatures[0]
        score.tempos.append(new_tempo(0, usual_tempo((first.numerator, first.denominator))))
        return score


def abc_text(tokens: Iterable[str]) -> str:
    """Return tokens as the text of a tune in ABC."""
    head, body = ["X:1", "L:1/8"], ""
    for token in tokens:
        if token[:2] in ("M:", "K:"):
            head.append(token)
        else:
            body += f" {token} " if token in BAR_LINES or token[:2] == "[M" else token
    if not any(line.startswith("K:") for line in head):
        head.append("K:C")
    head.sort(key=lambda line: "XMLK".index(line[0]))
    return "\n".join([*head, body.strip()]) + "\n"


def abc_tokens(score: "Score") -> list[str]:
    """Return the tokens of a score of one voice, without the end.

    Raises MusicError if it has several voices or no notes.
    """
    measures, voices = measures_and_voices(score, changes=False)
    if len(voices) > 1:
        raise MusicError("it has several voices at once; extract its melody first")
    (track, voice), (first, *_) = voices[0], measures
    if track.is_drum:
        raise MusicError("it has only drums")
    tokens = [f"M:{first.meter[0]}/{first.meter[1]}", f"K:{first.key.abc}"]
    for inside in measure_tokens(measures, voice):
        tokens += [token for token, _ in inside]
    return tokens
