"""ABC as in the standard: each expectation was worked out by hand from its text."""

import random
import time

import pytest

from bowerbird.errors import MusicError
from bowerbird.music.formats.abc_reader import read_abc
from bowerbird.music.formats.abc_writer import to_abc
from bowerbird.music.formats.bars import place, tune_to_score
from bowerbird.music.formats.files import read_scores
from bowerbird.music.formats.tune import Tune
from bowerbird.music.score.key import Key, key_of
from bowerbird.music.score.melody import grid_notes
from bowerbird.music.score.repeats import expand_repeats
from bowerbird.music.tokens.kinds import tokenizer_for

C = "M:4/4\nL:1/8\nK:C\n"


def notes(score):
    """Return (start, length, pitch) of each note in quarter notes."""
    found = [(n.time / 480, n.duration / 480, n.pitch) for t in score.tracks for n in t.notes]
    return sorted(found)


def pitches(score):
    return [pitch for _, _, pitch in notes(score)]


def lengths(score):
    return [length for _, length, _ in notes(score)]


def error(body):
    (found,) = read_abc("X:1\n" + body)
    if isinstance(found, Tune):
        with pytest.raises(MusicError) as refused:
            tune_to_score(found)
        return str(refused.value)
    return str(found)


# --- notes ----------------------------------------------------------------------------------------


def test_octaves(tune):
    assert pitches(tune(C + "C,, C, C c c' c''|")) == [36, 48, 60, 72, 84, 96]


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("A", 0.5),
        ("A2", 1),
        ("A/", 0.25),
        ("A/2", 0.25),
        ("A//", 0.125),
        ("A3/2", 0.75),
        ("A3/4", 0.375),
    ],
)
def test_lengths(tune, written, length):
    assert lengths(tune(C + written + "|")) == [length]


@pytest.mark.parametrize(
    ("meter", "length"), [("4/4", 0.5), ("6/8", 0.5), ("3/4", 0.5), ("2/4", 0.25), ("C|", 0.5)]
)
def test_length_of_a_note_without_l(tune, meter, length):
    """The standard: 1/16 if the meter is less than 0.75, else 1/8."""
    assert lengths(tune(f"M:{meter}\nK:C\nA|")) == [length]


def test_an_accidental_holds_to_the_end_of_the_bar(tune):
    assert pitches(tune(C + "^F f F =F F|F|")) == [66, 78, 66, 65, 65, 65]


def test_a_tie_takes_an_accidental_over_the_bar_line(tune):
    assert notes(tune(C + "c6 ^F2-|F2 F6|")) == [(0, 3, 72), (3, 2, 66), (5, 3, 65)]


@pytest.mark.parametrize(
    ("key", "scale"),
    [
        ("D", "62 64 66 67 69 71 73"),
        ("Em", "62 64 66 67 69 71 72"),
        ("Ador", "62 64 66 67 69 71 72"),
        ("A Mixolydian", "62 64 66 67 69 71 73"),
        ("Bb", "62 63 65 67 69 70 72"),
        ("Hp", "62 64 66 67 69 71 73"),
        ("D ^g =f", "62 64 65 68 69 71 73"),
        ("Dmix=f", "62 64 65 67 69 71 72"),
        ("G clef=treble", "62 64 66 67 69 71 72"),
    ],
)
def test_keys(tune, key, scale):
    assert pitches(tune(f"M:7/8\nL:1/8\nK:{key}\nDEFGABc|")) == [int(p) for p in scale.split()]


def test_broken_rhythm(tune):
    assert lengths(tune(C + "A>B A<B A>>B A < B|")) == [
        *(0.75, 0.25, 0.25, 0.75, 0.875, 0.125, 0.25, 0.75)
    ]


def test_tuplets(tune):
    third = 1 / 3
    assert lengths(tune(C + "(3ABc d2 (3:2:2 A4B2|")) == pytest.approx(
        [third] * 3 + [1, 4 * third, 2 * third]
    )


def test_triplets_are_exact(tune):
    times = [n.time for n in tune(C + "(3ABc (3ABc (5ABcde c2|").tracks[0].notes]
    assert times == [0, 160, 320, 480, 640, 800, 960, 1056, 1152, 1248, 1344, 1440]


def test_chords_and_voices(tune):
    assert notes(tune(C + "[CEG]2 [C2E2]|")) == [
        (0, 1, 60),
        (0, 1, 64),
        (0, 1, 67),
        (1, 1, 60),
        (1, 1, 64),
    ]
    score = tune(C + "V:1\nc4 d4|\nV:2\nC8|\n")
    assert [len(track.notes) for track in score.tracks] == [2, 1]
    assert notes(tune(C + "c4 d4 & C8|")) == [(0, 2, 72), (0, 4, 60), (2, 2, 74)]


def test_what_is_not_a_note_is_skipped(tune):
    body = '{g}vA2 ~B2 "Am"c2 !trill!d2|.A(B .c)Te "^slow"f4|'
    assert pitches(tune(C + body)) == [69, 71, 72, 74, 69, 71, 72, 76, 77]


def test_rests(tune):
    assert notes(tune(C + "z2 A2 x4|Z|A4 z4|")) == [(1, 1, 69), (8, 2, 69)]


# --- bars -----------------------------------------------------------------------------------------


def test_a_pickup_is_the_end_of_a_whole_bar(tune):
    assert notes(tune("M:3/4\nL:1/4\nK:C\nG|c d e|f3|"))[:2] == [(2, 1, 67), (3, 1, 72)]


def test_a_repeat_within_a_bar_makes_one_bar(tune):
    score = tune("M:4/4\nL:1/4\nK:C\nG|cdef|gab::A|cdef|gab:|")
    assert [n[0] for n in notes(score)] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
    assert [(m.time / 480, m.text) for m in score.markers] == [(11, ":|"), (11, "|:"), (19, ":|")]
    assert len(score.time_signatures) == 1


def test_a_bar_that_does_not_add_up_has_its_own_meter(tune):
    score = tune("M:4/4\nL:1/4\nK:C\nABcd|ABc|ABcd|ABcd|")
    meters = [(m.time / 480, m.numerator, m.denominator) for m in score.time_signatures]
    assert meters == [(0, 4, 4), (4, 3, 4), (7, 4, 4)]
    (found,) = read_abc("X:1\nM:4/4\nL:1/4\nK:C\nABcd|ABc|ABcd|ABcd|")
    assert [meter for _, meter in place(found.voices["1"])[1]] == [(4, 4), (3, 4), (4, 4)]


def test_repeats_are_played(tune):
    score = expand_repeats(tune("M:4/4\nL:1/4\nK:C\nG|cdef|gab:|"))
    assert [n[0] for n in notes(score)] == list(range(3, 19))
    assert not len(score.markers)


def test_endings_are_played(tune):
    score = expand_repeats(tune("M:2/4\nL:1/4\nK:C\nG|cd|1 ec:|2 eg||fa|"))
    played = [67, 72, 74, 76, 72, 67, 72, 74, 76, 79, 77, 81]
    assert pitches(score) == played
    assert [n[0] for n in notes(score)] == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13]


# --- heads ----------------------------------------------------------------------------------------


def test_the_head(tune):
    score = tune(
        "T:The Ranting Highlandman\nT:another\nR:Reel\nM:C|\nL:1/8\nQ:1/2=112\nK:Ador\nA8|"
    )
    assert score.tracks[0].name == "The Ranting Highlandman"
    assert (score.tempos[0].qpm, key_of(score)) == (pytest.approx(224), Key("A", "dorian"))
    meter = score.time_signatures[0]
    assert (meter.numerator, meter.denominator) == (2, 2)
    assert "R:reel" in [m.text for m in score.markers]


def test_many_tunes_and_a_file_head(tmp_path):
    path = tmp_path / "tunes.abc"
    path.write_text("M:6/8\nL:1/8\n\nX:1\nT:A\nK:G\nGAB|\n\nsome words\n\nX:2\nT:B\nK:D\nDEF|\n")
    assert [name for name, _ in read_scores(path)] == ["tunes.abc: 1 A", "tunes.abc: 2 B"]


# --- errors give the line -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("T:x\nM:4/4\nABc|\n", "line 1: the tune has no key"),
        (C + "A|\n[CE|\n", "line 6: a bracket is not closed"),
        (C + 'A "Am|\n', "line 5: a quotation mark is not closed"),
        (C + "A {g|\n", "line 5: a brace is not closed"),
        (C + "A 3|\n", "line 5: '3' belongs to no note"),
        (C + "A é|\n", "line 5: 'é' is not ABC"),
        (C + "(3AB|\n", "a tuplet has too few notes"),
        (C + "A0|\n", "line 5: a note has no length"),
        (C + "C,,,,,,,|\n", "line 5: C,,,,,,, is out of the range of MIDI"),
        ("K:H\nA|", "line 2: K:H is not a key"),
        ("M:4/5\nK:C\nA|", "line 2: M:4/5 is not a meter"),
        ("L:eighth\nK:C\nA|", "line 2: L:eighth is not a length"),
        (C + "z4|", "the tune has no notes"),
        ("Q:1/4=0\nK:C\nA|", "line 2: Q:1/4=0 is not a tempo; write Q:1/4=120"),
        (C + "A [Q:0.0]B|", "line 5: Q:0.0 is not a tempo"),
        (C + "Z99999|", "a rest of 99999 bars is too long"),
        (C + f"Z{'9' * 5000}|", "line 5: a rest of 999999999 bars is too long"),
        (C + f"(3:{'9' * 5000}:3CDE|", "line 5: '9' belongs to no note"),
        ("M:²/4\nK:C\nA|", "line 2: M:²/4 is not a meter"),
        (f"M:{'9' * 5000}/4\nK:C\nA|", "is not a meter"),
        ("L:²/8\nK:C\nA|", "line 2: L:²/8 is not a length"),
        ("L:1/100000\nK:C\n[CE]2 C8|", "line 2: L:1/100000 is not a length"),
        ("L:1/9999\nK:C\nC8 C/99|", "line 4: a note is too short"),
        ("M:4/4\nL:1/4\nK:C\nABcd|A127A127A127|", "line 5: a bar of 381 quarter notes"),
        ("M:1/32\nL:1/32\nK:C\nA|A91|A|", "line 5: a bar of 91/32 is too long"),
    ],
)
def test_errors_give_the_line(body, message):
    assert message in error(body)


def test_a_long_bar_in_a_meter_of_short_beats(tune):
    score = tune("M:1/32\nL:1/1\nK:C\nC16|")
    assert [(m.numerator, m.denominator) for m in score.time_signatures] == [(16, 1)]


def mutated(text, seed):
    r, letters = random.Random(seed), list(text)
    more = ["²", "٣", "9" * 5000, "(3:9:", "[V:2]", "[M:2/4]", "[L:1/9999]", "[K:Gm]", "Z8", "X:2"]
    more += [
        "[",
        "]",
        "|:",
        ":|",
        "[2",
        "<<<",
        "&",
        "-",
        "/////",
        "0",
        "\n",
        "\nV:2\n",
        "\nL:1/64\n",
    ]
    for _ in range(r.randrange(1, 12)):
        place = r.randrange(len(letters))
        match r.randrange(4):
            case 0:
                letters[place] = chr(r.randrange(1, 256))
            case 1:
                del letters[place : place + r.randrange(1, 40)]
            case 2:
                letters[place:place] = r.choice(more)
            case 3:
                letters[place:place] = letters[: r.randrange(60)]
    return "".join(letters)


def test_2000_mutated_tunes_do_no_harm(corpus21):
    book = corpus21("airdsAirs/book5.abc").read_text(encoding="latin-1").split("X:")[2:42]
    good, messages, began = 0, [], time.process_time()
    for seed in range(2000):
        for found in read_abc(mutated("X:" + book[seed % 40], seed)):
            try:
                if isinstance(found, MusicError):
                    raise found
                score = tune_to_score(found)
                to_abc(expand_repeats(score))
                good += 1
            except MusicError as error:
                messages.append(str(error))
    assert good > 200  # or nothing was tried
    assert not [message for message in messages if "\n" in message or len(message) > 300]
    assert time.process_time() - began < 60


# --- real tunes -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(corpus21):
    found = []
    for name in ("airdsAirs/book1.abc", "oneills1850/0001-0050.abc", "airdsAirs/book5.abc"):
        found += list(read_scores(corpus21(name), {}))
    assert len(found) > 400
    return found


def test_almost_all_real_tunes_are_read(corpus21):
    skipped = {}
    read = [
        n for p in sorted(corpus21("ryansMammoth").glob("*.abc")) for n in read_scores(p, skipped)
    ]
    assert (len(read), len(skipped)) == (1049, 10)
    assert all("line " in why for why in skipped.values())


def test_written_tunes_are_the_same(real):
    for name, score in real:
        (back,) = read_abc(to_abc(score))
        again = tune_to_score(back)
        assert same_notes(score, again), name
        assert key_of(again) == key_of(score)
        meters = [[(m.time, m.numerator) for m in s.time_signatures] for s in (score, again)]
        assert meters[0] == meters[1], name


def same_notes(one, other):
    first, second = (
        [*zip(*map(list, (g.starts, g.pitches, g.ends)), strict=True)]
        for g in (grid_notes(one, 24), grid_notes(other, 24))
    )
    return sorted(first) == sorted(second)


# --- instruments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "programs"),
    [
        ("M:4/4\nK:C\nC8|", [40]),
        ("M:4/4\n%%MIDI program 73\nK:C\nC8|", [73]),
        ("M:4/4\nK:C\n%%MIDI program 1 73\nC8|", [73]),
        ("K:C\nV:1\n%%MIDI program 73\nC8|\nV:2\nE8|\n%%MIDI program 12\nV:1\nE8|", [73, 12]),
        ("%%MIDI program 0\nK:C\nV:1\n%%MIDI program 73\nC8|\nV:2\nE8|", [73, 0]),
        ("K:C\n%%MIDI program 999\nC8|", [127]),
    ],
)
def test_instruments(tune, body, programs):
    score = tune(body)
    assert [track.program for track in score.tracks] == programs
    (again,) = read_abc(to_abc(score))
    assert [track.program for track in tune_to_score(again).tracks] == programs


def test_a_meter_that_is_not_in_the_vocabulary(tune):
    tokenizer = tokenizer_for("abc", [tune("M:4/4\nK:C\nC8|"), tune("M:6/8\nL:1/8\nK:C\nC6|")])
    with pytest.raises(MusicError, match=r"its meter is 3/4; the model was trained on 4/4, 6/8$"):
        tokenizer.encode(tune("M:3/4\nL:1/8\nK:C\nC6|"))


# --- as other programs write it -------------------------------------------------------------------


def test_a_tie_after_a_blank(tune):
    found = notes(tune(C + "c2 -c2 d4 - | d4 e4|"))
    assert found == [(0, 2, 72), (2, 4, 74), (6, 2, 76)]


def test_a_tie_after_a_blank_keeps_the_accidental(tune):
    assert pitches(tune(C + "^f4 g2 ^f2 -| f4 f4|")) == [78, 79, 78, 77]


def test_a_tie_without_a_note_is_nothing(tune):
    assert pitches(tune(C + "- z2 -c2 d4|")) == [72, 74]


def test_an_explicit_key_signature(tune):
    key = "M:4/4\nL:1/4\nK:D exp _b _e ^f\n"
    assert pitches(tune(key + "cdef|gabc'|")) == [72, 74, 75, 78, 79, 81, 82, 84]


@pytest.mark.parametrize(
    ("field", "moved"),
    [("treble-8", -12), ("clef=treble+8", 12), ("octave=-2", -24), ("treble", 0), ("bass-8", -12)],
)
def test_clefs_and_octaves_move_what_is_played(tune, field, moved):
    assert pitches(tune(f"M:4/4\nL:1/4\nK:C {field}\nCDEF|")) == [
        n + moved for n in (60, 62, 64, 65)
    ]
    changed = pitches(tune(f"M:4/4\nL:1/4\nK:C\nCD[K:{field}]EF|[K:treble]CDEF|"))
    assert changed == [60, 62, 64 + moved, 65 + moved, 60, 62, 64, 65]
    voices = tune(f"M:4/4\nL:1/4\nV:1\nV:2 {field}\nK:C\nV:1\nCDEF|\nV:2\nCDEF|\n")
    assert [n.pitch for n in voices.tracks[1].notes] == [n + moved for n in (60, 62, 64, 65)]


@pytest.mark.parametrize("clef", ["bass", "treble", "alto", "clef=bass"])
def test_a_change_of_clef_is_no_change_of_key(tune, clef):
    assert pitches(tune(f"M:4/4\nL:1/4\nK:D\nDFAd|[K:{clef}] DFAd|")) == [62, 66, 69, 74] * 2
