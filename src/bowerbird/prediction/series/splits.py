"""Where a backtest begins its forecasts, and how much of the past a network reads there.

A long series has its origins as they are asked for: half of them fill the band, the others measure
it. A short one (7 years of months and less) has fewer, all of them measure the errors, and networks
learn from fewer and, where that is too little too, from shorter windows. Where there is no room for
two origins there is a forecast, and nothing is measured.
"""

import math
from dataclasses import dataclass

import numpy as np

from bowerbird.errors import SeriesError
from bowerbird.prediction.series.config import (
    FEWEST,
    LEAST_WINDOWS,
    SCARCE_WINDOWS,
    BacktestConfig,
)
from bowerbird.prediction.series.interval import FEWEST as FEWEST_ERRORS

LEAST_MEASURED = 5  # origins at which the band is measured
SOME, PAIR = 6, 2  # origins of a short series: better with a shorter past than fewer; at least
NO_SEASON = 24  # values of a window where there is no season
SHORT = 6  # of them in a short past


@dataclass(frozen=True)
class Plan:
    """Where the origins lie."""

    origins: np.ndarray
    stride: int
    measured: int
    """The first origin at which errors are measured."""
    held: int
    """The first one at which the band is; as many as there are, if it is nowhere."""


def window_length(season: int) -> int:
    """Return how many values a window has: two seasons and one value."""
    return 2 * season + 1 if season > 1 else NO_SEASON + 1


def short_window(season: int) -> int:
    """Return how many values a window has in a short past: a season and one value."""
    return season + 1 if season > 1 else SHORT + 1


def fitting_window(count: int, season: int, horizon: int) -> int | None:
    """Return how long a window is in a past of ``count`` values, None if that is too short."""
    for window, windows in _shapes(season):
        if count - window - horizon + 1 >= windows:
            return window
    return None


def measurable(count: int, season: int) -> int:
    """Return the longest horizon at which two origins have room, below 1 if none has."""
    return (count - short_window(season) - (SCARCE_WINDOWS - 1) - (PAIR - 1)) // 2


def plan(count: int, season: int, config: BacktestConfig) -> Plan:
    """Return where origins lie in a series of ``count`` values; raise SeriesError if it's short."""
    horizon = config.horizon
    found = _placed(count, season, config)
    if found is not None:
        return found
    if fitting_window(count, season, horizon) is not None:
        return _scarce(count, season, config)
    least = short_window(season) + SCARCE_WINDOWS - 1
    mend = f", or give --horizon {count - least} at most" if count > least else ""
    if season > 1:
        mend += ", or --season 1"
    raise SeriesError(
        f"{count} values are too few to foresee {horizon} steps with a season of {season}; "
        f"{least + horizon} are needed{mend}"
    )


def _shapes(season: int) -> tuple[tuple[int, int], ...]:
    """Return how long windows are and how many are needed, the best first."""
    long, short = window_length(season), short_window(season)
    return (long, LEAST_WINDOWS), (long, SCARCE_WINDOWS), (short, SCARCE_WINDOWS)


def _placed(count: int, season: int, config: BacktestConfig) -> Plan | None:
    """Return where origins lie, as many as there is room for, or None if there is too little."""
    horizon = config.horizon
    least = max(window_length(season) + horizon + LEAST_WINDOWS - 1, 2 * season + 2)
    # errors before the band is measured: one of them may lie outside
    rank = math.ceil(config.coverage / (1 - config.coverage) - 1e-9)
    room = count - horizon - least  # origins may lie this far before the last one
    for origins in range(config.origins, FEWEST - 1, -1):
        stride = max(1, min(horizon, int(config.share * count) // origins))
        measured = max(origins // 2, rank - 1 + math.ceil(horizon / stride))
        if (origins - 1) * stride <= room and origins - measured >= LEAST_MEASURED:
            at = count - horizon - stride * np.arange(origins)[::-1]
            return Plan(at, stride, measured, measured)
    return None


def _scarce(count: int, season: int, config: BacktestConfig) -> Plan:
    """Return where origins lie in a short series, perhaps none."""
    horizon = config.horizon
    for fewest in (SOME, PAIR):
        for window, windows in _shapes(season):
            room = count - horizon - (window + horizon + windows - 1)
            if room + 1 < fewest:
                continue
            origins = min(config.origins, room + 1)
            stride = max(1, min(horizon, room // (origins - 1)))
            held = FEWEST_ERRORS - 1 + math.ceil(horizon / stride)
            at = count - horizon - stride * np.arange(origins)[::-1]
            enough = origins - held >= LEAST_MEASURED
            return Plan(at, stride, 0, held if enough else origins)
    return Plan(np.empty(0, int), horizon, 0, 0)
