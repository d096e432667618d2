"""How series are foreseen and measured: settings, without the libraries that follow them.

They are a file of their own so that a command can complain of a wrong file before it imports torch
and statsmodels.
"""

from dataclasses import dataclass

OURS = "bowerbird"  # its name among the models
FEWEST = 12  # origins in all
LEAST_WINDOWS = 20  # to learn from
SCARCE_WINDOWS = 8  # in a short series


@dataclass(frozen=True)
class BacktestConfig:
    """How far is foreseen, and how that is measured."""

    horizon: int = 12
    """Steps to foresee."""
    season: int = 0
    """Steps after which the series repeats itself; 0 finds it, 1 is none."""
    coverage: float = 0.9
    """Share of the truth that the band is to hold."""
    origins: int = 40
    """Moments from which a forecast is tried, 12 at least; a short series has fewer."""
    share: float = 0.3
    """Share of the series, its end, in which they lie; more where it has fewer steps than them."""
    fits: int = 4
    """Times that models are fitted anew on the way."""

    def __post_init__(self) -> None:
        if self.horizon < 1 or self.season < 0 or self.fits < 1:
            raise ValueError("horizon and fits are at least 1, season not below 0")
        if not FEWEST <= self.origins <= 10_000:
            raise ValueError(f"origins are {FEWEST} to 10000, not {self.origins}")
        if not 0.5 <= self.coverage <= 0.99 or not 0.05 <= self.share <= 0.8:
            raise ValueError("coverage lies in 0.5 to 0.99, share in 0.05 to 0.8")


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of the forecaster's networks."""

    width: int = 100
    """Units of each network."""
    draws: int = 5
    """Networks whose forecasts are averaged."""
    memory: int = 64
    """Values of the window that the network reads, at most; the linear path reads all."""
    windows: int = 2000
    """Windows to learn from, at most; of a longer past every second, third ... is taken."""
    seed: int = 0
    """Seed of the drawn weights."""

    def __post_init__(self) -> None:
        if min(self.width, self.draws, self.memory) < 1 or self.windows < LEAST_WINDOWS:
            raise ValueError(
                f"width, draws and memory are at least 1, windows at least {LEAST_WINDOWS}"
            )
        if max(self.width, self.draws, self.memory) > 4096:
            raise ValueError("width, draws and memory are at most 4096")
        if not 0 <= self.seed < 2**62:
            raise ValueError(f"seed lies between 0 and 2^62 - 1, not at {self.seed}")
