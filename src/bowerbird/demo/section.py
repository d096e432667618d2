"""A chapter of the tour: a generator of Steps that ends by returning its part of the page."""

import html
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bowerbird.learning.atomic_write import atomic_write
from bowerbird.learning.step import Step


@dataclass(frozen=True)
class TourConfig:
    """How the tour is made."""

    side: int = 448
    """Long side of its pictures in px; two of them take two minutes on two cores."""
    steps: int = 40
    """Steps of descent of each picture at its final scale."""
    seed: int = 0
    """Seed of whatever begins with chance."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""


Chapter = Callable[[Path, TourConfig], Generator[Step, None, str]]


def copy(source: Path, path: Path) -> None:
    """Copy a file, whole or not at all."""
    with atomic_write(path) as part:
        shutil.copyfile(source, part)


@dataclass(frozen=True)
class Shown:
    """One picture of a chapter that shows one below the other."""

    name: str
    """File in the tour's folder."""
    command: str
    caption: str


Job = Callable[[Path, TourConfig], Shown]


def gallery(
    head: str, jobs: Sequence[Job], output: Path, tour: TourConfig
) -> Generator[Step, None, str]:
    """Do each job, a step each; return a section of the page with ``head``, then the pictures."""
    began, articles = time.perf_counter(), []
    for number, job in enumerate(jobs, 1):
        one = job(output, tour)
        articles.append(
            f"""
    <article class="wide">
      <figure><img src="{one.name}" alt="{html.escape(one.caption)}">
        <figcaption>{html.escape(one.caption)}</figcaption></figure>
      <pre><code>{html.escape(one.command)}</code></pre>
    </article>"""
        )
        yield Step(number, len(jobs), {}, time.perf_counter() - began)
    return f"  <section>\n{head}{''.join(articles)}\n  </section>"
