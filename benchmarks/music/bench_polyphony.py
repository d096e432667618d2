"""How well is the next frame of a piano roll predicted, after half an hour on two cores?

    .venv/bin/python benchmarks/music/bench_polyphony.py FOLDER

FOLDER has JSB_Chorales.mat and Nottingham.mat. Trains on each with bowerbird.learning and evaluates
the test pieces once, with two models (independent_keys.py, frame_tokens.py). The method is in
README.md. Prints a Markdown table and adds to results.csv.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import frame_tokens
import independent_keys
import torch
from independent_keys import RollConfig
from rolls import Rolls, read_rolls

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.device import keep_freed_memory, select_compute
from bowerbird.networks.config import RecurrentConfig

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

HERE = Path(__file__).resolve().parent
TRAINER = TrainerConfig(weight_decay=0.1)
INDEPENDENT = replace(TRAINER, learning_rate=4e-3, ema_decay=0.998)
TOKENS = replace(TRAINER, learning_rate=5e-3, ema_decay=0.995)


@dataclass(frozen=True)
class Recipe:
    """The settings of both models for a data set."""

    independent: RollConfig
    independent_trainer: TrainerConfig
    tokens: RecurrentConfig
    tokens_trainer: TrainerConfig
    networks: int = 1
    """Networks whose probabilities are averaged."""
    sequence_length: int = 32
    """Frames of a training step, for independent keys."""


RECIPES = {
    "JSB_Chorales": Recipe(
        RollConfig(beats=((1, 4),), dropout=0.5),
        replace(INDEPENDENT, iterations=700, validate_every=100),
        RecurrentConfig(
            hidden_size=512,
            embedding_dim=128,
            dropout=0.6,
            input_dropout=0.3,
            recurrent_dropout=0.3,
        ),
        replace(TOKENS, iterations=3000, validate_every=200),
        networks=3,
    ),
    "Nottingham": Recipe(
        RollConfig(
            beats=((1, 12), (1, 16), (1, 64)),
            dropout=0.3,
            input_dropout=0.05,
            recurrent_dropout=0.1,
        ),
        replace(INDEPENDENT, iterations=4000, validate_every=1000),
        RecurrentConfig(
            hidden_size=512,
            embedding_dim=128,
            dropout=0.5,
            input_dropout=0.1,
            recurrent_dropout=0.2,
        ),
        replace(TOKENS, iterations=8000, validate_every=1000),
        sequence_length=48,
    ),
}


def seeded(trainer: TrainerConfig, args: argparse.Namespace, networks: int) -> list[TrainerConfig]:
    """Return the trainer settings of each network."""
    if args.iterations:
        trainer = replace(trainer, iterations=args.iterations, validate_every=args.iterations)
    return [replace(trainer, seed=seed) for seed in range(networks)]


def measure_independent(
    rolls: Rolls, recipe: Recipe, args: argparse.Namespace
) -> list[tuple[str, str, float]]:
    """Train and evaluate the model with independent keys."""
    dtype, began = select_compute("cpu").dtype, time.perf_counter()
    networks = [
        independent_keys.train(rolls, recipe.independent, trainer, recipe.sequence_length, dtype)
        for trainer in seeded(recipe.independent_trainer, args, recipe.networks)
    ]
    seconds = time.perf_counter() - began
    valid, test = (
        independent_keys.nats_per_frame(networks, rolls, pieces)
        for pieces in (rolls.valid, rolls.test)
    )
    return metrics(seconds, networks, valid, test)


def measure_tokens(
    rolls: Rolls, recipe: Recipe, args: argparse.Namespace
) -> list[tuple[str, str, float]]:
    """Train and evaluate the model of frames as tokens."""
    dtype, began = select_compute("cpu").dtype, time.perf_counter()
    networks = [
        frame_tokens.train(rolls, recipe.tokens, trainer, dtype)
        for trainer in seeded(recipe.tokens_trainer, args, recipe.networks)
    ]
    seconds = time.perf_counter() - began
    valid, test = (
        frame_tokens.nats_per_frame(networks, pieces) for pieces in (rolls.valid, rolls.test)
    )
    return metrics(seconds, networks, valid, test)


def metrics(
    seconds: float, networks: Sequence[torch.nn.Module], valid: float, test: float
) -> list[tuple[str, str, float]]:
    """Return metric, unit and value of each result."""
    parameters = sum(p.numel() for network in networks for p in network.parameters())
    return [
        ("training", "s", seconds),
        ("weights", "M", parameters / 1e6),
        ("validation", "nats/frame", valid),
        ("test", "nats/frame", test),
    ]


def measure(name: str, args: argparse.Namespace) -> list[Figure]:
    """Train and evaluate both models on a data set."""
    rolls, recipe = read_rolls(args.folder / f"{name}.mat"), RECIPES[name]
    figures = []
    for kind, measured, trainer in (
        ("independent keys", measure_independent, recipe.independent_trainer),
        ("notes within the frame", measure_tokens, recipe.tokens_trainer),
    ):
        steps = args.iterations or trainer.iterations
        setting = f"{name}, {kind}, {recipe.networks} x {steps} steps"
        for metric, unit, value in measured(rolls, recipe, args):
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
        print("this machine is busy: the seconds are unreliable", file=sys.stderr)
    keep_freed_memory()
    figures: list[Figure] = []
    for name in args.data:
        figures += measure(name, args)
    append(args.output / "results.csv", version("torch"), figures)
    print(conditions(version("torch"), torch.get_num_threads()))
    print(table(figures))


if __name__ == "__main__":
    main()
