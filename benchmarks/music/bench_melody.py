"""How well does a composer foresee tunes that it never met, and how like real ones are its own?

    .venv/bin/python benchmarks/music/bench_melody.py NOTTINGHAM

NOTTINGHAM is the folder of the Nottingham collection's MIDI files; without it only `scottish` is
measured. Trains on each by recipes/scottish.toml, on a split that nothing was chosen by, and looks
at the tunes set aside once. The method is in README.md. Prints a Markdown table, adds to
results.csv and draws likeness-*.png.
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
from likeness import MEASURES, distribution, divergence, draw
from symusic.core import ScoreTick as Score

from bowerbird.learning.config import SamplingConfig
from bowerbird.learning.sampling import generate_tokens
from bowerbird.music.composer import MAX_TOKENS_PER_BAR, Composer, load
from bowerbird.music.copied_melodies import MelodyIndex, novelty
from bowerbird.music.corpus import Corpus, Split
from bowerbird.music.score.melody import GRID
from bowerbird.music.score.meter import bar_length

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

HERE = Path(__file__).resolve().parent
RECIPE = HERE.parents[1] / "recipes" / "scottish.toml"
MOST = MAX_TOKENS_PER_BAR * 64  # tokens of a tune; then it has no end


def trained(corpus: str, folder: Path, args: argparse.Namespace) -> tuple[Composer, dict]:
    """Train by the command, and return the composer with what was told."""
    model = folder / "model.safetensors"
    command = [sys.executable, "-m", "bowerbird", "music", "train", corpus, "-o", model, "--force"]
    command += ["--recipe", RECIPE, "--split-seed", args.split_seed, "--json", "--quiet"]
    command += ["--checkpoint-every", 0]
    command += ["--iterations", args.iterations] if args.iterations else []
    done = subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE, text=True)
    return load(model, "cpu"), json.loads(done.stdout)


def drawn(
    composer: Composer, pieces: int, temperature: float, *, ruled: bool = True, bars: int = 0
) -> list[list[int]]:
    """Return the tokens of pieces as they are drawn, each with its end if it has one."""
    tokenizer = composer.tokenizer
    prompt = torch.tensor([[tokenizer.end_token]])
    # in one meter, as `music compose` composes
    rules = [tokenizer.grammar(bars, single_meter=True) for _ in range(pieces)] if ruled else []
    config = SamplingConfig(temperature=temperature, seed=1)
    tokens: list[list[int]] = [[] for _ in range(pieces)]
    rows = generate_tokens(composer.network, prompt, config, pieces, rules)
    for _, row in zip(range(MOST), rows, strict=False):
        for own, token in zip(tokens, row.tolist(), strict=True):
            if not own or own[-1] != tokenizer.end_token:
                own.append(token)
        if all(own[-1] == tokenizer.end_token for own in tokens):
            break
    return tokens


def adds_up(names: list) -> bool:
    """Return whether a tune of `melody` tokens ends, and every bar is as long as its meter.

    The last bar may be short by as much as the first begins late. Written anew for this benchmark,
    from what the tokens mean; the grammar has no part in it.
    """
    if names[-1] != "end" or not isinstance(names[0], tuple) or names[0][0] != "meter":
        return False
    bar, lead, told = 0, 0, []
    wanted: list[int] = []
    what = None
    for name in names[:-1]:
        if name[0] == "meter":
            bar = bar_length(name[1:], GRID)
        elif name[0] == "bar":
            told.append([])
            wanted.append(bar)
        elif name[0] == "copy":
            if len(told) <= name[1]:
                return False
            told[-1] += told[-1 - name[1]]
        elif name[0] == "duration":
            if not told:
                return False
            if len(told) == 1 and not told[0] and what == "rest":
                lead = name[1]
            told[-1].append(name[1])
        else:
            what = name
    lasts = [sum(lengths) for lengths in told]
    short = wanted[-1] - lasts[-1] if lasts else -1
    picks_up = bool(lasts) and 0 < lead < wanted[-1]
    ends = short == 0 or (picks_up and short == wanted[-1] - lead)
    return lasts[:-1] == wanted[:-1] and ends


def undecided(composer: Composer) -> Composer:
    """Return a composer to whom everything is as likely: what remains is the grammar."""
    network = copy.deepcopy(composer.network)
    with torch.no_grad():
        network.decoder.weight.zero_()
        network.decoder.bias.zero_()
    return Composer(network, composer.tokenizer, composer.config, composer.provenance)


def heard(composer: Composer, tokens: list[list[int]]) -> list[Score]:
    """Return the scores of tokens that have notes."""
    scores = [composer.tokenizer.decode(own) for own in tokens]
    return [score for score in scores if score.note_num() > 1]


def foreseen(composer: Composer, split: Split, setting: str) -> list[Figure]:
    """Measure the loss on the pieces set aside."""
    found = []
    for name, side in (("validation", split.validation), ("test", split.test)):
        loss = composer.evaluate([score for _, score in side], grammar=True)
        found += [
            Figure("bowerbird", setting, f"{name}, {len(side)} tunes", "nats/note",
                   [loss.nats_per_note]),
            Figure("bowerbird", setting, f"{name}, by the grammar", "nats/note",
                   [loss.nats_per_note_with_grammar or 0.0]),
        ]  # fmt: skip
    return found


def compared(
    composer: Composer, split: Split, setting: str, args: argparse.Namespace, path: Path
) -> list[Figure]:
    """Measure how like the real ones composed tunes are, and draw it."""
    learned = [score for _, score in split.train]
    aside = [score for _, score in (*split.test, *split.validation)]
    pieces = args.pieces or len(aside)  # as many: a distance shrinks as a sample grows
    began = time.perf_counter()
    tokens = drawn(composer, pieces, 1.0)
    seconds = time.perf_counter() - began
    names = composer.tokenizer.vocabulary.tokens  # of `melody`, by the recipe
    free = drawn(composer, pieces, 1.0, ruled=False)
    calmer = drawn(composer, pieces, 0.8)
    unlearned = drawn(undecided(composer), pieces, 1.0)
    made = {
        "composed": heard(composer, tokens),
        "composed at temperature 0.8": heard(composer, calmer),
        "the grammar alone": heard(composer, unlearned),
        f"{len(aside)} real tunes set aside": aside,
    }
    found = []
    for measure in MEASURES:
        real = distribution(measure, learned)
        for name, scores in made.items():
            away = divergence(distribution(measure, scores), real)
            found.append(
                Figure(name, setting, f"{measure.name}, from what was learned", "bits", [away])
            )
    asked = drawn(composer, pieces, 0.8, bars=32)
    for name, some in (
        ("composed, of any length", tokens),
        ("composed, 32 bars at temperature 0.8", asked),
        ("composed without the grammar", free),
    ):
        share = [100.0 * adds_up([names[s] for s in own]) for own in some]
        found.append(Figure(name, setting, "tunes whose bars add up", "%", [float(np.mean(share))]))
    corpus = MelodyIndex.of(split.train)
    for name, scores in (("composed", made["composed"]), ("real tunes set aside", aside)):
        longest = [float(novelty(score, corpus).longest_copy_notes) for score in scores]
        found.append(Figure(name, setting, "longest passage copied", "notes", longest))
    notes = sum(score.note_num() for score in made["composed"])
    found.append(Figure("composed", setting, "composing together", "notes/s", [notes / seconds]))
    shown = {"learned from": learned, "real, set aside": aside, "composed": made["composed"]}
    name = setting.partition(",")[0]
    draw(path, f"{name}: composed tunes beside real ones", shown)
    return found


def measured(corpus: str, setting: str, args: argparse.Namespace) -> list[Figure]:
    """Train on one corpus and measure."""
    with tempfile.TemporaryDirectory() as name:
        composer, told = trained(corpus, Path(name), args)
    split = Corpus(corpus, melodies=True).split(seed=args.split_seed)
    setting += f", split {args.split_seed}, {told['iterations']} steps"
    found = [Figure("bowerbird", setting, "training", "s", [told["seconds"]])]
    found += foreseen(composer, split, setting)
    stem = setting.split(",", maxsplit=1)[0].lower()
    return found + compared(composer, split, setting, args, args.output / f"likeness-{stem}.png")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nottingham", nargs="?")
    parser.add_argument("--split-seed", type=int, default=1, help="recipes were chosen on 0")
    parser.add_argument(
        "--pieces", type=int, default=0, help="to compose; 0: as many as are set aside"
    )
    parser.add_argument("--iterations", type=int, default=0, help="fewer, to try the script")
    parser.add_argument("--output", type=Path, default=HERE)
    args = parser.parse_args()
    figures = measured("scottish", "Scottish", args)
    if args.nottingham:
        figures += measured(args.nottingham, "Nottingham", args)
    append(args.output / "results.csv", version("torch"), figures)
    print(conditions(version("torch"), torch.get_num_threads()))
    print(table(figures))


if __name__ == "__main__":
    main()
