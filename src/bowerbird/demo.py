"""The tour: every craft makes something, offline, into one folder with an index.html.

A chapter is a generator of Steps that ends by returning its part of the page; a craft adds itself
by adding its chapter to CHAPTERS.
"""

import html
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from bowerbird.learning.atomic import whole
from bowerbird.learning.step import Step
from bowerbird.plates import PlateName, plate_path


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

OPENINGS = ("Second Witch:", "JULIET:", "KING HENRY:")
SIGNS = 420  # characters of each text
TUNES = (("reel", "D", "4/4"), ("jig", "G", "6/8"))  # name, key, meter

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


def demo_steps(output: Path, config: TourConfig | None = None) -> Iterator[Step]:
    """Yield every step of the tour; when it ends, ``output / "index.html"`` shows it all.

    An older page goes first: it would show pictures that are made anew. Raises OSError if the
    folder can't be written.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / "index.html").unlink(missing_ok=True)
    sections = []
    for chapter in CHAPTERS:
        sections.append((yield from chapter(output, config or TourConfig())))
    page = _PAGE.replace("<!-- chapters -->", "\n".join(sections))
    with whole(output / "index.html") as part:
        part.write_text(page, encoding="utf-8")


def _pictures(output: Path, tour: TourConfig) -> Generator[Step, None, str]:
    """Paint a photograph in the manner of two plates."""
    # pictures need torch, which takes a second to import: not before they are made
    from bowerbird.image.transfer import TransferConfig, transfer_steps  # noqa: PLC0415
    from bowerbird.pictures.reading import read_picture  # noqa: PLC0415
    from bowerbird.pictures.writing import write_picture  # noqa: PLC0415

    side, steps = tour.side, tour.steps
    config = TransferConfig(size=side, iterations=steps, seed=tour.seed, device=tour.device)
    _copy(Path(str(files("skimage") / "data" / "chelsea.png")), output / "chelsea.png")
    photograph = read_picture(output / "chelsea.png").rgb
    painted: list[_Painted] = []
    began = time.perf_counter()
    before, total = 0, len(PAINTINGS) * sum(count for _, count in config.ladder(side))
    for plate, manner in PAINTINGS:
        _copy(plate_path(plate), output / f"{plate}.jpg")
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


def _copy(source: Path, path: Path) -> None:
    """Copy a file, whole or not at all."""
    with whole(path) as part:
        shutil.copyfile(source, part)


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


def _texts(output: Path, tour: TourConfig) -> Generator[Step, None, str]:
    """Let the writer that comes with the package go on from three openings."""
    from bowerbird.learning.sampling import SamplingConfig  # noqa: PLC0415
    from bowerbird.text.writer import WriteConfig, open_writer  # noqa: PLC0415

    writer, began = open_writer("shakespeare", "cpu"), time.perf_counter()
    config = WriteConfig(SIGNS, sampling=SamplingConfig(temperature=0.7, seed=tour.seed))
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


def _music(output: Path, tour: TourConfig) -> Generator[Step, None, str]:
    """Let the composer that comes with the package write a reel and a jig, to hear and to read."""
    from bowerbird.learning.sampling import SamplingConfig  # noqa: PLC0415
    from bowerbird.music.composer import ComposeConfig, open_composer  # noqa: PLC0415
    from bowerbird.music.output import piece_of, write_output  # noqa: PLC0415
    from bowerbird.music.page import asset, fragment  # noqa: PLC0415

    composer, began = open_composer("scottish", "cpu"), time.perf_counter()
    parts = []
    for number, (name, key, meter) in enumerate(TUNES, 1):
        sampling = SamplingConfig(temperature=0.8, seed=tour.seed)
        config = ComposeConfig(32, key=key, meter=meter, best_of=4, sampling=sampling)
        score = composer.compose(config)[0].score
        write_output(output / f"{name}.mid", score)
        command = (
            f"bowerbird music compose scottish -o {name}.mid --key {key} --meter {meter} "
            f"--best-of 4 --temperature 0.8 --seed {tour.seed} --page"
        )
        title = f"A {name} in {key}"
        parts.append(fragment(piece_of(score, title, command), number=number))
        yield Step(number, len(TUNES), {}, time.perf_counter() - began)
    return f"""  <section>
    <style>{asset("page.css")}</style>
    <h2>Music</h2>
    <p>A recurrent network has read 1,410 Scotch airs, strathspeys, reels and flings, note by note.
    These two tunes are new; press play, or click on a note.</p>{"".join(parts)}
    <script>{asset("page.js")}</script>
  </section>"""


CHAPTERS: tuple[Chapter, ...] = (_pictures, _texts, _music)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bowerbird: a tour</title>
<style>
  :root { --ink: #22252e; --faint: #6d7180; --paper: #f7f4ee; --blue: #1d4e89; --line: #ddd6c8; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #ece8df; --faint: #a09c92; --paper: #17181d; --blue: #8db8ea; --line: #34363f; }
  }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--paper); color: var(--ink);
         font: 18px/1.6 Georgia, "Iowan Old Style", "Times New Roman", serif; }
  main { max-width: 1080px; margin: 0 auto; padding: 4rem 1.5rem 6rem; }
  h1 { font-size: 3.2rem; line-height: 1.1; margin: 0; letter-spacing: -.02em; }
  h1 + p { font-size: 1.25rem; color: var(--faint); max-width: 40rem; margin: .8rem 0 0; }
  h2 { margin: 4rem 0 .5rem; font-size: 1.9rem; border-top: 1px solid var(--line);
       padding-top: 1.6rem; }
  section > p { max-width: 42rem; }
  article { display: grid; grid-template-columns: 2fr 1fr; gap: 1.2rem; margin: 2.4rem 0 0; }
  figure { margin: 0; }
  img { display: block; width: 100%; height: auto; border-radius: 3px;
        box-shadow: 0 1px 2px #0003, 0 8px 24px #0002; }
  figcaption { font-size: .85rem; color: var(--faint); margin-top: .5rem; }
  .inputs { display: grid; gap: 1.2rem; align-content: space-between; }
  pre { grid-column: 1 / -1; margin: 0; padding: .8rem 1rem; overflow-x: auto; font-size: .85rem;
        border: 1px solid var(--line); border-radius: 3px; color: var(--blue);
        font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
  .texts { display: grid; gap: 2.4rem;
         grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); }
  article.text { display: block; }
  blockquote { margin: 0; white-space: pre-wrap; font-style: italic; border-left: 3px solid
         var(--line); padding-left: 1.2rem; }
  .caption { font-size: .85rem; color: var(--faint); }
  article.bb-piece { display: block; }
  @media (max-width: 640px) { article { grid-template-columns: 1fr; }
    .inputs { grid-template-columns: 1fr 1fr; } h1 { font-size: 2.4rem; } }
</style>
</head>
<body>
<main>
  <h1>Bowerbird</h1>
  <p>gathers what it finds, learns the manner of it, and makes something new. Everything on this
  page was made on this machine, just now, with no network.</p>
<!-- chapters -->
</main>
</body>
</html>
"""
