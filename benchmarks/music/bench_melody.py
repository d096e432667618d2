"""How well does a composer predict new tunes, and how similar are its own tunes to real ones?

    .venv/bin/python benchmarks/music/bench_melody.py NOTTINGHAM

NOTTINGHAM is the folder of the Nottingham collection's MIDI files; without it only `scottish` is
measured. Trains on each with recipes/scottish.toml, on a split on which nothing was tuned, and
evaluates the held-out tunes once. The method is in README.md. Prints a Markdown table, adds to
results.csv and draws similarity-*.png.
"""

import argparse
import copy
import json
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from similarity import FEATURES, distribution, divergence, draw
from symusic.core import ScoreTick as Score

from bowerbird.learning.config import SamplingConfig
from bowerbird.learning.sequences.sampling import generate_tokens
from bowerbird.music.composer import MAX_TOKENS_PER_BAR, Composer, load
from bowerbird.music.copied_melodies import MelodyIndex, novelty
from bowerbird.music.corpus import Corpus, Split
from bowerbird.music.score.melody import GRID
from bowerbird.music.score.meter import bar_length
from bowerbird.music.tokens.vocabulary import Token, kind_of

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

HERE = Path(__file__).resolve().parent
RECIPE = HERE.parents[1] / "recipes" / "scottish.toml"
MAX_TOKENS = MAX_TOKENS_PER_BAR * 64  # of a tune; then it has no end


def train(corpus: str, folder: Path, args: argparse.Namespace) -> tuple[Composer, dict]:
    """Train by the command, and return the composer with the report."""
    model = folder / "model.safetensors"
    command = [sys.executable, "-m", "bowerbird", "music", "train", corpus, "-o", model, "--force"]
    command += ["--recipe", RECIPE, "--split-seed", args.split_seed, "--json", "--quiet"]
    command += ["--checkpoint-every", 0]
    command += ["--iterations", args.iterations] if args.iterations else []
    done = subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE, text=True)
    return load(model, "cpu"), json.loads(done.stdout)


def sample(
    composer: Composer, pieces: int, temperature: float, *, masked: bool = True, bars: int = 0
) -> list[list[int]]:
    """Return the token ids of sampled pieces, each with its end if it has one."""
    tokenizer = composer.tokenizer
    end = tokenizer.end_token
    # in one meter, as `music compose` composes
    grammars = [tokenizer.grammar(bars, single_meter=True) for _ in range(pieces)]
    config = SamplingConfig(temperature=temperature, seed=1)
    samples: list[list[int]] = [[] for _ in range(pieces)]
    prompt = torch.tensor([[end]])
    rows = generate_tokens(composer.network, prompt, config, pieces, grammars if masked else [])
    for _, row in zip(range(MAX_TOKENS), rows, strict=False):
        for ids, token in zip(samples, row.tolist(), strict=True):
            if not ids or ids[-1] != end:
                ids.append(token)
        if all(ids[-1] == end for ids in samples):
            break
    return samples


def adds_up(tokens: list[Token]) -> bool:
    """Return whether a tune of `melody` tokens ends, and every bar is as long as its meter.

    The last bar may be short by the length of the pickup. Written for this benchmark from the
    meaning of the tokens, independent of the grammar.
    """
    if tokens[-1] != "end" or kind_of(tokens[0]) != "meter":
        return False
    bar, pickup, event = 0, 0, None
    bars: list[list[int]] = []  # the durations in each
    expected: list[int] = []
    for token in tokens[:-1]:
        match kind_of(token):
            case "meter":
                bar = bar_length(token[1:], GRID)
            case "bar":
                bars.append([])
                expected.append(bar)
            case "copy":
                if len(bars) <= token[1]:
                    return False
                bars[-1] += bars[-1 - token[1]]
            case "duration":
                if not bars:
                    return False
                if len(bars) == 1 and not bars[0] and event == "rest":
                    pickup = token[1]
                bars[-1].append(token[1])
            case _:
                event = token
    lengths = [sum(durations) for durations in bars]
    missing = expected[-1] - lengths[-1] if lengths else -1
    has_pickup = bool(lengths) and 0 < pickup < expected[-1]
    ends = missing == 0 or (has_pickup and missing == expected[-1] - pickup)
    return lengths[:-1] == expected[:-1] and ends


def uniform(composer: Composer) -> Composer:
    """Return a composer for which all tokens are equally likely: what remains is the grammar."""
    network = copy.deepcopy(composer.network)
    with torch.no_grad():
        network.decoder.weight.zero_()
        network.decoder.bias.zero_()
    return Composer(network, composer.tokenizer, composer.config, composer.provenance)


def decode(composer: Composer, samples: list[list[int]]) -> list[Score]:
    """Return the scores that have at least two notes."""
    scores = [composer.tokenizer.decode(ids) for ids in samples]
    return [score for score in scores if score.note_num() > 1]


def evaluate(composer: Composer, split: Split, setting: str) -> list[Figure]:
    """Return the losses on the validation and test pieces."""
    figures = []
    for name, pieces in (("validation", split.validation), ("test", split.test)):
        loss = composer.evaluate([score for _, score in pieces], grammar=True)
        for metric, nats in (
            (f"{name}, {len(pieces)} tunes", loss.nats_per_note),
            (f"{name}, with the grammar", loss.nats_per_note_with_grammar or 0.0),
        ):
            figures.append(Figure("bowerbird", setting, metric, "nats/note", [nats]))
    return figures


def compare(
    composer: Composer, split: Split, setting: str, args: argparse.Namespace, path: Path
) -> list[Figure]:
    """Return how similar composed tunes are to real ones, and draw it."""
    training = [score for _, score in split.train]
    held_out = [score for _, score in (*split.test, *split.validation)]
    pieces = args.pieces or len(held_out)  # as many: distances shrink as a sample grows
    began = time.perf_counter()
    samples = sample(composer, pieces, 1.0)
    seconds = time.perf_counter() - began
    unmasked = sample(composer, pieces, 1.0, masked=False)
    groups = {
        "composed": decode(composer, samples),
        "composed at temperature 0.8": decode(composer, sample(composer, pieces, 0.8)),
        "only the grammar": decode(composer, sample(uniform(composer), pieces, 1.0)),
        f"{len(held_out)} held-out tunes": held_out,
    }
    figures = []
    for feature in FEATURES:
        real = distribution(feature, training)
        for name, scores in groups.items():
            bits = divergence(distribution(feature, scores), real)
            metric = f"{feature.name}, distance from the training tunes"
            figures.append(Figure(name, setting, metric, "bits", [bits]))
    for name, ids in (
        ("composed, of any length", samples),
        ("composed, 32 bars at temperature 0.8", sample(composer, pieces, 0.8, bars=32)),
        ("composed without the grammar", unmasked),
    ):
        tokens = composer.tokenizer.vocabulary.tokens  # of `melody`, by the recipe
        percent = float(np.mean([100.0 * adds_up([tokens[n] for n in tune]) for tune in ids]))
        figures.append(Figure(name, setting, "tunes whose bars add up", "%", [percent]))
    corpus = MelodyIndex.of(split.train)
    for name, scores in (("composed", groups["composed"]), ("held-out tunes", held_out)):
        longest = [float(novelty(score, corpus).longest_copy_notes) for score in scores]
        figures.append(Figure(name, setting, "longest copied passage", "notes", longest))
    rate = sum(score.note_num() for score in groups["composed"]) / seconds
    figures.append(Figure("composed", setting, "composing in one batch", "notes/s", [rate]))
    shown = {"training": training, "held out": held_out, "composed": groups["composed"]}
    draw(path, f"{setting.partition(',')[0]}: composed tunes and real ones", shown)
    return figures


def measure(corpus: str, setting: str, args: argparse.Namespace) -> list[Figure]:
    """Train on one corpus and measure."""
    with tempfile.TemporaryDirectory() as name:
        composer, report = train(corpus, Path(name), args)
    split = Corpus(corpus, melodies=True).split(seed=args.split_seed)
    path = args.output / f"similarity-{setting.lower()}.png"
    setting += f", split {args.split_seed}, {report['iterations']} steps"
    figures = [Figure("bowerbird", setting, "training", "s", [report["seconds"]])]
    figures += evaluate(composer, split, setting)
    return figures + compare(composer, split, setting, args, path)


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nottingham", nargs="?")
    parser.add_argument("--split-seed", type=int, default=1, help="recipes were tuned on 0")
    parser.add_argument("--pieces", type=int, default=0, help="to compose; 0: as many as held out")
    parser.add_argument("--iterations", type=int, default=0, help="fewer, to try the script")
    parser.add_argument("--output", type=Path, default=HERE)
    args = parser.parse_args()
    figures = measure("scottish", "Scottish", args)
    if args.nottingham:
        figures += measure(args.nottingham, "Nottingham", args)
    append(args.output / "results.csv", version("torch"), figures)
    print(conditions(version("torch"), torch.get_num_threads()))
    print(table(figures))


if __name__ == "__main__":
    main()
