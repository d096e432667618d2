"""``bowerbird predict series``."""

import csv
import json as jsonlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Group, Parameter

from bowerbird.cli.errors import about
from bowerbird.cli.options import RUN, CommonOptions, Output
from bowerbird.cli.predict.outputs import check_apart, places_of, result_of, words_of
from bowerbird.cli.progress import Work, follow
from bowerbird.cli.report import notify
from bowerbird.errors import SeriesError
from bowerbird.learning.atomic_write import atomic_write
from bowerbird.prediction.series.accuracy import FEWEST_PAIRS
from bowerbird.prediction.series.config import OURS, BacktestConfig, NetworkConfig
from bowerbird.prediction.series.file import KNOWN, known_series, read_series
from bowerbird.prediction.series.series import Series

if TYPE_CHECKING:
    from bowerbird.prediction.series.backtest import Backtest

Parameter(name="*", group=Group("Network", sort_key=3))(NetworkConfig)
CERTAIN = 0.05  # p below which one model is called better than another
SHOWN = 10  # steps of a forecast that are printed


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class SeriesRun(CommonOptions):
    """What foreseeing a series can be told besides its configuration."""

    target: Annotated[str | None, Parameter(show_default=False)] = None
    """Column to foresee; needed if several hold numbers."""
    time: Annotated[str | None, Parameter(show_default=False)] = None
    """Column of dates; looked for if not told."""
    output: Output = None
    """Picture to write (.png), OUT-ahead.csv has the forecast, OUT.safetensors the model; with
    --model the forecast (.csv)."""
    model: Annotated[Path | None, Parameter(show_default=False)] = None
    """Model file to foresee with, instead of learning and measuring."""

    def places(self, given: Path) -> dict[str, Path]:
        """Return the files to write by suffix; raise ValueError if one can't be written."""
        suffixes = (".csv",) if self.model else (".png", ".csv", ".safetensors")
        places = places_of(self.output, suffixes, force=self.force, table="-ahead")
        check_apart(places.values(), given)
        return places


def series(
    file: str,
    /,
    *,
    run: SeriesRun = SeriesRun(),
    config: Annotated[
        BacktestConfig, Parameter(name="*", group=Group("Foreseeing", sort_key=2))
    ] = BacktestConfig(),
    network: NetworkConfig = NetworkConfig(),
) -> int:
    """Foresee a series, with error bars that were measured.

    Parameters
    ----------
    file
        CSV file, or sunspots, co2, electricity: series that come with the installation.
    """
    places = run.places(Path(file))
    known = file in KNOWN and not Path(file).exists()
    if known and (run.target or run.time):
        raise ValueError(f"{file} has one column and its own dates; leave --target and --time out")
    if run.model and (config, network) != (BacktestConfig(), NetworkConfig()):
        raise ValueError(
            f"{run.model} is a model, which knows its horizon, season, band and network; leave "
            "flags about them out"
        )
    path = Path(file)
    with about(path, SeriesError):
        data = known_series(file) if known else read_series(path, run.target, run.time)
        _note(data, data.notes)
        if run.model is not None:
            return _with_model(data, run, places)
        # what takes seconds to import comes after all that may be wrong with the file
        from bowerbird.prediction.series.backtest import backtest_steps

        work = follow(backtest_steps(data, config, network), (), words_of, quiet=run.quiet)
    done = result_of(work)

    _note(data, done.notes)
    _write_series(done, places)
    return _tell_series(done, places, work, run)


def _note(data: Series, notes: list[str]) -> None:
    for note in notes:
        notify(f"{data.name}: {note}")


def _with_model(data: Series, run: SeriesRun, places: dict[str, Path]) -> int:
    """Foresee with a model that has learned before."""
    assert run.model is not None
    from bowerbird.prediction.series.forecaster import (
        load_forecaster,
        misgivings,
    )

    forecaster = load_forecaster(run.model)
    notes = misgivings(forecaster, data)
    _note(data, notes)
    said = forecaster.forecast(data.values)
    band = np.array(forecaster.band or [math.inf] * len(said))
    rows = _rows(data, said, band)
    _write_forecast(rows, places)
    if run.json:
        facts = {"series": data.name, "model": str(run.model), "notes": data.notes + notes}
        print(jsonlib.dumps({**facts, "forecast": rows}, allow_nan=False))  # noqa: T201
    else:
        _print_forecast(rows)
    return 0


def _rows(data: Series, said: np.ndarray, band: np.ndarray) -> list[dict[str, Any]]:
    """Return a forecast with its interval, a row a step.

    Where no value of the past is below 0, none ahead is said to be.
    """
    rows = []
    least = 0.0 if data.values.min() >= 0 else -math.inf
    for step, (value, half) in enumerate(zip(said.tolist(), band.tolist(), strict=True), 1):
        sure = math.isfinite(half)
        low, high = (max(value - half, least), max(value + half, least)) if sure else (None, None)
        rows.append(
            {"time": data.moment(step), "value": max(value, least), "low": low, "high": high}
        )
    return rows


def _write_forecast(rows: list[dict[str, Any]], places: dict[str, Path]) -> None:
    if ".csv" not in places:
        return
    with (
        atomic_write(places[".csv"]) as part,
        part.open("w", newline="", encoding="utf-8") as stream,
    ):
        written = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        written.writeheader()
        written.writerows({name: _digits(cell) for name, cell in row.items()} for row in rows)


def _digits(cell: object) -> object:
    return f"{cell:.7g}" if isinstance(cell, float) else cell


def _write_series(done: "Backtest", places: dict[str, Path]) -> None:
    _write_forecast(_rows(done.series, done.forecast, done.band), places)
    if ".png" in places:
        from bowerbird.prediction.series.plot import draw_backtest

        draw_backtest(done, places[".png"])
    if ".safetensors" in places:
        told = {s.model: {"mase": s.mase, "smape": s.smape, "rmse": s.rmse} for s in done.scores}
        done.forecaster.provenance = {
            "series": done.series.name,
            "source": done.series.source,
            "step": done.series.step,
            "low": float(done.series.values.min()),
            "high": float(done.series.values.max()),
            "values": len(done.series),
            "backtest": told,
            "covered": done.covered,
        }
        done.forecaster.save(places[".safetensors"])


def _tell_series(
    done: "Backtest", places: dict[str, Path], work: "Work[Backtest]", run: SeriesRun
) -> int:
    data, season = done.series, done.season
    rows = _rows(data, done.forecast, done.band)
    if run.json:
        facts = _facts(done) | {"forecast": rows, "files": [str(p) for p in places.values()]}
        facts |= {"seconds": round(work.last.seconds, 2)}
        print(jsonlib.dumps(facts, allow_nan=False))  # noqa: T201
        return 0
    seasonal = f"season {season.steps} ({season.why})" if season.steps > 1 else "no season"
    if season.steps == 1:
        seasonal += f" ({season.why})"
    print(  # noqa: T201
        f"{data.name}: {len(data)} values, {data.times[0]} to {data.times[-1]}, step: "
        f"{data.step}; {seasonal}"
    )
    _print_scores(done)
    _print_forecast(rows)
    if places:
        print(", ".join(str(place) for place in places.values()))  # noqa: T201
    return 0


def _print_scores(done: "Backtest") -> None:
    measured = len(done.origins) - done.measured
    if not measured:
        print("nothing was measured")  # noqa: T201
        return
    print(  # noqa: T201
        f"{'':24}{'MASE':>8}{'sMAPE %':>10}{'RMSE':>12}   {measured} origins, "
        f"{done.apart} with horizons that don't overlap"
    )
    for score in sorted(done.scores, key=lambda score: (score.mase or 0, score.rmse)):
        words = "" if score.model == OURS else _beside(done.against[score.model], done.apart)
        name = done.smoothing if score.model == "exponential smoothing" else score.model
        relative = "-" if score.mase is None else f"{score.mase:.3f}"
        print(f"{name:24}{relative:>8}{score.smape:10.2f}{score.rmse:12.4g}   {words}")  # noqa: T201
    held = "not measured"
    if done.covered is not None:
        least, most = min(done.covered_by_step), max(done.covered_by_step)
        held = f"held {done.covered:.0%} of what came ({least:.0%} to {most:.0%} by step)"
    print(f"band for {done.config.coverage:.0%}: {held}")  # noqa: T201


def _facts(done: "Backtest") -> dict[str, Any]:
    """Return what a backtest found, for JSON."""
    data, season = done.series, done.season
    facts = {
        "series": data.name,
        "values": len(data),
        "step": data.step,
        "notes": data.notes + done.notes,
    }
    facts |= {"season": season.steps, "season_why": season.why}
    facts |= {"horizon": done.config.horizon, "origins": len(done.origins)}
    facts |= {"measured": len(done.origins) - done.measured, "apart": done.apart}
    facts |= {"scores": [asdict(score) for score in done.scores]}
    facts |= {
        "against": {m: _tested(*(found or (None, None))) for m, found in done.against.items()}
    }
    facts |= {"coverage": done.config.coverage, "covered": done.covered}
    return facts | {"covered_by_step": done.covered_by_step, "smoothing": done.smoothing}


def _tested(t: float | None, p: float | None) -> dict[str, float | None]:
    return {"t": t, "p": p}


def _beside(found: tuple[float, float] | None, apart: int) -> str:
    """Say whether ours is better than another model, by a paired test at so many origins."""
    if found is None:
        few = apart < FEWEST_PAIRS
        return "too few origins to tell from ours" if few else "no difference to ours"
    t, p = found
    if p >= CERTAIN:
        return f"no clear difference to ours (p = {p:.2f})"
    told = f"p = {p:.2g}"
    return f"ours is better ({told})" if t < 0 else f"better than ours ({told})"


def _print_forecast(rows: list[dict[str, Any]]) -> None:
    for row in rows[:SHOWN]:
        band = "" if row["low"] is None else f"   {row['low']:.5g} to {row['high']:.5g}"
        print(f"{row['time']:>16}  {row['value']:.5g}{band}")  # noqa: T201
    if len(rows) > SHOWN:
        print(f"{'...':>16}  {len(rows) - SHOWN} more")  # noqa: T201
