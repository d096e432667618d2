"""One measurement in a process of its own, so that no tool inherits memory or caches from another.

Started by bench.py as ``python child.py '{"job": ..., ...}'``; the last line it prints is JSON.
Nothing heavy is imported before the clock starts: imports are part of a tool's start-up.
"""

# ruff: noqa: PLC0415

import json
import resource
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from bowerbird.image.config import TransferConfig

FLOP_PER_MAC = 2
PASSES = 2  # forward, and backward with respect to the features (the weights are constant)


def peak_mb() -> float:
    """Return the most memory that this process has held, in MB (10^6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def set_threads(spec: dict) -> int:
    """Set the number of threads of torch, or leave its default; return the number."""
    import torch

    if spec["threads"]:
        torch.set_num_threads(spec["threads"])
    return torch.get_num_threads()


def pastiche(spec: dict) -> dict:
    """Run pastiche as its own command does: L-BFGS, its own loading, saving and defaults."""
    began = time.perf_counter()
    from pastiche.pastiche import PasticheArtist, save_image

    threads = set_threads(spec)
    size = spec["size"]
    # size and style_size are the files' long sides: nothing is resized
    artist = PasticheArtist(
        spec["content"], [spec["style"]], device="cpu", size=size, style_size=size
    )
    start_up = time.perf_counter() - began
    check_sizes(spec, [artist.content_size, *artist.style_sizes])
    seconds, losses, pictures = [], [], {}
    for step in range(1, spec["iterations"] + 1):
        before = time.perf_counter()
        artist.draw()
        seconds.append(time.perf_counter() - before)
        losses.append(artist.loss)
        if step in spec["checkpoints"]:
            pictures[step] = f"{spec['folder']}/pastiche-{step:04d}.png"
            save_image(artist.pastiche, pictures[step])
    peak = peak_mb()
    artist.draw()  # draw() evaluates, then steps: a picture's loss is known one call later
    losses.append(artist.loss)
    return {
        "start_up": start_up,
        "seconds": seconds,
        "usual": median(seconds),
        "losses": losses[1:],
        "pictures": pictures,
        "peak_mb": peak,
        "threads": threads,
        "precision": "float32",
    }


def check_sizes(spec: dict, sizes: list) -> None:
    """Stop unless a tool uses the photograph and the painting at their (height, width)."""
    from PIL import Image

    for name, (height, width) in zip(("content", "style"), sizes, strict=True):
        with Image.open(spec[name]) as image:
            if image.size != (width, height):
                raise SystemExit(
                    f"the {name} has {image.size} px, but {width} x {height} were used"
                )


def settings(spec: dict) -> "TransferConfig":
    """Return the configuration of a named setting."""
    from dataclasses import replace

    from bowerbird.image.config import TransferConfig
    from bowerbird.image.presets import PRESETS

    common = {"size": spec["size"], "iterations": spec["iterations"], "device": "cpu"}
    if spec["setting"] == "default":
        return TransferConfig(num_scales=1, precision=spec["precision"], **common)
    theirs = replace(PRESETS["pastiche"], precision=spec["precision"], num_scales=1, **common)
    if spec["setting"] == "same":
        return theirs
    return replace(
        theirs,
        num_scales=spec["num_scales"],
        coarse_iterations_ratio=spec["coarse_iterations"] / spec["iterations"],
        objective=replace(theirs.objective, range_weight=spec["range_weight"]),
    )


def bowerbird(spec: dict) -> dict:
    """Run Bowerbird; the clock stops while pictures are saved, as it does for pastiche.

    The first item of the generator takes the time of opening the network, of the targets and of
    one step: the median time of a step at that scale counts as the step, the rest as start-up. At
    later scales the targets count as part of the first step.
    """
    began = time.perf_counter()
    from bowerbird.image.style_transfer import transfer_steps
    from bowerbird.learning.device import select_compute
    from bowerbird.pictures.reading import read_picture
    from bowerbird.pictures.writing import write_picture

    threads = set_threads(spec)
    content, style = (read_picture(Path(spec[name])).rgb for name in ("content", "style"))
    config = settings(spec)
    steps = transfer_steps(content, [style], config)
    start_up = time.perf_counter() - began
    seconds, losses, sides, pictures = [], [], [], {}
    while True:
        before = time.perf_counter()
        step = next(steps, None)
        elapsed = time.perf_counter() - before
        if step is None:
            break
        seconds.append(elapsed)
        losses.append(step.losses["total"])
        sides.append(max(step.preview.shape))
        final = sides.count(spec["size"])
        if spec["every"] and final and (final % spec["every"] == 0 or step.number == step.total):
            pictures[step.number] = f"{spec['folder']}/bowerbird-{step.number:04d}.png"
            write_picture(Path(pictures[step.number]), step.preview)
    first = [s for s, side in zip(seconds, sides, strict=True) if side == sides[0]]
    usual_first = median(first[1:] or first)
    start_up += max(0.0, seconds[0] - usual_first)
    seconds[0] = min(seconds[0], usual_first)
    last = [s for s, side in zip(seconds, sides, strict=True) if side == spec["size"]]
    return {
        "start_up": start_up,
        "seconds": seconds,
        "usual": median(last[1:] or last),
        "schedule": [(side, sides.count(side)) for side in dict.fromkeys(sides)],
        "losses": losses,
        "pictures": pictures,
        "peak_mb": peak_mb(),
        "threads": threads,
        "precision": str(select_compute("cpu", config.precision).dtype).removeprefix("torch."),
    }


def evaluate(spec: dict) -> dict:
    """Return pastiche's own loss, in float32, of saved pictures.

    One PasticheArtist evaluates all pictures, which avoids decoding the weights again; the last
    picture is evaluated by a second one as well, to check that this makes no difference.
    """
    import torch
    from pastiche.pastiche import PasticheArtist, load_image

    set_threads(spec)
    paths, size = spec["pictures"], spec["size"]

    def artist_for(path: str) -> PasticheArtist:
        return PasticheArtist(
            spec["content"], [spec["style"]], init=path, device="cpu", size=size, style_size=size
        )

    artist = artist_for(paths[0])
    losses = [artist.loss]
    for path in paths[1:]:
        with torch.no_grad():
            artist.pastiche.copy_(load_image(path, size=artist.content_size))
            losses.append(artist._calc_loss().item())
    if abs(artist_for(paths[-1]).loss - losses[-1]) > 1e-5 * losses[-1]:
        raise SystemExit("the evaluation is inconsistent: the same picture has two losses")
    return {"losses": losses}


def machine(spec: dict) -> dict:
    """Return the work of an iteration and how fast this machine multiplies matrices."""
    import torch

    from bowerbird.networks.vgg_layers import BLOCKS, WIDTHS, layer_names, stride

    threads = set_threads(spec)
    height, width = spec["shape"]
    names = layer_names("vgg19")
    macs, channels = 0, 3
    for name in names[: names.index("conv5_1") + 1]:
        if name.startswith("conv"):
            outputs = WIDTHS[int(name[4]) - 1]
            positions = (height // stride(name)) * (width // stride(name))
            macs += 9 * channels * outputs * positions
            channels = outputs
    assert sum(BLOCKS["vgg19"]) == 16, "not VGG-19"
    has_bfloat16 = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    rates = {f"float32 {n}": product_rates(torch.float32, n) for n in (1024, 2048)}
    if has_bfloat16:
        rates["bfloat16 2048"] = product_rates(torch.bfloat16, 2048)
    return {
        "gflop": macs * FLOP_PER_MAC * PASSES / 1e9,
        "rates": rates,
        "bfloat16": has_bfloat16,
        "torch": torch.__version__,
        "threads": threads,
    }


def product_rates(dtype: "torch.dtype", n: int, times: int = 10) -> list[float]:
    """Return GFLOP/s of an (n, n) matrix product, each of several times."""
    import torch

    a, b = torch.rand(n, n).to(dtype), torch.rand(n, n).to(dtype)
    rates = []
    for _ in range(times + 1):
        before = time.perf_counter()
        torch.mm(a, b)
        rates.append(FLOP_PER_MAC * n**3 / (time.perf_counter() - before) / 1e9)
    return rates[1:]  # the first one warms up


if __name__ == "__main__":
    JOBS = {f.__name__: f for f in (pastiche, bowerbird, evaluate, machine)}
    SPEC = json.loads(sys.argv[1])
    print(json.dumps(JOBS[SPEC["job"]](SPEC)))
