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
    place = str(args.nottingham)
    rounds = range(args.repeats)
    figures: list[Figure] = []
    for tool, job, setting in (
        ("bowerbird", "read", "1,034 files, notes of the melody"),
        ("bowerbird", "read_events", "1,034 files, all voices, REMI"),
        ("miditok", "read_miditok", "1,034 files, all voices, REMI"),
    ):
        runs = [child(job, folder=place) for _ in rounds]
        figures.append(
            Figure(tool, setting, "reading and telling in signs", "s", [r["seconds"] for r in runs])
        )
        figures.append(Figure(tool, setting, "signs", "thousand", [runs[0]["signs"] / 1e3]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures.append(
            Figure("bowerbird", f"{args.bars} bars", "music compose, the whole command", "s",
                   composing(folder, args.bars, args.repeats))
        )  # fmt: skip
        for suffix in SUFFIXES:
            runs = [child("render", folder=place, suffix=suffix, to=name) for _ in rounds]
            figures.append(
                Figure(
                    "bowerbird",
                    f"20 tunes of Nottingham to {suffix}",
                    "rendering, times real time",
                    "x",
                    [r["ratio"] for r in runs],
                )
            )
        runs = [child("render_symusic", folder=place) for _ in rounds]
        figures.append(
            Figure(
                "symusic",
                "20 tunes of Nottingham, to memory",
                "rendering, times real time",
                "x",
                [r["ratio"] for r in runs],
            )
        )
    append(args.output / "results.csv", version("torch"), figures)
    print(
        conditions(version("torch"), torch.get_num_threads(), ("bowerbird", "miditok", "symusic"))
    )
    print(table(figures))


if __name__ == "__main__":
    main()
