import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

QUICK = "--members 3 --epochs 5 --folds 2 --hidden-sizes 8 --quiet"


@pytest.fixture
def houses(here):
    """Write a table with numbers, gaps, a category and a date, in the folder ``here``."""
    random = np.random.default_rng(0)
    size = random.normal(100, 20, 80).round(1)
    town = random.choice(["Ayr", "Oban"], 80)
    price = (3 * size + 40 * (town == "Ayr") + random.normal(size=80) * 10).round(2)
    frame = pd.DataFrame({"size": size, "town": town, "price": price})
    frame["sold"] = pd.date_range("2025-01-01", periods=80).strftime("%Y-%m-%d")
    frame.loc[::9, "size"] = np.nan
    frame.to_csv("houses.csv", index=False)
    frame.head(5).drop(columns="price").to_csv("new.csv", index=False)
    return frame


def test_a_table_of_your_own(bowerbird, houses):
    done = bowerbird(
        f"predict table houses.csv --target price -o m.safetensors -o m.png -o out.csv {QUICK}"
    )
    assert done.code == 0
    assert done.err == ""
    assert "80 rows, 3 columns; regression, because price has 80 different numbers" in done.out
    for word in ("RMSE", "ensemble", "linear model", "boosting", "sklearn's MLP", "90% requested"):
        assert word in done.out
    assert max(map(len, done.out.splitlines())) < 100
    out = pd.read_csv("out.csv")
    assert out["price"].equals(houses["price"])
    assert (out["price low"] < out["price predicted"]).all()
    with Image.open("m.png") as picture:
        assert picture.size == (1320, 672)


def test_new_rows_by_the_table_and_by_the_model(bowerbird, houses):
    line = f"predict table houses.csv --target price --predict new.csv {QUICK}"
    assert bowerbird(f"{line} -o m.safetensors -o at-once.csv").code == 0
    done = bowerbird("predict table m.safetensors --predict new.csv -o later.csv")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert Path("at-once.csv").read_text() == Path("later.csv").read_text()
    later = pd.read_csv("later.csv")
    assert list(later) == ["size", "town", "sold"] + [
        f"price {part}" for part in ("predicted", "low", "high")
    ]
    done = bowerbird("predict table m.safetensors --predict new.csv --json")
    rows = json.loads(done.out)["predictions"]
    assert [row["value"] for row in rows] == pytest.approx(later["price predicted"].tolist())
    assert "price predicted" in bowerbird("predict table m.safetensors --predict new.csv").out
    info = json.loads(bowerbird("models info m.safetensors --json").out)
    assert info["kind"] == "table"
    assert "houses.csv" in bowerbird("models info m.safetensors").out


def test_a_sample_table_in_json(bowerbird):
    done = bowerbird(f"predict table iris --json {QUICK}")
    facts = json.loads(done.out)
    assert (facts["task"], facts["target"], facts["rows"]) == ("classification", "species", 150)
    assert set(facts["metrics"]["ensemble"]) == {"accuracy", "balanced_accuracy", "log_loss"}
    improvements = facts["improvement_over_ensemble"]
    assert set(improvements) == {"networks", "linear", "boosting", "sklearn-mlp", "constant"}
    assert facts["intervals"]["requested_coverage"] == 0.9
    assert 0 <= facts["intervals"]["coverage"]["low"] <= facts["intervals"]["coverage"]["high"] <= 1


def test_the_task_can_be_set_and_baselines_left_out(bowerbird, here):
    Path("t.csv").write_text("a,y\n" + "".join(f"{i * 0.1:.1f},{i % 3}\n" for i in range(60)))
    done = bowerbird(f"predict table t.csv --target y --json --no-compare {QUICK}")
    assert json.loads(done.out)["task"] == "classification"
    line = f"predict table t.csv --target y --json --task regression --no-compare {QUICK}"
    facts = json.loads(bowerbird(line).out)
    assert facts["reason"] == "regression, as requested"
    assert list(facts["metrics"]) == ["ensemble", "constant"]


def test_infinite_intervals_are_null_in_json(bowerbird, here):
    Path("t.csv").write_text(
        "a,y\n" + "".join(f"{i * i % 7}.5,{i * 1.37:.2f}\n" for i in range(12))
    )
    Path("n.csv").write_text("a\n2.5\n")
    line = f"predict table t.csv --target y --json --coverage 0.95 --predict n.csv {QUICK}"
    facts = json.loads(bowerbird(line).out)
    assert facts["predictions"][0]["low"] is None
    assert facts["intervals"]["mean_width"] is None


TEXTS = {
    "empty.csv": "",
    "headless.csv": "1,2\n3,4\n5,6\n",
    "one.csv": "a,y\n1,2\n",
    "same.csv": "a,y\n" + "1,x\n2,x\n" * 10,
    "gone.csv": "a,y\n" + "1,\n2,\n" * 10,
    "twice.csv": "a,a,y\n1,2,3\n",
    "infinite.csv": "a,y\n" + "".join(f"{i},{i}.5\n" for i in range(20)) + "inf,3.5\n",
    "ids.csv": "a,y\n" + "".join(f"name{i},{i}.5\n" for i in range(20)),
    "ragged.csv": "a,y\n1,2\n1,2,3\n",
}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("no.csv --target y", ["no.csv does not exist"]),
        ("empty.csv --target y", ["empty.csv is empty"]),
        ("headless.csv --target y", ["numbers (1, 2)", "names"]),
        ("one.csv --target y", ["one.csv", "every row of y"]),
        ("same.csv --target y", ["'x' in every row"]),
        ("gone.csv --target y", ["no value in the column y"]),
        ("twice.csv --target y", ["2 columns named a"]),
        ("infinite.csv --target y", ["infinite", "column a, line 22"]),
        ("ids.csv --target y", ["most rows have a text of their own"]),
        ("ragged.csv --target y", ["ragged.csv", "line 3"]),
        ("houses.csv", ["--target", "size, town, price, sold"]),
        ("houses.csv --target prize", ["did you mean 'price'", "size, town"]),
        ("houses.csv --target town --task regression", ["column town, line 2"]),
        ("houses.csv --target price --task ranking", ["ranking", "regression"]),
        ("houses.csv --target price -o out.txt", ["out.txt", ".safetensors", ".csv"]),
        ("houses.csv --target price -o a.png -o b.png", ["a.png and b.png"]),
        ("houses.csv --target price -o no/out.png", ["no/out.png", "does not exist"]),
        ("houses.csv --target price -o photo.png", ["photo.png exists", "--force"]),
        ("houses.csv --target price --predict no.csv", ["no.csv does not exist"]),
        ("houses.csv --target price --coverage 2", ["coverage must be in [0.5, 0.995], got 2"]),
        ("houses.csv --target price --folds 1", ["folds must be at least 2, got 1"]),
        ("houses.csv --target price --hidden-sizes 0", ["widths"]),
        ("houses.csv --target price --device tpu", ["device 'tpu' is not available"]),
        ("photo.png --target y", ["not a text file"]),
        ("no.safetensors --predict new.csv", ["no.safetensors does not exist"]),
        ("no.safetensors", ["--predict NEW.csv"]),
        ("no.safetensors --predict new.csv --target y", ["omit --target"]),
        ("no.safetensors --predict new.csv -o out.png", ["only makes predictions"]),
    ],
)
def test_bad_input(refuses, houses, line, words):
    for name, text in TEXTS.items():
        Path(name).write_text(text)
    refuses(f"predict table {line} --quiet", *words)


def test_what_was_not_in_the_training_table_is_reported(bowerbird, houses):
    houses["size"] = houses["size"].fillna(100.0)
    houses.to_csv("houses.csv", index=False)
    Path("new.csv").write_text("size,town,sold\n90,Ayr,2025-01-01\n,Perth,2025-01-01\n")
    line = f"predict table houses.csv --target price -o m.safetensors --no-compare {QUICK}"
    assert bowerbird(line).code == 0
    done = bowerbird("predict table m.safetensors --predict new.csv")
    assert done.code == 0
    assert "new.csv: size is missing in line 3" in done.err
    unknown = "new.csv: town has the unknown category Perth in line 3"
    assert unknown in done.err
    done = bowerbird("predict table m.safetensors --predict new.csv --json --quiet")
    assert unknown in done.err
    assert unknown in json.loads(done.out)["notes"]
    facts = json.loads(bowerbird(f"{line} --force --predict new.csv --json").out)
    assert unknown in facts["notes"]


def test_rows_without_a_target_are_counted_and_none_may_be_a_class(bowerbird, houses):
    houses["plan"] = ["None", "basic", "full", None] * 20
    houses.to_csv("plans.csv", index=False)
    line = f"predict table plans.csv --target plan --no-compare {QUICK}"
    facts = json.loads(bowerbird(f"{line} --json -o rows.csv").out)
    missing = int(houses["plan"].isna().sum())
    assert facts["rows_without_target"] == missing
    assert facts["rows"] == len(houses) - missing
    assert "text with 3 different values" in facts["reason"]
    assert len(Path("rows.csv").read_text().splitlines()) == 1 + facts["rows"]
    line_shown = f"left out {missing} rows without plan: nothing in line 5"
    assert line_shown in bowerbird(line).out


def test_new_rows_with_text_instead_of_numbers(refuses, bowerbird, houses):
    line = f"predict table houses.csv --target price -o m.safetensors --no-compare {QUICK}"
    assert bowerbird(line).code == 0
    Path("new.csv").write_text("size,town,sold\n90,Ayr,2025-01-01\nbig,Oban,2025-01-01\n")
    refuses("predict table m.safetensors --predict new.csv", "'big' in the column size, line 3")
    Path("new.csv").write_text("size,sold\n90,2025-01-01\n")
    refuses("predict table m.safetensors --predict new.csv", "no column 'town'", "size, sold")


@pytest.mark.parametrize(
    "words", [["--help"], ["predict", "--help"], ["predict", "table", "--help"]]
)
def test_help_imports_nothing_heavy(words):
    code = (
        f"import sys; from bowerbird.cli import run; run({words}); "
        "print([m for m in ('numpy', 'pandas', 'sklearn', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_keep_uses_columns_that_would_be_left_out(bowerbird, houses, refuses):
    houses.insert(0, "id", range(1, 81))
    houses["owner"] = [f"owner {k}" for k in range(80)]
    houses["gone"] = ""
    houses.to_csv("houses.csv", index=False)
    line = f"predict table houses.csv --target price --no-compare {QUICK}"
    done = bowerbird(line)
    assert "left out id: it numbers the rows" in done.out
    assert "--keep COLUMN" in done.out
    facts = json.loads(bowerbird(f"{line} --keep id --keep owner --json -o m.safetensors").out)
    assert (facts["columns"]["id"], facts["columns"]["owner"]) == ("number", "category")
    assert list(facts["ignored"]) == ["gone"]
    Path("new.csv").write_text("id,size,town,sold,owner\n3,90,Ayr,2025-01-01,owner 7\n")
    assert bowerbird("predict table m.safetensors --predict new.csv").code == 0
    refuses(f"{line} --keep nobody", "no column 'nobody'", "it has id, size")
    refuses(f"{line} --keep gone", "no value in the column gone")
    refuses(f"{line} --keep price", "price is the column to predict")


def test_a_table_from_a_german_spreadsheet(bowerbird, here):
    random = np.random.default_rng(0)
    lines = ["Größe;Ort;Preis;am;Faktor"]
    for k, size in enumerate(random.integers(1000, 9000, 60)):
        price = f"{size * 3 + k:,}".replace(",", ".")
        day = f"{1 + k % 28:02}.{1 + k // 28:02}.2024"
        lines.append(f"{size // 10},{size % 10};Köln;{price},50 €;{day};{k % 9 + 1},125")
    Path("haus.csv").write_bytes("\r\n".join(lines).encode("cp1252"))
    line = f"predict table haus.csv --target Preis --no-compare {QUICK}"
    facts = json.loads(bowerbird(f"{line} --json -o m.safetensors").out)
    assert facts["task"] == "regression"
    assert facts["columns"] == {"Größe": "number", "am": "date", "Faktor": "number"}
    assert "Windows-1252" in facts["notes"][0]
    assert facts["metrics"]["constant"]["rmse"]["value"] > 1000
    assert "note: haus.csv is not UTF-8" in bowerbird(line).out
    Path("new.csv").write_bytes("Größe;am;Faktor\n123,4;03.04.2024;2,125\n".encode("cp1252"))
    done = bowerbird("predict table m.safetensors --predict new.csv --json")
    assert json.loads(done.out)["predictions"][0]["value"] is not None
    assert "new.csv is not UTF-8" in done.err


WRONG_LINES = """
import sys
from bowerbird.cli import run
for line in (
    "table no.csv --target y",
    "table t.csv --target z",
    "table t.csv --target y --keep z",
    "table few.csv --target y",
    "table t.safetensors --predict t.csv",
    "series no.csv",
    "series t.csv --target z",
    "series t.csv --target y",
):
    code = run(["predict", *line.split()])
    slow = {"sklearn", "torch", "statsmodels", "matplotlib"} & set(sys.modules)
    if (code, slow) != (2, set()):
        sys.exit(f"{line}: exit status {code}, imported {slow}")
"""


def test_a_wrong_file_or_column_is_reported_before_slow_imports(here):
    Path("t.csv").write_text("a,y\n1,2\n")
    Path("few.csv").write_text("a,y\n1,2.5\n2,3\n5,4\n")
    done = subprocess.run(
        [sys.executable, "-c", WRONG_LINES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("bowerbird: ") == 8


def test_the_kind_of_each_column_is_printed(bowerbird, houses):
    houses["code"] = np.where(houses.index % 2, "94105", "10001")
    houses.to_csv("houses.csv", index=False)
    line = f"predict table houses.csv --target price --no-compare {QUICK}"
    assert "numbers: size, code; dates: sold; categories: town\n" in bowerbird(line).out
    done = bowerbird(f"{line} --category code")
    assert "numbers: size; dates: sold; categories: town, code\n" in done.out


def test_predictions_are_written_in_the_format_of_the_table(bowerbird, here):
    rows = "".join(f"{k}.{k % 7}00,5;{k % 9};{k - 15},25\n" for k in range(1, 31))
    Path("t.csv").write_text("a;b;y\n" + rows)
    line = f"predict table t.csv --target y --no-compare {QUICK}"
    assert bowerbird(f"{line} -o out.csv -o m.safetensors").code == 0
    out = pd.read_csv("out.csv", sep=";", decimal=",", thousands=".")
    assert out["a"].iloc[0] == 1100.5
    assert out["y predicted"].dtype == float
    Path("new.csv").write_text("a;b\n1;2\n")
    assert bowerbird("predict table m.safetensors --predict new.csv -o new-out.csv").code == 0
    assert pd.read_csv("new-out.csv", sep=";", decimal=",")["y low"].dtype == float
    Path("new.csv").write_text('a,b\n"1,5",2\n')
    assert bowerbird("predict table m.safetensors --predict new.csv -o quoted.csv").code == 0
    assert pd.read_csv("quoted.csv", decimal=",")["y low"].dtype == float


def test_a_saved_model_predicts_without_scikit_learn(bowerbird, houses):
    line = f"predict table houses.csv --target price -o m.safetensors --no-compare {QUICK}"
    assert bowerbird(line).code == 0
    words = ["predict", "table", "m.safetensors", "--predict", "new.csv"]
    code = (
        f"import sys; from bowerbird.cli import run; code = run({words}); "
        "print([m for m in ('sklearn', 'matplotlib') if m in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"
