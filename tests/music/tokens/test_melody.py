"""Melody tokens: what they look like, and what their grammar guarantees."""

import time

import numpy as np
import pytest

from bowerbird.errors import MusicError
from bowerbird.music.augment import transposed
from bowerbird.music.score.key import Key, key_of
from bowerbird.music.score.melody import melody
from bowerbird.music.score.repeats import expand_repeats
from bowerbird.music.tokens.kinds import tokenizer_for
from bowerbird.music.tokens.melody import MelodyTokenizer

REEL = "M:4/4\nL:1/8\nK:D\nA|:d2fd Adfd|gfef gabg|d2fd Adfd|gfec d2 dA:|\n"
SHORT = {"meter": "M", "tonic": "K", "mode": "", "bar": "|", "copy": "=", "pitch": "p"}


def text(tokenizer, score):
    """Return the tokens of a score on one line, with short names."""
    tokens = [tokenizer.vocabulary.tokens[n] for n in tokenizer.encode(score)]
    short = [(SHORT.get(t[0], "t"), *t[1:]) if isinstance(t, tuple) else (t,) for t in tokens]
    return " ".join("".join(map(str, token)) for token in short)


def test_a_tune_by_hand(tune):
    score = tune("M:2/4\nL:1/4\nK:G\nD|GB|(3A/B/A/ G-|G z|GB|F2|\n")
    assert text(MelodyTokenizer(), score) == (
        "M24 K7 major |0 rest t24 p-5 t24 |1 p0 t24 p4 t24 |2 p2 t8 p4 t8 p2 t8 p0 t24 "
        "|3 hold t24 rest t24 |4 p0 t24 p4 t24 |5 p-1 t48"
    )


def test_a_repeated_bar_is_one_token(tune):
    tokens = text(MelodyTokenizer(), tune(REEL))
    assert tokens.count("=2") == 1  # the third bar is the first one
    assert tokens.startswith("M44 K2 major |0 rest t84 p7 t12 |: |1 p12 t24 ")


def test_every_key_has_the_same_tokens(tune):
    """As long as the tonic stays in the octave of middle C, from which pitches are counted."""
    score, tokenizer = tune(REEL), MelodyTokenizer()
    for semitones in range(-2, 10):
        ids = tokenizer.encode(transposed(score, semitones))
        assert (ids[2:] == tokenizer.encode(score)[2:]).all()


def bar_sums(tokens):
    """Return the ticks of each bar, summed from the durations of its tokens."""
    bars = []
    for kind, value in (token[:2] for token in tokens if isinstance(token, tuple)):
        if kind == "bar":
            bars.append(0)
        elif kind == "duration":
            bars[-1] += value
        elif kind == "copy":
            bars[-1] = bars[-1 - value]
    return bars


def test_bars_add_up_in_any_case(tunes, draw):
    tokenizer = tokenizer_for("melody", tunes)
    random, early = np.random.default_rng(2), 0
    drawn = [draw(tokenizer.grammar(single_meter=True), random) for _ in range(120)]
    for ids in filter(None, drawn):
        tokens = [tokenizer.vocabulary.tokens[n] for n in ids]
        *complete, last = bar_sums(tokens)
        (_, beats, part) = tokens[0]
        assert set(complete) <= {96 * beats // part}
        pickup = tokens[5][1] if tokens[4] == "rest" else 0
        assert last in (96 * beats // part, pickup)
        early += last == pickup
    assert early


@pytest.mark.parametrize("primer", ["", "DFAd|fdAF|"])
def test_the_last_note_is_the_tonic_in_any_case(tunes, primer, tune, draw):
    tokenizer, random = tokenizer_for("melody", tunes), np.random.default_rng(7)
    for _ in range(60):
        bars = 0 if primer else 6
        grammar, ids = tokenizer.grammar(bars, single_meter=True, cadence=True), []
        if primer:
            ids = tokenizer.encode(tune(f"M:2/4\nL:1/8\nK:D\n{primer}\n")).tolist()
            assert grammar.accepts(ids)
            grammar.extend(6)
        score = expand_repeats(tokenizer.decode([*ids, *draw(grammar, random)]))
        assert score.tracks[0].notes[-1].pitch % 12 == key_of(score).pitch_class


def test_prompt(pieces, draw):
    tokenizer = tokenizer_for("melody", [melody(score) for _, score in pieces])
    prompt = tokenizer.prompt(Key("E", "dorian"), (6, 8))
    grammar = tokenizer.grammar()
    assert grammar.accepts(prompt)
    score = tokenizer.decode([*prompt, *draw(grammar, np.random.default_rng(0))])
    assert key_of(score) == Key("E", "dorian")
    assert (score.time_signatures[0].numerator, score.time_signatures[0].denominator) == (6, 8)
    with pytest.raises(MusicError, match=r"not trained on the meter 17/16; its meters are .*6/8"):
        tokenizer.prompt(None, (17, 16))


def test_what_is_not_in_the_vocabulary(tune):
    small = tokenizer_for("melody", [tune(REEL)])
    with pytest.raises(
        MusicError, match="it has 'pitch -24', which is not in the model's vocabulary"
    ):
        small.encode(tune("M:4/4\nL:1/8\nK:D\nD,,8|D8|\n"))
    with pytest.raises(MusicError, match=r"its meter is 3/4; the model was trained on 4/4$"):
        small.encode(tune("M:3/4\nL:1/8\nK:D\nd2fd Ad|d2fd Ad|\n"))
    with pytest.raises(MusicError, match="out of range"):
        small.decode([small.vocab_size])
    with pytest.raises(MusicError, match="not allowed here"):
        small.grammar().advance(small.vocabulary.ids["rest"])


def test_nottingham_is_encoded_in_a_second_and_a_half(nottingham):
    """Reading was timed with the files in memory; both together are far below two seconds."""
    tokenizer = MelodyTokenizer()
    melodies = [melody(score) for _, score in nottingham]
    began = time.process_time()
    for score in melodies:
        tokenizer.encode(score)
    assert time.process_time() - began < 1.5
