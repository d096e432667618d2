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

from bowerbird.networks.config import TreeLSTMConfig
from bowerbird.networks.tree_lstm import Level, Tree, TreeLSTM, plant
from bowerbird.prediction.dynamics.config import DynamicsConfig
from bowerbird.prediction.dynamics.learn import move
from bowerbird.prediction.expressions.compare import learn
from bowerbird.prediction.expressions.config import CalculatorConfig
from bowerbird.prediction.expressions.listops import VOCABULARY, draw_expression
from bowerbird.prediction.series.backtest import OURS, BacktestConfig, backtest
from bowerbird.prediction.series.file import known_series
from bowerbird.prediction.series.forecaster import NetworkConfig

HERE = Path(__file__).resolve().parent
# series, steps ahead, season (0: found)
SETTINGS = (("sunspots", 11, 0), ("sunspots", 11, 11), ("co2", 24, 0), ("electricity", 48, 0))
SEEDS = (0, 1)
STEPS = 1700  # of each reader of nested lists: about half a minute of a core


def series() -> list[Figure]:
    """Return errors, p and coverage of every model on every series that comes along."""
    found = []
    for name, horizon, season in SETTINGS:
        config = BacktestConfig(horizon=horizon, season=season)
        done = [backtest(known_series(name), config, NetworkConfig(seed=seed)) for seed in SEEDS]
        setting = f"{name}, {horizon} steps" + (f", season {season}" if season else "")
        for model in [score.model for score in done[0].scores]:
            own = [one.score(model) for one in (done if model == OURS else done[:1])]
            mases = [score.mase for score in own if score.mase is not None]
            found.append(Figure(model, setting, "MASE", "", mases))
            found.append(Figure(model, setting, "sMAPE", "%", [score.smape for score in own]))
            if model != OURS:
                p = [found[1] for one in done if (found := one.against[model]) is not None]
                found.append(Figure(OURS, setting, f"p beside {model}", "", p))
        pairs = [float(one.apart) for one in done]
        found.append(Figure(OURS, setting, "origins that p rests on", "", pairs))
        covered = [100 * one.covered for one in done if one.covered is not None]
        found.append(Figure(OURS, setting, "band of 90 % held", "%", covered))
    return found


def dynamics() -> list[Figure]:
    """Return how long both systems are foreseen, over the test paths."""
    found = []
    for system, unit in (("lorenz", "Lyapunov times"), ("pendulum", "periods")):
        run = move(system, DynamicsConfig())
        setting = f"{system}, readout, 300 units"
        found.append(Figure("bowerbird", setting, "valid time", unit, run.valid.tolist()))
        found.append(Figure("bowerbird", setting, "error of one step", "", [run.one_step]))
        found.append(Figure("bowerbird", setting, "learning", "s", [run.seconds]))
        if system == "pendulum":
            phase = run.phase_drift[np.isfinite(run.phase_drift)].tolist()
            found.append(Figure("bowerbird", setting, "phase drift in 30 s", "periods", phase))
            drift = run.energy_drift.tolist()
            found.append(Figure("bowerbird", setting, "energy drift in 30 s", "of 2 g/l", drift))
    config = DynamicsConfig(learns="everything", iterations=1200)
    run = move("lorenz", config)
    setting = "lorenz, everything learned (GRU, 64 units, 1200 steps)"
    return [
        *found,
        Figure("bowerbird", setting, "valid time", "Lyapunov times", run.valid.tolist()),
        Figure("bowerbird", setting, "error of one step", "", [run.one_step]),
        Figure("bowerbird", setting, "learning", "s", [run.seconds]),
    ]


def trees() -> list[Figure]:
    """Return the accuracy of both readers by depth."""
    done = learn(CalculatorConfig(iterations=STEPS))
    setting = f"learned from depths 1 to {done.config.depth} in {STEPS} steps"
    found = []
    for marks in done.marks:
        tool = f"{marks.reader} reader, {marks.weights} weights"
        found.append(Figure(tool, setting, "learning", "s of a core", [marks.seconds]))
        for depth, share in marks.accuracy.items():
            found.append(Figure(tool, setting, f"depth {depth} right", "%", [100 * share]))
    return found


def speed() -> list[Figure]:
    """Return how many nodes a second are read, all of one height together and one at a time."""
    random = Random(0)
    some = [draw_expression(random, 4).tree()[0] for _ in range(64)]
    net = TreeLSTM(VOCABULARY, 10, TreeLSTMConfig(hidden_size=128))
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


def one_at_a_time(net: TreeLSTM, some: list[Tree]) -> torch.Tensor:
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
            empty = torch.empty(0, net.config.hidden_size)
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
