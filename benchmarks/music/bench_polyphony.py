"""How well is the next frame of a piano roll foreseen, after half an hour on two cores?

    .venv/bin/python benchmarks/music/bench_polyphony.py FOLDER

FOLDER has JSB_Chorales.mat and Nottingham.mat. Learns each by the one loop of the house
(bowerbird.learning) and measures the test pieces once, in two classes (apart.py, within.py). The
method is in README.md. Prints a Markdown table and adds to results.csv.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import torch
from apart import RollConfig, learned_apart, nats_apart
from rolls import Rolls, read_rolls
from within import learned_within, nats_within

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.device import keep_freed_memory, select_compute
from bowerbird.networks.config import RecurrentConfig

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

HERE = Path(__file__).resolve().parent
FIT = TrainerConfig(weight_decay=0.1)
APART = replace(FIT, learning_rate=4e-3, ema_decay=0.998)
WITHIN = replace(FIT, learning_rate=5e-3, ema_decay=0.995)


@dataclass(frozen=True)
class Recipe:
    """How a data set is learned, in both classes."""

    apart: RollConfig
    fit_apart: TrainerConfig
    within: RecurrentConfig
    fit_within: TrainerConfig
    networks: int = 1
    """Networks whose chances are averaged."""
    window: int = 32
    """Frames from one step of learning to the next, for keys apart."""


RECIPES = {
    "JSB_Chorales": Recipe(
        RollConfig(beats=((1, 4),), dropout=0.5),
        replace(APART, iterations=700, validate_every=100),
        RecurrentConfig(
            hidden_size=512,
            embedding_dim=128,
            dropout=0.6,
            input_dropout=0.3,
            recurrent_dropout=0.3,
        ),
        replace(WITHIN, iterations=3000, validate_every=200),
        networks=3,
    ),
    "Nottingham": Recipe(
        RollConfig(
            beats=((1, 12), (1, 16), (1, 64)),
            dropout=0.3,
            input_dropout=0.05,
            recurrent_dropout=0.1,
        ),
        replace(APART, iterations=4000, validate_every=1000),
        RecurrentConfig(
            hidden_size=512,
            embedding_dim=128,
            dropout=0.5,
            input_dropout=0.1,
            recurrent_dropout=0.2,
        ),
        replace(WITHIN, iterations=8000, validate_every=1000),
        window=48,
    ),
}


def fits(fit: TrainerConfig, args: argparse.Namespace, networks: int) -> list[TrainerConfig]:
    """Return how each network learns."""
    if args.iterations:
        fit = replace(fit, iterations=args.iterations, validate_every=args.iterations)
    return [replace(fit, seed=seed) for seed in range(networks)]


def apart(rolls: Rolls, recipe: Recipe, args: argparse.Namespace) -> list[tuple[str, str, float]]:
    """Learn and measure with each key told from the past frames alone."""
    dtype, began = select_compute("cpu").dtype, time.perf_counter()
    networks = [
        learned_apart(rolls, recipe.apart, fit, recipe.window, dtype)
        for fit in fits(recipe.fit_apart, args, recipe.networks)
    ]
    return [
        ("training", "s", time.perf_counter() - began),
        ("weights", "M", weights(networks)),
        ("validation", "nats/frame", nats_apart(networks, rolls, rolls.valid)),
        ("test", "nats/frame", nats_apart(networks, rolls, rolls.test)),
    ]


def within(rolls: Rolls, recipe: Recipe, args: argparse.Namespace) -> list[tuple[str, str, float]]:
    """Learn and measure with each key told after the lower keys of its frame."""
    dtype, began = select_compute("cpu").dtype, time.perf_counter()
    networks = [
        learned_within(rolls, recipe.within, fit, dtype)
        for fit in fits(recipe.fit_within, args, recipe.networks)
    ]
    return [
        ("training", "s", time.perf_counter() - began),
        ("weights", "M", weights(networks)),
        ("validation", "nats/frame", nats_within(networks, rolls.valid)),
        ("test", "nats/frame", nats_within(networks, rolls.test)),
    ]


def weights(networks: Sequence[torch.nn.Module]) -> float:
    """Return the millions of weights of all networks together."""
    return sum(p.numel() for network in networks for p in network.parameters()) / 1e6


def measured(name: str, args: argparse.Namespace) -> list[Figure]:
    """Learn one data set in both classes, and measure its test pieces."""
    rolls, recipe = read_rolls(args.folder / f"{name}.mat"), RECIPES[name]
    figures = []
    for kind, measure, fit in (
        ("independent keys", apart, recipe.fit_apart),
        ("notes within the frame", within, recipe.fit_within),
    ):
        steps = args.iterations or fit.iterations
        setting = f"{name}, {kind}, {recipe.networks} x {steps} steps"
        for metric, unit, value in measure(rolls, recipe, args):
            figures.append(Figure("bowerbird", setting, metric, unit, [value]))
        print(table(figures), file=sys.stderr)
    return figures


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", nargs="*", default=[*RECIPES], choices=[*RECIPES])
    parser.add_argument("--iterations", type=int, default=0, help="fewer, to try the script")
    parser.add_argument("--output", type=Path, default=HERE)
    args = parser.parse_args()
    if os.getloadavg()[0] > 0.3:
        print("this machine is busy: the seconds will not be worth much", file=sys.stderr)
    keep_freed_memory()
    figures: list[Figure] = []
    for name in args.data:
        figures += measured(name, args)
    append(args.output / "results.csv", version("torch"), figures)
    print(conditions(version("torch"), torch.get_num_threads()))
    print(table(figures))


if __name__ == "__main__":
    main()
