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
        if not MIN_SPLITS <= self.splits <= 10_000:
            raise ValueError(f"splits must be in {MIN_SPLITS}..10000, got {self.splits}")
        if not 0.5 <= self.coverage <= 0.99:
            raise ValueError(f"coverage must be in 0.5..0.99, got {self.coverage}")
        if not 0.05 <= self.test_fraction <= 0.8:
            raise ValueError(f"test_fraction must be in 0.05..0.8, got {self.test_fraction}")


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
        for name in ("hidden_size", "members", "context_length"):
            if not 1 <= getattr(self, name) <= 4096:
                raise ValueError(f"{name} must be in 1..4096, got {getattr(self, name)}")
        check_range(self, MIN_WINDOWS, math.inf, "max_windows")
        if not 0 <= self.seed < 2**62:
            raise ValueError(f"seed must be in [0, 2^62), got {self.seed}")
