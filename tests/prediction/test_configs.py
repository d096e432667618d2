"""Settings out of their range are refused with the range and the value."""

import math

import pytest

from bowerbird.prediction.dynamics.config import DynamicsConfig
from bowerbird.prediction.expressions.config import ExpressionsConfig
from bowerbird.prediction.series.config import BacktestConfig, ForecasterConfig
from bowerbird.prediction.tabular.config import EnsembleConfig, TableConfig

REFUSED = [
    (BacktestConfig, "splits", 11, "splits must be in [12, 10000], got 11"),
    (BacktestConfig, "coverage", 0.995, "coverage must be in [0.5, 0.99], got 0.995"),
    (BacktestConfig, "test_fraction", 0.9, "test_fraction must be in [0.05, 0.8], got 0.9"),
    (ForecasterConfig, "members", 4097, "members must be in [1, 4096], got 4097"),
    (ForecasterConfig, "context_length", 0, "context_length must be in [1, 4096], got 0"),
    (DynamicsConfig, "duration", 4.9, "duration must be in [5, 10000], got 4.9"),
    (DynamicsConfig, "free_run", math.nan, "free_run must be in [1, 10000], got nan"),
    (ExpressionsConfig, "train_depth", 21, "train_depth must be in [1, 20], got 21"),
    (ExpressionsConfig, "iterations", -1, "iterations must be at least 0, got -1"),
    (EnsembleConfig, "weight_decay", -0.1, "weight_decay must be at least 0, got -0.1"),
    (EnsembleConfig, "weight_decay", math.inf, "weight_decay must be"),
    (TableConfig, "coverage", 0.4, "coverage must be in [0.5, 0.995], got 0.4"),
    *(
        (config, "learning_rate", value, f"learning_rate must be in (0, 1), got {value}")
        for config in (DynamicsConfig, ExpressionsConfig, EnsembleConfig)
        for value in (0.0, 1.0, math.nan)
    ),
]


@pytest.mark.parametrize(("config", "name", "value", "message"), REFUSED)
def test_a_setting_out_of_its_range_is_refused(config, name, value, message):
    with pytest.raises(ValueError, match=f"^{name} must be") as error:
        config(**{name: value})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("config", "name", "values"),
    [
        (BacktestConfig, "splits", (12, 10_000)),
        (BacktestConfig, "coverage", (0.5, 0.99)),
        (ForecasterConfig, "hidden_size", (1, 4096)),
        (DynamicsConfig, "free_run", (1, 10_000)),
        (TableConfig, "coverage", (0.5, 0.995)),
        (EnsembleConfig, "weight_decay", (0.0,)),
    ],
)
def test_the_ends_of_a_range_are_taken(config, name, values):
    for value in values:
        assert getattr(config(**{name: value}), name) == value
