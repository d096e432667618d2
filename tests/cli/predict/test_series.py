"""`bowerbird predict series|dynamics|expressions` through the door."""

import csv
import json
import math

import pytest
from PIL import Image


def told(done):
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.fixture
def sales(here):
    lines = [
        f"{2010 + i // 12}-{i % 12 + 1:02d},{20 + 3 * math.sin(i * math.pi / 6) + i % 5 / 9:.3f},x"
        for i in range(110)
    ]
    (here / "sales.csv").write_text("month,sales,note\n" + "\n".join(lines) + "\n")
    return here


def test_series_from_a_file_and_from_its_model(bowerbird, sales):
    words = "predict series sales.csv --target sales --horizon 6 --draws 2 --width 20"
    facts = told(bowerbird(f"{words} -o out.png --json --quiet"))
    assert (facts["season"], facts["horizon"], len(facts["forecast"])) == (12, 6, 6)
    assert facts["forecast"][0]["time"] == "2019-03"
    assert {"bowerbird", "seasonal naive", "naive", "exponential smoothing", "autoregression"} == {
        score["model"] for score in facts["scores"]
    }
    assert facts["files"] == ["out.png", "out-ahead.csv", "out.safetensors"]
    with Image.open("out.png") as picture:
        assert picture.width > 1000
    with open("out-ahead.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[0]["low"]) < float(rows[0]["value"]) < float(rows[0]["high"])
    assert bowerbird(f"{words} -o out.png").code == 2  # it exists
    again = told(bowerbird("predict series sales.csv --model out.safetensors --json --quiet"))
    assert again["forecast"][3]["value"] == pytest.approx(facts["forecast"][3]["value"], rel=1e-5)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("--target price", "month, sales, note"),
        ("--target note", "'x' in the column note, line 2"),
        ("--time day", "it has month, sales, note"),
        ("--horizon 95", "--horizon 90 at most"),
        ("--season 80", "longer than half"),
        ("--horizon 0", "horizon"),
        ("-o out.txt", ".png"),
        ("-o no/out.png", "create no first"),
        ("--model sales.csv", "no model file"),
    ],
)
def test_bad_input_is_one_sentence(refuses, sales, words, found):
    refuses(f"predict series sales.csv --quiet {words}", found)


@pytest.mark.parametrize("flag", ["--horizon 24", "--coverage 0.5", "--width 50", "--season 4"])
def test_flags_that_a_model_can_not_follow_are_refused(refuses, sales, flag):
    refuses(f"predict series sales.csv --model m.safetensors {flag}", "m.safetensors")


@pytest.mark.parametrize("flag", ["--target nonsense", "--time nope"])
def test_a_series_that_comes_along_has_one_column(refuses, flag):
    refuses(f"predict series sunspots {flag}", "leave --target and --time out")


def test_an_exactly_periodic_series(bowerbird, here):
    (here / "p.csv").write_text("x\n" + "\n".join(f"{(1, 2.3, 5, 3.9)[k % 4]}" for k in range(120)))
    words = "predict series p.csv --horizon 4 --draws 1 --width 20 --quiet"
    facts = told(bowerbird(f"{words} -o out.png --json"))
    assert {score["mase"] for score in facts["scores"]} == {None}
    assert "bowerbird                      -" in bowerbird(words).out


@pytest.fixture
def model(bowerbird, sales):
    words = "predict series sales.csv --target sales --horizon 3 --draws 1 --width 10 --quiet"
    assert bowerbird(f"{words} -o m.png").code == 0
    return sales


def test_a_model_is_for_series_of_its_step(refuses, model):
    days = "\n".join(f"2024-01-{k + 1:02},{k % 5}" for k in range(30))
    (model / "days.csv").write_text("day,sales\n" + days + "\n")
    words = "predict series days.csv --target sales --model m.safetensors"
    refuses(words, "learned a series whose step is one month")


def test_another_column_or_unit_is_told(bowerbird, model):
    lines = [f"{2010 + k // 12}-{k % 12 + 1:02},{1000 * (20 + k % 5)}" for k in range(60)]
    (model / "o.csv").write_text("month,euros\n" + "\n".join(lines) + "\n")
    done = bowerbird("predict series o.csv --model m.safetensors --json --quiet")
    notes = told(done)["notes"]
    assert any("a column named sales" in note for note in notes)
    assert any("far outside" in note for note in notes)
    assert all(note in done.err for note in notes)
    assert told(bowerbird("predict series sales.csv --model m.safetensors --json"))["notes"] == []


def test_what_was_mended_is_told_though_it_is_quiet(bowerbird, sales):
    lines = (sales / "sales.csv").read_text().splitlines()
    (sales / "gap.csv").write_text("\n".join(lines[:40] + lines[42:]) + "\n")
    words = "predict series gap.csv --target sales --horizon 3 --draws 1 --width 10 --quiet --json"
    done = bowerbird(words)
    assert "2 missing values were interpolated" in done.err
    assert any("2 missing values" in note for note in told(done)["notes"])


def test_a_short_series_is_foreseen_and_too_few_splits_are_reported(bowerbird, sales):
    lines = (sales / "sales.csv").read_text().splitlines()
    (sales / "short.csv").write_text("\n".join(lines[:61]) + "\n")
    words = "predict series short.csv --target sales --draws 1 --width 10 --quiet"
    done = bowerbird(f"{words} -o short.png")
    assert done.code == 0
    assert "too few splits to compare" in done.out
    assert "p = " not in done.out
    assert "90% prediction interval: coverage not measured" in done.out
    with open("short-ahead.csv", newline="") as stream:
        assert all(len(row["high"].replace(".", "")) <= 7 for row in csv.DictReader(stream))
    (sales / "less.csv").write_text("\n".join(lines[:37]) + "\n")
    done = bowerbird("predict series less.csv --target sales --quiet --season 12 -o less.png")
    assert "too short for a backtest" in done.out
    assert "has no band; give --horizon 7 at most" in done.err
    words = "predict series less.csv --target sales --quiet --season 12 --horizon 7 --draws 1"
    assert "3 splits" in bowerbird(words).out


def test_no_such_series(refuses):
    refuses("predict series nothing.csv", "nothing.csv")


def test_dynamics(bowerbird, here):
    words = "predict dynamics pendulum --paths 6 --duration 10 --tests 4 --free 5 --width 60"
    facts = told(bowerbird(f"{words} -o p.png --json --quiet"))
    assert facts["valid_median"] > 0.5
    with Image.open("p.png") as picture:
        assert picture.width > 1000
    assert "valid for" in bowerbird(f"{words} --quiet").out


def test_dynamics_refuses(refuses):
    refuses("predict dynamics pendulum --duration 5 --warm 200", "--warm")
    refuses("predict dynamics weather", "weather")
    refuses("predict dynamics lorenz --device cuda", "--device")


def test_expressions(bowerbird, here):
    flags = "--minutes 0.02 --width 16 --embedding 8 --tests 20 --depth 1 --deeper 1 --quiet"
    done = bowerbird(f'predict expressions "[MAX 2 [MIN 4 7] 0]" {flags} -o e.png --json')
    facts = told(done)
    assert facts["answers"][0]["value"] == 4
    assert {reader["reader"] for reader in facts["readers"]} == {"tree", "string"}
    with Image.open("e.png") as picture:
        assert picture.width > 1000


def test_no_expression(refuses):
    refuses('predict expressions "[MAX 1 2 3 4 5 6 7]" --tree-cell n-ary', "child-sum")
    refuses('predict expressions "[AVG 1 2]"', "MAX, MIN, MED, SM")


def test_what_is_read_is_never_written_over(sales, here, refuses, bowerbird):
    before = (here / "sales.csv").read_text()
    refuses("predict series sales.csv --target sales -o sales.csv --force", "sales.csv")
    words = "--target sales --horizon 3 --draws 1 --width 10 --quiet --force"
    assert bowerbird(f"predict series sales.csv {words} -o sales.png").code == 0
    refuses("predict table sales.csv --target sales -o sales.csv --force", "is the input")
    assert (here / "sales.csv").read_text() == before
    assert (here / "sales-ahead.csv").exists()
