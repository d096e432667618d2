"""The tour makes what its page shows."""

import re

from bowerbird.demo import demo_steps


def test_the_tour_makes_every_picture_of_its_page(tmp_path):
    steps = list(demo_steps(tmp_path, side=48, steps=1))
    assert [step.number for step in steps] == [1, 2]
    assert steps[-1].total == 2
    page = (tmp_path / "index.html").read_text()
    shown = set(re.findall(r'src="([^"]+)"', page))
    assert {"chelsea.png", "swirls.jpg", "mosaic.jpg", "chelsea-swirls.png"} <= shown
    assert all((tmp_path / name).stat().st_size > 0 for name in shown)
    assert "http" not in page  # offline: nothing is fetched
    assert "bowerbird image transfer chelsea.png swirls.jpg -o chelsea-swirls.png" in page
