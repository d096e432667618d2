"""A score to sheet music: SVG pages as a musician would print them, and PNG.

The score becomes MusicXML (`sheet/partwise.py`), Verovio sets it with the Leland font (MuseScore;
SIL Open Font License), and the title is set here. Signs that Verovio leaves to a music font in
running text (the note of a tempo, the flat of a chord's name) become outlines or Unicode, so a
page needs no font but one of text; PNG takes STIX, which lies in the matplotlib package.
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

from bowerbird.learning.atomic_write import atomic_write, check_output
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
_CROPPED = ("fit", "scroll", "phone")  # pages that end where the music does
_TOP = 70  # 0.1 mm above the first staff, or the title
_MARGINS = {"fit": 110, "a4": 130, "letter": 130, "scroll": 110, "phone": 45}  # 0.1 mm
_INK = "#16181d"
_TEXT = "'STIX Two Text', 'STIXGeneral', 'Times New Roman', Times, serif"
_MOST_PIXELS = 100_000_000


@dataclass(frozen=True)
class Sheet:
    """Pages of sheet music, and which notes of them sound when."""

    pages: tuple[str, ...]  # SVG
    onsets: tuple[tuple[float, tuple[str, ...]], ...]  # quarters as written, SVG ids


def engrave(score: Score, config: SheetConfig | None = None, *, seed: int = 1) -> Sheet:
    """Set a score; `seed` makes the ids of a page's elements, different in one document.

    Raises `ValueError` for a score without notes or with more bars than can be set.
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
    """Set what MusicXML says of a score's bars; raise `ValueError` for what Verovio can't read."""
    import verovio  # noqa: PLC0415 - takes a moment

    toolkit = verovio.toolkit()
    verovio.enableLog(verovio.LOG_OFF)
    found = _FIRST_TEMPO.search(text)  # it stands above the staff's beginning, set here
    head, top = _head(config, found)
    toolkit.setOptions(_options(config, seed, top))
    if not toolkit.loadData(text.replace(found[0], "", 1) if found else text):
        raise ValueError("the score can't be set; write it as MusicXML and see what it has")
    heads = [(head, top), *[("", _TOP)] * (toolkit.getPageCount() - 1)]
    if config.paper == "fit" and len(heads) > 1:
        config = replace(config, paper="a4")  # all pages are as high
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
    """Write the pages of a sheet as SVG or PNG and return the files' paths.

    One page is written to `path`, several to NAME-1, NAME-2 ... beside it; each whole or not at
    all. Raises `ValueError` for an unknown suffix and, before anything is written, for a file that
    exists unless `force`, `OSError` for a disk that refuses.
    """
    suffix = path.suffix.lower()
    if suffix not in (".svg", ".png"):
        raise ValueError(f"{path} is no sheet music; end its name in .svg or .png")
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
    """Draw an SVG of ours at `dpi` px an inch (96 leaves px as they are) as PNG.

    Raises `ValueError` for more pixels than a picture should have.
    """
    import resvg_py  # noqa: PLC0415 - only for PNG

    found = re.search(r'width="([\d.]+)(mm)?" height="([\d.]+)(?:mm)?"', drawing)
    assert found
    inch = 25.4 if found[2] else 96
    width, height = (round(float(x) / inch * dpi) for x in (found[1], found[3]))
    if width * height > _MOST_PIXELS:
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
    """Put a head of `top` tenths of a mm above a page of Verovio's, independent of music fonts."""
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
        f'aria-label="{label}" style="color:{_INK}" font-family="{_TEXT}" class="sheet">'
        f'<rect class="paper" width="{width}" height="{height}" fill="#fff"/>{head}'
        f'<svg id="{name[1]}" y="{top}" width="{width}" height="{inner_height}" '
        f'fill="currentColor" '
        f'viewBox="{found[1]}" overflow="visible">{body}</svg></svg>'
    )


def _drum_staves(text: str) -> set[int]:
    """Return which staves of MusicXML, counted from 1, are for drums."""
    staves: list[bool] = []
    for part in text.split("<part id=")[1:]:
        staves += ["<sign>percussion" in part] * (1 + ("<staves>2" in part))
    return {number for number, drums in enumerate(staves, 1) if drums}


_KEYS = re.compile(
    r'<g id="\w+" class="(measure|staff)"'
    r'|(<g id="\w+" class="keySig">)(?:\s*<g id="\w+" class="keyAccid">.*?</g>)+',
    flags=re.DOTALL,
)


def _without_keys(drawing: str, drums: set[int]) -> str:
    """Wipe off the keys that Verovio gives staves of drums where those of others change."""
    number = 0

    def wiped(found: re.Match[str]) -> str:
        nonlocal number
        if found[1]:
            number = 0 if found[1] == "measure" else number + 1
        return found[2] if found[2] and number in drums else found[0]

    return _KEYS.sub(wiped, drawing) if drums else drawing


_FIRST_TEMPO = re.compile(
    r'<direction placement="above"><direction-type><metronome><beat-unit>(\w+)</beat-unit>'
    r"(<beat-unit-dot/>)?<per-minute>(\d+)</per-minute>.*?</direction>"
)
_METRONOME = {"whole": "\ue1d2", "half": "\ue1d3", "quarter": "\ue1d5", "eighth": "\ue1d7"}


def _head(config: SheetConfig, tempo: re.Match[str] | None) -> tuple[str, int]:
    """Set title, composer and tempo; return them and their height in tenths of a mm."""
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


def _metronome(sign: str, dotted: bool, words: str, x: float, y: float, scale: float = 1.0) -> str:
    """Draw the note of a metronome mark as an outline, and set the words after it."""
    text = ""
    size = 44 * scale
    for glyph in (sign, "\ue1e7") if dotted else (sign,):
        outline, advance = _glyph(glyph)
        text += (
            f'<path transform="translate({x:.0f},{y:.0f}) scale({size / 1000:.4f},'
            f'{-size / 1000:.4f})" fill="currentColor" stroke="none" d="{outline}"/>'
        )
        x += (advance + 60) * size / 1000
    return text + (
        f'<text x="{x + 8 * scale:.0f}" y="{y:.0f}" font-size="{34 * scale:.0f}" '
        f'fill="currentColor">{words}</text>'
    )


_SIGN = re.compile(
    r'<tspan font-family="(?:Leland|Leipzig)" font-size="(\d+)px">(.+?)</tspan>', flags=re.DOTALL
)
_IN_TEXT = {
    "\ue260": "♭",
    "\ue261": "♮",
    "\ue262": "♯",
    "\ued60": "♭",
    "\ued61": "♮",
    "\ued62": "♯",
}
_IN_TEXT |= {"\uea63": "♭♭", "\uea64": "♭", "\uea65": "♮", "\uea66": "♯", "\uea67": "𝄪"}
_IN_TEXT |= {"\ue870": "°", "\ue871": "ø", "\ue872": "+"}
_TEMPO = re.compile(r'(<g id="\w+" class="tempo">)(.*?)</g>', flags=re.DOTALL)


def _without_music_font(body: str) -> str:
    body = _TEMPO.sub(lambda m: m[1] + _tempo(m[2]) + "</g>", body)
    return _SIGN.sub(
        lambda m: (
            f'<tspan font-size="{round(int(m[1]) * 0.5)}px">'
            f"{''.join(_IN_TEXT.get(c, c) for c in m[2])}</tspan>"
        ),
        body,
    )


def _tempo(text: str) -> str:
    """Draw a change of tempo in the middle of a page as the first one is drawn."""
    place = re.search(r'<text x="(-?\d+)" y="(-?\d+)"', text)
    signs = "".join(sign for _, sign in _SIGN.findall(text))
    if not place or not signs:
        return text
    words = " ".join(re.sub(r"<[^>]*>", "", _SIGN.sub("", text)).split())
    return _metronome(signs[0], len(signs) > 1, words, int(place[1]), int(place[2]), 10)


@cache
def _glyph(sign: str) -> tuple[str, float]:
    """Return a sign's outline and its advance, in thousandths of its size."""
    data = files("verovio") / "data"
    drawing = (data / "Leland" / f"{ord(sign):04X}.xml").read_text()
    table = (data / "Leland.xml").read_text()
    outline = re.search(r' d="([^"]+)"', drawing)
    advance = re.search(rf'<g c="{ord(sign):04X}"[^>]*h-a-x="([\d.]+)"', table)
    assert outline
    return outline[1], float(advance[1]) if advance else 400.0
