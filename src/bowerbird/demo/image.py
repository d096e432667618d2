"""Pictures in the demo: a photograph in the style of two plates."""

import html
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from bowerbird.demo.page import PHOTOS, DemoConfig, copy
from bowerbird.image.config import TransferConfig
from bowerbird.image.style_transfer import transfer_steps
from bowerbird.learning.step import Step
from bowerbird.pictures.reading import read_picture
from bowerbird.pictures.writing import write_picture
from bowerbird.plates import PlateName, plate_path

STYLES: tuple[tuple[PlateName, str], ...] = (
    ("swirls", "oil paint in whirling strokes"),
    ("mosaic", "tesserae of stone and gold"),
)


def image_section(output: Path, config: DemoConfig) -> Generator[Step, None, str]:
    """Give a photograph the style of two plates."""
    size, iterations = config.size, config.iterations
    settings = TransferConfig(
        size=size, iterations=iterations, seed=config.seed, device=config.device
    )
    copy(PHOTOS / "chelsea.jpg", output / "chelsea.jpg")
    photograph = read_picture(output / "chelsea.jpg").rgb
    articles = []
    began = time.perf_counter()
    before, total = 0, len(STYLES) * sum(count for _, count in settings.scale_schedule(size))
    for plate, style in STYLES:
        copy(plate_path(plate), output / f"{plate}.jpg")
        style_picture = read_picture(output / f"{plate}.jpg").rgb
        step, start = None, time.perf_counter()
        for step in transfer_steps(photograph, [style_picture], settings):
            seconds = time.perf_counter() - began
            yield replace(step, number=before + step.number, total=total, seconds=seconds)
        assert step is not None
        assert step.preview is not None
        before += step.number
        write_picture(output / f"chelsea-{plate}.png", step.preview)
        took = time.perf_counter() - start
        command = (
            f"bowerbird image transfer chelsea.jpg {plate}.jpg -o chelsea-{plate}.png "
            f"--size {size} --iterations {iterations}"
        )
        articles.append(_article(plate, style, command, f"{step.number} steps, {took:.0f} s"))
    rows = "".join(articles)
    return f"""  <section>
    <h2>Pictures</h2>
    <p>A photograph in the style of a painting. A network that was trained to recognize objects
    computes features of the photograph and of the painting; then the pixels of a third picture are
    optimized until it has the forms of the one and the textures of the other.</p>{rows}
  </section>"""


def _article(plate: PlateName, style: str, command: str, caption: str) -> str:
    return f"""
    <article>
      <figure class="result"><img src="chelsea-{plate}.png" alt="the cat in this style">
        <figcaption>{html.escape(caption)}</figcaption></figure>
      <div class="inputs">
        <figure><img src="chelsea.jpg" alt="a cat">
          <figcaption>the photograph</figcaption></figure>
        <figure><img src="{plate}.jpg" alt="{html.escape(style)}">
          <figcaption>the painting: {html.escape(style)}</figcaption></figure>
      </div>
      <pre><code>{html.escape(command)}</code></pre>
    </article>"""
