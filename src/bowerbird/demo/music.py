"""Music in the demo: the model of Scottish tunes composes a reel and a jig."""

import time
from collections.abc import Generator
from pathlib import Path

from bowerbird.demo.page import DemoConfig
from bowerbird.learning.sequences.sampling import SamplingConfig
from bowerbird.learning.step import Step
from bowerbird.music.composer import load
from bowerbird.music.config import ComposeConfig
from bowerbird.music.render.output import piece_of, write_output
from bowerbird.music.render.page import asset, fragment

TUNES = (("reel", "D", "4/4"), ("jig", "G", "6/8"))  # name, key, meter


def music_section(output: Path, config: DemoConfig) -> Generator[Step, None, str]:
    """Compose a reel and a jig, to hear and to read."""
    composer, began = load("scottish", "cpu"), time.perf_counter()
    parts = []
    for number, (name, key, meter) in enumerate(TUNES, 1):
        sampling = SamplingConfig(temperature=0.8, seed=config.seed)
        settings = ComposeConfig(32, key=key, meter=meter, best_of=4, sampling=sampling)
        score = composer.compose(settings)[0].score
        write_output(output / f"{name}.mid", score)
        command = (
            f"bowerbird music compose scottish -o {name}.mid --key {key} --meter {meter} "
            f"--best-of 4 --temperature 0.8 --seed {config.seed} --page"
        )
        title = f"A {name} in {key}"
        parts.append(fragment(piece_of(score, title, command), number=number))
        yield Step(number, len(TUNES), {}, time.perf_counter() - began)
    return f"""  <section>
    <style>{asset("page.css")}</style>
    <h2>Music</h2>
    <p>A recurrent network was trained on 1,410 Scottish airs, strathspeys, reels and flings to
    predict the next note. These two tunes are new; press play, or click a note.</p>{"".join(parts)}
    <script>{asset("page.js")}</script>
  </section>"""
