"""A page plays and shows tunes with nothing but itself."""

import base64
import json
import re
import shutil
from itertools import islice

import pytest
import soundfile
from symusic import Score

from bowerbird.music.config import PageConfig, SoundConfig
from bowerbird.music.formats.files import read_scores
from bowerbird.music.render.engraving import engrave
from bowerbird.music.render.output import piece_of
from bowerbird.music.render.page import Piece, fragment, write_page

QUICK = PageConfig(sound=SoundConfig(sample_rate=16000, reverb=0))


@pytest.fixture(scope="module")
def piece(melody):
    score = melody((None, 3), (67, 1), *[(60 + i % 7, 1) for i in range(15)], symbols=[(4, "|:")])
    return Piece("Tam & <Glen>", score, "a tune")


def data_of(text):
    return json.loads(re.search(r'class="bb-data">(.*?)</script>', text)[1])


def test_a_page_needs_nothing_else(tmp_path, piece):
    path = tmp_path / "tune.html"
    size = write_page(path, "Tunes & songs", [piece, piece], QUICK)
    text = path.read_text(encoding="utf-8")
    assert size == path.stat().st_size
    assert size < 1_000_000
    assert set(re.findall(r"https?://[^\"' )]*", text)) == {"http://www.w3.org/2000/svg"}
    assert "Tam &amp; &lt;Glen&gt;" in text
    assert text.count("<article") == text.count("<audio") == 2
    names = re.findall(r' id="([^"]+)"', text)
    assert len(names) == len(set(names))
    assert all(f'id="{i}"' in text for _, ids in data_of(text)["sheets"][0] for i in ids)


def test_a_title_stands_once_on_a_page_of_one_piece(tmp_path, piece):
    for title, heads in ((piece.title, ["1"]), ("Tunes", ["1", "2"])):
        write_page(tmp_path / "a.html", title, [piece], QUICK)
        text = (tmp_path / "a.html").read_text(encoding="utf-8")
        assert re.findall(r"<h(\d)>", text) == re.findall(r"</h(\d)>", text) == heads


def test_the_sound_is_inside(tmp_path, piece):
    text = fragment(piece, QUICK)
    path = tmp_path / "a.mp3"
    path.write_bytes(base64.b64decode(re.search(r"data:audio/mpeg;base64,([^\"]+)", text)[1]))
    assert soundfile.info(path).duration == pytest.approx(8, abs=2.6)  # 16 quarters and the echo


def test_time_runs_from_sound_to_paper(melody, piece):
    data = data_of(fragment(piece, QUICK))
    assert data["leadingSilence"] == 1.5  # three quarters of silence are left out
    assert data["tempo"] == [[0, 0, 2]]
    assert [quarter for quarter, _ in data["sheets"][0]] == list(range(3, 19))
    twice = melody(*[(60, 1)] * 8)
    once = melody(*[(60, 1)] * 4, symbols=[(4, ":|")])
    played = Piece("Twice", once, played=twice, stretches=((0, 1920), (0, 1920)))
    assert data_of(fragment(played, QUICK))["stretches"] == [[0, 0, 4], [4, 0, 4]]


@pytest.mark.parametrize(
    "body",
    [
        "M:4/4\nL:1/4\nK:C\n|:CDEF:|GABc|]\n",
        "M:4/4\nL:1/4\nK:C\n|:CDEF|1 GGGG:|2 AAAA|]\n",
        "M:4/4\nL:1/4\nK:C\n|:C|DEFG|ABc:|d|efga|bag|]\n",  # silence on neither side of a repeat
    ],
)
def test_what_is_highlighted_is_what_sounds(tune, body):
    """Every note as played maps to its place as written, where the sheet has that note."""
    score = tune(body)
    piece = piece_of(score, "Repeated")
    data = data_of(fragment(piece, QUICK))
    written = [n.time / 480 for n in score.tracks[0].notes]
    assert [quarter for quarter, _ in data["sheets"][0]] == written
    for note in piece.played.tracks[0].notes:
        at = note.time / 480
        start, place, _ = next(row for row in reversed(data["stretches"]) if row[0] <= at)
        assert place + at - start in written


def test_on_real_tunes_the_sheet_has_every_note_at_its_time(corpus21):
    for path in (corpus21("ryansMammoth/MayPoleReel.abc"), corpus21("airdsAirs/book5.abc")):
        for _, score in islice(read_scores(path), 8):
            onsets = [quarter for quarter, _ in engrave(score).onsets]
            starts = {n.time / score.ticks_per_quarter for n in score.tracks[0].notes}
            assert all(min(abs(start - onset) for onset in onsets) < 0.05 for start in starts)


def test_bad_input(tmp_path, melody, piece):
    with pytest.raises(ValueError, match="at least one piece"):
        write_page(tmp_path / "a.html", "None", [])
    with pytest.raises(ValueError, match="no notes"):
        fragment(Piece("Nothing", Score(480)), QUICK)
    with pytest.raises(ValueError, match="Long is longer than half an hour"):
        fragment(Piece("Long", melody((60, 1), (None, 4000), (60, 1))), QUICK)
    with pytest.raises(OSError, match=r"no.a\.html"):
        write_page(tmp_path / "no" / "a.html", "Tunes", [piece], QUICK)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.browser
def test_a_browser_plays_it(tmp_path, piece):
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("needs a chromium on the machine")
    path = tmp_path / "tune.html"
    write_page(path, "Tunes", [piece], QUICK)
    flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport={"width": 390, "height": 800})
        complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.wait_for_function("document.querySelector('audio').currentTime > 0.7")
        highlighted = page.evaluate("document.querySelectorAll('.bb-narrow .bb-on').length")
        width = page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert complaints == []
    assert highlighted == 1
    assert width == 390  # nothing is wider than a phone
