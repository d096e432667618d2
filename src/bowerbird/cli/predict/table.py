"""``bowerbird predict table``."""

import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from bowerbird.cli.options import RUN, CommonOptions
from bowerbird.cli.predict.outputs import check_apart
from bowerbird.cli.progress import follow
from bowerbird.cli.report import notify
from bowerbird.errors import TableError
from bowerbird.learning.atomic_write import check_output
from bowerbird.prediction.data.columns import find_column
from bowerbird.prediction.data.samples import TARGETS, read_sample
from bowerbird.prediction.data.table import Table, listed, read_table
from bowerbird.prediction.tabular.config import MembersConfig, TableConfig
from bowerbird.prediction.tabular.problem import ask

if TYPE_CHECKING:
    from bowerbird.prediction.tabular.model import Predictions, TableModel

MODEL, PICTURE, ROWS = ".safetensors", ".png", ".csv"  # what -o writes, by its suffix
JUDGING = Group("Judging", sort_key=2)
Parameter(name="*", group=Group("Networks", sort_key=3))(MembersConfig)


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class TableRun(CommonOptions):
    """What predicting a table can be told besides its configuration."""

    target: Annotated[str | None, Parameter(show_default=False)] = None
    """Column to predict; built-in tables know theirs, and a model file knows it too."""
    output: Annotated[tuple[Path, ...], Parameter(name=("--output", "-o"), show_default=False)] = ()
    """File to write: .safetensors the model, .png a picture, .csv the predictions; also several."""
    predict: Annotated[Path | None, Parameter(show_default=False)] = None
    """Table with new rows to predict."""
    device: str = "cpu"
    """cpu, auto, cuda, cuda:1, mps ...; tables are small, and a processor is the fastest."""

    def places(self) -> dict[str, Path]:
        """Return the files to write by their suffix; raise ValueError if one can't be."""
        found: dict[str, Path] = {}
        for path in self.output:
            suffix = path.suffix.lower()
            if suffix not in (MODEL, PICTURE, ROWS):
                raise ValueError(
                    f"{path} is of an unknown kind; end its name in {MODEL} (the model), "
                    f"{PICTURE} (a picture) or {ROWS} (the predictions)"
                )
            if suffix in found:
                raise ValueError(f"{found[suffix]} and {path} would be the same; give one {suffix}")
            check_output(path, force=self.force)
            found[suffix] = path
        return found


def table(
    file: str,
    /,
    *,
    run: TableRun = TableRun(),
    config: Annotated[TableConfig, Parameter(name="*", group=JUDGING)] = TableConfig(),
) -> int:
    """Predict a column of a table from the others, with error bars.

    Parameters
    ----------
    file
        A table in CSV, or iris, wine, breast-cancer, diabetes, cars, california; or a model file,
        to predict new rows with.
    """
    places = run.places()
    check_apart(places.values(), Path(file))
    if run.predict is not None:
        check_apart(places.values(), run.predict)
    if Path(file).suffix == MODEL:
        return _apply(file, run, places, config.coverage)
    known = _material(file, config)
    target = _target(known, run)
    new = None if run.predict is None else read_table(run.predict)
    question = ask(known, target, config)
    # what takes seconds to import comes after all that may be wrong with files
    from bowerbird.cli.predict.table_report import keep_study, tell_study
    from bowerbird.prediction.tabular.study import answer_steps

    work = follow(answer_steps(question, config, run.device), (), _no_words, quiet=run.quiet)
    found = work.last.preview
    if found is None:
        notify(f"{work.ended}; nothing was saved")
        return work.exit_code("predict")

    said = None
    if new is not None:
        said, notes = _said(found.model, new, config.coverage)
        found.notes.extend(notes if run.json else ())
    keep_study(found, known, new, said, places)
    tell_study(found, known, said, run, config)
    return 0


def _no_words(step: object) -> str:
    return ""


def _material(file: str, config: TableConfig) -> Table:
    """Return a table by its name or file."""
    if file in TARGETS and not Path(file).exists():
        return read_sample(file)
    return read_table(Path(file), config.rows, config.networks.seed)


def _target(known: Table, run: TableRun) -> str:
    """Return the name of the column to predict; raise TableError if it is not said or not there."""
    target = run.target or TARGETS.get(known.name)
    if target is None:
        names = listed(list(known.frame.columns))
        raise TableError(f"say which column of {known.name} to predict: --target, one of {names}")
    find_column(known, target)
    return target


def _said(model: "TableModel", new: Table, coverage: float) -> tuple["Predictions", list[str]]:
    """Predict new rows, and say what in them was never learned from."""
    said, strange = model.told(new, coverage)
    notes = [f"{new.name}: {sentence}" for sentence in (*new.notes, *strange)]
    for note in notes:
        notify(note)
    return said, notes


def _apply(file: str, run: TableRun, places: Mapping[str, Path], coverage: float) -> int:
    """Predict new rows with a model file."""
    if run.predict is None:
        raise ValueError(f"{file} is a model; say which rows to predict with it: --predict NEW.csv")
    if run.target is not None:
        raise ValueError(f"{file} is a model, which knows its target; leave --target out")
    if others := [path for suffix, path in places.items() if suffix != ROWS]:
        raise ValueError(f"{others[0]} can't be written: a model file gives predictions only, .csv")
    if not Path(file).exists():
        raise ValueError(f"{file} does not exist; check the name of the model")
    new = read_table(run.predict)
    from bowerbird.cli.predict.table_predictions import (
        predictions_facts,
        show_predictions,
        write_predictions,
    )
    from bowerbird.prediction.tabular.model import load_table_model

    model = load_table_model(Path(file), run.device)

    said, notes = _said(model, new, coverage)

    if ROWS in places:
        write_predictions(new, said, places[ROWS])
    if run.json:
        told = {"model": file, "notes": notes, **predictions_facts(said)}
        print(jsonlib.dumps(told, allow_nan=False))  # noqa: T201
    elif ROWS not in places:
        show_predictions(said)
    return 0
