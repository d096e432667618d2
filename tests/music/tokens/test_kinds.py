"""What all music tokenizers promise: round trip, grammar, description, training stream."""

import numpy as np
import pytest

from bowerbird.errors import MusicError
from bowerbird.music.config import MELODY_KINDS, AugmentConfig
from bowerbird.music.formats.files import read_scores
from bowerbird.music.score.key import key_of
from bowerbird.music.score.melody import grid_notes, melody
from bowerbird.music.score.repeats import expand_repeats
from bowerbird.music.tokens.events import EventTokenizer
from bowerbird.music.tokens.kinds import (
    KINDS,
    encode_pieces,
    new_tokenizer,
    tokenizer_for,
    tokenizer_from,
)
from bowerbird.music.tokens.melody import MelodyTokenizer
from bowerbird.music.tokens.voices import voices_of

SECOND_VOICE = EventTokenizer("remi").vocabulary.ids["voice", 1]
MELODY = MelodyTokenizer().vocabulary
ALL, METERS = [*range(len(MELODY))], MELODY.ids_of("meter")
REST, TONIC = MELODY.ids["rest"], MELODY.ids["pitch", 0]  # a gap in the pitches


def reduced(kind, score):
    return melody(score) if kind in MELODY_KINDS else score


def rows(score):
    notes = grid_notes(score, 24)
    return sorted(
        zip(notes.starts.tolist(), notes.ends.tolist(), notes.pitches.tolist(), strict=True)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_on_nottingham(nottingham, nottingham_melodies, kind):
    """Score, ids, score, ids: the ids are equal, and the notes on the grid.

    Of all melodies, and of every fourth tune with its chords.
    """
    tokenizer = new_tokenizer(kind)
    seconds = kind == "performance"
    for name, score in nottingham_melodies if kind in MELODY_KINDS else nottingham[::4]:
        ids = tokenizer.encode(score)
        again = tokenizer.decode(ids)
        assert (tokenizer.encode(again) == ids).all(), name
        if kind in MELODY_KINDS:
            assert rows(again) == rows(score), name
        else:
            first, second = voices_of(score, seconds=seconds), voices_of(again, seconds=seconds)
            for field in ("starts", "ends", "voices", "pitches"):
                assert (getattr(first, field) == getattr(second, field)).all(), name
        if not seconds:
            assert key_of(again).pitch_class == key_of(score).pitch_class


@pytest.mark.parametrize("kind", KINDS)
def test_the_grammar_accepts_real_pieces(nottingham, nottingham_melodies, kind):
    tokenizer = new_tokenizer(kind)
    for name, score in nottingham_melodies[::12] if kind in MELODY_KINDS else nottingham[::100]:
        ids = tokenizer.encode(score).tolist()
        assert tokenizer.grammar().accepts([*ids, tokenizer.end_token]), name


@pytest.mark.parametrize("kind", MELODY_KINDS)
def test_the_grammar_accepts_scottish_tunes(corpus21, kind):
    tokenizer = new_tokenizer(kind)
    tunes = list(read_scores(corpus21("airdsAirs/book3.abc"), {}))
    good = [
        tokenizer.grammar().accepts([*tokenizer.encode(melody(score)).tolist(), 0])
        for _, score in tunes
    ]
    assert np.mean(good) > 0.98


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_grammar_allows_can_be_decoded(kind, pieces, draw):
    """Random tokens under the grammar: never stuck, always music, and stable when encoded again."""
    scores = [reduced(kind, score) for _, score in pieces[:30]]
    tokenizer, full = tokenizer_for(kind, scores), new_tokenizer(kind)
    random, complete = np.random.default_rng(1), 0
    for _ in range(40):
        ids = draw(tokenizer.grammar(), random, 600)
        if not ids:
            continue
        complete += 1
        once = full.encode(tokenizer.decode(ids))
        assert (full.encode(full.decode(once)) == once).all()
    assert complete > (0 if kind in ("performance", "midi-like") else 10)


@pytest.mark.parametrize("kind", MELODY_KINDS)
def test_nothing_begins_with_a_bar_of_rest(kind, tunes, tune, draw):
    """But a tune that does can be encoded."""
    tokenizer, random = tokenizer_for(kind, tunes), np.random.default_rng(6)
    for _ in range(60):
        score = tokenizer.decode(draw(tokenizer.grammar(4, single_meter=True), random))
        meter = score.time_signatures[0]
        assert score.tracks[0].notes[0].time < 1920 * meter.numerator // meter.denominator
    full = new_tokenizer(kind)
    silent = full.encode(tune("M:3/4\nL:1/8\nK:Em\nz6|G2A2B2|e6|\n"))
    assert full.grammar().accepts([*silent.tolist(), full.end_token])


@pytest.mark.parametrize("kind", MELODY_KINDS)
def test_length_in_bars(kind, tunes, draw):
    """With 16 bars asked for there are 16 as played; endings and pickups may add a little."""
    tokenizer, random = tokenizer_for(kind, tunes), np.random.default_rng(3)
    counts = []
    for _ in range(120):
        ids = draw(tokenizer.grammar(16, single_meter=True), random)
        score = expand_repeats(tokenizer.decode(ids)) if ids else None
        if score:
            meter = score.time_signatures[0]
            bar = 1920 * meter.numerator // meter.denominator
            counts.append(score.end() / bar)
    assert len(counts) > 90
    assert np.median(counts) == pytest.approx(16, abs=3)  # the last bars may be rests
    assert max(counts) < 24


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_is_described_and_built_again(kind, pieces):
    tokenizer = tokenizer_for(kind, [melody(score) for _, score in pieces[:20]])
    again = tokenizer_from(tokenizer.to_dict())
    assert (again.kind, again.vocab_size) == (kind, tokenizer.vocab_size)
    ids = tokenizer.encode(melody(pieces[0][1]))
    assert (again.encode(melody(pieces[0][1])) == ids).all()
    assert tokenizer.vocab_size < new_tokenizer(kind).vocab_size


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"kind": "x"},
        {"kind": "melody"},
        {"kind": "abc", "tokens": ["z"]},
        {"kind": "abc", "tokens": [0, "z"]},
        {"kind": "abc"},
        {"kind": "remi", "tokens": [0, 5, 3]},
        {"kind": "remi", "tokens": [0, 10**9]},
        {"kind": "tsd"},
        {"kind": "melody", "tokens": []},
        {"kind": "melody", "tokens": [0, 1, 2]},
        {"kind": "melody", "tokens": ALL[1:]},
        {"kind": "melody", "tokens": [*ALL, len(ALL)]},
        {"kind": "melody", "tokens": [-1, *ALL]},
        {"kind": "melody", "tokens": [*ALL[:-3], True]},
        {"kind": "melody", "tokens": [n for n in ALL if n != REST]},
        {"kind": "melody", "tokens": [n for n in ALL if n not in METERS]},
        {"kind": "melody", "tokens": [n for n in ALL if n != TONIC]},
        {"kind": "abc", "tokens": [1, 2]},
        {"kind": "remi", "tokens": [0, 10**30]},
        {"kind": "remi", "tokens": [0, SECOND_VOICE]},
        7,
    ],
)
def test_damaged_descriptions(data):
    with pytest.raises(MusicError):
        tokenizer_from(data)


def test_several_voices_are_not_a_melody(tune):
    two = tune("M:4/4\nL:1/8\nK:C\nV:1\nc8|\nV:2\nC4 D4|\n")
    for kind in MELODY_KINDS:
        with pytest.raises(MusicError, match="extract its melody"):
            new_tokenizer(kind).encode(two)


def test_the_training_stream(pieces):
    tokenizer, skipped = tokenizer_for("melody", [melody(s) for _, s in pieces]), {}
    melodies = [(name, melody(score)) for name, score in pieces]
    parts = list(encode_pieces(melodies, tokenizer, skipped))
    assert not skipped
    assert parts[0].tolist() == [tokenizer.end_token]
    assert all(part[-1] == tokenizer.end_token for part in parts)
    more = list(encode_pieces(melodies, tokenizer, skipped, AugmentConfig(semitones=(-2, 0, 2))))
    assert len(more) == 3 * len(melodies) + 1


def test_only_a_piece_without_any_variation_is_skipped(pieces):
    melodies = [(name, melody(score)) for name, score in pieces[:9]]
    tokenizer, skipped = tokenizer_for("abc", [score for _, score in melodies]), {}
    config = AugmentConfig(semitones=(0, 1))
    parts = list(encode_pieces(melodies, tokenizer, skipped, config))
    assert not skipped
    assert 1 + 9 <= len(parts) < 1 + 18, "some have keys or notes that the vocabulary lacks"
    list(encode_pieces(melodies[:1], tokenizer, skipped, AugmentConfig(semitones=(48,))))
    assert skipped == {melodies[0][0]: "transposed as asked, it exceeds MIDI's range"}


def test_unknown_kinds_and_pieces_that_cannot_be_encoded_are_refused(written):
    with pytest.raises(MusicError, match="'words' is not a tokenizer; use one of melody"):
        new_tokenizer("words")
    with pytest.raises(MusicError, match="none of the pieces can be encoded as melody tokens"):
        tokenizer_for("melody", [written([])])
