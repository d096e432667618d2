"""``bowerbird predict series``."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.errors import about
from bowerbird.cli.options import RUN, CommonOptions, Output
from bowerbird.cli.predict.outputs import check_not_input, describe_loss, final_result, output_paths
from bowerbird.cli.progress import follow
from bowerbird.cli.report import notify, report
from bowerbird.errors import SeriesError
from bowerbird.prediction.series.config import OURS, SAMPLES, BacktestConfig, ForecasterConfig

if TYPE_CHECKING:
    import numpy as np

    from bowerbird.prediction.series.backtest import Backtest
    from bowerbird.prediction.series.series import Series

    Row = dict[str, Any]

Parameter(name="*", group=Group("Network", sort_key=3))(ForecasterConfig)
SIGNIFICANCE = 0.05  # p below which one model is called better than another
ENOUGH_SPLITS = 5  # that are independent, to say that there is no significant difference
MAX_PRINTED = 10  # steps of a forecast


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class SeriesOptions(CommonOptions):
    """Options of ``predict series`` besides its configuration."""

    target: Annotated[str | None, Parameter(show_default=False)] = None
    """Column to forecast; needed if there are several columns of numbers."""
    time: Annotated[str | None, Parameter(show_default=False)] = None
    """Column of dates; by default it is looked for."""
    output: Output = None
    """Plot to write (.png); OUT-forecast.csv has the forecast, OUT.safetensors the model. With
    --model: the forecast (.csv)."""
    model: Annotated[Path | None, Parameter(show_default=False)] = None
    """Model file to forecast with, instead of training and testing."""

    def paths(self, given: Path) -> dict[str, Path]:
        """Return the files to write by suffix; raise ValueError if one can't be written."""
        suffixes = (".csv",) if self.model else (".png", ".csv", ".safetensors")
        paths = output_paths(self.output, suffixes, force=self.force, table="-forecast")
        check_not_input(paths.values(), given)
        return paths


def series(
    file: str,
    /,
    *,
    run: SeriesOptions = SeriesOptions(),
    config: Annotated[
        BacktestConfig, Parameter(name="*", group=Group("Forecast", sort_key=2))
    ] = BacktestConfig(),
    network: ForecasterConfig = ForecasterConfig(),
) -> int:
    """Forecast a series, with prediction intervals and a backtest against simpler models.

    Parameters
    ----------
    file
        CSV file, or a sample series: sunspots, co2, electricity.
    """
    path = Path(file)
    paths = run.paths(path)
    is_sample = file in SAMPLES and not path.exists()
    if is_sample and (run.target or run.time):
        raise ValueError(f"{file} is a sample with one column; leave --target and --time out")
    if run.model and (config, network) != (BacktestConfig(), ForecasterConfig()):
        raise ValueError(
            f"{run.model} is a model, which has a horizon, seasonal period, coverage and network; "
            "leave their flags out"
        )
    from bowerbird.prediction.series.file import read_series, sample_series

    with about(path, SeriesError):
        data = sample_series(file) if is_sample else read_series(path, run.target, run.time)
        _notify(data, data.notes)
        if run.model is not None:
            return _forecast_with_model(data, run, paths)
        # slow imports come after everything that may be wrong with the file
        from bowerbird.prediction.series.backtest import backtest_steps

        steps = backtest_steps(data, config, network)
        work = follow(steps, (), describe_loss, quiet=run.quiet)
    result: Backtest = final_result(work)
    _notify(data, result.notes)
    rows = _rows(data, result.forecast, result.half_widths)
    _write(result, rows, paths)
    facts = _facts(result) | {
        "forecast": rows,
        "files": [str(path) for path in paths.values()],
        "seconds": round(work.last.seconds, 2),
    }
    lines = [*_summary(result), *_forecast_lines(rows)]
    lines += [", ".join(facts["files"])] if paths else []
    report(facts, *lines, json=run.json)
    return 0


def _notify(data: "Series", notes: list[str]) -> None:
    for note in notes:
        notify(f"{data.name}: {note}")


def _forecast_with_model(data: "Series", run: SeriesOptions, paths: dict[str, Path]) -> int:
    """Forecast with the model in a file."""
    from bowerbird.prediction.series.forecaster import load_forecaster, training_differences

    assert run.model is not None
    forecaster = load_forecaster(run.model)
    notes = training_differences(forecaster, data)
    _notify(data, notes)
    forecast = forecaster.networks.forecast(data.values)
    rows = _rows(data, forecast, forecaster.half_widths(forecaster.config.coverage))
    _write_forecast(rows, paths)
    facts = {
        "series": data.name,
        "model": str(run.model),
        "notes": data.notes + notes,
        "forecast": rows,
    }
    report(facts, *_forecast_lines(rows), json=run.json)
    return 0


def _rows(data: "Series", forecast: "np.ndarray", widths: "np.ndarray") -> "list[Row]":
    """Return a forecast with its interval, a row per step; bounds are None if there is none."""
    from bowerbird.prediction.series.interval import interval

    bounds = interval(forecast, widths, data.values)
    known = bool((widths < float("inf")).all())
    return [
        {
            "time": data.future_time(step),
            "value": value,
            "lower": lower if known else None,
            "upper": upper if known else None,
        }
        for step, (value, lower, upper) in enumerate(
            zip(*(bound.tolist() for bound in bounds), strict=True), 1
        )
    ]


def _write_forecast(rows: "list[Row]", paths: dict[str, Path]) -> None:
    from bowerbird.files.delimited import write_rows

    if ".csv" in paths:
        write_rows(paths[".csv"], list(rows[0]), (row.values() for row in rows), digits=7)


def _write(result: "Backtest", rows: "list[Row]", paths: dict[str, Path]) -> None:
    """Write the forecast, the plot and the model."""
    if not paths:
        return
    from bowerbird.prediction.series.forecaster import Forecaster
    from bowerbird.prediction.series.plot import plot_backtest

    _write_forecast(rows, paths)
    plot_backtest(result, paths[".png"])
    Forecaster.from_backtest(result).save(paths[".safetensors"])


def _facts(result: "Backtest") -> dict[str, Any]:
    """Return the results of a backtest, for JSON."""
    data = result.series
    return {
        "series": data.name,
        "num_values": len(data),
        "frequency": data.frequency,
        "notes": data.notes + result.notes,
        "seasonal_period": result.seasonality.period,
        "seasonal_period_reason": result.seasonality.reason,
        "horizon": result.config.horizon,
        "splits": len(result.splits.cutoffs),
        "test_splits": result.test_splits,
        "independent_splits": result.independent_splits,
        "metrics": [{"model": m, **asdict(metrics)} for m, metrics in result.metrics.items()],
        "comparisons": {
            model: dict(zip(("t", "p"), test or (None, None), strict=True))
            for model, test in result.comparisons.items()
        },
        "coverage": result.config.coverage,
        "empirical_coverage": result.empirical_coverage,
        "empirical_coverage_by_step": result.empirical_coverage_by_step,
        "smoothing": result.smoothing,
    }


def _summary(result: "Backtest") -> list[str]:
    """Return lines about the series and the accuracy of each model."""
    data, seasonality = result.series, result.seasonality
    period = f"seasonal period {seasonality.period}" if seasonality.period > 1 else "no seasonality"
    lines = [
        f"{data.name}: {len(data)} values, {data.times[0]} to {data.times[-1]}, step: "
        f"{data.frequency}; {period} ({seasonality.reason})"
    ]
    if not result.test_splits:
        return [*lines, "no test: the series is too short"]
    lines.append(
        f"{'':24}{'MASE':>8}{'sMAPE %':>10}{'RMSE':>12}   {result.test_splits} test splits, "
        f"{result.independent_splits} with horizons that don't overlap"
    )
    ranking = sorted(result.metrics.items(), key=lambda item: (item[1].mase or 0, item[1].rmse))
    for model, metrics in ranking:
        comparison = "" if model == OURS else _comparison(result, model)
        name = result.smoothing if model == "exponential smoothing" else model
        mase = "-" if metrics.mase is None else f"{metrics.mase:.3f}"
        errors = f"{mase:>8}{metrics.smape:10.2f}{metrics.rmse:12.4g}"
        lines.append(f"{name:24}{errors}   {comparison}")
    tested = "not tested"
    if result.empirical_coverage is not None:
        low, high = (f(result.empirical_coverage_by_step) for f in (min, max))
        tested = (
            f"contains {result.empirical_coverage:.0%} of the true values ({low:.0%} to "
            f"{high:.0%} by step)"
        )
    return [*lines, f"{result.config.coverage:.0%} interval: {tested}"]


def _comparison(result: "Backtest", model: str) -> str:
    """Describe the paired test of our model with another."""
    from bowerbird.prediction.series.accuracy import MIN_PAIRS

    test = result.comparisons[model]
    if test is None:
        few = result.independent_splits < MIN_PAIRS
        return "too few splits to compare with ours" if few else "no difference to ours"
    t, p = test
    if p >= SIGNIFICANCE and result.independent_splits < ENOUGH_SPLITS:
        return "too few splits to compare with ours"
    if p >= SIGNIFICANCE:
        return f"no significant difference to ours (p = {p:.2f})"
    return f"ours is better (p = {p:.2g})" if t < 0 else f"better than ours (p = {p:.2g})"


def _forecast_lines(rows: "list[Row]") -> list[str]:
    lines = []
    for row in rows[:MAX_PRINTED]:
        bounds = "" if row["lower"] is None else f"   {row['lower']:.5g} to {row['upper']:.5g}"
        lines.append(f"{row['time']:>16}  {row['value']:.5g}{bounds}")
    if len(rows) > MAX_PRINTED:
        lines.append(f"{'...':>16}  {len(rows) - MAX_PRINTED} more")
    return lines
