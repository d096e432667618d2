"""``bowerbird predict table``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from bowerbird.cli.predict.outputs import MODEL, ROWS, TableOptions, check_not_input
from bowerbird.cli.report import notify, report
from bowerbird.prediction.tabular.config import EnsembleConfig, TableConfig

if TYPE_CHECKING:
    from bowerbird.prediction.data.table import Table
    from bowerbird.prediction.tabular.conformal import Predictions
    from bowerbird.prediction.tabular.model import TableModel

Parameter(name="*", group=Group("Ensemble", sort_key=3))(EnsembleConfig)


def table(
    file: str,
    /,
    *,
    run: TableOptions = TableOptions(),
    config: Annotated[
        TableConfig, Parameter(name="*", group=Group("Validation", sort_key=2))
    ] = TableConfig(),
) -> int:
    """Predict a column of a table from the others, with prediction intervals.

    Parameters
    ----------
    file
        A table in CSV, or iris, wine, breast-cancer, diabetes, cars, california; or a model file,
        to predict new rows with.
    """
    paths = run.paths()
    for given in filter(None, (Path(file), run.predict)):
        check_not_input(paths.values(), given)
    if Path(file).suffix == MODEL:
        return _predict_with_model(file, run, paths, config.coverage)
    from bowerbird.cli.progress import follow
    from bowerbird.prediction.data.table import read_table
    from bowerbird.prediction.tabular.target import read_problem

    show = None if run.json or run.quiet else notify
    data = _read(file, config)
    target = _target(data, run)
    new = None if run.predict is None else read_table(run.predict)
    problem = read_problem(data, target, config)
    # torch and scikit-learn take seconds to import: only after all errors in the input
    if show:
        rows, columns = len(problem.truth), len(problem.columns.kinds)
        show(f"{file}: {rows:,} rows, {columns} columns; checking them")
    from bowerbird.cli.predict.table_report import print_report, print_table, write_report
    from bowerbird.prediction.tabular.cross_validation import CrossValidation

    validation = CrossValidation(problem, config, run.device)
    if not run.json:
        print_table(problem, data, validation.notes)
    total = len(config.methods)
    work = follow(
        validation.steps(),
        (),
        lambda step: (
            f"fold {(step.number - 1) // total + 1} of {validation.count}"
            if step.preview is None
            else "the model"
        ),
        quiet=run.quiet,
    )
    result = work.last.preview
    if result is None:
        notify(f"{work.ended}; nothing was saved")
        return work.exit_code("predict")

    predictions = None
    if new is not None:
        predictions, notes = _predict(result.model, new, config.coverage)
        result.notes.extend(notes if run.json else ())
    write_report(result, new, predictions, paths)
    print_report(result, data, predictions, run, config)
    return 0


def _read(file: str, config: TableConfig) -> "Table":
    """Read a sample table by its name, or a file."""
    from bowerbird.prediction.data.samples import TARGETS, read_sample
    from bowerbird.prediction.data.table import read_table

    if file in TARGETS and not Path(file).exists():
        return read_sample(file)
    return read_table(Path(file), config.max_rows, config.ensemble.seed)


def _target(data: "Table", run: TableOptions) -> str:
    """Return the column to predict; raise ValueError if none is given, or it does not exist."""
    from bowerbird.prediction.data.columns import find_column
    from bowerbird.prediction.data.samples import TARGETS
    from bowerbird.prediction.data.table import shortened

    target = run.target or TARGETS.get(data.name)
    if target is None:
        names = shortened(list(data.frame.columns))
        raise ValueError(f"choose the column of {data.name} to predict: --target, one of {names}")
    find_column(data, target)
    return target


def _predict(model: "TableModel", new: "Table", coverage: float) -> tuple["Predictions", list[str]]:
    """Predict new rows, and print what in them was not in the training table."""
    predictions, unknown = model.predict(new, coverage)
    notes = [f"{new.name}: {note}" for note in (*new.notes, *unknown)]
    for note in notes:
        notify(note)
    return predictions, notes


def _predict_with_model(
    file: str, run: TableOptions, paths: Mapping[str, Path], coverage: float
) -> int:
    """Predict new rows with a model file."""
    if run.predict is None:
        raise ValueError(f"{file} is a model; give rows to predict with it: --predict NEW.csv")
    if run.target is not None:
        raise ValueError(f"{file} is a model with a target of its own; omit --target")
    if others := [path for suffix, path in paths.items() if suffix != ROWS]:
        raise ValueError(f"{others[0]} can't be written: a model file only makes predictions, .csv")
    from bowerbird.models import model_path
    from bowerbird.prediction.data.table import read_table

    model_path(file)  # before the slow imports
    new = read_table(run.predict)
    from bowerbird.cli.predict import table_report
    from bowerbird.prediction.tabular.model import load_table_model

    model = load_table_model(file, run.device)
    predictions, notes = _predict(model, new, coverage)
    facts = {"model": file, "notes": notes}
    facts |= table_report.predictions_facts(model.target, predictions)
    results = table_report.predictions_text(model.target, predictions, new.output_decimal_mark)
    if ROWS in paths:
        table_report.write_predictions(new, model.target, predictions, paths[ROWS])
        results = []
    report(facts, *results, json=run.json)
    return 0
