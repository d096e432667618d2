"""How good is a model trained for a minute, and how fast does it generate, against nanoGPT?

    .venv/bin/python benchmarks/text/bench.py TINYSHAKESPEARE.txt --nanogpt FOLDER

Every run is a process of its own, one at a time. The method is in README.md. Prints a Markdown
table and adds to results.csv.
"""

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

HERE = Path(__file__).resolve().parent
RECIPES = HERE.parents[1] / "recipes"
# the recipe for a laptop in nanoGPT's README
NANOGPT = [
    "--device=cpu",
    "--compile=False",
    "--eval_iters=20",
    "--log_interval=500",
    "--block_size=64",
    "--batch_size=12",
    "--n_layer=4",
    "--n_head=4",
    "--n_embd=128",
    "--max_iters=2000",
    "--lr_decay_iters=2000",
    "--dropout=0.0",
]


def timed(command: list[object], folder: Path, quiet: bool = True) -> tuple[str, float, float]:
    """Run a command; return its output, the wall seconds and its own peak memory in MB."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(list(map(str, command)), cwd=folder, stdout=out, stderr=None)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        out.seek(0)
        output = out.read()
    if status:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{output[-2000:]}")
    if not quiet:
        print(output, file=sys.stderr)
    return output, seconds, usage.ru_maxrss / 1024


def child(job: str, folder: Path, **spec: object) -> dict:
    """Run one measurement of child.py and return what it reports."""
    output, _, _ = timed(
        [sys.executable, HERE / "child.py", json.dumps({"job": job, **spec})], folder
    )
    return json.loads(output.splitlines()[-1])


def nanogpt(args: argparse.Namespace, folder: Path) -> list[Figure]:
    """Train nanoGPT by its recipe; measure its loss and its speed of generation."""
    place, out = Path(args.nanogpt).resolve(), folder / "nanogpt"
    data = place / "data" / "shakespeare_char"
    text = args.corpus.read_text(encoding="utf-8")
    vocabulary = {c: i for i, c in enumerate(sorted(set(text)))}
    ids = np.array([vocabulary[c] for c in text], np.uint16)
    cut = int(len(ids) * 0.9)
    ids[:cut].tofile(data / "train.bin")  # as its prepare.py does, without the download
    ids[cut:].tofile(data / "val.bin")
    characters = {i: c for c, i in vocabulary.items()}
    meta = {"vocab_size": len(vocabulary), "stoi": vocabulary, "itos": characters}
    (data / "meta.pkl").write_bytes(pickle.dumps(meta))
    command = [sys.executable, "train.py", "config/train_shakespeare_char.py", *NANOGPT]
    output, seconds, peak = timed([*command, f"--out_dir={out}"], place)
    losses = [line for line in output.splitlines() if "val loss" in line]
    loss = child(
        "loss_of_nanogpt", folder, nanogpt=str(place), out=str(out), ids=str(data / "val.bin")
    )
    speed = generation(folder, args, "generation_of_nanogpt", args.length // 20, place, out)
    setting = f"its recipe for a laptop, {loss['parameters'] / 1e6:.2f}M weights"
    return [
        Figure("nanoGPT", setting, "training, the whole command", "s", [seconds]),
        Figure("nanoGPT", setting, "validation, its own 20 x 12 windows of 64", "nats/char",
               [float(losses[-1].rpartition(" ")[2])]),
        Figure("nanoGPT", setting, "validation, whole text, windows of 64", "nats/char",
               [loss["nats"]]),
        Figure("nanoGPT", setting, "peak memory of training", "MB", [peak]),
        Figure("nanoGPT", setting, "generation", "characters/s", speed),
    ]  # fmt: skip


def generation(
    folder: Path, args: argparse.Namespace, job: str, length: int, *place: Path
) -> list[float]:
    """Return the characters per second of several runs."""
    arguments = {"generation_of_nanogpt": ("nanogpt", "out"), "generation_of_ours": ("model",)}
    names = arguments[job]
    paths = dict(zip(names, map(str, place), strict=True))
    runs = [child(job, folder, length=length, **paths) for _ in range(args.repeats)]
    return [run["characters"] / run["seconds"] for run in runs]


def ours(args: argparse.Namespace, folder: Path, recipe: str) -> list[Figure]:
    """Train by one of our recipes; measure its loss and its speed of generation."""
    text = args.corpus.read_text(encoding="utf-8")
    last = folder / "last.txt"
    last.write_text(text[int(len(text) * 0.9) :], encoding="utf-8")
    model = folder / f"{recipe}.safetensors"
    command = [sys.executable, "-m", "bowerbird", "text", "train", args.corpus.resolve()]
    command += ["--recipe", RECIPES / f"{recipe}.toml", "-o", model, "--json", "--quiet"]
    command += ["--checkpoint-every", "0", "--device", "cpu"]
    output, seconds, peak = timed(command, folder)
    report = json.loads(output.splitlines()[-1])
    loss = child("loss_of_ours", folder, model=str(model), text=str(last))
    speed = generation(folder, args, "generation_of_ours", args.length, model)
    name = f"{recipe}, {loss['parameters'] / 1e6:.2f}M weights"
    results = [
        ("training, the whole command", "s", [seconds]),
        ("training without start-up", "s", [report["seconds"]]),
        ("training", "characters/s", [report["characters_per_second"]]),
        ("validation, whole text, carried state", "nats/char", [loss["nats"]]),
        ("validation, 2000 random windows of 256", "nats/char", [loss["windows of 256"]]),
        ("validation, 2000 random windows of 64", "nats/char", [loss["windows of 64"]]),
        ("peak memory of training", "MB", [peak]),
        ("generation", "characters/s", speed),
    ]
    return [Figure("bowerbird", name, *rest) for rest in results]


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument(
        "--nanogpt",
        type=Path,
        help="a checkout of nanoGPT; without it, only our models are measured",
    )
    parser.add_argument(
        "--recipes", nargs="*", default=["tinyshakespeare-70s", "tinyshakespeare-240s"]
    )
    parser.add_argument("--length", type=int, default=20000, help="characters to generate")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=HERE)
    args = parser.parse_args()
    if os.getloadavg()[0] > 0.3:
        print("this machine is busy: the results will not be reliable", file=sys.stderr)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.nanogpt:
            figures += nanogpt(args, folder)
            print(table(figures), file=sys.stderr)
        for recipe in args.recipes:
            figures += ours(args, folder, recipe)
            print(table(figures), file=sys.stderr)
    append(args.output / "results.csv", version("torch"), figures)
    print(conditions(version("torch"), os.cpu_count() or 1))
    print(table(figures))


if __name__ == "__main__":
    main()
