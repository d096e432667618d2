"""Text in the demo: the Shakespeare model continues three prompts."""

import html
import time
from collections.abc import Generator
from pathlib import Path

from bowerbird.demo.page import DemoConfig
from bowerbird.learning.config import SamplingConfig
from bowerbird.learning.step import Step
from bowerbird.text.config import GenerateConfig
from bowerbird.text.generator import load

PROMPTS = ("Second Witch:", "JULIET:", "KING HENRY:")
LENGTH = 420  # characters of each text


def text_section(output: Path, config: DemoConfig) -> Generator[Step, None, str]:
    """Continue three prompts with the Shakespeare model."""
    generator, began = load("shakespeare", "cpu"), time.perf_counter()
    settings = GenerateConfig(LENGTH, sampling=SamplingConfig(temperature=0.7, seed=config.seed))
    rows = []
    for number, prompt in enumerate(PROMPTS, 1):
        start = time.perf_counter()
        text = prompt + generator.generate(prompt, settings)[0]
        took = time.perf_counter() - start
        text = text[: text.rstrip().rfind("\n")]  # up to its last whole line
        command = f'bowerbird text write shakespeare --prompt "{prompt}" --length {LENGTH}'
        rows.append(
            f"""
    <article class="text">
      <blockquote>{html.escape(text)}</blockquote>
      <p class="caption">{LENGTH} characters in {took:.2f} s</p>
      <pre><code>{html.escape(command)} --temperature 0.7 --seed {config.seed}</code></pre>
    </article>"""
        )
        yield Step(number, len(PROMPTS), {}, time.perf_counter() - began)
    return f"""  <section>
    <h2>Text</h2>
    <p>A recurrent network was trained on Shakespeare's plays to predict the next character. It
    continues the names below.</p>
    <div class="texts">{"".join(rows)}</div>
  </section>"""
