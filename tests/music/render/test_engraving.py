"""Sheet music is set, drawn and written; notes on it are found by time."""

import io
import re
import time
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from symusic import Score

from bowerbird.music.config import SheetConfig
from bowerbird.music.render.engraving import engrave, png_of, write_sheet


@pytest.fixture(scope="module")
def reel(melody):
    rows = [(62 + p, 0.5) for p in (0, 4, 7, 4, 9, 7, 4, 7) * 8]
    return melody(*rows, key=2, qpm=200, programs=[40])


def darkness(png):
    return 255 - np.asarray(Image.open(io.BytesIO(png)).convert("L"), np.float32)


def test_a_page_stands_alone(reel):
    (page,) = engrave(reel, SheetConfig(title="Tam & Glen", composer="Trad.")).pages
    root = ET.fromstring(page)
    assert root.get("aria-label") == "Tam & Glen"
    assert "Tam &amp; Glen" in page
    assert "@font-face" not in page
    assert not re.search("[\ue000-\uf8ff]", page)  # no letter that only a music font has
    assert set(re.findall(r"http[^\"' ]*", page)) <= {"http://www.w3.org/2000/svg"}


def test_onsets_are_those_of_the_score(reel):
    sheet = engrave(reel)
    assert [quarter for quarter, _ in sheet.onsets] == [i / 2 for i in range(64)]
    for _, ids in sheet.onsets:
        assert all(f'id="{name}"' in sheet.pages[0] for name in ids)


def test_the_same_score_is_the_same_page(reel):
    assert engrave(reel).pages == engrave(reel).pages
    first, second = (engrave(reel, seed=s).pages[0] for s in (1, 2))
    names = [set(re.findall(r' id="([^"]+)"', page)) for page in (first, second)]
    assert not names[0] & names[1]


def test_png_has_a_title_a_tempo_and_notes(reel):
    with_title = darkness(png_of(engrave(reel, SheetConfig(title="Reel")).pages[0], 100))
    height, width = with_title.shape
    assert width == pytest.approx(210 / 25.4 * 100, abs=1)
    assert with_title[: height // 4, width // 3 : 2 * width // 3].max() > 200  # the title
    rows = (with_title > 60).mean(axis=1)
    assert (rows > 0.75).sum() >= 10  # staff lines: five on each of two systems


def test_chord_names_have_their_flats(written):
    chords = [(0, 4, p) for p in (46, 50, 53)]
    (page,) = engrave(written([(i, 1, 65 + i) for i in range(4)], chords, key=-2)).pages
    assert "♭" in page


def test_paper(reel, melody):
    assert 'width="210mm" height="297mm"' in engrave(reel, SheetConfig(paper="a4")).pages[0]
    long = melody(*[(60 + i % 12, 0.5) for i in range(1600)])
    pages = engrave(long, SheetConfig(paper="letter")).pages
    assert len(pages) > 2
    assert all('width="215.9mm"' in page for page in pages)
    with pytest.raises(ValueError, match=r"\[40, 200\]"):
        SheetConfig(scale=5)


def test_a_long_piece_has_pages_that_are_as_high_as_a4(reel, melody):
    (short,) = engrave(reel).pages
    assert float(re.search(r'height="([\d.]+)mm"', short)[1]) < 150
    pages = engrave(melody(*[(60 + i % 12, 0.5) for i in range(1600)])).pages
    assert len(pages) > 2
    assert all('width="210mm" height="297mm"' in page for page in pages)
    (scroll,) = engrave(melody(*[(60, 0.5)] * 1600), SheetConfig(paper="scroll")).pages
    assert float(re.search(r'height="([\d.]+)mm"', scroll)[1]) > 600


def test_files(tmp_path, reel, melody):
    (path,) = write_sheet(tmp_path / "a.svg", engrave(reel))
    assert path.read_text(encoding="utf-8").startswith("<svg")
    long = engrave(melody(*[(60, 0.5)] * 1600), SheetConfig(paper="a4"))
    paths = write_sheet(tmp_path / "b.png", long, dpi=40)
    assert [p.name for p in paths[:2]] == ["b-1.png", "b-2.png"]
    assert all(p.read_bytes()[:4] == b"\x89PNG" for p in paths)


def test_bad_input(tmp_path, reel):
    with pytest.raises(ValueError, match="no notes"):
        engrave(Score(480))
    with pytest.raises(ValueError, match=r"a\.bmp can't hold sheet music; use the suffix"):
        write_sheet(tmp_path / "a.bmp", engrave(reel))
    with pytest.raises(OSError, match=r"no.a\.svg"):
        write_sheet(tmp_path / "no" / "a.svg", engrave(reel))
    with pytest.raises(ValueError, match="pixels"):
        png_of(engrave(reel).pages[0], 5000)


def test_speed(reel):
    engrave(reel)
    began = time.process_time()
    engrave(reel)
    assert time.process_time() - began < 1.0  # measured: 0.04 to 0.06 s
