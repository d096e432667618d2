"""`bowerbird music` through the door: train, compose, render, score."""

import json
import wave

import pytest
from PIL import Image

from bowerbird.music.files import read_score


def told(done):
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_composer_that_comes_along(bowerbird, here):
    words = "music compose scottish -o reel.mid --bars 16 --meter 4/4 --key D --seed 6 --json"
    facts = told(bowerbird(f"{words} --score --roll --audio"))
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
    assert told(bowerbird(f"{words} --force"))["notes"] == facts["notes"]
    assert (here / "reel.mid").read_bytes() == first


def test_several_pieces(bowerbird, here):
    facts = told(bowerbird("music compose scottish -o t.abc --bars 8 -n 2 --json"))
    assert [piece["output"] for piece in facts["pieces"]] == ["t-1.abc", "t-2.abc"]
    assert (here / "t-1.abc").read_text().startswith("X:1")


def test_render(bowerbird, here):
    told(bowerbird("music compose scottish -o t.abc --bars 8 --json"))
    for name in ("t.wav", "t.svg", "t.html", "t.musicxml", "t.mid"):
        facts = told(bowerbird(f"music render t.abc -o {name} --json --instrument flute"))
        assert facts["output"] == name
    with wave.open(str(here / "t.wav")) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    assert seconds == pytest.approx(facts["seconds"], abs=4)
    assert "<audio" in (here / "t.html").read_text()
    assert read_score(here / "t.musicxml").note_num() == read_score(here / "t.abc").note_num()


def test_train_score_and_go_on(bowerbird, here):
    told(bowerbird("music compose scottish -o tune.abc --bars 16 -n 24 --json"))
    flags = "--iterations 30 --width 24 --validate-every 15 --window 16 --rows 4 --json --quiet"
    facts = told(bowerbird(f"music train tune-*.abc -o me.safetensors {flags}"))
    assert {"model", "seconds", "train_loss", "validation_loss"} < facts.keys()
    assert facts["pieces"] >= 10
    assert (here / "me.json").exists()
    assert (here / "me.png").exists()
    assert not (here / ".me.safetensors.work").exists()
    found = told(bowerbird("music score me.safetensors tune-1.abc tune-2.abc --json --each"))
    assert found["pieces"] == 2
    assert found["nats_per_note"] > 0
    done = told(bowerbird("music compose me.safetensors -o on.mid --primer tune-1.abc --json"))
    assert done["notes"] > read_score(here / "tune-1.abc").note_num()
    assert done["longest_copy_notes"] is None  # of a corpus that is not built in


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("music compose scottish -o tune.xyz", ["tune.xyz", ".mid"]),
        ("music compose scottish -o none/tune.mid", ["none"]),
        ("music compose scottish -o t.mid --meter 4/5", ["no meter"]),
        ("music compose scottish -o t.mid --meter 17/16", ["knows no 17/16"]),
        ("music compose scottish -o t.mid --key H", ["no key"]),
        ("music compose scottish -o t.mid --melody photo.png", ["photo.png"]),
        ("music compose photo.png -o t.mid", ["photo.png", "no model file"]),
        ("music compose shakespeare -o t.mid", ["shakespeare", "does not exist"]),
        ("music render photo.png -o t.wav", ["photo.png"]),
        ("music render none.mid -o t.wav", ["none.mid"]),
        ("music train none -o m.safetensors", ["none does not exist"]),
        ("music train -o m.safetensors", ["no corpus", "scottish"]),
        ("music train scottish -o m.safetensors --preset nonsense", ["folk-rnn"]),
        ("music score scottish none.mid", ["none.mid"]),
    ],
)
def test_bad_input_is_one_sentence(refuses, line, words):
    refuses(line, *words)
