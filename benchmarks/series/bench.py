"""Accuracy of forecasts, learned dynamics and nested lists, and the speed of a batch of trees.

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

from bowerbird.networks.config import TreeLSTMConfig
from bowerbird.networks.tree_lstm import Level, Tree, TreeLSTM, make_forest
from bowerbird.prediction.dynamics.config import DynamicsConfig, System
from bowerbird.prediction.dynamics.train import train_dynamics
from bowerbird.prediction.expressions.compare import compare
from bowerbird.prediction.expressions.config import ExpressionsConfig
from bowerbird.prediction.expressions.listops import VOCAB_SIZE, draw_expression
from bowerbird.prediction.series.backtest import backtest
from bowerbird.prediction.series.config import OURS, BacktestConfig, ForecasterConfig
from bowerbird.prediction.series.file import sample_series

HERE = Path(__file__).resolve().parent
# series, horizon, seasonal period (0: detected)
SETTINGS = (("sunspots", 11, 0), ("sunspots", 11, 11), ("co2", 24, 0), ("electricity", 48, 0))
SEEDS = (0, 1)
STEPS = 1700  # of each model of nested lists: about half a minute of a core


def series() -> list[Figure]:
    """Return errors, p and coverage of every model on every sample series."""
    figures = []
    for name, horizon, period in SETTINGS:
        config = BacktestConfig(horizon=horizon, seasonal_period=period)
        results = [
            backtest(sample_series(name), config, ForecasterConfig(seed=seed)) for seed in SEEDS
        ]
        setting = f"{name}, {horizon} steps" + (f", period {period}" if period else "")
        for model in results[0].metrics:
            used = results if model == OURS else results[:1]
            metrics = [result.metrics[model] for result in used]
            mase = [one.mase for one in metrics if one.mase is not None]
            figures.append(Figure(model, setting, "MASE", "", mase))
            figures.append(Figure(model, setting, "sMAPE", "%", [one.smape for one in metrics]))
            if model != OURS:
                tests = [result.comparisons[model] for result in results]
                p = [test[1] for test in tests if test is not None]
                figures.append(Figure(OURS, setting, f"p against {model}", "", p))
        splits = [float(result.independent_splits) for result in results]
        figures.append(Figure(OURS, setting, "independent splits", "", splits))
        coverage = [result.empirical_coverage for result in results]
        percent = [100 * fraction for fraction in coverage if fraction is not None]
        figures.append(Figure(OURS, setting, "coverage of the 90 % interval", "%", percent))
    return figures


def dynamics() -> list[Figure]:
    """Return the valid time of both systems on the test trajectories."""
    figures = []
    units: dict[System, str] = {"lorenz": "Lyapunov times", "pendulum": "periods"}
    for system, unit in units.items():
        run = train_dynamics(system, DynamicsConfig())
        setting = f"{system}, echo-state, 300 units"
        figures += [
            Figure("bowerbird", setting, "valid time", unit, run.valid_times.tolist()),
            Figure("bowerbird", setting, "one-step error", "", [run.one_step_error]),
            Figure("bowerbird", setting, "training", "s", [run.training_seconds]),
        ]
        if system == "pendulum":
            phase = run.phase_drift[np.isfinite(run.phase_drift)].tolist()
            figures.append(Figure("bowerbird", setting, "phase drift in 30 s", "periods", phase))
            drift = run.energy_drift.tolist()
            figures.append(Figure("bowerbird", setting, "energy drift in 30 s", "of 2 g/l", drift))
    run = train_dynamics("lorenz", DynamicsConfig(method="gradient", iterations=1200))
    setting = "lorenz, gradient (GRU, 64 units, 1200 steps)"
    return [
        *figures,
        Figure("bowerbird", setting, "valid time", "Lyapunov times", run.valid_times.tolist()),
        Figure("bowerbird", setting, "one-step error", "", [run.one_step_error]),
        Figure("bowerbird", setting, "training", "s", [run.training_seconds]),
    ]


def trees() -> list[Figure]:
    """Return the accuracy of both models by depth."""
    comparison = compare(ExpressionsConfig(iterations=STEPS))
    setting = f"trained on depths 1 to {comparison.config.train_depth} in {STEPS} steps"
    figures = []
    for result in comparison.results:
        tool = f"{result.model} model, {result.parameters} weights"
        figures.append(Figure(tool, setting, "training", "s of a core", [result.seconds]))
        for depth, accuracy in result.accuracy.items():
            figures.append(
                Figure(tool, setting, f"accuracy at depth {depth}", "%", [100 * accuracy])
            )
    return figures


def speed() -> list[Figure]:
    """Return the nodes per second, all of one height together and one at a time."""
    random = Random(0)
    some = [draw_expression(random, 4).tree()[0] for _ in range(64)]
    net = TreeLSTM(VOCAB_SIZE, 10, TreeLSTMConfig(hidden_size=128))
    nodes = sum(len(tree.tokens) for tree in some)
    forest = make_forest(some)
    fast, slow = [], []
    with torch.no_grad():
        for _ in range(7):
            began = time.perf_counter()
            net(make_forest(some))
            fast.append(nodes / (time.perf_counter() - began))
            began = time.perf_counter()
            one_at_a_time(net, some)
            slow.append(nodes / (time.perf_counter() - began))
        difference = (net(forest) - one_at_a_time(net, some)).abs().max()
    assert float(difference) < 1e-4, "both must give the same result"
    setting = "64 trees of depth 4, width 128"
    return [
        Figure("by height", setting, "read", "nodes/s", fast),
        Figure("one node at a time", setting, "read", "nodes/s", slow),
    ]


def one_at_a_time(net: TreeLSTM, some: list[Tree]) -> torch.Tensor:
    """Return the logits of every node, with the same cell called for each node."""
    table_ = torch.nn.functional.linear(net.embedding.weight, net.weight_x, net.bias)
    found = []
    for tree in some:
        below: list[list[int]] = [[] for _ in tree.tokens]
        for node, parent in enumerate(tree.parents):
            if parent >= 0:
                below[parent].append(node)
        states: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        for node in range(len(tree.tokens) - 1, -1, -1):
            count = len(below[node])
            edges = torch.arange(count)
            level = Level(0, 1, edges, torch.zeros(count, dtype=torch.long), edges)
            empty = torch.empty(0, net.config.hidden_size)
            h, c = (
                torch.cat([states[k][part] for k in below[node]]) if count else empty
                for part in (0, 1)
            )
            states[node] = net.cell(table_[tree.tokens[node]][None], h, c, level)
        found += [states[node][0] for node in range(len(tree.tokens))]
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
