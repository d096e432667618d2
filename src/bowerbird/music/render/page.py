"""A web page with player, sheet music and piano roll: one file that needs no network.

Notes are highlighted on the sheet and the roll while they sound; a click on either plays from
there. The script `page.js` and the style sheet `page.css` are part of the page. It follows the
reader's light or dark scheme, and has a second, narrow layout of the sheet for phones. Each piece
is an HTML fragment (`fragment`), which other pages can use.
"""

import base64
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from symusic import Score

from bowerbird.files.atomic_write import atomic_write
from bowerbird.music.config import PageConfig, Paper, RollConfig
from bowerbird.music.formats.musicxml_writer import to_musicxml
from bowerbird.music.notation.measures import measures_of
from bowerbird.music.render.engraving import engrave_musicxml
from bowerbird.music.render.pianoroll import draw_roll
from bowerbird.music.render.synthesizer import leading_silence, write_sound
from bowerbird.music.score.tempo import seconds_of, tempo_map

_MAX_SECONDS = 1800.0  # half an hour of MP3 is 30 MB of page
_ROLL_WIDTH = 1100  # px
_PAPERS: tuple[Paper, ...] = ("scroll", "phone")
_MEDIA_TYPES = {
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".flac": "audio/flac",
    ".wav": "audio/wav",
}


@dataclass(frozen=True)
class Piece:
    """A piece on a page."""

    title: str
    score: Score
    """As written, for the sheet and the roll."""
    caption: str = ""
    """A line under the title."""
    played: "Score | None" = None
    """With repeats played, for the audio; None plays it as written."""
    stretches: tuple[tuple[int, int], ...] = ()
    """First and last tick of the passages of `score` in the order of `played`; empty for all."""


def write_page(
    path: Path, title: str, pieces: Sequence[Piece], config: PageConfig | None = None
) -> int:
    """Write a page of pieces, atomically, and return its size in bytes.

    Raises `ValueError` for no piece, one without notes, or one of more than half an hour, and
    `OSError` if the file can't be written.
    """
    if not pieces:
        raise ValueError("a page needs at least one piece")
    config = config or PageConfig()
    single = len(pieces) == 1 and pieces[0].title == title  # which is then the page's title
    parts = [fragment(p, config, number=n, level=2 - single) for n, p in enumerate(pieces, 1)]
    if not single:
        parts.insert(0, f"<h1>{escape(title)}</h1>")
    text = _PAGE.format(
        title=escape(title), style=asset("page.css"), script=asset("page.js"), body="".join(parts)
    )
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")
    return len(text.encode())


def fragment(
    piece: Piece, config: PageConfig | None = None, *, number: int = 1, level: int = 2
) -> str:
    """Return a piece as an <article>; its page needs the `asset` page.css and page.js once.

    `number` must differ between the pieces of a page; `level` is that of the heading. Raises
    `ValueError` as `write_page`.
    """
    config = config or PageConfig()
    played = piece.played or piece.score
    if seconds_of(played) > _MAX_SECONDS:
        raise ValueError(
            f"{piece.title} is longer than half an hour; write an audio file and a sheet instead"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"piece{config.audio}"
        seconds = write_sound(file, played, config.sound)
        audio = base64.b64encode(file.read_bytes()).decode()
    text = to_musicxml(piece.score, accompaniment=config.sheet.accompaniment)
    papers = [replace(config.sheet, title="", paper=paper) for paper in _PAPERS]
    measures = measures_of(piece.score)
    sheets = [
        engrave_musicxml(text, p, measures, seed=4 * number + i) for i, p in enumerate(papers)
    ]
    roll = draw_roll(piece.score, RollConfig(width=_ROLL_WIDTH))
    data: dict[str, Any] = {
        "leadingSilence": round(leading_silence(played), 4),
        "tempo": _tempo_map(played),
        "stretches": _stretches(piece, played),
        "sheets": [sheet.onsets for sheet in sheets],
        "roll": {"left": roll.left, "scale": round(roll.scale, 4), "rows": roll.rows},
    }
    return _ARTICLE.format(
        title=escape(piece.title),
        level=level,
        caption=f'<p class="bb-caption">{escape(piece.caption)}</p>' if piece.caption else "",
        media=_MEDIA_TYPES[config.audio],
        audio=audio,
        suffix=config.audio,
        minutes=f"{int(seconds) // 60}:{int(seconds) % 60:02}",
        seconds=f"{seconds:.2f}",
        wide="".join(sheets[0].pages),
        narrow="".join(sheets[1].pages),
        roll=roll.svg,
        data=json.dumps(data, separators=(",", ":")).replace("</", "<\\/"),
    )


@cache
def asset(name: str) -> str:
    """Return the style sheet page.css or the script page.js."""
    return (files("bowerbird.music.render") / name).read_text(encoding="utf-8")


def _tempo_map(score: Score) -> list[list[float]]:
    """Return the tempo changes as (s, quarters, quarters per second)."""
    ticks, seconds, per_tick = tempo_map(score)
    tpq = score.ticks_per_quarter
    rows = np.stack([seconds.round(4), (ticks / tpq).round(4), (1 / (per_tick * tpq)).round(6)], 1)
    return rows.tolist()


def _stretches(piece: Piece, played: Score) -> list[list[float]]:
    """Return (quarter as played, quarter as written, quarters) of each passage, in order."""
    tpq = piece.score.ticks_per_quarter
    if not piece.stretches:
        return [[0.0, 0.0, played.end() / played.ticks_per_quarter + 1]]
    result, at = [], 0.0
    for first, last in piece.stretches:
        result.append([at, first / tpq, (last - first) / tpq])
        at += (last - first) / tpq
    return result


_ARTICLE = """
<article class="bb-piece">
  <header><h{level}>{title}</h{level}>{caption}</header>
  <div class="bb-player">
    <button type="button" class="bb-play" aria-label="Play {title}">
      <svg viewBox="0 0 24 24" aria-hidden="true"><path class="bb-go" d="M8 5.2v13.6L19 12z"/>
        <path class="bb-halt" d="M7 5h3.6v14H7zM13.4 5H17v14h-3.6z"/></svg></button>
    <input class="bb-seek" type="range" min="0" max="{seconds}" step="0.05" value="0"
      aria-label="Position in {title}">
    <span class="bb-time"><span class="bb-now">0:00</span> / {minutes}</span>
    <a class="bb-save" download="{title}{suffix}" aria-label="Save the audio">Save</a>
  </div>
  <audio preload="metadata" src="data:{media};base64,{audio}"></audio>
  <div class="bb-sheet bb-wide">{wide}</div>
  <div class="bb-sheet bb-narrow">{narrow}</div>
  <div class="bb-roll">{roll}</div>
  <script type="application/json" class="bb-data">{data}</script>
</article>"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body class="bb-page">
<main>
{body}
</main>
<script>
{script}</script>
</body>
</html>
"""
