"""Event tokens: equal to miditok's, and as many bars as asked for."""

import numpy as np
import pytest

from bowerbird.errors import MusicError
from bowerbird.music.formats.files import read_score
from bowerbird.music.notation.measures import bar_count
from bowerbird.music.score.build import new_score, new_tempo, new_time_signature, new_track
from bowerbird.music.score.melody import melody
from bowerbird.music.tokens.events import EVENT_KINDS, EventTokenizer
from bowerbird.music.tokens.kinds import tokenizer_for
from bowerbird.music.tokens.voices import voices_of

BEAT_KINDS = [kind for kind in EVENT_KINDS if kind != "performance"]
SHORT = {"meter": "M", "tonic": "K", "mode": "", "duration": "lasts"}


def text(kind, score):
    """Return the tokens of a score on one line, with short names."""
    tokenizer = EventTokenizer(kind)
    tokens = [tokenizer.vocabulary.tokens[n] for n in tokenizer.encode(score)]
    short = [(SHORT.get(t[0], t[0]), *t[1:]) if isinstance(t, tuple) else (t,) for t in tokens]
    return " ".join("".join(map(str, token)) for token in short)


def test_by_hand(two_voices):
    head = "M44 K0 major program0 program1"
    assert text("remi", two_voices) == (
        f"{head} bar position0 voice0 on60 lasts24 voice1 on48 lasts48 "
        "position24 voice0 on62 lasts48 position48 voice1 on50 lasts24"
    )
    assert text("tsd", two_voices) == (
        f"{head} voice0 on60 lasts24 voice1 on48 lasts48 shift24 voice0 on62 lasts48 "
        "shift24 voice1 on50 lasts24"
    )
    assert text("structured", two_voices) == (
        f"{head} shift0 voice0 on60 lasts24 shift0 voice1 on48 lasts48 "
        "shift24 voice0 on62 lasts48 shift24 voice1 on50 lasts24"
    )
    assert text("midi-like", two_voices) == (
        f"{head} voice0 on60 voice1 on48 shift24 voice0 off60 on62 shift24 voice1 off48 on50 "
        "shift24 voice0 off62 voice1 off50"
    )


def test_a_performance_is_in_hundredths_of_seconds(piece):
    score = piece([[0, 480, 60, 64], [480, 480, 62, 100]])
    score.tempos.append(new_tempo(0, 60))
    assert text("performance", score) == (
        "velocity16 on60 shift100 off60 velocity25 on62 shift100 off62"
    )


def test_drums_and_instruments_stay(piece):
    score = piece([[0, 480, 60]])
    score.tracks.append(new_track([[0, 480, 36]], drums=True))
    again = EventTokenizer("remi").decode(EventTokenizer("remi").encode(score))
    assert [(t.program, t.is_drum) for t in again.tracks] == [(0, False), (0, True)]


def test_long_notes_and_silences(piece):
    score = piece([[480 * 50, 480 * 30, 60]])
    for kind in BEAT_KINDS:
        tokenizer = EventTokenizer(kind)
        (note,) = tokenizer.decode(tokenizer.encode(score)).tracks[0].notes
        assert (note.time, note.duration) == (480 * 50, 480 * 30)


def test_what_can_not_be_encoded(piece):
    with pytest.raises(MusicError, match="no notes"):
        EventTokenizer("remi").encode(new_score())
    many = piece(*[[[0, 480, 60]]] * 40)
    with pytest.raises(MusicError, match="more than 32 tracks"):
        EventTokenizer("tsd").encode(many)
    small = tokenizer_for("tsd", [piece([[0, 480, 60]])])
    with pytest.raises(MusicError, match="it has 'on 61', which is not in the model's vocabulary"):
        small.encode(piece([[0, 480, 61]]))
    waltz = piece([[0, 480, 60]])
    waltz.time_signatures.clear()
    waltz.time_signatures.append(new_time_signature(0, 3, 4))
    with pytest.raises(MusicError, match=r"its meter is 3/4; the model was trained on 4/4$"):
        small.encode(waltz)


@pytest.mark.parametrize("kind", BEAT_KINDS)
@pytest.mark.slow
def test_tokens_are_those_of_miditok(nottingham, kind):
    """Melodies, note by note: the tokens of miditok 3 with our names, without its velocities."""
    miditok = pytest.importorskip("miditok")

    config = miditok.TokenizerConfig(
        beat_res={(0, 4): 24},
        use_velocities=False,
        use_programs=False,
        use_time_signatures=False,
        use_tempos=False,
        use_note_duration_programs=list(range(-1, 128)),
    )
    theirs = {
        "remi": miditok.REMI,
        "tsd": miditok.TSD,
        "midi-like": miditok.MIDILike,
        "structured": miditok.Structured,
    }[kind](config)
    ours = EventTokenizer(kind)
    compared = 0
    for name, given in nottingham[::20]:
        score = melody(given)
        notes = voices_of(score)
        meters = {(m.numerator, m.denominator) for m in score.time_signatures}
        if meters != {(4, 4)} or (notes.ends - notes.starts).max() > 96:
            continue
        expected = [plain(token) for token in theirs(score)[0].tokens]
        tokens = [renamed(ours.vocabulary.tokens[n]) for n in ours.encode(score)]
        assert [t for t in tokens if t] == [t for t in expected if t], name
        compared += 1
    assert compared > 5


def plain(token):
    """Return (kind, ticks or pitch) of miditok's token; None for what has another place in ours."""
    kind, _, value = token.partition("_")
    if kind in ("Duration", "TimeShift"):
        beats, place, per = map(int, value.split("."))
        return (kind, beats * 24 + place * 24 // per)
    if kind in ("Pitch", "NoteOn", "NoteOff", "Position"):
        return ("Pitch" if kind == "NoteOn" else kind, int(value))
    return ("Bar", 0) if kind == "Bar" else None


def renamed(token):
    """Return our token with miditok's name; None for those of the header."""
    if token == "bar":
        return ("Bar", 0)
    names = {
        "on": "Pitch",
        "off": "NoteOff",
        "duration": "Duration",
        "shift": "TimeShift",
        "position": "Position",
    }
    return (names[token[0]], token[1]) if token[0] in names else None


@pytest.mark.parametrize("kind", BEAT_KINDS)
@pytest.mark.parametrize("bars", [1, 4])
def test_bars_are_as_many_as_asked(nottingham, kind, bars):
    """As musicians count them, in any case: with a pickup, and nothing after the last one."""
    tokenizer = tokenizer_for(kind, [score for _, score in nottingham[:200]])
    random, pickups = np.random.default_rng(5), 0
    for _ in range(12):
        grammar, ids = tokenizer.grammar(bars, single_meter=True), []
        while not grammar.ended:
            mask = grammar.allowed()
            shifts = [n for n in tokenizer.vocabulary.ids_of("shift") if mask[n]]
            choice = shifts if shifts and random.random() < 0.3 else np.flatnonzero(mask)
            ids.append(int(random.choice(choice)))
            grammar.advance(ids[-1])
        made = tokenizer.decode(ids)
        pickups += min(track.notes[0].time for track in made.tracks if len(track.notes)) > 0
        assert bar_count(made) == bars
    assert pickups


@pytest.fixture(scope="module")
def chorales(corpus21):
    """Read chorales in four voices."""
    return [read_score(path) for path in sorted(corpus21("bach").glob("*.mxl"))[:8]]


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_length_in_bars_of_many_voices(kind, chorales, draw):
    """With 6 bars asked for, notes begin in 6, each of them ends, and nothing is cut off.

    The bars of a performance are 2 s long.
    """
    tokenizer, random = tokenizer_for(kind, chorales), np.random.default_rng(4)
    begun = []
    for _ in range(30):
        ids = draw(tokenizer.grammar(6, single_meter=True), random, 6000)
        assert ids is not None
        score = tokenizer.decode(ids)
        kinds = [tokenizer.vocabulary.tokens[n][0] for n in ids]
        assert kinds.count("on") == score.note_num() > 0
        bar = 4 * score.ticks_per_quarter
        for meter in score.time_signatures:
            bar = bar * meter.numerator // meter.denominator
        begun.append(-(-score.end() // bar) if kind == "performance" else bar_count(score))
    assert max(begun) == 6
    assert min(begun) == 6 or kind == "performance"
