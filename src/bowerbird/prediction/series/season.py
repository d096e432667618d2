"""Seasonality: after how many steps a series repeats itself.

A period of m steps is tested in the autoregression

    y_t = a_(t mod m) + b t + c t^2 + d_1 y_{t-1} + d_2 y_{t-2} + d_3 y_{t-3} + e_t

against the same one with a single mean: Fisher's F-test of m - 1 more parameters. Past values are
in both, so that a random walk or an irregular cycle isn't taken for seasonality. Candidates are the
periods of the calendar (12 months, 7 and 365 days ...), peaks of the autocorrelation of the series
and of its differences, and their divisors. A test is significant below 0.01 divided by the number
of possible candidates (Bonferroni), 0.01 each for the calendar's and for the others.

Of the significant periods the one of the lowest BIC (Schwarz 1978) is chosen, with a penalty for
periods that are not of the calendar; so 12 is preferred to 48. A multiple of it is chosen instead
if the F-test of the multiple against it is significant too, as for a week of hours whose days
differ.

Without a significant period there may be a cycle of variable length (sunspots): the first high peak
of the autocorrelation that recurs after two cycles and is beyond three standard errors of noise
with the same memory (Bartlett 1946).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bowerbird.errors import SeriesError
from bowerbird.prediction.series.series import ROUNDING

Array = np.ndarray
MIN_CYCLES = 3  # in a series, for a period to be detected
MAX_LAGS = 3  # past values in the regression
SIGNIFICANCE = 0.01  # of the test, for all candidates together
MIN_SEASONAL_CORRELATION = 0.2  # autocorrelation of the values or the differences
MAX_PEAKS = 30  # that are candidates, the highest ones
MAX_DIVISOR = 12  # of a candidate

MIN_CORRELATION = 0.3  # autocorrelation of a cycle
MIN_PROMINENCE = 0.2  # above the lowest autocorrelation before it
PEAK_TOLERANCE = 0.05  # below the highest peak
MIN_ECHO = 1 / 3  # autocorrelation at two cycles, relative to that at one
CERTAIN_CYCLES = 8  # in a series, from which a peak needs no peak of the differences
NUM_ERRORS = 3  # standard errors

DAY = 86400
SECONDS = {"minute": 60, "hour": 3600, "day": DAY, "week": 7 * DAY}
CALENDAR_PERIODS = {"month": {12}, "quarter": {4}, "working day": {5, 261}}


@dataclass(frozen=True)
class Seasonality:
    """After how many steps a series repeats itself."""

    period: int
    """Number of steps; 1 is no seasonality."""
    reason: str
    """Why it was chosen."""


@dataclass(frozen=True)
class _Fit:
    """A least-squares fit."""

    residual: float
    """Residual sum of squares."""
    parameters: int
    rows: int

    @property
    def bic(self) -> float:
        log = np.log(self.rows)
        return float(self.rows * (np.log(self.residual) - log) + self.parameters * log)

    def p_value(self, larger: "_Fit") -> float:
        """Return p of Fisher's test of a larger model in which this one is nested."""
        from scipy.stats import f  # noqa: PLC0415 - takes a moment

        extra, free = larger.parameters - self.parameters, larger.rows - larger.parameters
        if free < 1:
            return 1.0
        gain = max(0.0, self.residual - larger.residual)
        return float(f.sf(gain / extra / (larger.residual / free), extra, free))


def autocorrelation(values: Float[Array, " n"], max_lag: int) -> Float[Array, " k"]:
    """Return r(0) .. r(max_lag) of a series without its quadratic trend."""
    at = np.linspace(-1, 1, len(values))
    detrended = values - np.polynomial.Polynomial.fit(at, values, 2)(at)
    size = 1 << (2 * len(detrended) - 1).bit_length()
    power = np.abs(np.fft.rfft(detrended, size)) ** 2
    sums = np.fft.irfft(power, size)[: max_lag + 1]
    sums /= len(detrended) - np.arange(max_lag + 1)
    return sums / max(float(sums[0]), 1e-300)


def calendar_periods(frequency: str) -> set[int]:
    """Return the number of steps in a day, a week and a year, if it is an integer."""
    if frequency in CALENDAR_PERIODS:
        return CALENDAR_PERIODS[frequency]
    count, _, unit = frequency.rpartition(" ")
    size = SECONDS.get(unit.removesuffix("s"))
    if size is None:
        return set()
    seconds = size * float(count or 1)
    days = {length / seconds for length in (DAY, 7 * DAY)}
    return {round(s) for s in days if s >= 2 and s == round(s)} | {round(365.25 * DAY / seconds)}


def find_seasonality(
    values: Float[Array, " n"], frequency: str = "step", period: int = 0
) -> Seasonality:
    """Return the seasonality of a series: the given period, or if that is 0 the detected one.

    Raises SeriesError for a given period that is too long for the series.
    """
    if period > len(values) // 2:
        raise SeriesError(
            f"a seasonal period of {period} is longer than half of the {len(values)} values; give "
            f"--seasonal-period {len(values) // 2} at most, or 1 for none"
        )
    if period:
        return Seasonality(period, "given")
    max_period = len(values) // MIN_CYCLES
    if max_period < 3:
        return Seasonality(1, "the series is too short to detect it")
    std = float(values.std())
    if std <= ROUNDING * float(np.abs(values).max()):
        return Seasonality(1, "the series is constant so far")
    values = (values - values.mean()) / std
    r = autocorrelation(values, 2 * max_period)
    r_differences = autocorrelation(np.diff(values), max_period)
    known = {period for period in calendar_periods(frequency) if 2 <= period <= max_period}
    candidates = [
        m
        for m in _candidates(r, r_differences, known, max_period)
        if max(r[m], r_differences[m]) > MIN_SEASONAL_CORRELATION
    ]
    best = _fixed_period(values, candidates, known)
    if best > 1:
        return Seasonality(best, f"detected: its autocorrelation is {r[best]:.2f} there")
    cycle = _cycle(r, r_differences, len(values))
    if cycle == 1:
        return Seasonality(1, "the autocorrelation has no clear peak")
    return Seasonality(cycle, f"detected: its autocorrelation has a peak of {r[cycle]:.2f} there")


def _candidates(r: Array, r_differences: Array, known: set[int], max_period: int) -> list[int]:
    """Return the periods to test: the calendar's, peaks, and their divisors."""
    noise = 2 / (MIN_CYCLES * max_period) ** 0.5
    lags = range(2, max_period)
    peaks = {k for curve in (r, r_differences) for k in _peaks(curve, lags) if curve[k] > noise}
    highest = sorted(peaks, key=lambda k: -max(r[k], r_differences[k]))[:MAX_PEAKS]
    divisors = range(1, MAX_DIVISOR + 1)
    return sorted({m // k for m in (*highest, *known) for k in divisors if m % k == 0} - {1})


def _peaks(r: Array, lags: Iterable[int]) -> list[int]:
    return [k for k in lags if r[k] >= r[k - 1] and r[k] >= r[k + 1]]


def _fixed_period(values: Float[Array, " n"], candidates: list[int], known: set[int]) -> int:
    """Return the period of fixed length that is significant, or 1."""
    lags = min(MAX_LAGS, len(values) // 10)
    count = len(values) // MIN_CYCLES
    level = {m: SIGNIFICANCE / (len(known) if m in known else count) for m in candidates}
    none = _fit(values, 1, lags)
    fits = {m: _fit(values, m, lags) for m in candidates}
    fits = {m: fit for m, fit in fits.items() if none.p_value(fit) < level[m]}
    if not fits:
        return 1
    best = min(fits, key=lambda m: fits[m].bic - 2 * np.log(level[m]))
    for m in fits:
        if m > best and m % best == 0 and fits[best].p_value(fits[m]) < level[m]:
            best = m
    return best


def _fit(values: Float[Array, " n"], period: int, lags: int) -> _Fit:
    """Fit a mean for each place in the period, a quadratic trend and past values.

    The means go first: the rest is regressed after subtracting its own means (Frisch, Waugh,
    Lovell), so that a period of hundreds of steps costs no more than one of four.
    """
    count = len(values)
    at = np.linspace(-1, 1, count)[lags:]
    past = [values[lags - k : count - k] for k in range(1, lags + 1)]
    columns = np.stack([values[lags:], at, at**2, *past], 1)
    place = np.arange(len(columns)) % period
    rows = np.bincount(place, minlength=period)[:, None]
    means = np.stack([np.bincount(place, column, period) for column in columns.T], 1) / rows
    target, *regressors = (columns - means[place]).T
    design = np.stack(regressors, 1)
    residual = target - design @ np.linalg.lstsq(design, target, rcond=1e-10)[0]
    squares = max(float(residual @ residual), 1e-20)
    return _Fit(squares, period + len(regressors), len(columns))


def _cycle(r: Float[Array, " k"], r_differences: Float[Array, " k"], count: int) -> int:
    """Return the length of a cycle of variable length, or 1."""
    lowest = np.minimum.accumulate(r)
    variance = (1 + 2 * np.concatenate([[0, 0], np.cumsum(r[1:-1] ** 2)])) / count
    noise = NUM_ERRORS * np.sqrt(variance)
    peaks = [
        k
        for k in _peaks(r, range(3, count // MIN_CYCLES))
        if r[k] > max(MIN_CORRELATION, noise[k])
        and r[k] - lowest[k] > MIN_PROMINENCE
        and r[2 * k] > MIN_ECHO * r[k]
        and (k <= count // CERTAIN_CYCLES or r_differences[k] > 1.96 / (count - k) ** 0.5)
    ]
    highest = max((r[k] for k in peaks), default=0.0)
    return next((k for k in peaks if r[k] >= highest - PEAK_TOLERANCE), 1)
