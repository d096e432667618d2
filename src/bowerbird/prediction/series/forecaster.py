"""A recurrent network that foresees a series, all steps of the horizon at once.

A window of the last ``L`` values, less its level (the mean of its last season) and divided by the
deviation of seasonal differences, is read value by value together with those differences:
``h_t = tanh(W h_{t-1} + U u_t + b)``. The forecast is the seasonal-naive one and a correction that
is read out linearly from the last h and from the window itself, each step of the horizon directly:
``f(t + h) = y(t + h - m ceil(h / m)) + scale (V_h h_t + S_h u + a_h)``.

Window by window normalization: Smyl 2020 (International Journal of Forecasting 36, ES-RNN), where
smoothing does it. A linear path beside the network: Lai et al. 2018 (LSTNet, arXiv:1703.07015).
W, U, b are drawn (echo state network, Jaeger 2001) and V, S, a follow in closed form: with some
hundred values there is too little to learn more, and it takes a second. The forecast is the mean
of several draws. Nothing, the scale and the penalty included, is fitted on what lies ahead.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.errors import ModelError, SeriesError
from bowerbird.learning.model_file import ModelHeader, read_model, write_model
from bowerbird.models import model_path
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.echo_state import RecurrentRegressor
from bowerbird.prediction.ridge import fit_ridge
from bowerbird.prediction.series.baselines import seasonal_naive
from bowerbird.prediction.series.config import NetworkConfig
from bowerbird.prediction.series.season import find_season
from bowerbird.prediction.series.series import Series
from bowerbird.prediction.series.splits import fitting_window, window_length

Array = np.ndarray
KIND = "series"
RADIUS, REACH = 0.8, 0.3  # of the drawn weights


class Forecaster:
    """Networks that have learned from one past."""

    def __init__(
        self,
        season: int,
        horizon: int,
        scale: float,
        config: NetworkConfig,
        draws: list[RecurrentRegressor],
        window: int = 0,
    ) -> None:
        self.season, self.horizon, self.scale = season, horizon, scale
        self.window = window or window_length(season)
        self.config, self.draws = config, draws
        self.provenance: dict[str, Any] = {}
        self.band: list[float] = []
        """Half width of the prediction interval of each step, in the series' own unit."""

    @classmethod
    @torch.no_grad()
    def fit(
        cls, past: Float[Array, " n"], season: int, horizon: int, config: NetworkConfig
    ) -> "Forecaster":
        """Learn from a past, and from nothing else; raise SeriesError if it is too short."""
        length = fitting_window(len(past), season, horizon)
        if length is None:
            raise SeriesError(
                f"{len(past)} values are too few to learn {horizon} steps with a season of "
                f"{season}; give a shorter --horizon or --season"
            )
        count, lag = len(past) - length - horizon + 1, season
        scale = float(np.std(past[lag:] - past[:-lag])) or float(np.std(past)) or 1.0
        every = -(-count // config.windows)
        ends = np.arange(len(past) - horizon, length - 1, -every)[::-1]
        windows = np.stack([past[end - length : end] for end in ends])
        ahead = np.stack([past[end : end + horizon] for end in ends])
        naive = np.stack([seasonal_naive(window, horizon, season) for window in windows])
        targets = (ahead - naive) / scale
        draws = []
        empty = cls(season, horizon, scale, config, [], length)
        read, wide = empty._read(windows)
        for seed in np.random.SeedSequence(config.seed).generate_state(config.draws, np.uint64):
            network = _network(length, horizon, config)
            network.echo(int(seed), radius=RADIUS, reach=REACH)
            hidden = network.hidden(read)[0][:, -1].double().numpy()
            found = fit_ridge(np.concatenate([hidden, wide], 1), targets, -(-horizon // every))
            weight = torch.from_numpy(found.weight.T)
            network.readout.weight.copy_(weight[:, : config.width])
            network.skip.weight.copy_(weight[:, config.width :])
            network.readout.bias.copy_(torch.from_numpy(found.bias))
            draws.append(network)
        return cls(season, horizon, scale, config, draws, length)

    @torch.no_grad()
    def forecast(self, past: Float[Array, " n"]) -> Float[Array, " h"]:
        """Return what comes after a past; raise SeriesError if that is shorter than a window."""
        length = self.window
        if len(past) < length:
            raise SeriesError(f"{len(past)} values are too few; this model reads {length}")
        window = past[None, -length:]
        read, wide = self._read(window)
        wide_ = torch.from_numpy(wide).float()
        said = [
            network.readout(network.hidden(read)[0][:, -1]) + network.skip(wide_)
            for network in self.draws
        ]
        correction = torch.stack(said).double().mean(0)[0].numpy()
        return seasonal_naive(window[0], self.horizon, self.season) + self.scale * correction

    def _read(self, windows: Float[Array, "n l"]) -> tuple[torch.Tensor, Float[Array, "n l"]]:
        """Return what the network reads, value by value, and what the linear path reads."""
        season = self.season
        level = windows[:, -max(season, 2) :].mean(1, keepdims=True)
        wide = (windows - level) / self.scale
        differences = (windows[:, season:] - windows[:, :-season]) / self.scale
        both = np.stack([wide[:, season:], differences], 2)[:, -self.config.memory :]
        return torch.from_numpy(both).float(), wide

    def save(self, path: Path) -> None:
        """Write the forecaster as a model file."""
        tensors = {
            f"{number}.{name}": p
            for number, network in enumerate(self.draws)
            for name, p in network.named_parameters()
        }
        config = asdict(self.config) | {"season": self.season, "horizon": self.horizon}
        config |= {"scale": self.scale, "band": self.band, "window": self.window}
        write_model(path, ModelHeader(KIND, config, provenance=self.provenance), tensors)


def misgivings(forecaster: Forecaster, series: Series) -> list[str]:
    """Return in sentences how a series differs from the one that was learned from.

    Raises SeriesError if its step is another one.
    """
    learned, notes = forecaster.provenance, []
    step, name = learned.get("step", "step"), learned.get("series", series.name)
    if "step" not in (step, series.step) and step != series.step:
        raise SeriesError(
            f"its step is one {series.step}, but the model has learned a series whose step is one "
            f"{step}; leave --model out to learn from this one"
        )
    if name != series.name:
        notes.append(f"the model has learned from a column named {name}")
    found = find_season(series.values, series.step).steps
    if 1 != found != forecaster.season:
        notes.append(
            f"it seems to have a season of {found}, and the model has one of {forecaster.season}"
        )
    low, high = learned.get("low", -math.inf), learned.get("high", math.inf)
    far = float(np.maximum(low - series.values, series.values - high)[-forecaster.window :].max())
    if far > high - low:
        notes.append(
            f"it has values far outside of those that the model has learned from ({low:.5g} to "
            f"{high:.5g}); does it have the same unit?"
        )
    return notes


def _network(window: int, horizon: int, config: NetworkConfig) -> RecurrentRegressor:
    """Return a network whose linear path reads the whole window."""
    network = RecurrentRegressor(2, horizon, RecurrentConfig(cell="rnn", hidden_size=config.width))
    network.skip = torch.nn.Linear(window, horizon, bias=False)
    return network


def _with_weights(
    window: int, horizon: int, config: NetworkConfig, tensors: Mapping[str, Tensor], own: str
) -> RecurrentRegressor:
    """Return a network with its weights from a file; raise ValueError if they do not fit."""
    with torch.device("meta"):  # whatever the card asks for, only what the file has takes memory
        network = _network(window, horizon, config)
    given = {name.removeprefix(own): t for name, t in tensors.items() if name.startswith(own)}
    for name, wanted in network.named_parameters():
        if name not in given or given[name].shape != wanted.shape:
            raise ValueError(f"its weight {own}{name} is missing or of another shape")
        if not bool(torch.isfinite(given[name]).all()):
            raise ValueError(f"its weight {own}{name} has values that are no numbers")
    network.load_state_dict({name: t.float() for name, t in given.items()}, assign=True)
    return network


def load_forecaster(path: str | Path, device: str = "cpu") -> Forecaster:
    """Return the forecaster in a model file; it runs on the CPU, whatever the ``device``.

    Raises ModelError for a file that is missing, damaged or of another kind.
    """
    path = model_path(path)
    card, tensors = read_model(path, KIND)
    try:
        told = dict(card.config)
        season, horizon = int(told.pop("season")), int(told.pop("horizon"))
        scale, band = float(told.pop("scale")), [float(b) for b in told.pop("band")]
        window = int(told.pop("window", window_length(season)))
        if not season < window < 10**7:
            raise ValueError("its window does not fit its season")
        if not (1 <= season < 10**6 and 1 <= horizon < 10**6 and 0 < scale < math.inf):
            raise ValueError("its season, horizon or scale can't be")
        config = NetworkConfig(**told)
        if len(band) not in (0, horizon) or not all(0 <= half < math.inf for half in band):
            raise ValueError("its band does not fit its horizon")
        draws = [
            _with_weights(window, horizon, config, tensors, f"{number}.")
            for number in range(config.draws)
        ]
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        why = str(error).partition("\n")[0]
        raise ModelError(
            f"{path} is no forecaster, or is damaged ({why}); train it again"
        ) from error
    made = Forecaster(season, horizon, scale, config, draws, window)
    made.provenance, made.band = dict(card.provenance), band
    return made
