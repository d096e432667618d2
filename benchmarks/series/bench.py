"""How well are series, dynamics and nested lists foreseen, and how fast is a batch of trees?

    .venv/bin/python benchmarks/series/bench.py [series] [dynamics] [trees] [speed]

Prints a Markdown table and adds to results.csv. The method is in README.md.
"""

import sys
import time
from pathlib import Path
from random import Random

import numpy as np
import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

from bowerbird.networks.recursive import Level, Recursive, RecursiveConfig, Tree, plant
from bowerbird.prediction.backtest import BacktestConfig, backtest
from bowerbird.prediction.calculator import CalculatorConfig, learn
from bowerbird.prediction.dynamics import DynamicsConfig, move
from bowerbird.prediction.expressions import VOCABULARY, draw_expression
from bowerbird.prediction.forecaster import NetworkConfig
from bowerbird.prediction.seriesfile import known_series

HERE = Path(__file__).resolve().parent
HORIZONS = {"sunspots": 11, "co2": 24, "electricity": 48}
SEEDS = (0, 1)


def series() -> list[Figure]:
    """Return MASE and coverage of every model on every series that comes along."""
    found = []
    for name, horizon in HORIZONS.items():
        data, config = known_series(name), BacktestConfig(horizon=horizon)
        done = [backtest(data, config, NetworkConfig(seed=seed)) for seed in SEEDS]
        for score in done[0].scores:
            own = [one.score(score.model).mase for one in done]
            values = own if score.model == "bowerbird" else own[:1]
            found.append(Figure(score.model, f"{name}, {horizon} steps", "MASE", "", values))
        covered = [100 * one.covered for one in done]
        found.append(
            Figure("bowerbird", f"{name}, {horizon} steps", "band of 90 % held", "%", covered)
        )
    return found


def dynamics() -> list[Figure]:
    """Return how long both systems are foreseen, over the test paths."""
    found = []
    for system, unit in (("lorenz", "Lyapunov times"), ("pendulum", "periods")):
        run = move(system, DynamicsConfig())
        setting = f"{system}, readout, 300 units"
        found.append(Figure("bowerbird", setting, "valid time", unit, run.valid.tolist()))
        if system == "pendulum":
            drift = run.energy_drift.tolist()
            found.append(Figure("bowerbird", setting, "energy drift in 30 s", "of 2 g/l", drift))
    config = DynamicsConfig(learns="everything", iterations=1200)
    run = move("lorenz", config)
    setting = "lorenz, everything learned (GRU, 64 units, 1200 steps)"
    return [
        *found,
        Figure("bowerbird", setting, "valid time", "Lyapunov times", run.valid.tolist()),
    ]


def trees() -> list[Figure]:
    """Return the accuracy of both readers by depth."""
    done = learn(CalculatorConfig(minutes=0.5))
    return [
        Figure(f"{marks.reader} reader", f"depth {depth}", "values right", "%", [100 * share])
        for marks in done.marks
        for depth, share in marks.accuracy.items()
    ]


def speed() -> list[Figure]:
    """Return how many nodes a second are read, all of one height together and one at a time."""
    random = Random(0)
    some = [draw_expression(random, 4).tree()[0] for _ in range(64)]
    net = Recursive(VOCABULARY, 10, RecursiveConfig(width=128))
    nodes = sum(len(tree.signs) for tree in some)
    forest = plant(some)
    fast, slow = [], []
    with torch.no_grad():
        for _ in range(7):
            began = time.perf_counter()
            net(plant(some))
            fast.append(nodes / (time.perf_counter() - began))
            began = time.perf_counter()
            one_at_a_time(net, some)
            slow.append(nodes / (time.perf_counter() - began))
        difference = (net(forest) - one_at_a_time(net, some)).abs().max()
    assert float(difference) < 1e-4, "both have to say the same"
    setting = "64 trees of depth 4, width 128"
    return [
        Figure("by height", setting, "read", "nodes/s", fast),
        Figure("one node at a time", setting, "read", "nodes/s", slow),
    ]


def one_at_a_time(net: Recursive, some: list[Tree]) -> torch.Tensor:
    """Return the scores of every node, with the same cell called for each node alone."""
    table_ = torch.nn.functional.linear(net.embedding.weight, net.weight_x, net.bias)
    found = []
    for tree in some:
        below: list[list[int]] = [[] for _ in tree.signs]
        for node, parent in enumerate(tree.parents):
            if parent >= 0:
                below[parent].append(node)
        states: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        for node in range(len(tree.signs) - 1, -1, -1):
            count = len(below[node])
            edges = torch.arange(count)
            level = Level(0, 1, edges, torch.zeros(count, dtype=torch.long), edges)
            empty = torch.empty(0, net.config.width)
            h, c = (
                torch.cat([states[k][part] for k in below[node]]) if count else empty
                for part in (0, 1)
            )
            states[node] = net.cell(table_[tree.signs[node]][None], h, c, level)
        found += [states[node][0] for node in range(len(tree.signs))]
    return net.decoder(torch.cat(found))


def main() -> None:
    """Run what was named, or everything."""
    np.seterr(all="ignore")
    jobs = {"series": series, "dynamics": dynamics, "trees": trees, "speed": speed}
    for name in sys.argv[1:] or jobs:
        figures = jobs[name]()
        print(table(figures), flush=True)
        append(HERE / "results.csv", torch.__version__, figures)
    packages = ("bowerbird", "statsmodels", "pmdarima", "numpy")
    print(conditions(torch.__version__, torch.get_num_threads(), packages))


if __name__ == "__main__":
    main()
