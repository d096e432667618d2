"""Prediction in the demo: a table, a series, a chaotic system, and the errors of each."""

from collections.abc import Generator
from pathlib import Path

from bowerbird.demo.page import DemoConfig, article, gallery
from bowerbird.learning.step import Step
from bowerbird.prediction.data.samples import TARGETS, read_sample
from bowerbird.prediction.dynamics.config import DynamicsConfig
from bowerbird.prediction.dynamics.plot import plot_free_run
from bowerbird.prediction.dynamics.train import train_dynamics
from bowerbird.prediction.series.backtest import backtest
from bowerbird.prediction.series.config import BacktestConfig, ForecasterConfig
from bowerbird.prediction.series.file import sample_series
from bowerbird.prediction.series.plot import plot_backtest
from bowerbird.prediction.tabular.config import EnsembleConfig, TableConfig
from bowerbird.prediction.tabular.cross_validation import cross_validate
from bowerbird.prediction.tabular.plot import plot_report

_HEAD = """    <h2>Predicting</h2>
    <p>y = f(x) &plusmn; &epsilon;, and s<sub>t</sub> = &phi;(s<sub>t&minus;1</sub>): the functions
    that neural networks were first trained for. Each prediction comes with an interval, and is
    compared with simpler models.</p>"""


def prediction_section(output: Path, config: DemoConfig) -> Generator[Step, None, str]:
    """Predict the progression of diabetes, carbon dioxide in the air, and the Lorenz system."""
    return (yield from gallery(_HEAD, (_diabetes, _air, _chaos), output, config))


def _diabetes(output: Path, demo: DemoConfig) -> str:
    config = TableConfig(ensemble=EnsembleConfig(seed=demo.seed))
    done = cross_validate(read_sample("diabetes"), TARGETS["diabetes"], config)
    plot_report(done, output / "diabetes.png")
    caption = "diabetes after a year, in the test folds; orange patients are outside their interval"
    command = f"bowerbird predict table diabetes -o diabetes.png --seed {demo.seed}"
    return article("diabetes.png", command, caption)


def _air(output: Path, demo: DemoConfig) -> str:
    config = BacktestConfig(horizon=24)
    result = backtest(sample_series("co2"), config, ForecasterConfig(seed=demo.seed))
    plot_backtest(result, output / "co2.png")
    caption = "carbon dioxide over Hawaii, forecast for two years, and the errors of a backtest"
    command = f"bowerbird predict series co2 --horizon 24 -o co2.png --seed {demo.seed}"
    return article("co2.png", command, caption)


def _chaos(output: Path, demo: DemoConfig) -> str:
    run = train_dynamics("lorenz", DynamicsConfig(seed=demo.seed))
    plot_free_run(run, output / "lorenz.png")
    caption = "the Lorenz system, and a network that was trained on it, running free"
    command = f"bowerbird predict dynamics lorenz -o lorenz.png --seed {demo.seed}"
    return article("lorenz.png", command, caption)
