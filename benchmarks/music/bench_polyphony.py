"""How well is the next frame of a piano roll foreseen, after half an hour on two cores?

    .venv/bin/python benchmarks/music/bench_polyphony.py FOLDER

FOLDER has JSB_Chorales.mat and Nottingham.mat. Four trainings, by the one loop of the house
(bowerbird.learning.fit). The method is in README.md. Prints a Markdown table and adds to
results.csv.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import torch
from frames import RollConfig, RollNetwork, Rolls, RollTask, frame_nats, read_rolls

from bowerbird.learning.device import choose, keep_freed_memory
from bowerbird.learning.fit import FitConfig, fit_steps

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Recipe:
    """How one network learns one data set."""

    roll: RollConfig
    fit: FitConfig
    rows: int = 16
    window: int = 32


FIT = FitConfig(rate=4e-3, weight_decay=0.1, average=0.998, validate_every=200)
RECIPES = {
    ("JSB_Chorales", False): Recipe(RollConfig(dropout=0.5), replace(FIT, iterations=2000)),
    ("JSB_Chorales", True): Recipe(RollConfig(True, dropout=0.5), replace(FIT, iterations=2000)),
    ("Nottingham", False): Recipe(RollConfig(), replace(FIT, iterations=8000)),
    ("Nottingham", True): Recipe(RollConfig(True), replace(FIT, iterations=8000)),
}


def learned(rolls: Rolls, recipe: Recipe, *, seed: int, quiet: bool) -> RollNetwork:
    """Return a network that has learned by a recipe, with its best weights."""
    torch.manual_seed(seed)
    network = RollNetwork(len(rolls.keys), recipe.roll, choose("cpu").dtype)
    task = RollTask(
        network,
        rolls,
        rows=recipe.rows,
        window=recipe.window,
        seed=seed,
    )
    for step in fit_steps(task, replace(recipe.fit, seed=seed)):
        if "validation" in step.losses and not quiet:
            now, train = step.losses["validation"], step.losses["total"]
            print(f"{step.number} {step.seconds:.0f} s {train:.3f} {now:.3f}", file=sys.stderr)
    return network


def measured(path: Path, name: str, within: bool, args: argparse.Namespace) -> list[Figure]:
    """Train on one data set in one class, and measure the test pieces once."""
    rolls, recipe = read_rolls(path), RECIPES[name, within]
    if args.iterations:
        fewer = replace(recipe.fit, iterations=args.iterations, validate_every=args.iterations)
        recipe = replace(recipe, fit=fewer)
    setting = f"{name}, {'notes within the frame' if within else 'independent keys'}"
    setting += f", {args.networks} networks of {recipe.fit.iterations} steps"
    print(setting, file=sys.stderr)
    began = time.perf_counter()
    networks = [
        learned(rolls, recipe, seed=seed, quiet=args.quiet) for seed in range(args.networks)
    ]
    seconds = time.perf_counter() - began
    found = [
        ("training", "s", [seconds]),
        ("weights", "M", [sum(p.numel() for p in networks[0].parameters()) / 1e6]),
        ("validation", "nats/frame", [frame_nats(networks, rolls, rolls.valid)]),
        ("test", "nats/frame", [frame_nats(networks, rolls, rolls.test)]),
    ]
    return [Figure("bowerbird", setting, *rest) for rest in found]


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", nargs="*", default=["JSB_Chorales", "Nottingham"])
    parser.add_argument("--within", nargs="*", type=int, default=[0, 1], choices=[0, 1])
    parser.add_argument("--networks", type=int, default=1, help="whose chances are averaged")
    parser.add_argument("--iterations", type=int, default=0, help="fewer, to try the script")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--output", type=Path, default=HERE)
    args = parser.parse_args()
    keep_freed_memory()
    figures: list[Figure] = []
    for name in args.data:
        for within in args.within:
            figures += measured(args.folder / f"{name}.mat", name, bool(within), args)
            print(table(figures), file=sys.stderr)
    append(args.output / "results.csv", version("torch"), figures)
    print(conditions(version("torch"), torch.get_num_threads()))
    print(table(figures))


if __name__ == "__main__":
    main()
