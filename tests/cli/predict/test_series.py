"""``bowerbird predict series``, as a user runs it."""

import csv
import json
import math
import shutil

import pytest
from PIL import Image

from bowerbird.prediction.series.backtest import backtest
from bowerbird.prediction.series.config import BacktestConfig, ForecasterConfig
from bowerbird.prediction.series.file import read_series
from bowerbird.prediction.series.forecaster import Forecaster


def facts_of(result):
    assert result.code == 0, result.err
    return json.loads(result.out)


SALES = [
    f"{2010 + i // 12}-{i % 12 + 1:02d},{20 + 3 * math.sin(i * math.pi / 6) + i % 5 / 9:.3f},x"
    for i in range(110)
]
FAST = "--splits 12 --refits 1 --quiet"


def write_sales(path):
    path.write_text("month,sales,note\n" + "\n".join(SALES) + "\n")
    return path


@pytest.fixture
def sales(here):
    write_sales(here / "sales.csv")
    return here


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """Train a model of monthly sales once."""
    folder = tmp_path_factory.mktemp("model")
    series = read_series(write_sales(folder / "sales.csv"), "sales")
    network = ForecasterConfig(hidden_size=10, members=1)
    result = backtest(series, BacktestConfig(horizon=3, splits=12, refits=1), network)
    Forecaster.from_backtest(result).save(folder / "m.safetensors")
    return folder / "m.safetensors"


@pytest.fixture
def model(sales, model_file):
    shutil.copy(model_file, sales)
    return sales


def test_series_from_a_file_and_from_its_model(bowerbird, sales):
    words = "predict series sales.csv --target sales --horizon 6 --members 2 --hidden-size 20"
    facts = facts_of(bowerbird(f"{words} -o out.png --json --quiet"))
    assert (facts["seasonal_period"], facts["horizon"], len(facts["forecast"])) == (12, 6, 6)
    assert facts["forecast"][0]["time"] == "2019-03"
    assert {"bowerbird", "seasonal naive", "naive", "exponential smoothing", "autoregression"} == {
        metrics["model"] for metrics in facts["metrics"]
    }
    assert facts["files"] == ["out.png", "out-forecast.csv", "out.safetensors"]
    with Image.open("out.png") as picture:
        assert picture.width > 1000
    with open("out-forecast.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[0]["lower"]) < float(rows[0]["value"]) < float(rows[0]["upper"])
    assert bowerbird(f"{words} -o out.png").code == 2  # it exists
    again = facts_of(bowerbird("predict series sales.csv --model out.safetensors --json --quiet"))
    assert again["forecast"][3]["value"] == pytest.approx(facts["forecast"][3]["value"], rel=1e-5)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("--target price", "month, sales, note"),
        ("--target note", "'x' in the column note, line 2"),
        ("--time day", "it has month, sales, note"),
        ("--target sales --time sales", "sales can't be both --time and --target"),
        ("--horizon 95", "--horizon 90 at most"),
        ("--seasonal-period 80", "longer than half"),
        ("--horizon 0", "horizon"),
        ("-o out.txt", ".png"),
        ("-o no/out.png", "create no first"),
        ("--model sales.csv", "not a model file"),
    ],
)
def test_invalid_input_is_refused_in_one_sentence(refuses, sales, words, found):
    refuses(f"predict series sales.csv --quiet {words}", found)


@pytest.mark.parametrize(
    "flag", ["--horizon 24", "--coverage 0.5", "--hidden-size 50", "--seasonal-period 4"]
)
def test_flags_beside_a_model_are_refused(refuses, sales, flag):
    refuses(f"predict series sales.csv --model m.safetensors {flag}", "m.safetensors")


@pytest.mark.parametrize("flag", ["--target nonsense", "--time nope"])
def test_a_sample_series_has_one_column(refuses, flag):
    refuses(f"predict series sunspots {flag}", "leave --target and --time out")


def test_an_exactly_periodic_series(bowerbird, here):
    (here / "p.csv").write_text("x\n" + "\n".join(f"{(1, 2.3, 5, 3.9)[k % 4]}" for k in range(120)))
    words = f"predict series p.csv --horizon 4 --members 1 --hidden-size 20 {FAST}"
    facts = facts_of(bowerbird(f"{words} -o out.png --json"))
    assert {metrics["mase"] for metrics in facts["metrics"]} == {None}
    assert "bowerbird                      -" in bowerbird(words).out


def test_a_model_is_for_series_of_its_step(refuses, model):
    days = "\n".join(f"2024-01-{k + 1:02},{k % 5}" for k in range(30))
    (model / "days.csv").write_text("day,sales\n" + days + "\n")
    words = "predict series days.csv --target sales --model m.safetensors"
    refuses(words, "trained on a series whose step is one month")


def test_another_column_or_unit_is_reported(bowerbird, model):
    lines = [f"{2010 + k // 12}-{k % 12 + 1:02},{1000 * (20 + k % 5)}" for k in range(60)]
    (model / "o.csv").write_text("month,euros\n" + "\n".join(lines) + "\n")
    done = bowerbird("predict series o.csv --model m.safetensors --json --quiet")
    notes = facts_of(done)["notes"]
    assert any("a column named sales" in note for note in notes)
    assert any("far outside" in note for note in notes)
    assert all(note in done.err for note in notes)
    assert (
        facts_of(bowerbird("predict series sales.csv --model m.safetensors --json"))["notes"] == []
    )


def test_what_was_interpolated_is_reported_although_quiet(bowerbird, sales):
    lines = (sales / "sales.csv").read_text().splitlines()
    (sales / "gap.csv").write_text("\n".join(lines[:40] + lines[42:]) + "\n")
    words = f"predict series gap.csv --target sales --horizon 3 --members 1 {FAST} --json"
    done = bowerbird(words)
    assert "2 missing values were interpolated" in done.err
    assert any("2 missing values" in note for note in facts_of(done)["notes"])


def test_a_short_series_is_forecast_and_too_few_splits_are_reported(bowerbird, sales):
    lines = (sales / "sales.csv").read_text().splitlines()
    (sales / "short.csv").write_text("\n".join(lines[:61]) + "\n")
    words = (
        "predict series short.csv --target sales --members 1 --hidden-size 10 --refits 1 --quiet"
    )
    done = bowerbird(f"{words} -o short.png")
    assert done.code == 0
    assert "too few splits to compare with ours" in done.out
    assert "p = " not in done.out
    assert "90% interval: not tested" in done.out
    with open("short-forecast.csv", newline="") as stream:
        assert all(len(row["upper"].replace(".", "")) <= 7 for row in csv.DictReader(stream))
    (sales / "less.csv").write_text("\n".join(lines[:37]) + "\n")
    done = bowerbird(
        "predict series less.csv --target sales --quiet --seasonal-period 12 -o less.png"
    )
    assert "no test: the series is too short" in done.out
    assert "there is no interval; give --horizon 7 at most" in done.err
    words = (
        "predict series less.csv --target sales --quiet --seasonal-period 12 --horizon 7 --refits 1"
    )
    assert "3 test splits" in bowerbird(words).out


def test_no_such_series(refuses):
    refuses("predict series nothing.csv", "nothing.csv")


def test_the_input_is_never_overwritten(sales, here, refuses, bowerbird):
    before = (here / "sales.csv").read_text()
    refuses("predict series sales.csv --target sales -o sales.csv --force", "sales.csv")
    words = f"--target sales --horizon 3 --members 1 --hidden-size 10 {FAST} --force"
    assert bowerbird(f"predict series sales.csv {words} -o sales.png").code == 0
    refuses("predict table sales.csv --target sales -o sales.csv --force", "is the input")
    assert (here / "sales.csv").read_text() == before
    assert (here / "sales-forecast.csv").exists()
