"""Recurrent networks that forecast all steps of the horizon at once.

A window of the last ``L`` values, minus its level (the mean of its last period) and divided by the
standard deviation of seasonal differences, is read value by value together with those differences:
``h_t = tanh(W h_{t-1} + U u_t + b)``. The forecast is the seasonal naive one plus a correction that
is linear in the last h and in the window itself, separately for each step of the horizon:
``f(t + h) = y(t + h - m ceil(h / m)) + scale (V_h h_t + S_h u + a_h)``.

Normalization per window: Smyl 2020 (International Journal of Forecasting 36, ES-RNN), who uses
smoothing for it. A linear path beside the network: Lai et al. 2018 (LSTNet, arXiv:1703.07015).
W, U, b are random (echo state network, Jaeger 2001), and V, S, a are fitted in closed form: a few
hundred values are too few to train more, and it takes a second. The forecast is the mean of several
networks. Nothing is fitted to the future, not even the scale or the penalty.
"""

import numpy as np
import torch
from jaxtyping import Float

from bowerbird.errors import SeriesError
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.echo_state import RecurrentRegressor
from bowerbird.prediction.ridge import fit_ridge
from bowerbird.prediction.series.baselines import seasonal_naive
from bowerbird.prediction.series.config import BacktestConfig, ForecasterConfig
from bowerbird.prediction.series.season import find_seasonality
from bowerbird.prediction.series.splits import training_window

Array = np.ndarray
SPECTRAL_RADIUS, INPUT_SCALE = 0.8, 0.3  # of the random weights


class ForecastNetworks:
    """Networks that are fitted to one past."""

    def __init__(
        self, period: int, horizon: int, scale: float, window: int, config: ForecasterConfig
    ) -> None:
        self.period, self.horizon, self.scale = period, horizon, scale
        self.window, self.config = window, config
        self.members: list[RecurrentRegressor] = []

    @classmethod
    @torch.no_grad()
    def fit(
        cls, past: Float[Array, " n"], period: int, horizon: int, config: ForecasterConfig
    ) -> "ForecastNetworks":
        """Fit networks to a past, and to nothing else; raise SeriesError if it is too short."""
        length = training_window(len(past), period, horizon)
        if length is None:
            raise SeriesError(
                f"{len(past)} values are too few to forecast {horizon} steps with a seasonal "
                f"period of {period}; give a shorter --horizon or --seasonal-period"
            )
        scale = float(np.std(past[period:] - past[:-period])) or float(np.std(past)) or 1.0
        stride = -(-(len(past) - length - horizon + 1) // config.max_windows)
        ends = np.arange(len(past) - horizon, length - 1, -stride)[::-1]
        windows = np.stack([past[end - length : end] for end in ends])
        future = np.stack([past[end : end + horizon] for end in ends])
        naive = np.stack([seasonal_naive(window, horizon, period) for window in windows])
        targets = (future - naive) / scale
        fitted = cls(period, horizon, scale, length, config)
        inputs, linear_inputs = fitted._inputs(windows)
        for seed in member_seeds(config):
            network = build_network(length, horizon, config)
            network.initialize_reservoir(
                int(seed), spectral_radius=SPECTRAL_RADIUS, input_scale=INPUT_SCALE
            )
            hidden = network.hidden(inputs)[0][:, -1].double().numpy()
            features = np.concatenate([hidden, linear_inputs], 1)
            readout = fit_ridge(features, targets, -(-horizon // stride))
            weight = torch.from_numpy(readout.weight.T)
            network.readout.weight.copy_(weight[:, : config.hidden_size])
            network.skip.weight.copy_(weight[:, config.hidden_size :])
            network.readout.bias.copy_(torch.from_numpy(readout.bias))
            fitted.members.append(network)
        return fitted

    @torch.no_grad()
    def forecast(self, past: Float[Array, " n"]) -> Float[Array, " h"]:
        """Return the forecast after a past; raise SeriesError if that is shorter than a window."""
        if len(past) < self.window:
            raise SeriesError(
                f"{len(past)} values are too few; this model reads the last {self.window}"
            )
        window = past[None, -self.window :]
        inputs, linear_inputs = self._inputs(window)
        linear = torch.from_numpy(linear_inputs).float()
        outputs = [
            network.readout(network.hidden(inputs)[0][:, -1]) + network.skip(linear)
            for network in self.members
        ]
        correction = torch.stack(outputs).double().mean(0)[0].numpy()
        return seasonal_naive(window[0], self.horizon, self.period) + self.scale * correction

    def _inputs(self, windows: Float[Array, "n l"]) -> tuple[torch.Tensor, Float[Array, "n l"]]:
        """Return what the network reads, value by value, and what the linear path reads."""
        period = self.period
        level = windows[:, -max(period, 2) :].mean(1, keepdims=True)
        normalized = (windows - level) / self.scale
        differences = (windows[:, period:] - windows[:, :-period]) / self.scale
        inputs = np.stack([normalized[:, period:], differences], 2)
        return torch.from_numpy(inputs[:, -self.config.context_length :]).float(), normalized


def member_seeds(config: ForecasterConfig) -> np.ndarray:
    """Return a different seed for each member."""
    return np.random.SeedSequence(config.seed).generate_state(config.members, np.uint64)


def build_network(window: int, horizon: int, config: ForecasterConfig) -> RecurrentRegressor:
    """Return a network whose linear path reads the whole window."""
    shape = RecurrentConfig(cell="rnn", hidden_size=config.hidden_size)
    network = RecurrentRegressor(2, horizon, shape)
    network.skip = torch.nn.Linear(window, horizon, bias=False)
    return network


def fit_networks(
    past: Float[Array, " n"], frequency: str, config: BacktestConfig, network: ForecasterConfig
) -> ForecastNetworks:
    """Fit networks with the seasonal period of a past, 1 if that is too long for it."""
    period = find_seasonality(past, frequency, config.seasonal_period).period
    if training_window(len(past), period, config.horizon) is None:
        period = 1
    return ForecastNetworks.fit(past, period, config.horizon, network)
