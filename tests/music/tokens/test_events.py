"""Streams of events: equal to miditok's, and the pedal, loudness and voices of performances."""

import numpy as np
import pytest

from bowerbird.errors import MusicError
from bowerbird.music.score.build import new_meter, new_score, new_signature, new_tempo, new_track
from bowerbird.music.score.melody import melody
from bowerbird.music.score.meter import bar_count, bar_length, meters_of
from bowerbird.music.tokens.events import Events
from bowerbird.music.tokens.harmonize_grammar import Harmony
from bowerbird.music.tokens.voices import voices_of


def piece(*tracks):
    score = new_score()
    score.time_signatures.append(new_meter(0, 4, 4))
    score.key_signatures.append(new_signature(0, 0, minor=False))
    for number, rows in enumerate(tracks):
        score.tracks.append(new_track(rows, f"track {number}", number))
    return score


def told(kind, score):
    alphabet = Events(kind)
    names = [alphabet.names[n] for n in alphabet.encode(score)]
    return " ".join("".join(map(str, n)) if isinstance(n, tuple) else n for n in names)


TWO = [[0, 480, 60], [480, 960, 62]], [[0, 960, 48], [960, 480, 50]]


def test_by_hand():
    score = piece(*TWO)
    head = "M44 K0 major program0 program1"
    assert told("remi", score) == (
        f"{head} bar position0 voice0 on60 lasts24 voice1 on48 lasts48 "
        "position24 voice0 on62 lasts48 position48 voice1 on50 lasts24"
    )
    assert told("tsd", score) == (
        f"{head} voice0 on60 lasts24 voice1 on48 lasts48 shift24 voice0 on62 lasts48 "
        "shift24 voice1 on50 lasts24"
    )
    assert told("structured", score) == (
        f"{head} shift0 voice0 on60 lasts24 shift0 voice1 on48 lasts48 "
        "shift24 voice0 on62 lasts48 shift24 voice1 on50 lasts24"
    )
    assert told("midi-like", score) == (
        f"{head} voice0 on60 voice1 on48 shift24 voice0 off60 on62 shift24 voice1 off48 on50 "
        "shift24 voice0 off62 voice1 off50"
    )


def test_a_performance_is_in_hundredths_of_seconds():
    score = piece([[0, 480, 60, 64], [480, 480, 62, 100]])
    score.tempos.append(new_tempo(0, 60))
    assert told("performance", score) == "loud16 on60 shift100 off60 loud25 on62 shift100 off62"


def test_the_pedal_holds_notes():
    from symusic.core import ControlChangeTick  # noqa: PLC0415

    score = piece([[0, 240, 60], [480, 240, 62]])
    for time, value in ((100, 127), (900, 0)):
        score.tracks[0].controls.append(ControlChangeTick(time, 64, value))
    assert (voices_of(score, seconds=True).ends * 9.6).round(-1).tolist() == [900, 900]


def test_a_note_ends_where_it_begins_again():
    voices = voices_of(piece([[0, 960, 60], [480, 480, 60], [480, 240, 60]]))
    assert list(zip(voices.starts.tolist(), voices.ends.tolist(), strict=True)) == [
        (0, 24),
        (24, 48),
    ]


def test_drums_and_instruments_stay():
    score = piece([[0, 480, 60]])
    score.tracks.append(new_track([[0, 480, 36]], drums=True))
    again = Events("remi").decode(Events("remi").encode(score))
    assert [(t.program, t.is_drum) for t in again.tracks] == [(0, False), (0, True)]


def test_long_notes_and_silences():
    score = piece([[480 * 50, 480 * 30, 60]])
    for kind in ("remi", "tsd", "midi-like", "structured"):
        (note,) = Events(kind).decode(Events(kind).encode(score)).tracks[0].notes
        assert (note.time, note.duration) == (480 * 50, 480 * 30)


def test_refusals():
    with pytest.raises(MusicError, match="no notes"):
        Events("remi").encode(new_score())
    many = piece(*[[[0, 480, 60]]] * 40)
    with pytest.raises(MusicError, match="more than 32 tracks"):
        Events("tsd").encode(many)
    small = Events.learned("tsd", [piece([[0, 480, 60]])])
    with pytest.raises(MusicError, match="has no sign"):
        small.encode(piece([[0, 480, 61]]))
    waltz = piece([[0, 480, 60]])
    waltz.time_signatures.clear()
    waltz.time_signatures.append(new_meter(0, 3, 4))
    with pytest.raises(MusicError, match=r"its meter is 3/4; the composer knows 4/4$"):
        small.encode(waltz)


@pytest.mark.parametrize("kind", ["remi", "tsd", "midi-like", "structured"])
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
    tokenizer = {
        "remi": miditok.REMI,
        "tsd": miditok.TSD,
        "midi-like": miditok.MIDILike,
        "structured": miditok.Structured,
    }[kind](config)
    ours = Events(kind)
    compared = 0
    for name, given in nottingham[::20]:
        score = melody(given)
        lines = voices_of(score)
        meters = {(m.numerator, m.denominator) for m in score.time_signatures}
        if meters != {(4, 4)} or (lines.ends - lines.starts).max() > 96:
            continue
        theirs = [plain(token, kind) for token in tokenizer(score)[0].tokens]
        own = [mine(ours.names[n]) for n in ours.encode(score)]
        assert [t for t in own if t] == [t for t in theirs if t], name
        compared += 1
    assert compared > 5


def plain(token, kind):
    """Return (what, ticks or pitch) of miditok's token; nothing for what we tell elsewhere."""
    what, _, value = token.partition("_")
    if what in ("Duration", "TimeShift"):
        beats, place, per = map(int, value.split("."))
        ticks = beats * 24 + place * 24 // per
        return (what, ticks)
    if what in ("Pitch", "NoteOn", "NoteOff", "Position"):
        return ("Pitch" if what == "NoteOn" else what, int(value))
    return ("Bar", 0) if what == "Bar" else None


def mine(name):
    if name == "bar":
        return ("Bar", 0)
    if not isinstance(name, tuple):
        return None
    words = {
        "on": "Pitch",
        "off": "NoteOff",
        "lasts": "Duration",
        "shift": "TimeShift",
        "position": "Position",
    }
    return (words[name[0]], name[1]) if name[0] in words else None


@pytest.mark.parametrize("kind", ["remi", "tsd", "midi-like", "structured"])
@pytest.mark.parametrize("bars", [1, 4])
def test_bars_are_as_many_as_asked(nottingham, kind, bars):
    """As musicians count them, whatever is drawn: with a pickup, and nothing after the last one."""
    alphabet = Events.learned(kind, [score for _, score in nottingham[:200]])
    random, pickups = np.random.default_rng(5), 0
    for _ in range(12):
        grammar, signs = alphabet.grammar(bars, steady=True), []
        while not grammar.ended:
            mask = grammar.allowed()
            times = [sign for sign in grammar.parts.of["shift"] if mask[sign]]
            likely = times if times and random.random() < 0.3 else np.flatnonzero(mask)
            signs.append(int(random.choice(likely)))
            grammar.advance(signs[-1])
        made = alphabet.decode(signs)
        pickups += min(track.notes[0].time for track in made.tracks if len(track.notes)) > 0
        assert bar_count(made) == bars
    assert pickups


# --- a given melody -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["remi", "tsd", "structured"])
def test_a_given_melody_stays(nottingham, kind):
    """Voices drawn at random around it change nothing in the first one."""
    scores = [score for _, score in nottingham[:200] if len(score.tracks) == 2]
    alphabet, random = Events.learned(kind, scores), np.random.default_rng(5)
    for score in [s for s in scores if len(s.time_signatures) == 1][:5]:
        grammar, signs = Harmony(alphabet, score), []
        while True:
            mask = grammar.allowed()
            assert mask.any()
            sign = int(random.choice(np.flatnonzero(mask)))
            if mask[alphabet.end]:
                break
            grammar.advance(sign)
            signs.append(sign)
        made, given = alphabet.decode(signs), voices_of(melody(score))
        first = voices_of(made)
        mine = first.voices == 0
        assert (first.starts[mine] == given.starts).all()
        assert (first.ends[mine] == given.ends).all()
        assert (first.pitches[mine] == given.pitches).all()
        assert (~mine).any()
        assert first.ends[~mine].max() <= given.ends[-1]
        bar = bar_length(meters_of(score, 24)[0][1], 24)
        assert (first.ends - first.starts)[~mine].max() <= 2 * bar


def test_what_can_not_be_harmonized(nottingham):
    score = nottingham[0][1]
    with pytest.raises(MusicError, match="not performance"):
        Harmony(Events("performance"), score)
    with pytest.raises(MusicError, match="meter changes"):
        Harmony(Events("tsd"), score)
    small = Events.learned("tsd", [piece(*TWO)])
    with pytest.raises(MusicError, match="never met"):
        Harmony(small, piece([[0, 480, 75]]))


@pytest.mark.parametrize(
    ("kind", "lacks"), [("remi", "position 12"), ("tsd", "shift 12"), ("structured", "shift 12")]
)
def test_a_melody_at_times_that_the_composer_never_met(kind, lacks):
    small = Events.learned(kind, [piece([[0, 240, 60], [480, 240, 62]], [[0, 480, 48]])])
    with pytest.raises(MusicError, match=f"the melody has '{lacks}', which the composer never met"):
        Harmony(small, piece([[0, 240, 60], [240, 240, 62]]))
