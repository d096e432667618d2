"""`bowerbird music`: train, compose, render, evaluate."""

import json
import wave
from importlib.metadata import distribution
from pathlib import Path

import pytest
from PIL import Image
from symusic import Note, Score, TimeSignature, Track

from bowerbird.music.composer import load
from bowerbird.music.corpus import Corpus
from bowerbird.music.formats.files import read_score
from bowerbird.music.render import engraving as score_module

TUNE = "X:1\nM:4/4\nL:1/8\nK:C\nCDEF GABc|cBAG FEDC|CEGc cGEC|D4 C4|\n"
CHORALES = Path(str(distribution("music21").locate_file("music21/corpus/bach")))


@pytest.fixture
def midi(here):
    """Write a MIDI file of eighths."""

    def make(name, notes=16, meters=((0, 4),), *, drums=False):
        score, track = Score(480), Track("", 0, drums)
        for time, beats in meters:
            score.time_signatures.append(TimeSignature(time, beats, 4))
        for number in range(notes):
            track.notes.append(Note(240 * number, 240, 60 + number % 12, 90))
        score.tracks.append(track)
        (here / name).write_bytes(score.dumps_midi())

    return make


def facts_of(done):
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_shipped_composer(bowerbird, here):
    words = "music compose scottish -o reel.mid --bars 16 --meter 4/4 --key D --seed 6 --json"
    facts = facts_of(bowerbird(f"{words} --sheet --roll --audio"))
    assert {"output", "notes", "bars", "seconds", "key", "meter"} < facts.keys()
    assert (facts["key"], facts["meter"]) == ("D major", "4/4")
    assert abs(facts["bars"] - 16) <= 2
    assert 0 <= facts["longest_copy_notes"] < facts["notes"] / 2
    assert read_score(here / "reel.mid").note_num() == facts["notes"]
    for name in ("reel.png", "reel.roll.png"):
        with Image.open(here / name) as picture:
            assert picture.width > 600
    assert (here / "reel.mp3").stat().st_size > 10_000
    assert bowerbird(words).code == 2  # it exists
    first = (here / "reel.mid").read_bytes()
    assert facts_of(bowerbird(f"{words} --force"))["notes"] == facts["notes"]
    assert (here / "reel.mid").read_bytes() == first


def test_an_interrupted_training_can_be_resumed(refuses, here):
    (here / ".m.safetensors.work").mkdir()
    for name in ("m.safetensors", ".m.safetensors.work/checkpoint-1"):
        (here / name).write_bytes(b"")
    refuses("music train scottish -o m.safetensors", "m.safetensors", "--resume", "--force")


def test_a_file_that_is_named_twice_is_written_once(bowerbird, here):
    facts = facts_of(bowerbird("music compose scottish -o z.mp3 --audio --bars 2 --json"))
    assert facts["files"] == ["z.mp3"]


def test_several_pieces(bowerbird, here):
    facts = facts_of(bowerbird("music compose scottish -o t.abc --bars 8 -n 2 --json"))
    assert [piece["output"] for piece in facts["pieces"]] == ["t-1.abc", "t-2.abc"]
    assert (here / "t-1.abc").read_text().startswith("X:1")


def test_render(bowerbird, here):
    facts_of(bowerbird("music compose scottish -o t.abc --bars 8 --json"))
    for name in ("t.wav", "t.svg", "t.html", "t.musicxml", "t.mid", "flute.abc"):
        facts = facts_of(bowerbird(f"music render t.abc -o {name} --json --instrument flute"))
        assert facts["output"] == name
    for name in ("t.musicxml", "t.mid", "flute.abc"):
        assert {track.program for track in read_score(here / name).tracks} == {73}
    with wave.open(str(here / "t.wav")) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    assert seconds == pytest.approx(facts["seconds"], abs=4)
    assert "<audio" in (here / "t.html").read_text()
    assert read_score(here / "t.musicxml").note_num() == read_score(here / "t.abc").note_num()


def test_train_evaluate_and_continue(bowerbird, here):
    facts_of(bowerbird("music compose scottish -o tune.abc --bars 8 -n 14 --json"))
    flags = "--iterations 30 --hidden-size 24 --validate-every 15 --json --quiet"
    flags += " --sequence-length 16 --batch-size 4"
    facts = facts_of(bowerbird(f"music train tune-*.abc -o me.safetensors {flags}"))
    assert {"model", "seconds", "train_loss", "validation_loss"} < facts.keys()
    assert facts["pieces"] >= 10
    assert (here / "me.json").exists()
    assert (here / "me.png").exists()
    assert not (here / ".me.safetensors.work").exists()
    found = facts_of(bowerbird("music evaluate me.safetensors tune-1.abc tune-2.abc --json --each"))
    assert found["pieces"] == 2
    assert found["nats_per_note"] > 0
    done = facts_of(bowerbird("music compose me.safetensors -o on.mid --primer tune-1.abc --json"))
    assert done["notes"] > read_score(here / "tune-1.abc").note_num()
    assert done["longest_copy_notes"] is None  # of a corpus that is not built in


def test_a_file_of_drums_is_rendered(bowerbird, midi, here):
    midi("drums.mid", drums=True)
    for name in ("d.wav", "d.png", "d.html"):
        facts = facts_of(bowerbird(f"music render drums.mid -o {name} --json"))
        assert (here / name).stat().st_size > 1000
        assert (facts["key"], facts["bars"], facts["meter"]) == (None, 2, "4/4")


def test_bars_that_do_not_add_up_are_not_reported(bowerbird, midi, here):
    midi("odd.mid", meters=((0, 4), (1000, 3)))
    facts = facts_of(bowerbird("music render odd.mid -o odd.wav --json"))
    assert (facts["notes"], facts["seconds"], facts["bars"], facts["meter"]) == (16, 4, None, None)
    assert (here / "odd.wav").exists()


@pytest.fixture
def short_paper(monkeypatch):
    """Make paper so short that a tune needs several pages, as otherwise a hundred bars do."""
    for paper in ("fit", "a4"):
        monkeypatch.setitem(score_module._SIZES, paper, (2100, 900))


@pytest.mark.usefixtures("short_paper")
def test_no_page_of_sheet_music_is_overwritten(bowerbird, refuses, midi, here):
    midi("long.mid", 8 * 40)
    (here / "sheet-2.svg").write_text("mine")
    refuses("music render long.mid -o sheet.svg", "sheet-2.svg exists", "--force")
    facts = facts_of(bowerbird("music render long.mid -o sheet.svg --json --force"))
    assert (facts["output"], facts["files"][1]) == ("sheet-1.svg", "sheet-2.svg")
    assert all((here / name).read_text().startswith("<svg") for name in facts["files"])
    assert not (here / "sheet.svg").exists()


@pytest.mark.usefixtures("short_paper")
def test_compose_names_its_real_files(bowerbird, refuses, here):
    line = "music compose scottish -o reel.mid --bars 32 --sheet"
    (here / "reel-1.png").write_bytes(b"mine")
    refuses(line, "reel-1.png exists")  # and reel.mid is not written either
    facts = facts_of(bowerbird(f"{line} --force --json"))
    assert facts["output"] == "reel.mid"
    assert facts["files"][:3] == ["reel.mid", "reel-1.png", "reel-2.png"]
    assert all((here / name).exists() for name in facts["files"])


def test_a_composer_of_many_voices_is_evaluated_on_all_of_them(bowerbird, here):
    pieces = " ".join(str(path) for path in sorted(CHORALES.glob("*.mxl"))[:8])
    flags = "--iterations 2 --hidden-size 16 --sequence-length 16 --batch-size 4 --json --quiet"
    facts_of(bowerbird(f"music train {pieces} -o many.safetensors --tokenizer tsd {flags}"))
    facts = facts_of(bowerbird(f"music evaluate many.safetensors {pieces} --json"))
    assert facts["notes"] == sum(score.note_num() for _, score in Corpus(pieces.split()).pieces)


def test_a_piece_that_can_not_be_encoded_is_skipped_by_name(bowerbird, refuses, here):
    (here / "good.abc").write_text(TUNE)
    (here / "odd.abc").write_text("X:1\nM:13/16\nL:1/16\nK:C\n" + "CDEFGABcdefga|" * 4)
    facts = facts_of(bowerbird("music evaluate scottish good.abc odd.abc --json --each"))
    assert facts["pieces"] == 1
    assert list(facts["each"]) == ["good.abc: 1"]
    ((name, reason),) = facts["skipped"].items()
    assert name == "odd.abc: 1"
    assert reason.startswith("its meter is 13/16; the model was trained on 2/2, 3/2, ")
    done = bowerbird("music evaluate scottish good.abc odd.abc")
    assert f"skipped odd.abc: 1: {reason}" in done.err
    refuses("music evaluate scottish odd.abc", "odd.abc: 1: its meter is 13/16")


def test_a_refused_primer_is_named(refuses, midi, here):
    midi("drums.mid", drums=True)
    refuses("music compose scottish -o p.mid --primer drums.mid", "drums.mid: it has only drums")
    refuses("music compose scottish -o p.mid --melody drums.mid", "drums.mid: ")


def test_a_folder_of_the_name_of_a_corpus_is_not_that_corpus(bowerbird, here):
    composer = load("scottish", "cpu")
    composer.provenance["corpus"] = ["bach"]
    composer.save(here / "own.safetensors")
    line = "music compose own.safetensors -o own.mid --bars 8 --json --force"
    assert facts_of(bowerbird(line))["longest_copy_notes"] is None
    composer.provenance["built_in"] = ["scottish"]
    composer.save(here / "own.safetensors")
    assert facts_of(bowerbird(line))["longest_copy_notes"] >= 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("music compose scottish -o tune.xyz", ["tune.xyz", ".mid"]),
        ("music compose scottish -o none/tune.mid", ["none"]),
        ("music compose scottish -o t.mid --meter 4/5", ["not a meter"]),
        ("music compose scottish -o t.mid --meter 17/16", ["not trained on the meter 17/16"]),
        ("music compose scottish -o t.mid --key H", ["not a key"]),
        ("music compose scottish -o t.mid --melody photo.png", ["photo.png"]),
        ("music compose photo.png -o t.mid", ["photo.png", "not a model file"]),
        (
            "music compose shakespeare -o t.mid",
            ["shakespeare", "is a text model", "music model is needed"],
        ),
        ("music render photo.png -o t.wav", ["photo.png"]),
        ("music render none.mid -o t.wav", ["none.mid"]),
        ("music train none -o m.safetensors", ["none does not exist"]),
        ("music train -o m.safetensors", ["give a corpus", "scottish"]),
        ("music train scottish -o m.safetensors --preset nonsense", ["folk-rnn"]),
        ("music evaluate scottish none.mid", ["none.mid"]),
    ],
)
def test_bad_input_is_one_sentence(refuses, line, words):
    refuses(line, *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("compose scottish -o a.mid -n 0", "--samples must be at least 1, got 0"),
        ("compose scottish -o a.mid --primer a.abc --melody b.abc", "--primer or --melody, not"),
        ("compose scottish -o a.mid --meter 4/5", "'4/5' is not a meter"),
        ("train -o m.safetensors", "give a corpus: files, a folder, or scottish, irish, bach"),
    ],
)
def test_options_that_mean_nothing_are_refused(refuses, words, message):
    refuses(f"music {words}", message)
