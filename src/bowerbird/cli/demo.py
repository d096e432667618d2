"""``bowerbird demo``: the tour."""

import json as jsonlib
from pathlib import Path

from bowerbird.cli.errors import say
from bowerbird.cli.progress import follow
from bowerbird.cli.settings import Switch
from bowerbird.demo.run import demo_steps
from bowerbird.demo.section import TourConfig
from bowerbird.learning.device import select_compute


def demo(
    *,
    output: Path = Path("demo"),
    seed: int = 0,
    device: str = "auto",
    json: Switch = False,
    quiet: Switch = False,
    force: Switch = False,
) -> int:
    """Take the tour: everything, on built-in material, into one folder with a page.

    Parameters
    ----------
    output
        Folder to make; its page is index.html.
    seed
        Seed of whatever begins with chance.
    device
        auto, cpu, cuda, cuda:1, mps ...
    json
        Print one JSON object on standard output.
    quiet
        Show no progress.
    force
        Write into a folder that is not empty.
    """
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is not a folder; give --output another name")
    if not force and output.is_dir() and any(output.iterdir()):
        raise ValueError(f"{output} is not empty; add --force to write into it")

    select_compute(device)  # or refused, before a folder is made
    config = TourConfig(seed=seed, device=device)
    work = follow(demo_steps(output, config), (), lambda step: "", quiet=quiet)

    page = output / "index.html"
    if work.ended:
        say(f"{work.ended} at step {work.last.number}; {output} is not complete")
        return work.exit_code()
    if json:
        facts = {"output": str(page), "seconds": work.last.seconds, "steps": work.last.number}
        print(jsonlib.dumps(facts))  # noqa: T201
    elif not quiet:
        print(f"{page}: open it in a browser")  # noqa: T201
    return 0
