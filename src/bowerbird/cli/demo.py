"""``bowerbird demo``."""

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from bowerbird.cli.options import RUN, CommonOptions, Device
from bowerbird.cli.report import notify, report


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class DemoOptions(CommonOptions):
    """Options of the demo."""

    output: Path = Path("demo")
    """Folder to write; its page is index.html."""
    seed: int = 0
    """Seed of every random choice."""
    device: Device = "auto"


def demo(*, run: DemoOptions = DemoOptions()) -> int:
    """Make one example of everything, from built-in material, in a folder with a web page."""
    folder = run.output
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; give --output another name")
    if not run.force and folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty; add --force to write into it")

    from bowerbird.cli.progress import follow
    from bowerbird.demo.page import DemoConfig, demo_steps
    from bowerbird.learning.device import select_compute

    select_compute(run.device)  # refuses an unknown device before the folder is made
    config = DemoConfig(seed=run.seed, device=run.device)
    work = follow(demo_steps(folder, config), (), lambda step: "", quiet=run.quiet)

    page = folder / "index.html"
    if work.ended:
        notify(f"{work.ended} at step {work.last.number}; {folder} is incomplete")
        return work.exit_code()
    facts = {"output": str(page), "seconds": work.last.seconds, "steps": work.last.number}
    report(facts, f"{page}: open it in a browser", json=run.json, quiet=run.quiet)
    return 0
