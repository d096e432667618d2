"""How well is the next frame of a piano roll foreseen, after half an hour on two cores?

    .venv/bin/python benchmarks/music/bench_polyphony.py FOLDER

FOLDER has JSB_Chorales.mat and Nottingham.mat. Learns each by the one loop of the house
(bowerbird.learning), with the network that writes text and tunes, and measures the test pieces
once, in two classes (frames.py). The method is in README.md. Prints a Markdown table and adds to
results.csv.
"""

import argparse
import os
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch
from frames import Recipe, learned, nats_apart, nats_within, read_rolls

from bowerbird.learning.device import choose, keep_freed_memory
from bowerbird.learning.fit import FitConfig
from bowerbird.networks.recurrent import RecurrentConfig

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

HERE = Path(__file__).resolve().parent
FIT = FitConfig(rate=5e-3, weight_decay=0.1, average=0.995)
RECIPES = {
    "JSB_Chorales": Recipe(
        RecurrentConfig(
            width=512, embedding=128, dropout=0.6, input_dropout=0.3, recurrent_dropout=0.3
        ),
        replace(FIT, iterations=3000, validate_every=200),
    ),
    "Nottingham": Recipe(
        RecurrentConfig(
            width=512, embedding=128, dropout=0.5, input_dropout=0.1, recurrent_dropout=0.2
        ),
        replace(FIT, iterations=10000, validate_every=1000),
    ),
}


def measured(name: str, args: argparse.Namespace) -> list[Figure]:
    """Learn one data set, and measure its test pieces."""
    rolls, recipe = read_rolls(args.folder / f"{name}.mat"), RECIPES[name]
    if args.iterations:
        fewer = replace(recipe.fit, iterations=args.iterations, validate_every=args.iterations)
        recipe = replace(recipe, fit=fewer)
    setting = f"{name}, {args.networks} networks of {recipe.fit.iterations} steps"
    dtype = choose("cpu").dtype
    began = time.perf_counter()
    networks = [learned(rolls, recipe, seed, dtype) for seed in range(args.networks)]
    seconds = time.perf_counter() - began
    weights = sum(p.numel() for network in networks for p in network.parameters()) / 1e6
    found = [("training", "s", seconds), ("weights", "M", weights)]
    parts = {"validation": rolls.valid, "test": rolls.test}
    for part, pieces in ((name, some[: args.pieces or None]) for name, some in parts.items()):
        within, apart = "notes within the frame", f"independent keys, {args.draws} draws"
        found.append((f"{part}, {within}", "nats/frame", nats_within(networks, pieces)))
        loss = nats_apart(networks, rolls, pieces, args.draws)
        found.append((f"{part}, {apart}", "nats/frame", loss))
    return [Figure("bowerbird", setting, metric, unit, [value]) for metric, unit, value in found]


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", nargs="*", default=[*RECIPES], choices=[*RECIPES])
    parser.add_argument("--networks", type=int, default=4, help="whose chances are averaged")
    parser.add_argument("--draws", type=int, default=64, help="of each network")
    parser.add_argument("--iterations", type=int, default=0, help="fewer, to try the script")
    parser.add_argument("--pieces", type=int, default=0, help="fewer, to try the script")
    parser.add_argument("--output", type=Path, default=HERE)
    args = parser.parse_args()
    if os.getloadavg()[0] > 0.3:
        print("this machine is busy: the seconds will not be worth much", file=sys.stderr)
    keep_freed_memory()
    figures: list[Figure] = []
    for name in args.data:
        figures += measured(name, args)
        print(table(figures), file=sys.stderr)
    append(args.output / "results.csv", version("torch"), figures)
    print(conditions(version("torch"), torch.get_num_threads()))
    print(table(figures))


if __name__ == "__main__":
    main()
