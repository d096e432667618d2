"""How long do reading, composing and rendering take, beside miditok and symusic's synthesizer?

    .venv/bin/python benchmarks/music/bench_speed.py NOTTINGHAM

NOTTINGHAM is the folder of the Nottingham collection's MIDI files (melody and chords). Every run
is a process of its own, one at a time. The method is in README.md. Prints a Markdown table and
adds to results.csv.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

HERE = Path(__file__).resolve().parent
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


def child(job: str, **spec: object) -> dict:
    """Run one measurement of child.py and return what it reports."""
    command = [sys.executable, str(HERE / "child.py"), json.dumps({"job": job, **spec})]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def composing(folder: Path, bars: int, repeats: int) -> list[float]:
    """Return the seconds that the whole command takes, from its start to its end."""
    seconds = []
    for number in range(repeats + 1):
        command = [sys.executable, "-m", "bowerbird", "music", "compose", "scottish", "--quiet"]
        command += ["-o", folder / f"{number}.mid", "--bars", bars, "--seed", number]
        began = time.perf_counter()
        subprocess.run([*map(str, command)], check=True)
        seconds.append(time.perf_counter() - began)
    return seconds[1:]  # the first one fills the system's cache of files


def reading(args: argparse.Namespace) -> list[Figure]:
    """Measure reading the files and encoding them."""
    figures = []
    for tool, job, setting in (
        ("bowerbird", "read", "1,034 files, melody tokens"),
        ("bowerbird", "read_events", "1,034 files, all voices, REMI"),
        ("miditok", "read_miditok", "1,034 files, all voices, REMI"),
    ):
        runs = [child(job, folder=str(args.nottingham)) for _ in range(args.repeats)]
        seconds, tokens = [run["seconds"] for run in runs], runs[0]["tokens"] / 1e3
        figures.append(Figure(tool, setting, "reading and encoding", "s", seconds))
        figures.append(Figure(tool, setting, "tokens", "thousand", [tokens]))
    return figures


def rendering(args: argparse.Namespace) -> list[Figure]:
    """Measure rendering 20 tunes, also with symusic's synthesizer."""
    figures = []
    with tempfile.TemporaryDirectory() as name:
        jobs = [("bowerbird", "render", f"to {suffix}", suffix) for suffix in SUFFIXES]
        for tool, job, setting, suffix in [*jobs, ("symusic", "render_symusic", "to memory", "")]:
            spec = {"folder": str(args.nottingham), "suffix": suffix, "to": name}
            ratios = [child(job, **spec)["ratio"] for _ in range(args.repeats)]
            metric = "rendering, times real time"
            figures.append(Figure(tool, f"20 tunes of Nottingham, {setting}", metric, "x", ratios))
    return figures


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nottingham", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--bars", type=int, default=64)
    parser.add_argument("--output", type=Path, default=HERE)
    args = parser.parse_args()
    if os.getloadavg()[0] > 0.3:
        print("this machine is busy: the figures will not be worth much", file=sys.stderr)
    figures = [*reading(args), *rendering(args)]
    with tempfile.TemporaryDirectory() as name:
        seconds = composing(Path(name), args.bars, args.repeats)
    metric = "music compose, the whole command"
    figures.append(Figure("bowerbird", f"{args.bars} bars", metric, "s", seconds))
    append(args.output / "results.csv", version("torch"), figures)
    print(
        conditions(version("torch"), torch.get_num_threads(), ("bowerbird", "miditok", "symusic"))
    )
    print(table(figures))


if __name__ == "__main__":
    main()
