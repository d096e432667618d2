"""Settings of forecasts and their backtest. Imports nothing heavy: flags are derived from it."""

import math
from dataclasses import dataclass

from bowerbird.learning.validate import check_range

SAMPLES = ("sunspots", "co2", "electricity")
OURS = "bowerbird"  # the name of our network among the models
MIN_SPLITS = 12
MIN_WINDOWS = 20  # to train on
MIN_WINDOWS_SHORT = 8  # in a short series


@dataclass(frozen=True)
class BacktestConfig:
    """What to forecast, and how to evaluate it."""

    horizon: int = 12
    """Steps to forecast."""
    seasonal_period: int = 0
    """Steps after which the series repeats itself; 0 detects it, 1 is no seasonality."""
    coverage: float = 0.9
    """Fraction of true values that should be inside the prediction interval."""
    splits: int = 40
    """Cutoffs from which forecasts are evaluated, at least 12; a short series has fewer."""
    test_fraction: float = 0.3
    """Fraction at the end of the series that holds the cutoffs; more if it has too few steps."""
    refits: int = 4
    """How often the models are fitted again on the way."""

    def __post_init__(self) -> None:
        check_range(self, 1, math.inf, "horizon", "refits")
        check_range(self, 0, math.inf, "seasonal_period")
        check_range(self, MIN_SPLITS, 10_000, "splits")
        check_range(self, 0.5, 0.99, "coverage")
        check_range(self, 0.05, 0.8, "test_fraction")


@dataclass(frozen=True)
class ForecasterConfig:
    """The shape of the forecaster's networks."""

    hidden_size: int = 100
    """Units of each network."""
    members: int = 5
    """Networks whose forecasts are averaged."""
    context_length: int = 64
    """Maximum number of values that a network reads; the linear path reads the whole window."""
    max_windows: int = 2000
    """Maximum number of training windows; of a longer series, every second, third ... is taken."""
    seed: int = 0
    """Seed of the random weights."""

    def __post_init__(self) -> None:
        check_range(self, 1, 4096, "hidden_size", "members", "context_length")
        check_range(self, MIN_WINDOWS, math.inf, "max_windows")
        if not 0 <= self.seed < 2**62:
            raise ValueError(f"seed must be in [0, 2^62), got {self.seed}")
