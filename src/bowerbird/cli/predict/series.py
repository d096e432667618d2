"""``bowerbird predict series``."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.errors import about
from bowerbird.cli.options import RUN, CommonOptions, Output
from bowerbird.cli.predict.outputs import check_not_input, describe_loss, final_result, output_paths
from bowerbird.cli.report import notify, report
from bowerbird.errors import SeriesError
from bowerbird.prediction.series.config import OURS, BacktestConfig, NetworkConfig

if TYPE_CHECKING:
    import numpy as np

    from bowerbird.cli.progress import Work
    from bowerbird.prediction.series.backtest import Backtest
    from bowerbird.prediction.series.series import Series

Parameter(name="*", group=Group("Network", sort_key=3))(NetworkConfig)
SIGNIFICANT = 0.05  # p-value below which one model is called better than another
MAX_PRINTED = 10  # steps of a forecast


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class SeriesOptions(CommonOptions):
    """Options of ``predict series`` besides its configuration."""

    target: Annotated[str | None, Parameter(show_default=False)] = None
    """Column to forecast; needed if several columns have numbers."""
    time: Annotated[str | None, Parameter(show_default=False)] = None
    """Column of dates; by default it is detected."""
    output: Output = None
    """Plot to write (.png); OUT-ahead.csv has the forecast, OUT.safetensors the model. With --model
    the forecast (.csv)."""
    model: Annotated[Path | None, Parameter(show_default=False)] = None
    """Model file to forecast with, instead of training and evaluating one."""

    def paths(self, given: Path) -> dict[str, Path]:
        """Return the files to write by suffix; raise ValueError if one can't be written."""
        suffixes = (".csv",) if self.model else (".png", ".csv", ".safetensors")
        paths = output_paths(self.output, suffixes, force=self.force, table="-ahead")
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
    network: NetworkConfig = NetworkConfig(),
) -> int:
    """Forecast a time series, with prediction intervals and a backtest.

    Parameters
    ----------
    file
        CSV file, or sunspots, co2, electricity: series that are installed with Bowerbird.
    """
    path, paths = Path(file), run.paths(Path(file))
    if run.model and (config, network) != (BacktestConfig(), NetworkConfig()):
        raise ValueError(
            f"{run.model} is a model, which has its horizon, season, interval and network; leave "
            "their flags out"
        )
    from bowerbird.cli.progress import follow

    with about(path, SeriesError):
        data = _read(file, run)
        _notify(data, data.notes)
        if run.model is not None:
            return _forecast_with_model(data, run.model, run, paths)
        # torch and statsmodels take seconds to import: only after all errors in the input
        from bowerbird.prediction.series.backtest import backtest_steps

        steps = backtest_steps(data, config, network)
        work = follow(steps, (), describe_loss, quiet=run.quiet)
    result = final_result(work)

    _notify(data, result.notes)
    _write(result, paths)
    _report(result, paths, work, run)
    return 0


def _read(file: str, run: SeriesOptions) -> "Series":
    from bowerbird.prediction.series.file import KNOWN, known_series, read_series

    if file not in KNOWN or Path(file).exists():
        return read_series(Path(file), run.target, run.time)
    if run.target or run.time:
        raise ValueError(f"{file} has one column and its own dates; leave --target and --time out")
    return known_series(file)


def _notify(data: "Series", notes: list[str]) -> None:
    for note in notes:
        notify(f"{data.name}: {note}")


def _forecast_with_model(
    data: "Series", model: Path, run: SeriesOptions, paths: dict[str, Path]
) -> int:
    """Forecast with a model that was trained before."""
    import numpy as np

    from bowerbird.prediction.series.forecaster import load_forecaster, misgivings

    forecaster = load_forecaster(model)
    notes = misgivings(forecaster, data)
    _notify(data, notes)
    forecast = forecaster.forecast(data.values)
    band = np.array(forecaster.band or [math.inf] * len(forecast))
    rows = _rows(data, forecast, band)
    _write_forecast(rows, paths)
    facts = {"series": data.name, "model": str(model), "notes": data.notes + notes}
    report({**facts, "forecast": rows}, *_forecast_lines(rows), json=run.json)
    return 0


def _rows(data: "Series", forecast: "np.ndarray", band: "np.ndarray") -> list[dict[str, Any]]:
    """Return a forecast with its prediction interval, a row a step.

    It isn't negative unless the series has negative values.
    """
    rows = []
    lowest = 0.0 if data.values.min() >= 0 else -math.inf
    for step, (value, half) in enumerate(zip(forecast.tolist(), band.tolist(), strict=True), 1):
        low, high = (max(value - half, lowest), max(value + half, lowest))
        finite = math.isfinite(half)
        rows.append(
            {
                "time": data.moment(step),
                "value": max(value, lowest),
                "low": low if finite else None,
                "high": high if finite else None,
            }
        )
    return rows


def _write(result: "Backtest", paths: dict[str, Path]) -> None:
    """Write the forecast, the plot and the model, as they are asked for."""
    _write_forecast(_rows(result.series, result.forecast, result.band), paths)
    if ".png" in paths:
        from bowerbird.prediction.series.plot import draw_backtest

        draw_backtest(result, paths[".png"])
    if ".safetensors" in paths:
        scores = {
            s.model: {"mase": s.mase, "smape": s.smape, "rmse": s.rmse} for s in result.scores
        }
        result.forecaster.provenance = {
            "series": result.series.name,
            "source": result.series.source,
            "step": result.series.step,
            "low": float(result.series.values.min()),
            "high": float(result.series.values.max()),
            "values": len(result.series),
            "backtest": scores,
            "covered": result.covered,
        }
        result.forecaster.save(paths[".safetensors"])


def _write_forecast(rows: list[dict[str, Any]], paths: dict[str, Path]) -> None:
    from bowerbird.files.delimited import write_rows

    if ".csv" in paths:
        write_rows(paths[".csv"], list(rows[0]), (row.values() for row in rows), digits=7)


def _report(
    result: "Backtest", paths: dict[str, Path], work: "Work[Backtest]", run: SeriesOptions
) -> None:
    data, season = result.series, result.season
    rows = _rows(data, result.forecast, result.band)
    files = [str(path) for path in paths.values()]
    facts = {**_facts(result), "forecast": rows, "files": files}
    length = f"season {season.steps}" if season.steps > 1 else "no season"
    report(
        {**facts, "seconds": round(work.last.seconds, 2)},
        f"{data.name}: {len(data)} values, {data.times[0]} to {data.times[-1]}, step: "
        f"{data.step}; {length} ({season.why})",
        *_score_lines(result),
        *_forecast_lines(rows),
        *([", ".join(files)] if files else []),
        json=run.json,
    )


def _score_lines(result: "Backtest") -> list[str]:
    """Return a table of the models' scores, best first, and the coverage of the intervals."""
    evaluated = len(result.origins) - result.measured
    if not evaluated:
        return ["the series is too short for a backtest"]
    lines = [
        f"{'':24}{'MASE':>8}{'sMAPE %':>10}{'RMSE':>12}   {evaluated} splits, {result.apart} with "
        "horizons that don't overlap"
    ]
    for score in sorted(result.scores, key=lambda score: (score.mase or 0, score.rmse)):
        name = result.smoothing if score.model == "exponential smoothing" else score.model
        comparison = ""
        if score.model != OURS:
            comparison = _comparison(result.against[score.model], result.apart)
        mase = "-" if score.mase is None else f"{score.mase:.3f}"
        lines.append(f"{name:24}{mase:>8}{score.smape:10.2f}{score.rmse:12.4g}   {comparison}")
    coverage = "coverage not measured"
    if result.covered is not None:
        low, high = min(result.covered_by_step), max(result.covered_by_step)
        coverage = f"coverage {result.covered:.0%} ({low:.0%} to {high:.0%} by step)"
    return [*lines, f"{result.config.coverage:.0%} prediction interval: {coverage}"]


def _facts(result: "Backtest") -> dict[str, Any]:
    """Return the results of a backtest, for JSON."""
    data, season = result.series, result.season
    return {
        "series": data.name,
        "values": len(data),
        "step": data.step,
        "notes": data.notes + result.notes,
        "season": season.steps,
        "season_why": season.why,
        "horizon": result.config.horizon,
        "origins": len(result.origins),
        "measured": len(result.origins) - result.measured,
        "apart": result.apart,
        "scores": [asdict(score) for score in result.scores],
        "against": {
            model: dict(zip(("t", "p"), test or (None, None), strict=True))
            for model, test in result.against.items()
        },
        "coverage": result.config.coverage,
        "covered": result.covered,
        "covered_by_step": result.covered_by_step,
        "smoothing": result.smoothing,
    }


def _comparison(test: tuple[float, float] | None, splits: int) -> str:
    """Return whether ours is better than another model, by a paired t-test: (t, p)."""
    from bowerbird.prediction.series.accuracy import FEWEST_PAIRS

    if test is None:
        return "too few splits to compare" if splits < FEWEST_PAIRS else "same errors as ours"
    t, p = test
    if p >= SIGNIFICANT:
        return f"no significant difference to ours (p = {p:.2f})"
    return f"ours is better (p = {p:.2g})" if t < 0 else f"better than ours (p = {p:.2g})"


def _forecast_lines(rows: list[dict[str, Any]]) -> list[str]:
    lines = []
    for row in rows[:MAX_PRINTED]:
        interval = "" if row["low"] is None else f"   {row['low']:.5g} to {row['high']:.5g}"
        lines.append(f"{row['time']:>16}  {row['value']:.5g}{interval}")
    if len(rows) > MAX_PRINTED:
        lines.append(f"{'...':>16}  {len(rows) - MAX_PRINTED} more")
    return lines
