"""The chapter of pictures: a photograph in the manner of two plates."""

import html
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from bowerbird.demo.section import TourConfig, copy
from bowerbird.learning.step import Step
from bowerbird.plates import PlateName, plate_path

PAINTINGS: tuple[tuple[PlateName, str], ...] = (
    ("swirls", "oil paint in whirling strokes"),
    ("mosaic", "tesserae of stone and gold"),
)


@dataclass(frozen=True)
class _Painted:
    """One result of the picture chapter, as the page shows it."""

    plate: PlateName
    manner: str
    command: str
    caption: str


def pictures(output: Path, tour: TourConfig) -> Generator[Step, None, str]:
    """Paint a photograph in the manner of two plates."""
    # pictures need torch, which takes a second to import: not before they are made
    from bowerbird.image.transfer import TransferConfig, transfer_steps
    from bowerbird.pictures.reading import read_picture
    from bowerbird.pictures.writing import write_picture

    side, steps = tour.side, tour.steps
    config = TransferConfig(size=side, iterations=steps, seed=tour.seed, device=tour.device)
    copy(Path(str(files("skimage") / "data" / "chelsea.png")), output / "chelsea.png")
    photograph = read_picture(output / "chelsea.png").rgb
    painted: list[_Painted] = []
    began = time.perf_counter()
    before, total = 0, len(PAINTINGS) * sum(count for _, count in config.ladder(side))
    for plate, manner in PAINTINGS:
        copy(plate_path(plate), output / f"{plate}.jpg")
        painting = read_picture(output / f"{plate}.jpg").rgb
        step, start = None, time.perf_counter()
        for step in transfer_steps(photograph, [painting], config):
            seconds = time.perf_counter() - began
            yield replace(step, number=before + step.number, total=total, seconds=seconds)
        assert step is not None
        assert step.preview is not None
        before += step.number
        name = f"chelsea-{plate}.png"
        write_picture(output / name, step.preview)
        took = time.perf_counter() - start
        command = (
            f"bowerbird image transfer chelsea.png {plate}.jpg -o {name} "
            f"--size {side} --iterations {steps}"
        )
        painted.append(_Painted(plate, manner, command, f"{step.number} steps, {took:.0f} s"))
    return _picture_section(painted)


def _picture_section(painted: list[_Painted]) -> str:
    rows = []
    for p in painted:
        rows.append(
            f"""
    <article>
      <figure class="result"><img src="chelsea-{p.plate}.png" alt="the cat in this manner">
        <figcaption>{html.escape(p.caption)}</figcaption></figure>
      <div class="inputs">
        <figure><img src="chelsea.png" alt="a cat">
          <figcaption>the photograph</figcaption></figure>
        <figure><img src="{p.plate}.jpg" alt="{html.escape(p.manner)}">
          <figcaption>the painting: {html.escape(p.manner)}</figcaption></figure>
      </div>
      <pre><code>{html.escape(p.command)}</code></pre>
    </article>"""
        )
    return f"""  <section>
    <h2>Pictures</h2>
    <p>A photograph in the manner of a painting. A network that learned to see is asked what it sees
    in the photograph and in the painting; then the pixels of a third picture are changed until it
    has the forms of the one and the textures of the other.</p>{"".join(rows)}
  </section>"""
