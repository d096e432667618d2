"""The chapter of text: the writer that comes with the package goes on from three openings."""

import html
import time
from collections.abc import Generator
from pathlib import Path

from bowerbird.demo.section import TourConfig
from bowerbird.learning.step import Step

OPENINGS = ("Second Witch:", "JULIET:", "KING HENRY:")
SIGNS = 420  # characters of each text


def texts(output: Path, tour: TourConfig) -> Generator[Step, None, str]:
    """Let the writer that comes with the package go on from three openings."""
    from bowerbird.learning.sampling import SamplingConfig
    from bowerbird.text.generator import GenerateConfig, open_writer

    writer, began = open_writer("shakespeare", "cpu"), time.perf_counter()
    config = GenerateConfig(SIGNS, sampling=SamplingConfig(temperature=0.7, seed=tour.seed))
    rows = []
    for number, opening in enumerate(OPENINGS, 1):
        start = time.perf_counter()
        text = opening + writer.write(opening, config)[0]
        took = time.perf_counter() - start
        text = text[: text.rstrip().rfind("\n")]  # up to its last whole line
        command = f'bowerbird text write shakespeare --prompt "{opening}" --length {SIGNS}'
        rows.append(
            f"""
    <article class="text">
      <blockquote>{html.escape(text)}</blockquote>
      <p class="caption">{SIGNS} characters in {took:.2f} s</p>
      <pre><code>{html.escape(command)} --temperature 0.7 --seed {tour.seed}</code></pre>
    </article>"""
        )
        yield Step(number, len(OPENINGS), {}, time.perf_counter() - began)
    return f"""  <section>
    <h2>Text</h2>
    <p>A recurrent network has read Shakespeare's plays, one character at a time, and learned what
    tends to come next. It goes on from the names below.</p>
    <div class="texts">{"".join(rows)}</div>
  </section>"""
