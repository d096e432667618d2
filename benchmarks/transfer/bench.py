"""Compare the time of a style transfer at 512 px with pastiche 1.6.0, on this processor.

    .venv/bin/python benchmarks/transfer/bench.py

Every run is a process of its own (child.py), one at a time. The method is in README.md. Prints a
Markdown table, appends to results.csv, draws curves.png.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from curves import Curve, draw
from PIL import Image, ImageOps
from skimage.data import astronaut

from bowerbird.plates import plate_path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, processor, table

HERE = Path(__file__).resolve().parent
CHECKPOINTS = (1, 2, 5, 10, 20, 50, 100, 200, 300)


@dataclass(frozen=True)
class Saved:
    """A saved picture of a run."""

    step: int
    seconds: float
    """Seconds of optimization, without start-up."""
    loss: float
    """pastiche's own loss of the picture."""


@dataclass(frozen=True)
class Runner:
    """The inputs of all runs, and the way to start one."""

    args: argparse.Namespace
    folder: Path
    content: Path
    style: Path

    def run(self, job: str, **more: object) -> dict:
        """Run one measurement in a new process and return its result."""
        spec = {
            "job": job,
            "content": str(self.content),
            "style": str(self.style),
            "size": self.args.size,
            "threads": self.args.threads,
            "folder": str(self.folder),
            **more,
        }
        began = time.perf_counter()
        printed = subprocess.run(
            [sys.executable, str(HERE / "child.py"), json.dumps(spec)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        description = " ".join(
            str(more[k]) for k in ("setting", "iterations", "precision") if k in more
        )
        print(
            f"{job} {description}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True
        )
        return json.loads(printed.splitlines()[-1])

    def pastiche(self, iterations: int, checkpoints: tuple[int, ...] = ()) -> dict:
        return self.run("pastiche", iterations=iterations, checkpoints=checkpoints)

    def bowerbird(self, setting: str, iterations: int, precision: str, every: int = 0) -> dict:
        common = {"setting": setting, "iterations": iterations, "precision": precision}
        args = self.args
        options = {
            "num_scales": args.num_scales,
            "coarse_iterations": args.coarse_iterations,
            "range_weight": args.range_weight,
        }
        return self.run("bowerbird", every=every, **common, **options)

    def evaluate(self, run: dict) -> list[Saved]:
        """Return the saved pictures of a run with pastiche's own loss of each."""
        losses = self.run("evaluate", pictures=list(run["pictures"].values()))["losses"]
        return [
            Saved(int(step), sum(run["seconds"][: int(step)]), loss)
            for step, loss in zip(run["pictures"], losses, strict=True)
        ]


def write_inputs(args: argparse.Namespace, folder: Path) -> Runner:
    """Write photograph and painting at the size of the result, so that neither tool resamples."""
    photograph = Image.open(args.content) if args.content else Image.fromarray(astronaut())
    painting = Image.open(args.style or plate_path("swirls"))
    if not args.style:
        painting = ImageOps.fit(painting, (min(painting.size),) * 2)
    for name, image in (("content", photograph), ("style", painting)):
        upright = ImageOps.exif_transpose(image).convert("RGB")
        scale = args.size / max(upright.size)
        size = tuple(max(16, round(side * scale)) for side in upright.size)
        upright.resize(size, Image.Resampling.LANCZOS).save(folder / f"{name}.png")
    return Runner(args, folder, folder / "content.png", folder / "style.png")


def iteration_times(runner: Runner, gflop: float) -> list[Figure]:
    """Return seconds per iteration, memory and start-up: A B C A B C ..., each in a new process."""
    args, steps = runner.args, min(runner.args.timed_iterations, runner.args.iterations)
    runs: dict[tuple[str, str], list[dict]] = {}
    for _ in range(args.repeats):
        theirs = runner.pastiche(steps)
        same = runner.bowerbird("same", steps, args.precision)
        default = runner.bowerbird("default", steps, args.precision)
        precision = same["precision"]
        runs.setdefault(("pastiche", "its defaults"), []).append(theirs)
        runs.setdefault(("bowerbird", f"pastiche's objective, 1 scale, {precision}"), []).append(
            same
        )
        runs.setdefault(("bowerbird", f"default objective, 1 scale, {precision}"), []).append(
            default
        )
    figures = []
    first = next(iter(runs.values()))
    for (tool, setting), several in runs.items():
        values = [run["usual"] for run in several]
        speeds = [gflop / s for s in values]
        figures += [
            Figure(tool, setting, "an iteration", "s", values),
            Figure(tool, setting, "achieved", "GFLOP/s", speeds),
            Figure(tool, setting, "start-up", "s", [run["start_up"] for run in several]),
            Figure(
                tool, setting, f"peak memory, {steps} steps", "MB", [r["peak_mb"] for r in several]
            ),
        ]
        if several is not first:
            ratios = [a["usual"] / b["usual"] for a, b in zip(first, several, strict=True)]
            figures.append(Figure(tool, setting, "pastiche's iteration / ours", "x", ratios))
    return figures


def first_at_or_below(curve: list[Saved], loss: float) -> Saved | None:
    """Return the first saved picture that reaches a loss; nothing is interpolated."""
    return next((saved for saved in curve if saved.loss <= loss), None)


def times_to_loss(runner: Runner, bfloat16: bool) -> list[Figure]:
    """Return seconds to the losses that pastiche reaches, and draw both loss curves."""
    args = runner.args
    checkpoints = tuple({*(c for c in CHECKPOINTS if c < args.iterations), args.iterations})
    ours = runner.bowerbird("time-to-loss", args.final_iterations, args.precision, args.save_every)
    theirs = runner.pastiche(args.iterations, checkpoints)
    ours_curve, theirs_curve = runner.evaluate(ours), runner.evaluate(theirs)
    schedule = ", ".join(f"{steps} steps at {side} px" for side, steps in ours["schedule"])
    setting = f"pastiche's objective, range {args.range_weight:g}, {schedule}, {ours['precision']}"
    figures = []
    goals = [s for s in theirs_curve if s.step in (100, args.iterations)]
    for goal in goals:
        name = f"to pastiche's loss after {goal.step} of its steps"
        reached = [first_at_or_below(curve, goal.loss) for curve in (theirs_curve, ours_curve)]
        figures.append(
            Figure(
                "pastiche", "its defaults", f"pastiche's loss, {goal.step} steps", "", [goal.loss]
            )
        )
        figures += times(name, setting, (theirs, ours), reached)
    # the hardest goal: the loss of pastiche's picture before values are clipped on saving
    strict = first_at_or_below(ours_curve, theirs["losses"][-1])
    name = f"to the loss of pastiche's unclipped picture, {args.iterations} steps"
    figures += times(name, setting, (theirs, ours), [theirs_curve[-1], strict])
    steps = {"pastiche": (theirs, "its defaults"), "bowerbird": (ours, setting)}
    for tool, (run, its_setting) in steps.items():
        name = f"peak memory, {len(run['seconds'])} steps"
        figures.append(Figure(tool, its_setting, name, "MB", [run["peak_mb"]]))
    figures += precisions(runner, bfloat16, ours["precision"], ours_curve)
    chart(runner, (ours, ours_curve), (theirs, theirs_curve))
    return figures


def times(
    name: str, setting: str, runs: tuple[dict, dict], reached: list[Saved | None]
) -> list[Figure]:
    """Return both tools' seconds to a loss and their ratios, without and with start-up."""
    figures, seconds = [], []
    labels = (("pastiche", "its defaults"), ("bowerbird", setting))
    for (tool, its_setting), run, saved in zip(labels, runs, reached, strict=True):
        elapsed = [saved.seconds] if saved else []
        seconds.append((elapsed, [s + run["start_up"] for s in elapsed]))
        figures.append(Figure(tool, its_setting, name, "s", elapsed))
    for i, words in enumerate(("without start-up", "with start-up")):
        both = zip(seconds[0][i], seconds[1][i], strict=False)
        ratios = [theirs / ours for theirs, ours in both]
        figures.append(
            Figure("bowerbird", setting, f"{name}: pastiche's time / ours, {words}", "x", ratios)
        )
    return figures


def precisions(
    runner: Runner, bfloat16: bool, precision_of_ours: str, ours_curve: list[Saved]
) -> list[Figure]:
    """Return pastiche's loss after the same steps in float32 and in bfloat16."""
    figures, ends = [], {precision_of_ours: ours_curve[-1].loss}
    for precision in ("float32", "bfloat16"):
        if precision not in ends and bfloat16:
            run = runner.bowerbird(
                "time-to-loss",
                runner.args.final_iterations,
                precision,
                runner.args.final_iterations,
            )
            ends[precision] = runner.evaluate(run)[-1].loss
        values = [ends[precision]] if precision in ends else []
        name = f"pastiche's loss, {runner.args.final_iterations} final steps"
        figures.append(Figure("bowerbird", f"time to loss, {precision}", name, "", values))
    return figures


def chart(runner: Runner, ours: tuple[dict, list[Saved]], theirs: tuple[dict, list[Saved]]) -> None:
    """Draw pastiche's loss against seconds since each program was started."""

    def points(run: dict, curve: list[Saved]) -> list[tuple[float, float]]:
        return [(run["start_up"] + saved.seconds, saved.loss) for saved in curve]

    marks = {
        i: f"{saved.step} steps" if saved.step > 1 else "1 step"
        for i, saved in enumerate(theirs[1])
        if saved.step in (1, 10, 100, runner.args.iterations)
    }
    last = len(ours[1]) - 1
    draw(
        runner.args.output / "curves.png",
        [
            Curve(f"pastiche {version('pastiche')}", "#b0413e", points(*theirs), marks),
            Curve(
                f"bowerbird, pastiche's objective, {len(ours[0]['schedule'])} scales",
                "#1f6f8b",
                points(*ours),
                {last: f"{ours[1][last].step} steps"},
            ),
        ],
        f"One photograph at {runner.args.size} px on {os.cpu_count()} cores of {processor()}",
        "seconds since the program was started (saving excluded)",
        "pastiche's loss of the saved picture",
    )


def lower_bound(machine: dict) -> list[Figure]:
    """Return the work of an iteration and how fast this machine could do it."""
    tool, setting = "this machine", f"{machine['threads']} threads"
    work = "VGG-19 to relu5_1, forward and backward to the picture"
    figures = [Figure(tool, work, "work an iteration", "GFLOP", [machine["gflop"]])]
    for name, rates in machine["rates"].items():
        figures.append(Figure(tool, setting, f"matrix product, {name}", "GFLOP/s", rates))
        seconds = [machine["gflop"] / rate for rate in rates]
        figures.append(Figure(tool, setting, f"that work at the rate of {name}", "s", seconds))
    return figures


def arguments() -> argparse.Namespace:
    """Parse the flags; the defaults are the full benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flag = parser.add_argument
    flag("--size", type=int, default=512, help="long side of both pictures, in px")
    flag("--content", type=Path, help="another photograph than scikit-image's astronaut")
    flag("--style", type=Path, help="another painting than the plate swirls")
    flag("--repeats", type=int, default=3, help="interleaved runs for seconds per iteration")
    flag("--timed-iterations", type=int, default=21, help="of each of those (21 fill our history)")
    flag("--iterations", type=int, default=300, help="steps of pastiche")
    flag("--final-iterations", type=int, default=60, help="our steps at the final scale")
    flag("--coarse-iterations", type=int, default=30, help="our steps at half the size")
    flag("--num-scales", type=int, default=0, help="our scales; 0: all, the default")
    flag("--range-weight", type=float, default=1e9, help="our penalty outside 0..255")
    flag("--save-every", type=int, default=1, help="our final steps between saved pictures")
    flag("--precision", default="auto", help="ours: auto, float32 or bfloat16")
    flag("--threads", type=int, default=0, help="threads of every run; 0 is torch's own number")
    flag("--output", type=Path, default=HERE, help="folder of results.csv and curves.png")
    flag("--keep", type=Path, help="folder for the saved pictures")
    return parser.parse_args()


def main() -> None:
    """Run all measurements and report them."""
    args = arguments()
    if os.getloadavg()[0] > 0.3:
        print("warning: this machine is busy, so the times are unreliable", file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        for needed in (folder, args.output):
            needed.mkdir(parents=True, exist_ok=True)
        runner = write_inputs(args, folder)
        with Image.open(runner.content) as photograph:
            width, height = photograph.size
        machine = runner.run("machine", shape=(height, width))
        figures = [
            *lower_bound(machine),
            *iteration_times(runner, machine["gflop"]),
            *times_to_loss(runner, machine["bfloat16"]),
        ]
    figures = [replace(f, setting=f"{width} x {height} px, {f.setting}") for f in figures]
    append(args.output / "results.csv", machine["torch"], figures)
    print(conditions(machine["torch"], machine["threads"], ("bowerbird", "pastiche")))
    print(table(figures))


if __name__ == "__main__":
    main()
