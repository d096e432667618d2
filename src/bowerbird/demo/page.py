"""The demo's page: sections, each a generator of Steps that returns its part of the page."""

import html
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from bowerbird.domain import resolve
from bowerbird.files.atomic_write import atomic_write
from bowerbird.learning.step import Step
from bowerbird.registry import DOMAINS

# CC0: S. van der Walt (chelsea), R. Michetti (coffee); CC BY 4.0: digits of E. Alpaydin and
# C. Kaynak, UCI (page, made by benchmarks/digits/synthetic_pages.py)
PHOTOS = Path(__file__).parent / "photos"


@dataclass(frozen=True)
class DemoConfig:
    """Settings of the demo."""

    size: int = 448
    """Long side of the transferred pictures in px; two of them take two minutes on two cores."""
    iterations: int = 40
    """Steps of optimization of each picture at its final scale."""
    seed: int = 0
    """Seed of every random choice."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""


def copy(source: Path, path: Path) -> None:
    """Copy a file, whole or not at all."""
    with atomic_write(path) as part:
        shutil.copyfile(source, part)


MakeArticle = Callable[[Path, DemoConfig], str]


def article(name: str, command: str, caption: str) -> str:
    """Return the part of the page with a picture in the demo's folder, and its command."""
    return f"""
    <article class="wide">
      <figure><img src="{name}" alt="{html.escape(caption)}">
        <figcaption>{html.escape(caption)}</figcaption></figure>
      <pre><code>{html.escape(command)}</code></pre>
    </article>"""


def gallery(
    head: str, makers: Sequence[MakeArticle], output: Path, config: DemoConfig
) -> Generator[Step, None, str]:
    """Make one article a step; return a section of the page with ``head``, then the articles."""
    began, articles = time.perf_counter(), []
    for number, make in enumerate(makers, 1):
        articles.append(make(output, config))
        yield Step(number, len(makers), {}, time.perf_counter() - began)
    return f"  <section>\n{head}{''.join(articles)}\n  </section>"


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
