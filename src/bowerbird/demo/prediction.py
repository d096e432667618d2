"""The chapter of prediction: a table, a series, a chaotic system, and how far each is off."""

from collections.abc import Generator
from pathlib import Path

from bowerbird.demo.section import Shown, TourConfig, gallery
from bowerbird.learning.step import Step

_HEAD = """    <h2>Predicting</h2>
    <p>y = f(x) &plusmn; &epsilon;, and s<sub>t</sub> = &phi;(s<sub>t&minus;1</sub>): the networks
    that the others grew from. Each prediction says how far it may be off, and is measured beside
    simpler models.</p>"""


def predictions(output: Path, tour: TourConfig) -> Generator[Step, None, str]:
    """Predict what cars need, what the air will hold, and where chaos goes."""
    return (yield from gallery(_HEAD, (_cars, _air, _chaos), output, tour))


def _cars(output: Path, tour: TourConfig) -> Shown:
    from bowerbird.prediction.data.samples import TARGETS, read_sample
    from bowerbird.prediction.tabular.config import EnsembleConfig, TableConfig
    from bowerbird.prediction.tabular.cross_validate import cross_validate
    from bowerbird.prediction.tabular.plot import plot_report

    config = TableConfig(ensemble=EnsembleConfig(seed=tour.seed))
    done = cross_validate(read_sample("cars"), TARGETS["cars"], config)
    plot_report(done, output / "cars.png")
    caption = "miles per gallon of cars that were not learned from; orange misses its interval"
    return Shown(
        "cars.png", f"bowerbird predict table cars -o cars.png --seed {tour.seed}", caption
    )


def _air(output: Path, tour: TourConfig) -> Shown:
    from bowerbird.prediction.series.backtest import BacktestConfig, backtest
    from bowerbird.prediction.series.file import known_series
    from bowerbird.prediction.series.forecaster import NetworkConfig
    from bowerbird.prediction.series.plot import draw_backtest

    config = BacktestConfig(horizon=24)
    done = backtest(known_series("co2"), config, NetworkConfig(seed=tour.seed))
    draw_backtest(done, output / "co2.png")
    caption = "carbon dioxide in the air over Hawaii, two years ahead, and how well that goes"
    command = f"bowerbird predict series co2 --horizon 24 -o co2.png --seed {tour.seed}"
    return Shown("co2.png", command, caption)


def _chaos(output: Path, tour: TourConfig) -> Shown:
    from bowerbird.prediction.dynamics.learn import DynamicsConfig, move
    from bowerbird.prediction.dynamics.plot import draw_free_run

    done = move("lorenz", DynamicsConfig(seed=tour.seed))
    draw_free_run(done, output / "lorenz.png")
    caption = "the Lorenz system, and a network that has learned it, running free"
    command = f"bowerbird predict dynamics lorenz -o lorenz.png --seed {tour.seed}"
    return Shown("lorenz.png", command, caption)
