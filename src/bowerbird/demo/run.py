"""The tour: one chapter after the other, then the page that shows what they made.

A craft adds itself by adding its chapter to CHAPTERS.
"""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from bowerbird.demo.image import pictures
from bowerbird.demo.music import tunes
from bowerbird.demo.prediction import predictions
from bowerbird.demo.section import Chapter, TourConfig
from bowerbird.demo.text import texts
from bowerbird.demo.vision import sights
from bowerbird.learning.atomic_write import atomic_write
from bowerbird.learning.step import Step

CHAPTERS: tuple[Chapter, ...] = (pictures, texts, tunes, sights, predictions)


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
    frame = (files("bowerbird.demo") / "page.html").read_text(encoding="utf-8")
    page = frame.replace("<!-- chapters -->", "\n".join(sections))
    with atomic_write(output / "index.html") as part:
        part.write_text(page, encoding="utf-8")
