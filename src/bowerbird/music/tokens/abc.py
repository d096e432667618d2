"""ABC tokens: tunes as text, with the tokens of folk-rnn.

Sturm, Santos, Ben-Tal and Korshunova 2016, "Music transcription modelling and composition using
deep learning": ``M:6/8 K:Dmaj |: A 2 F A 2 d | ...``, meter and key first, a note with accidental
and octave, then its duration in eighths if it is not one. Departures: every key, not only those on
C; ties and broken rhythms are written out; the meter may change (``[M:2/4]``).
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.music.formats.abc_reader import read_abc
from bowerbird.music.formats.abc_writer import length_token, measures_of
from bowerbird.music.formats.bars import score_of_tune
from bowerbird.music.formats.tune import Tune
from bowerbird.music.notation.tune_notation import notation
from bowerbird.music.score.build import new_tempo
from bowerbird.music.score.key import MODES, Key, key_at
from bowerbird.music.score.meter import Meter, usual_tempo
from bowerbird.music.tokens.abc_grammar import AbcGrammar
from bowerbird.music.tokens.tokenizer import MusicTokenizer
from bowerbird.music.tokens.vocabulary import METERS, Vocabulary

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

END = "</s>"
BAR_LINES = ("|", "|]", "||", "|:", ":|", "[1", "[2")


@lru_cache
def all_abc_tokens() -> tuple[str, ...]:
    """Return every token that a tune can need, the end first."""
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
    return tuple(tokens)


class AbcTokenizer(MusicTokenizer):
    """Encodes tunes in ABC: one voice, with double stops that begin and end together."""

    kind = "abc"

    def __init__(self, tokens: Iterable[str] | None = None) -> None:
        """Use some tokens in order, or all; raise MusicError for what isn't one."""
        known = all_abc_tokens()
        chosen = tuple(known if tokens is None else tokens)
        order = {token: n for n, token in enumerate(known)}
        numbers = [order.get(token, -1) for token in chosen]
        if numbers[:1] != [0] or any(b <= a for a, b in pairwise(numbers)):
            raise MusicError("these are not tokens of ABC, or not in order")
        super().__init__(Vocabulary(chosen))

    @classmethod
    def from_scores(cls, scores: Iterable["Score"]) -> "AbcTokenizer":
        """Return the tokenizer with just the tokens that scores need."""
        used = {END}
        for score in scores:
            used.update(abc_tokens(score))
        if len(used) == 1:
            raise MusicError("the pieces have no notes")
        return cls(token for token in all_abc_tokens() if token in used)

    @property
    def known_meters(self) -> str:
        """The meters in the vocabulary, for messages."""
        tokens = cast(tuple[str, ...], self.vocabulary.tokens)
        return ", ".join(token[2:] for token in tokens if token[:2] == "M:")

    def _header(self, meter: Meter, key: Key | None) -> Sequence[str]:
        return [f"M:{meter[0]}/{meter[1]}", *([f"K:{key.abc}"] if key else [])]

    def encode(self, score: "Score") -> np.ndarray:
        """Return the token ids of a tune, without the end, in the smallest unsigned integers.

        Raises MusicError for a score of several voices, or one that the vocabulary can't represent.
        """
        tokens = abc_tokens(score)
        numbers = [self.vocabulary.ids.get(token, -1) for token in tokens]
        if -1 in numbers:
            token = tokens[numbers.index(-1)]
            if token[:2] == "M:":
                raise MusicError(
                    f"its meter is {token[2:]}; the model was trained on {self.known_meters}"
                )
            raise MusicError(f"it has {token!r}, which is not in the model's vocabulary")
        return np.array(numbers, self.dtype)

    def text(self, ids: Iterable[int]) -> str:
        """Return token ids as ABC, up to an end; raise MusicError for an id out of range."""
        head, body = ["X:1", "L:1/8"], ""
        for token in cast(Iterable[str], self.vocabulary.read(ids)):
            if token[:2] in ("M:", "K:"):
                head.append(token)
            else:
                body += f" {token} " if token in BAR_LINES or token[:2] == "[M" else token
        if not any(line.startswith("K:") for line in head):
            head.append("K:C")
        head.sort(key=lambda line: "XMLK".index(line[0]))
        return "\n".join([*head, body.strip()]) + "\n"

    def decode(self, ids: Iterable[int]) -> "Score":
        """Return the score of token ids, up to an end; raise MusicError if they are not a tune."""
        tune = next(iter(read_abc(self.text(ids))))
        if not isinstance(tune, Tune):
            raise MusicError(f"the tokens are not a tune: {tune}")
        score = score_of_tune(tune)
        first = score.time_signatures[0]
        score.tempos.append(new_tempo(0, usual_tempo((first.numerator, first.denominator))))
        return score

    def grammar(
        self, bars: int = 0, *, single_meter: bool = False, cadence: bool = False
    ) -> AbcGrammar:
        """Return a grammar at the start of a tune; without cadences."""
        return AbcGrammar(self.vocabulary, bars, single_meter=single_meter)

    def to_dict(self) -> dict[str, Any]:
        """Return the tokens."""
        return {"kind": self.kind, "tokens": list(self.vocabulary.tokens)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "AbcTokenizer":
        """Return the tokenizer of `to_dict`; raise MusicError for anything else."""
        tokens = data.get("tokens")
        if isinstance(tokens, list) and all(isinstance(token, str) for token in tokens):
            return cls(tokens)
        raise MusicError("the abc tokenizer of the model is damaged; download the model again")


def abc_tokens(score: "Score") -> list[str]:
    """Return the tokens of a score of one voice, without the end.

    Raises MusicError if it has several voices or no notes.
    """
    written = notation(score)
    voices = [voice for part in written.parts for voice in part.voices]
    if len(voices) > 1:
        raise MusicError("it has several voices at once; extract its melody first")
    if all(part.drums for part in written.parts):
        raise MusicError("it has only drums")
    meter = written.measures[0].meter
    tokens = [f"M:{meter[0]}/{meter[1]}", f"K:{written.key.abc}"]
    for _, inside in measures_of(written, voices[0]):
        tokens += [token for token, _ in inside]
    return tokens
