"""Engrave a score as sheet music: SVG pages, and PNG.

Verovio engraves the score's MusicXML (`formats.musicxml_writer`) with the Leland font (MuseScore;
SIL Open Font License); the title is added here. Symbols that Verovio leaves to a music font in
running text (the note of a tempo, the flat of a chord name) become outlines or Unicode, so that a
page needs a text font only; PNG uses STIX from the package matplotlib.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import accumulate
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from symusic import Score

from bowerbird.files.atomic_write import atomic_write, check_output
from bowerbird.music.config import SheetConfig
from bowerbird.music.formats.musicxml_writer import to_musicxml
from bowerbird.music.notation.beats import QUARTER
from bowerbird.music.notation.measures import Measure, measures_of
from bowerbird.music.score.titles import title_of

_SIZES = {
    "fit": (2100, 2970),
    "a4": (2100, 2970),
    "letter": (2159, 2794),
    "scroll": (2100, 55000),
}  # 0.1 mm
_SIZES["phone"] = (900, 55000)
_CROPPED = ("fit", "scroll", "phone")  # pages that are as high as the music
_TOP = 70  # 0.1 mm above the first staff, or the title
_MARGINS = {"fit": 110, "a4": 130, "letter": 130, "scroll": 110, "phone": 45}  # 0.1 mm
_COLOR = "#16181d"
_FONT = "'STIX Two Text', 'STIXGeneral', 'Times New Roman', Times, serif"
_MAX_PIXELS = 100_000_000


@dataclass(frozen=True)
class Sheet:
    """Pages of sheet music, and when their notes begin."""

    pages: tuple[str, ...]
    """SVG."""
    onsets: tuple[tuple[float, tuple[str, ...]], ...]
    """Quarters as written, and the SVG ids of the notes that begin there."""


def engrave(score: Score, config: SheetConfig | None = None, *, seed: int = 1) -> Sheet:
    """Engrave a score; sheets in one document need different seeds, which make their ids.

    Raises `ValueError` for a score without notes or with too many bars.
    """
    config = config or SheetConfig()
    return engrave_musicxml(
        to_musicxml(score, accompaniment=config.accompaniment),
        replace(config, title=config.title or title_of(score)),
        measures_of(score),
        seed=seed,
    )


def engrave_musicxml(
    text: str, config: SheetConfig, measures: list[Measure], *, seed: int = 1
) -> Sheet:
    """Engrave the MusicXML of a score; raise `ValueError` if Verovio can't read it."""
    import verovio  # noqa: PLC0415 - takes a moment

    toolkit = verovio.toolkit()
    verovio.enableLog(verovio.LOG_OFF)
    found = _FIRST_TEMPO.search(text)  # which is drawn in the head instead
    head, top = _head(config, found)
    toolkit.setOptions(_options(config, seed, top))
    if not toolkit.loadData(text.replace(found[0], "", 1) if found else text):
        raise ValueError("the score can't be engraved; write it as MusicXML and check that")
    heads = [(head, top), *[("", _TOP)] * (toolkit.getPageCount() - 1)]
    if config.paper == "fit" and len(heads) > 1:
        config = replace(config, paper="a4")  # all pages have the same height
    drums = _drum_staves(text)
    pages = [
        _page(_without_keys(toolkit.renderToSVG(n), drums), config, *head)
        for n, head in enumerate(heads, 1)
    ]
    timemap = toolkit.renderToTimemap({"includeMeasures": False})
    begins = [0, *accumulate(measure.length for measure in measures)]  # on the sheet
    onsets = []
    for event in timemap:
        if event.get("on"):
            at = float(event["qstamp"]) * QUARTER
            number = max(0, min(bisect_right(begins, at + 0.5), len(measures)) - 1)
            at += measures[number].start - begins[number]
            onsets.append((at / QUARTER, tuple(event["on"])))
    return Sheet(tuple(pages), tuple(onsets))


def write_sheet(path: Path, sheet: Sheet, *, dpi: int = 150, force: bool = True) -> list[Path]:
    """Write the pages of a sheet as SVG or PNG, each atomically; return the paths.

    One page is written to `path`, several to NAME-1, NAME-2 ... beside it. Raises `ValueError` for
    an unknown suffix and, before anything is written, for a file that exists unless `force`,
    `OSError` if a file can't be written.
    """
    suffix = path.suffix.lower()
    if suffix not in (".svg", ".png"):
        raise ValueError(f"{path} can't hold sheet music; use the suffix .svg or .png")
    paths = [path]
    if len(sheet.pages) > 1:
        digits = len(str(len(sheet.pages)))
        numbers = range(1, len(sheet.pages) + 1)
        paths = [path.with_stem(f"{path.stem}-{n:0{digits}}") for n in numbers]
    for place in () if force else paths:
        check_output(place, force=False)
    for page, place in zip(sheet.pages, paths, strict=True):
        data = page.encode() if suffix == ".svg" else png_of(page, dpi)
        with atomic_write(place) as part:
            part.write_bytes(data)
    return paths


def png_of(drawing: str, dpi: int = 150) -> bytes:
    """Convert an SVG of this package to PNG, at `dpi` pixels per inch (96 keeps px as they are).

    Raises `ValueError` for more than 100 million pixels.
    """
    import resvg_py  # noqa: PLC0415 - only for PNG

    found = re.search(r'width="([\d.]+)(mm)?" height="([\d.]+)(?:mm)?"', drawing)
    assert found
    inch = 25.4 if found[2] else 96
    width, height = (round(float(x) / inch * dpi) for x in (found[1], found[3]))
    if width * height > _MAX_PIXELS:
        raise ValueError(
            f"the picture would have {width} x {height} pixels; choose a4 paper, or fewer dpi"
        )
    fonts = str(files("matplotlib") / "mpl-data" / "fonts" / "ttf")
    drawn = resvg_py.svg_to_bytes(
        svg_string=drawing,
        width=width,
        height=height,
        dpi=dpi,
        font_dirs=[fonts],
        skip_system_fonts=True,
        font_family="STIXGeneral",
        serif_family="STIXGeneral",
    )
    return bytes(drawn)


def _options(config: SheetConfig, seed: int, top: int) -> dict[str, Any]:
    (width, height), margin = _SIZES[config.paper], _MARGINS[config.paper]
    zoom = 100 / config.scale  # Verovio scales the notes by scaling the paper
    options: dict[str, Any] = {
        "pageWidth": round(width * zoom),
        "pageHeight": round((height - top) * zoom),
        "scale": 100,
        "adjustPageHeight": config.paper in _CROPPED,
        "breaks": "smart",
        "breaksSmartSb": 0.5,
        "header": "none",
        "footer": "none",
        "expandNever": True,  # onsets are counted as it is written
        "font": "Leland",
        "smuflTextFont": "none",
        "svgViewBox": True,
        "svgRemoveXlink": True,
        "xmlIdSeed": max(seed, 1),
        "minLastJustification": 0.55,
        "justifyVertically": False,
        "spacingSystem": 8,
        "spacingLinear": 0.27,
        "harmDist": 1.6,
        "lyricSize": 4.0,
        "mnumInterval": 0,
    }
    sides = ("Left", "Right")
    options |= {f"pageMargin{side}": round(margin * zoom) for side in sides}
    options |= {"pageMarginTop": 60, "pageMarginBottom": round(margin * zoom) // 2}
    return options


def _page(drawing: str, config: SheetConfig, head: str, top: int) -> str:
    """Add a head of `top` tenths of a mm to a page of Verovio, and remove its music fonts."""
    width = _SIZES[config.paper][0]
    found = re.search(r'viewBox="(0 0 (\d+) (\d+))"', drawing)
    name = re.search(r'<svg[^>]* id="(\w+)"', drawing)
    assert found
    assert name
    inner_height = round(int(found[3]) * width / int(found[2]))
    height = inner_height + top if config.paper in _CROPPED else _SIZES[config.paper][1]
    body = re.sub(r"^.*?<svg[^>]*>", "", drawing, count=1, flags=re.DOTALL)
    body = _without_music_font(body[: body.rindex("</svg>")]).replace("xlink:href", "href")
    body = body.replace('color="black"', "").replace('font-family="Times, serif"', "")
    label = escape(config.title or "Sheet music", {'"': "&quot;"})
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width / 10:g}mm" '
        f'height="{height / 10:g}mm" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{label}" style="color:{_COLOR}" font-family="{_FONT}" class="sheet">'
        f'<rect class="paper" width="{width}" height="{height}" fill="#fff"/>{head}'
        f'<svg id="{name[1]}" y="{top}" width="{width}" height="{inner_height}" '
        f'fill="currentColor" '
        f'viewBox="{found[1]}" overflow="visible">{body}</svg></svg>'
    )


def _drum_staves(text: str) -> set[int]:
    """Return the numbers of the drum staves in MusicXML, from 1."""
    staves: list[bool] = []
    for part in text.split("<part id=")[1:]:
        staves += [">percussion<" in part] * (1 + ("<staves>2" in part))
    return {number for number, drums in enumerate(staves, 1) if drums}


_KEYS = re.compile(
    r'<g id="\w+" class="(measure|staff)"'
    r'|(<g id="\w+" class="keySig">)(?:\s*<g id="\w+" class="keyAccid">.*?</g>)+',
    flags=re.DOTALL,
)


def _without_keys(drawing: str, drums: set[int]) -> str:
    """Remove the key signatures that Verovio gives drum staves where those of others change."""
    number = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal number
        if match[1]:
            number = 0 if match[1] == "measure" else number + 1
        return match[2] if match[2] and number in drums else match[0]

    return _KEYS.sub(replaced, drawing) if drums else drawing


_FIRST_TEMPO = re.compile(
    r'<direction placement="above"><direction-type><metronome><beat-unit>(\w+)</beat-unit>'
    r"(<beat-unit-dot/>)?<per-minute>(\d+)</per-minute>.*?</direction>"
)
_METRONOME = {"whole": "\ue1d2", "half": "\ue1d3", "quarter": "\ue1d5", "eighth": "\ue1d7"}


def _head(config: SheetConfig, tempo: re.Match[str] | None) -> tuple[str, int]:
    """Return title, composer and tempo as SVG, and their height in tenths of a mm."""
    width, text, top = _SIZES[config.paper][0], "", _TOP
    margin = _MARGINS[config.paper]
    if config.title:
        size = min(64, round(2.1 * (width - 2 * margin) / len(config.title)))
        top += 80
        text += (
            f'<text x="{width // 2}" y="{top}" font-size="{size}" text-anchor="middle" '
            f'fill="currentColor">{escape(config.title)}</text>'
        )
    if config.composer or tempo:
        top += 75 if config.title else 30
    if config.composer:
        text += (
            f'<text x="{width - margin}" y="{top}" font-size="34" text-anchor="end" '
            f'font-style="italic" fill="currentColor">{escape(config.composer)}</text>'
        )
    if tempo:
        text += _metronome(_METRONOME[tempo[1]], bool(tempo[2]), f"= {tempo[3]}", margin, top)
    return text, top + 15


def _metronome(symbol: str, dotted: bool, text: str, x: float, y: float, scale: float = 1.0) -> str:
    """Draw a metronome mark: its note as an outline, and the text after it."""
    drawing, size = "", 44 * scale
    for glyph in (symbol, "\ue1e7") if dotted else (symbol,):
        outline, advance = _glyph(glyph)
        drawing += (
            f'<path transform="translate({x:.0f},{y:.0f}) scale({size / 1000:.4f},'
            f'{-size / 1000:.4f})" fill="currentColor" stroke="none" d="{outline}"/>'
        )
        x += (advance + 60) * size / 1000
    return drawing + (
        f'<text x="{x + 8 * scale:.0f}" y="{y:.0f}" font-size="{34 * scale:.0f}" '
        f'fill="currentColor">{text}</text>'
    )


_SYMBOL = re.compile(
    r'<tspan font-family="(?:Leland|Leipzig)" font-size="(\d+)px">(.+?)</tspan>', flags=re.DOTALL
)
_UNICODE = dict(zip("\ue260\ue261\ue262\ued60\ued61\ued62", "♭♮♯♭♮♯", strict=True))
_UNICODE |= {"\uea63": "♭♭", "\uea64": "♭", "\uea65": "♮", "\uea66": "♯", "\uea67": "𝄪"}
_UNICODE |= {"\ue870": "°", "\ue871": "ø", "\ue872": "+"}
_TEMPO = re.compile(r'(<g id="\w+" class="tempo">)(.*?)</g>', flags=re.DOTALL)


def _without_music_font(body: str) -> str:
    body = _TEMPO.sub(lambda m: m[1] + _tempo(m[2]) + "</g>", body)
    return _SYMBOL.sub(
        lambda m: (
            f'<tspan font-size="{round(int(m[1]) * 0.5)}px">'
            f"{''.join(_UNICODE.get(c, c) for c in m[2])}</tspan>"
        ),
        body,
    )


def _tempo(text: str) -> str:
    """Draw a change of tempo like the first tempo."""
    place = re.search(r'<text x="(-?\d+)" y="(-?\d+)"', text)
    symbols = "".join(symbol for _, symbol in _SYMBOL.findall(text))
    if not place or not symbols:
        return text
    words = " ".join(re.sub(r"<[^>]*>", "", _SYMBOL.sub("", text)).split())
    return _metronome(symbols[0], len(symbols) > 1, words, int(place[1]), int(place[2]), 10)


@cache
def _glyph(symbol: str) -> tuple[str, float]:
    """Return the outline of a symbol and its advance, in thousandths of its size."""
    data = files("verovio") / "data"
    drawing = (data / "Leland" / f"{ord(symbol):04X}.xml").read_text()
    table = (data / "Leland.xml").read_text()
    outline = re.search(r' d="([^"]+)"', drawing)
    advance = re.search(rf'<g c="{ord(symbol):04X}"[^>]*h-a-x="([\d.]+)"', table)
    assert outline
    return outline[1], float(advance[1]) if advance else 400.0
