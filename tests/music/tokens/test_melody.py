"""Melodies as signs: the round-trip law, the grammar, and what it makes certain."""

import itertools

import numpy as np
import pytest

from bowerbird.music.augment import AugmentConfig, transposed
from bowerbird.music.formats.files import read_score, read_scores
from bowerbird.music.score.error import MusicError
from bowerbird.music.score.key import Key, key_of
from bowerbird.music.score.melody import grid_notes, melody
from bowerbird.music.score.meter import bar_count
from bowerbird.music.score.repeats import expand_repeats
from bowerbird.music.tokens.abc import AbcTokens
from bowerbird.music.tokens.events import EVENT_KINDS, Events
from bowerbird.music.tokens.kinds import (
    KINDS,
    MELODIES,
    alphabet_from,
    encoded,
    full_alphabet,
    learned_alphabet,
)
from bowerbird.music.tokens.melody import Notes
from bowerbird.music.tokens.melody_grammar import accepts
from bowerbird.music.tokens.voices import voices_of

REEL = "M:4/4\nL:1/8\nK:D\nA|:d2fd Adfd|gfef gabg|d2fd Adfd|gfec d2 dA:|\n"


def told(alphabet, score):
    names = [alphabet.names[n] for n in alphabet.encode(score)]
    return " ".join("".join(map(str, n)) if isinstance(n, tuple) else n for n in names)


def rows(score):
    lines = grid_notes(score, 24)
    return sorted(
        zip(lines.starts.tolist(), lines.ends.tolist(), lines.pitches.tolist(), strict=True)
    )


def test_a_tune_by_hand(tune):
    score = tune("M:2/4\nL:1/4\nK:G\nD|GB|(3A/B/A/ G-|G z|GB|F2|\n")
    assert told(Notes(), score) == (
        "M24 K7 major |0 rest t24 p-5 t24 |1 p0 t24 p4 t24 |2 p2 t8 p4 t8 p2 t8 p0 t24 "
        "|3 hold t24 rest t24 |4 p0 t24 p4 t24 |5 p-1 t48"
    )


def test_a_bar_that_was_there_is_one_sign(tune):
    text = told(Notes(), tune(REEL))
    assert text.count("=2") == 1  # the third bar is the first one
    assert text.startswith("M44 K2 major |0 rest t84 p7 t12 |: |1 p12 t24 ")


def test_every_key_has_the_same_signs(tune):
    """As long as the tonic stays in the octave of middle C, from which pitches are counted."""
    score, alphabet = tune(REEL), Notes()
    for semitones in range(-2, 10):
        signs = alphabet.encode(transposed(score, semitones))
        assert (signs[2:] == alphabet.encode(score)[2:]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_on_the_whole_of_nottingham(nottingham, kind):
    """Score, signs, score, signs: the signs are equal, and the notes on the grid."""
    alphabet = full_alphabet(kind)
    seconds = kind == "performance"
    for name, given in nottingham:
        score = melody(given) if kind in MELODIES else given
        signs = alphabet.encode(score)
        again = alphabet.decode(signs)
        assert (alphabet.encode(again) == signs).all(), name
        if kind in MELODIES:
            assert rows(again) == rows(score), name
        else:
            first, second = voices_of(score, seconds=seconds), voices_of(again, seconds=seconds)
            for field in ("starts", "ends", "voices", "pitches"):
                assert (getattr(first, field) == getattr(second, field)).all(), name
        if not seconds:
            assert key_of(again).pitch_class == key_of(score).pitch_class


@pytest.mark.parametrize("kind", KINDS)
def test_the_grammar_accepts_what_is_there(nottingham, kind):
    alphabet = full_alphabet(kind)
    for name, given in nottingham[:: 100 if kind not in MELODIES else 12]:
        score = melody(given) if kind in MELODIES else given
        assert accepts(alphabet.grammar(), [*alphabet.encode(score).tolist(), alphabet.end]), name


@pytest.mark.parametrize("kind", MELODIES)
def test_the_grammar_accepts_scottish_tunes(corpus21, kind):
    alphabet = full_alphabet(kind)
    tunes = list(read_scores(corpus21("airdsAirs/book3.abc"), {}))
    good = [
        accepts(alphabet.grammar(), [*alphabet.encode(melody(s)).tolist(), 0]) for _, s in tunes
    ]
    assert np.mean(good) > 0.98


@pytest.fixture(scope="module")
def pieces(corpus21):
    return list(itertools.islice(read_scores(corpus21("airdsAirs/book2.abc"), {}), 120))


def draw(alphabet, grammar, random, most=3000):
    """Write signs at random, as a network would that knows nothing but the grammar."""
    signs = []
    while len(signs) < most:
        mask = grammar.allowed()
        assert mask.any(), "nothing may come next"
        choice = np.flatnonzero(mask)
        sign = (
            alphabet.end if mask[alphabet.end] and random.random() < 0.3 else random.choice(choice)
        )
        if sign == alphabet.end:
            return signs
        grammar.advance(int(sign))
        signs.append(int(sign))
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_grammar_allows_can_be_read(kind, pieces):
    """Random signs under the grammar: never stuck, always music, and stable when read again."""
    scores = [melody(s) if kind in MELODIES else s for _, s in pieces[:30]]
    alphabet, everything = learned_alphabet(kind, scores), full_alphabet(kind)
    random, run_to_end = np.random.default_rng(1), 0
    for _ in range(40):
        signs = draw(alphabet, alphabet.grammar(), random, 600)
        if not signs:
            continue
        run_to_end += 1
        once = everything.encode(alphabet.decode(signs))
        assert (everything.encode(everything.decode(once)) == once).all()
    assert run_to_end > (0 if kind in ("performance", "midi-like") else 10)


def bar_sums(alphabet, signs):
    """Return the ticks of each bar, summed from the lengths that its signs say."""
    bars = []
    names = (alphabet.names[sign] for sign in signs)
    for name in (name for name in names if isinstance(name, tuple)):
        if name[0] == "|":
            bars.append(0)
        elif name[0] == "t":
            bars[-1] += name[1]
        elif name[0] == "=":
            bars[-1] = bars[-1 - name[1]]
    return bars


def test_bars_add_up_whatever_is_drawn(pieces):
    scores = [melody(s) for _, s in pieces if len(s.time_signatures) == 1]
    alphabet = Notes.learned(scores)
    random, early = np.random.default_rng(2), 0
    drawn = [draw(alphabet, alphabet.grammar(steady=True), random) for _ in range(120)]
    for signs in filter(None, drawn):
        *whole, last = bar_sums(alphabet, signs)
        (_, beats, part) = alphabet.names[signs[0]]
        assert set(whole) <= {96 * beats // part}
        lead = alphabet.names[signs[5]][1] if alphabet.names[signs[4]] == "rest" else 0
        assert last in (96 * beats // part, lead)
        early += last == lead
    assert early


@pytest.mark.parametrize("kind", MELODIES)
def test_nothing_begins_with_a_bar_of_rest(kind, pieces, tune):
    """But a tune that does can be read."""
    scores = [melody(s) for _, s in pieces if len(s.time_signatures) == 1]
    alphabet, random = learned_alphabet(kind, scores), np.random.default_rng(6)
    for _ in range(60):
        score = alphabet.decode(draw(alphabet, alphabet.grammar(4, steady=True), random))
        meter = score.time_signatures[0]
        assert score.tracks[0].notes[0].time < 1920 * meter.numerator // meter.denominator
    everything = full_alphabet(kind)
    silent = everything.encode(tune("M:3/4\nL:1/8\nK:Em\nz6|G2A2B2|e6|\n"))
    assert accepts(everything.grammar(), [*silent.tolist(), everything.end])


@pytest.mark.parametrize("primer", ["", "DFAd|fdAF|"])
def test_the_last_note_is_the_tonic_whatever_is_drawn(pieces, primer, tune):
    scores = [melody(s) for _, s in pieces if len(s.time_signatures) == 1]
    alphabet, random = Notes.learned(scores), np.random.default_rng(7)
    for _ in range(60):
        grammar, signs = alphabet.grammar(0 if primer else 6, steady=True), []
        if primer:
            signs = alphabet.encode(tune(f"M:2/4\nL:1/8\nK:D\n{primer}\n")).tolist()
            for sign in signs:
                grammar.advance(sign)
            grammar.go_on(6)
        grammar.cadence = True
        score = expand_repeats(alphabet.decode([*signs, *draw(alphabet, grammar, random)]))
        assert score.tracks[0].notes[-1].pitch % 12 == key_of(score).pitch_class


def test_bars_of_abc_add_up_whatever_is_drawn(pieces):
    """A bar that did not would be read as one of another meter."""
    alphabet = AbcTokens.learned([melody(s) for _, s in pieces if len(s.time_signatures) == 1])
    random = np.random.default_rng(2)
    for _ in range(60):
        signs = draw(alphabet, alphabet.grammar(steady=True), random)
        assert len(alphabet.decode(signs).time_signatures) == 1
    (bar,) = [n for n, token in enumerate(alphabet.tokens) if token == "|"]
    (length,) = [n for n, token in enumerate(alphabet.tokens) if token == "2"]
    place = len(signs) // 2
    while signs[place] != bar:
        place += 1
    broken = [*signs[:place], alphabet.number["z"], length, *signs[place:]]
    assert len(alphabet.decode(broken).time_signatures) > 1


@pytest.mark.parametrize("kind", MELODIES)
def test_length_in_bars(kind, pieces):
    """With 16 bars asked for there are 16 as played; endings and pickups may add a little."""
    scores = [melody(s) for _, s in pieces if len(s.time_signatures) == 1]
    alphabet, random = learned_alphabet(kind, scores), np.random.default_rng(3)
    counts = []
    for _ in range(120):
        signs = draw(alphabet, alphabet.grammar(16, steady=True), random)
        score = expand_repeats(alphabet.decode(signs)) if signs else None
        if score:
            meter = score.time_signatures[0]
            bar = 1920 * meter.numerator // meter.denominator
            counts.append(score.end() / bar)
    assert len(counts) > 90
    assert np.median(counts) == pytest.approx(16, abs=3)  # the last bars may be rests
    assert max(counts) < 24


@pytest.fixture(scope="module")
def chorales(corpus21):
    """Read chorales in four voices."""
    return [read_score(path) for path in sorted(corpus21("bach").glob("*.mxl"))[:8]]


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_length_in_bars_of_many_voices(kind, chorales):
    """With 6 bars asked for, notes begin in 6, each of them ends, and nothing is cut off.

    A performance knows no bars; they are taken to be 2 s long.
    """
    alphabet, random = learned_alphabet(kind, chorales), np.random.default_rng(4)
    begun = []
    for _ in range(30):
        signs = draw(alphabet, alphabet.grammar(6, steady=True), random, 6000)
        assert signs is not None
        score = alphabet.decode(signs)
        names = [alphabet.names[sign][0] for sign in signs]
        assert names.count("on") == score.note_num() > 0
        bar = 4 * score.ticks_per_quarter
        for meter in score.time_signatures:
            bar = bar * meter.numerator // meter.denominator
        begun.append(-(-score.end() // bar) if kind == "performance" else bar_count(score))
    assert max(begun) == 6
    assert min(begun) == 6 or kind == "performance"


def test_opening(pieces):
    alphabet = Notes.learned([melody(s) for _, s in pieces])
    signs = alphabet.opening(Key("E", "dorian"), (6, 8))
    grammar = alphabet.grammar()
    for sign in signs:
        grammar.advance(sign)
    random = np.random.default_rng(0)
    rest = draw(alphabet, grammar, random)
    score = alphabet.decode([*signs, *rest])
    assert key_of(score) == Key("E", "dorian")
    assert (score.time_signatures[0].numerator, score.time_signatures[0].denominator) == (6, 8)
    with pytest.raises(MusicError, match="the composer knows no 17/16"):
        alphabet.opening(None, (17, 16))


@pytest.mark.parametrize("kind", KINDS)
def test_an_alphabet_is_described_and_built_again(kind, pieces):
    alphabet = learned_alphabet(kind, [melody(s) for _, s in pieces[:20]])
    again = alphabet_from(alphabet.to_dict())
    assert (again.kind, again.size) == (kind, alphabet.size)
    signs = alphabet.encode(melody(pieces[0][1]))
    assert (again.encode(melody(pieces[0][1])) == signs).all()
    assert alphabet.size < full_alphabet(kind).size


@pytest.mark.parametrize(
    "described",
    [
        {},
        {"kind": "x"},
        {"kind": "notes"},
        {"kind": "abc", "tokens": ["z"]},
        {"kind": "abc"},
        {"kind": "remi", "signs": [0, 5, 3]},
        {"kind": "remi", "signs": [0, 10**9]},
        {"kind": "tsd"},
        {"kind": "notes", "meters": [], "lengths": [], "pitches": [0, 0]},
        {"kind": "notes", "meters": [[4, 4]], "lengths": [12], "pitches": [-900, 900]},
        {"kind": "notes", "meters": [[4, 4]], "lengths": [12, 10**10], "pitches": [0, 12]},
        {"kind": "notes", "meters": [[4, 4]], "lengths": [0, 12], "pitches": [0, 12]},
        {"kind": "notes", "meters": [[10**9, 1]], "lengths": [12], "pitches": [0, 12]},
        {"kind": "notes", "meters": [[4, 0]], "lengths": [12], "pitches": [0, 12]},
        {"kind": "remi", "signs": [0, 10**30]},
        {"kind": "remi", "signs": [0, Events("remi").number["voice", 1]]},
        7,
    ],
)
def test_damaged_descriptions(described):
    with pytest.raises(MusicError):
        alphabet_from(described)


def test_what_has_no_signs(tune):
    two = tune("M:4/4\nL:1/8\nK:C\nV:1\nc8|\nV:2\nC4 D4|\n")
    for kind in MELODIES:
        with pytest.raises(MusicError, match="ask for its melody"):
            full_alphabet(kind).encode(two)
    small = Notes.learned([tune(REEL)])
    with pytest.raises(MusicError, match="the alphabet has"):
        small.encode(tune("M:4/4\nL:1/8\nK:D\nD,,8|D8|\n"))
    with pytest.raises(MusicError, match="is not in the alphabet"):
        small.encode(tune("M:3/4\nL:1/8\nK:D\nd2fd Ad|d2fd Ad|\n"))
    with pytest.raises(MusicError, match="is no sign"):
        small.decode([small.size])
    with pytest.raises(MusicError, match="may not come here"):
        small.grammar().advance(small.number["rest"])


def test_the_stream_that_is_learned_from(pieces):
    alphabet, skipped = Notes.learned([melody(s) for _, s in pieces]), {}
    melodies = [(name, melody(score)) for name, score in pieces]
    parts = list(encoded(melodies, alphabet, skipped))
    assert not skipped
    assert parts[0].tolist() == [alphabet.end]
    assert all(part[-1] == alphabet.end for part in parts)
    more = list(encoded(melodies, alphabet, skipped, AugmentConfig(semitones=(-2, 0, 2))))
    assert len(more) == 3 * len(melodies) + 1


def test_only_a_piece_without_any_variation_is_left_out(pieces):
    melodies = [(name, melody(score)) for name, score in pieces[:9]]
    alphabet, skipped = AbcTokens.learned([score for _, score in melodies]), {}
    config = AugmentConfig(semitones=(0, 1))
    parts = list(encoded(melodies, alphabet, skipped, config))
    assert not skipped
    assert 1 + 9 <= len(parts) < 1 + 18, "some have keys or notes that the alphabet lacks"
    list(encoded(melodies[:1], alphabet, skipped, AugmentConfig(semitones=(48,))))
    assert skipped == {melodies[0][0]: "transposed as asked for, it leaves MIDI's range"}
