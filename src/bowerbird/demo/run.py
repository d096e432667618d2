"""The demo: one section after the other, then the page that shows their results."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from bowerbird.demo.section import DemoConfig
from bowerbird.domain import resolve
from bowerbird.files.atomic_write import atomic_write
from bowerbird.learning.step import Step
from bowerbird.registry import DOMAINS


def demo_steps(output: Path, config: DemoConfig | None = None) -> Iterator[Step]:
    """Yield the steps of all sections; at the end ``output / "index.html"`` shows the results.

    An older page is deleted first, as its pictures are overwritten. Raises OSError if the folder
    can't be written.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / "index.html").unlink(missing_ok=True)
    sections = []
    for domain in DOMAINS:
        sections.append((yield from resolve(domain.demo)(output, config or DemoConfig())))
    frame = (files("bowerbird.demo") / "page.html").read_text(encoding="utf-8")
    page = frame.replace("<!-- sections -->", "\n".join(sections))
    with atomic_write(output / "index.html") as part:
        part.write_text(page, encoding="utf-8")
