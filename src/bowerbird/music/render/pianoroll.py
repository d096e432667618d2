"""Draw a piano roll: pitch upwards, time to the right, a colour per track, velocity as opacity.

The drawing is SVG, in rows of complete bars; `engraving.png_of` converts it to PNG. Colours are
attributes, so that the style sheet of a page can change them by class.
"""

from dataclasses import dataclass
from html import escape

from symusic import Score

from bowerbird.music.config import RollConfig
from bowerbird.music.notation.beats import QUARTER
from bowerbird.music.notation.measures import Measure, measures_of
from bowerbird.music.notation.spelling import spell
from bowerbird.music.score.titles import clean_text

# Blue and orange as elsewhere, then colours that differ in hue and lightness.
COLOURS = ("#1d4e89", "#d1662b", "#3d7a4e", "#8a3a6b", "#b8860b", "#2a8a94", "#7a5230", "#5a5fa8")
_PAPER, _TEXT, _FAINT = "#fdfcf9", "#22252e", "#6d7180"
_BLACK_KEYS = {1, 3, 6, 8, 10}
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 26, 12  # px around a row
_MAX_NOTES = 50_000
_FONT = "'STIX Two Text', STIXGeneral, Georgia, 'Times New Roman', serif"


@dataclass(frozen=True)
class Roll:
    """A drawing, and its time axis: x = left + (quarters - first of the row) * scale."""

    svg: str
    left: float
    """Pixels."""
    scale: float
    """Pixels per quarter note."""
    rows: tuple[tuple[float, float, float, float], ...]
    """First and last quarter, top and bottom in px."""


def draw_roll(score: Score, config: RollConfig | None = None) -> Roll:
    """Draw a score; raise `ValueError` if it has no notes, or more than 50,000."""
    config = config or RollConfig()
    if score.note_num() == 0:
        raise ValueError("the score has no notes to draw")
    if score.note_num() > _MAX_NOTES:
        raise ValueError(f"the score has more than {_MAX_NOTES:,} notes; draw a part of it")
    bars = measures_of(score)
    pitches = [int(p) for t in score.tracks if len(t.notes) for p in t.notes.numpy()["pitch"]]
    low, high = min(pitches) - 2, max(pitches) + 2
    low -= max(0, 18 - (high - low)) // 2
    high += max(0, 18 - (high - low))
    rows = _rows(bars, config)
    widest = max(row[-1].end - row[0].start for row in rows)
    scale = (config.width - _LEFT - _RIGHT) / widest  # px per unit
    names = [clean_text(t.name).strip() for t in score.tracks if len(t.notes)]
    head = 46 if config.title or len(names) > 1 else 0
    step = (high - low + 1) * config.semitone_height + _TOP + _BOTTOM
    parts = [_head(config, names)] if head else []
    labels = {p: spell(p, bars[0].key) for p in range(low, high + 1) if p % 12 == 0}
    for number, row in enumerate(rows):
        top = head + number * step + _TOP
        parts.append(f'<g transform="translate({_LEFT} {top:.1f})">')
        parts.append(_grid(row, low, high, scale, config.semitone_height))
        for pitch, name in labels.items():
            y = (high - pitch + 0.5) * config.semitone_height
            parts.append(
                f'<text class="faint" x="-8" y="{y + 4:.1f}" text-anchor="end" font-size="12" '
                f'fill="{_FAINT}">{name.step}{name.octave}</text>'
            )
        parts.extend(_notes(score, row, high, scale, config.semitone_height))
        parts.append("</g>")
    total = head + len(rows) * step + 4
    label = escape(f"Piano roll of {config.title}" if config.title else "Piano roll")
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="roll" width="{config.width}" '
        f'height="{total:.0f}" viewBox="0 0 {config.width} {total:.0f}" role="img" '
        f'aria-label="{label}" font-family="{_FONT}">'
        f'<rect class="paper" width="100%" height="100%" fill="{_PAPER}"/>{"".join(parts)}</svg>'
    )
    places = []
    for number, row in enumerate(rows):
        top = head + number * step + _TOP
        times = row[0].start / QUARTER, row[-1].end / QUARTER
        places.append((*times, round(top - 4, 1), round(top + step - _TOP - _BOTTOM, 1)))
    return Roll(svg, _LEFT, scale * QUARTER, tuple(places))


def _rows(bars: list[Measure], config: RollConfig) -> list[list[Measure]]:
    """Divide bars into rows as equal as fours allow, of 30 px a quarter or nearly."""
    count = max(bar.number for bar in bars) or 1
    quarters = sum(bar.length for bar in bars) / QUARTER
    wanted = -(-int(quarters * 30) // (config.width - _LEFT - _RIGHT))
    per_row = config.bars_per_row or -(-count // wanted // 4) * 4
    rows: list[list[Measure]] = [[]]
    for bar in bars:
        if rows[-1] and bar.number > 1 and (bar.number - 1) % per_row == 0:
            rows.append([])
        rows[-1].append(bar)
    return rows


def _head(config: RollConfig, names: list[str]) -> str:
    text = ""
    if config.title:
        text += (
            f'<text class="text" x="{_LEFT}" y="32" font-size="22" fill="{_TEXT}">'
            f"{escape(config.title)}</text>"
        )
    x = config.width - _RIGHT
    if len(names) > 1:
        for index in reversed(range(min(len(names), len(COLOURS)))):
            name = names[index] or f"Track {index + 1}"
            x -= 7 * len(name) + 4
            text += (
                f'<text class="faint" x="{x}" y="31" font-size="13" fill="{_FAINT}">'
                f"{escape(name)}</text>"
                f'<rect class="t{index}" x="{x - 18}" y="21" width="12" height="10" rx="3" '
                f'fill="{COLOURS[index]}"/>'
            )
            x -= 40
    return text


def _grid(row: list[Measure], low: int, high: int, scale: float, semitone: float) -> str:
    """Draw the rows of the keys, and lines at octaves, bars and beats."""
    begin, width = row[0].start, (row[-1].end - row[0].start) * scale
    height = (high - low + 1) * semitone
    text = ""
    for pitch in range(low, high + 1):
        y = (high - pitch) * semitone
        if pitch % 12 in _BLACK_KEYS:
            text += (
                f'<rect class="black" y="{y:.1f}" width="{width:.1f}" height="{semitone:g}" '
                f'fill="{_TEXT}" opacity=".045"/>'
            )
        if pitch % 12 == 0:
            y += semitone
            text += _line(0, y, width, y, 0.22)
    for bar in row:
        x = (bar.start - begin) * scale
        text += _line(x, -4, x, height, 0.45)
        if bar.number:
            text += (
                f'<text class="faint" x="{x + 3:.1f}" y="-7" font-size="11" fill="{_FAINT}">'
                f"{bar.number}</text>"
            )
        for beat in bar.beats.beats[:-1]:
            at = beat - bar.beats.offset
            if 0 < at < bar.length:
                text += _line(x + at * scale, 0, x + at * scale, height, 0.12)
    return text + _line(width, -4, width, height, 0.45)


def _line(x1: float, y1: float, x2: float, y2: float, opacity: float) -> str:
    return (
        f'<path class="line" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{_TEXT}" '
        f'stroke-width="1" opacity="{opacity}"/>'
    )


def _notes(score: Score, row: list[Measure], high: int, scale: float, semitone: float) -> list[str]:
    begin, end = row[0].start, row[-1].end
    units = QUARTER / score.ticks_per_quarter
    parts = []
    tracks = [t for t in score.tracks if len(t.notes)]
    for index, track in reversed(list(enumerate(tracks))):  # the melody on top
        for note in track.notes:
            a, b = max(note.time * units, begin), min(note.end * units, end)
            if a >= end or b <= begin:
                continue
            width = max((b - a) * scale - 1, 2)
            opacity = 0.1 + 0.9 * (min(max(note.velocity, 1), 127) / 127) ** 0.5
            y = (high - note.pitch) * semitone + 0.5
            round_by = min(semitone / 3, width / 2)
            parts.append(
                f'<rect class="n t{index % len(COLOURS)}" x="{(a - begin) * scale:.1f}" '
                f'y="{y:.1f}" width="{width:.1f}" height="{semitone - 1:g}" rx="{round_by:.1f}" '
                f'fill="{COLOURS[index % len(COLOURS)]}" opacity="{opacity:.2f}"/>'
            )
    return parts
