"""A given melody stays note for note; what can't be harmonized is refused."""

import numpy as np
import pytest

from bowerbird.errors import MusicError
from bowerbird.music.score.melody import melody
from bowerbird.music.score.meter import bar_length, meters_of
from bowerbird.music.tokens.events import EventTokenizer
from bowerbird.music.tokens.harmonize_grammar import HARMONIZING, HarmonizeGrammar
from bowerbird.music.tokens.kinds import tokenizer_for
from bowerbird.music.tokens.voices import voices_of


def grammar_of(tokenizer, score):
    return HarmonizeGrammar(tokenizer.vocabulary, score)


@pytest.mark.parametrize("kind", HARMONIZING)
def test_a_given_melody_stays(nottingham, kind):
    """Random voices around it change nothing in the first one."""
    scores = [score for _, score in nottingham[:200] if len(score.tracks) == 2]
    tokenizer, random = tokenizer_for(kind, scores), np.random.default_rng(5)
    for score in [s for s in scores if len(s.time_signatures) == 1][:5]:
        grammar, ids = grammar_of(tokenizer, score), []
        while True:
            mask = grammar.allowed()
            assert mask.any()
            token = int(random.choice(np.flatnonzero(mask)))
            if mask[tokenizer.end_token]:
                break
            grammar.advance(token)
            ids.append(token)
        made, given = voices_of(tokenizer.decode(ids)), voices_of(melody(score))
        first = made.voices == 0
        assert (made.starts[first] == given.starts).all()
        assert (made.ends[first] == given.ends).all()
        assert (made.pitches[first] == given.pitches).all()
        assert (~first).any()
        assert made.ends[~first].max() <= given.ends[-1]
        bar = bar_length(meters_of(score, 24)[0][1], 24)
        assert (made.ends - made.starts)[~first].max() <= 2 * bar


def test_what_can_not_be_harmonized(nottingham, two_voices, piece):
    score = nottingham[0][1]
    with pytest.raises(MusicError, match="can't be harmonized with performance tokens"):
        grammar_of(EventTokenizer("performance"), score)
    with pytest.raises(MusicError, match="meter changes"):
        grammar_of(EventTokenizer("tsd"), score)
    small = tokenizer_for("tsd", [two_voices])
    with pytest.raises(MusicError, match="not in the model's vocabulary"):
        grammar_of(small, piece([[0, 480, 75]]))


@pytest.mark.parametrize(
    ("kind", "missing"),
    [("remi", "position 12"), ("tsd", "shift 12"), ("structured", "shift 12")],
)
def test_a_melody_at_times_that_the_model_was_not_trained_on(kind, missing, piece):
    small = tokenizer_for(kind, [piece([[0, 240, 60], [480, 240, 62]], [[0, 480, 48]])])
    with pytest.raises(
        MusicError, match=f"the melody has '{missing}', which is not in the model's vocabulary"
    ):
        grammar_of(small, piece([[0, 240, 60], [240, 240, 62]]))
