"""The season of a series: after how many steps it repeats itself.

A season of m steps is tested in the autoregression

    y_t = a_(t mod m) + b t + c t^2 + d_1 y_{t-1} + d_2 y_{t-2} + d_3 y_{t-3} + e_t

against the same one with a single mean: Fisher's F-test of m - 1 more numbers. The past values are
in both, so that a random walk or a wandering cycle isn't taken for a season. Tried are the seasons
of the calendar (12 months, 7 and 365 days ...), peaks of the autocorrelation of the series and of
its differences, and their whole parts. A test counts below 0.01 by the number of seasons that could
have been tried (Bonferroni), a hundredth each for the calendar's and for the rest.

Of those that count it is the one of the least BIC (Schwarz 1978), in which a season off the
calendar pays for having been searched for; so 12 goes before 48. A multiple of it is taken if the
F-test of the multiple against it counts too, as a week of hours does where days differ.

Where there is no such season, there may be a cycle of no fixed length (sunspots): the first high
peak of the autocorrelation that is there again after two, beyond three deviations of what noise
with the same memory shows (Bartlett 1946).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bowerbird.errors import SeriesError

Array = np.ndarray
PARTS = 3  # seasons that a series must have for one to be found
LAGS = 3  # past values beside a season
LEVEL = 0.01  # of the test, for all seasons that could be tried
SHARE = 0.2  # autocorrelation of the values or the differences that a season is worth telling for
TRIED = 30  # peaks, the highest
WHOLE = 12  # parts of a peak that are tried, at most
STILL = 1e-12  # of the largest value: a smaller deviation is of rounding

LEAST = 0.3  # autocorrelation of a cycle
RISE = 0.2  # above the lowest autocorrelation before it
NEAR = 0.05  # of the highest peak
ECHO = 1 / 3  # of the peak that is there at two cycles
MANY = 8  # cycles, from which on a peak needs no second witness
BEYOND = 3  # deviations

DAY = 86400
SECONDS = {"minute": 60, "hour": 3600, "day": DAY, "week": 7 * DAY}
NAMED = {"month": {12}, "quarter": {4}, "working day": {5, 261}}


@dataclass(frozen=True)
class Season:
    """After how many steps a series repeats itself, and how that is known."""

    steps: int
    """1 is no season."""
    why: str


@dataclass(frozen=True)
class _Fit:
    """How well a season fits."""

    left: float
    """Sum of squares that is left."""
    numbers: int
    """How many were fitted."""
    rows: int

    @property
    def bic(self) -> float:
        log = np.log(self.rows)
        return float(self.rows * (np.log(self.left) - log) + self.numbers * log)

    def chance(self, wider: "_Fit") -> float:
        """Return p of Fisher's test for a fit that has this one within it."""
        from scipy.stats import f  # noqa: PLC0415 - takes a moment

        more, free = wider.numbers - self.numbers, wider.rows - wider.numbers
        if free < 1:
            return 1.0
        return float(
            f.sf(max(0.0, self.left - wider.left) / more / (wider.left / free), more, free)
        )


def autocorrelation(values: Float[Array, " n"], most: int) -> Float[Array, " k"]:
    """Return r(0) .. r(most) of a series without its quadratic trend."""
    at = np.linspace(-1, 1, len(values))
    left = values - np.polynomial.Polynomial.fit(at, values, 2)(at)
    size = 1 << (2 * len(left) - 1).bit_length()
    power = np.abs(np.fft.rfft(left, size)) ** 2
    sums = np.fft.irfft(power, size)[: most + 1]
    sums /= len(left) - np.arange(most + 1)
    return sums / max(float(sums[0]), 1e-300)


def calendar_seasons(step: str) -> set[int]:
    """Return the steps of a day, a week and a year, as far as they are whole."""
    if step in NAMED:
        return NAMED[step]
    count, _, unit = step.rpartition(" ")
    size = SECONDS.get(unit.removesuffix("s"))
    if size is None:
        return set()
    seconds = size * float(count or 1)
    days = {length / seconds for length in (DAY, 7 * DAY)}
    return {round(s) for s in days if s >= 2 and s == round(s)} | {round(365.25 * DAY / seconds)}


def find_season(values: Float[Array, " n"], step: str = "step") -> Season:
    """Return the season of a series whose step is told in words, 1 if it shows none."""
    most = len(values) // PARTS
    if most < 3:
        return Season(1, "it is too short to show a season")
    spread = float(values.std())
    if spread <= STILL * float(np.abs(values).max()):
        return Season(1, "it has not moved yet")
    values = (values - values.mean()) / spread
    r = autocorrelation(values, 2 * most)
    steps = autocorrelation(np.diff(values), most)
    known = {season for season in calendar_seasons(step) if 2 <= season <= most}
    worth = [m for m in _candidates(r, steps, known, most) if max(r[m], steps[m]) > SHARE]
    best = _fixed(values, worth, known)
    if best > 1:
        return Season(best, f"found: its autocorrelation is {r[best]:.2f} there")
    cycle = _cycle(r, steps, len(values))
    if cycle == 1:
        return Season(1, "its autocorrelation has no clear peak")
    return Season(cycle, f"found: its autocorrelation has a peak of {r[cycle]:.2f} there")


def _candidates(r: Array, steps: Array, known: set[int], most: int) -> list[int]:
    """Return seasons to try: the calendar's, peaks, and their whole parts."""
    least = 2 / (PARTS * most) ** 0.5
    peaks = {k for own in (r, steps) for k in _peaks(own, range(2, most)) if own[k] > least}
    tried = sorted(peaks, key=lambda k: -max(r[k], steps[k]))[:TRIED]
    parts = {m // k for m in (*tried, *known) for k in range(1, WHOLE + 1) if m % k == 0}
    return sorted(parts - {1})


def _peaks(r: Array, where: Iterable[int]) -> list[int]:
    return [k for k in where if r[k] >= r[k - 1] and r[k] >= r[k + 1]]


def _fixed(values: Float[Array, " n"], seasons: list[int], known: set[int]) -> int:
    """Return the season of fixed length that is beyond chance, or 1."""
    lags = min(LAGS, len(values) // 10)
    level = {m: LEVEL / (len(known) if m in known else len(values) // PARTS) for m in seasons}
    none = _fit(values, 1, lags)
    fits = {m: _fit(values, m, lags) for m in seasons}
    fits = {m: fit for m, fit in fits.items() if none.chance(fit) < level[m]}
    if not fits:
        return 1
    best = min(fits, key=lambda m: fits[m].bic - 2 * np.log(level[m]))
    for m in fits:
        if m > best and m % best == 0 and fits[best].chance(fits[m]) < level[m]:
            best = m
    return best


def _fit(values: Float[Array, " n"], season: int, lags: int) -> _Fit:
    """Fit a mean for each place in the season, a quadratic trend and past values.

    The means go first: what is left of everything else after its own means is regressed
    (Frisch, Waugh, Lovell), so that a season of hundreds of steps costs no more than one of four.
    """
    count = len(values)
    at = np.linspace(-1, 1, count)[lags:]
    past = [values[lags - k : count - k] for k in range(1, lags + 1)]
    both = np.stack([values[lags:], at, at**2, *past], 1)
    place = np.arange(len(both)) % season
    rows = np.bincount(place, minlength=season)[:, None]
    means = np.stack([np.bincount(place, own, season) for own in both.T], 1) / rows
    wanted, *given = (both - means[place]).T
    given_ = np.stack(given, 1)
    off = wanted - given_ @ np.linalg.lstsq(given_, wanted, rcond=1e-10)[0]
    return _Fit(max(float(off @ off), 1e-20), season + len(given), len(both))


def _cycle(r: Float[Array, " k"], steps: Float[Array, " k"], count: int) -> int:
    """Return the length of a cycle that doesn't keep to it, or 1."""
    lowest = np.minimum.accumulate(r)
    noise = BEYOND * np.sqrt((1 + 2 * np.concatenate([[0, 0], np.cumsum(r[1:-1] ** 2)])) / count)
    peaks = [
        k
        for k in _peaks(r, range(3, count // PARTS))
        if r[k] > max(LEAST, noise[k])
        and r[k] - lowest[k] > RISE
        and r[2 * k] > ECHO * r[k]
        and (k <= count // MANY or steps[k] > 1.96 / (count - k) ** 0.5)
    ]
    highest = max((r[k] for k in peaks), default=0.0)
    return next((k for k in peaks if r[k] >= highest - NEAR), 1)


def told_season(values: Float[Array, " n"], steps: int) -> Season:
    """Return a season that a person told; raise SeriesError if it is too long for the series."""
    if steps > len(values) // 2:
        raise SeriesError(
            f"a season of {steps} is longer than half of the {len(values)} values; give --season "
            f"{len(values) // 2} at most, or 1 for none"
        )
    return Season(steps, "told")
