"""Pages are read line by line; print, textures and specks don't disturb."""

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from benchmarks.digits.synthetic_pages import PageConfig, make_page
from bowerbird.vision.digits.config import DigitConfig
from bowerbird.vision.digits.page import page_margin, read_page
from bowerbird.vision.drawing import draw
from bowerbird.vision.results import Box, VisionResult


def confident(result):
    return [line.confidence >= DigitConfig.confident_threshold for line in result.lines]


def test_a_clean_page_is_read_as_it_was_written(write_page, reader):
    lines = ["314 159", "26535", "8979 3 0", "27 4601"]
    result = read_page(write_page(lines, 48), reader)
    assert result.text.split("\n") == lines
    assert "".join(box.name for box in result.boxes) == "".join(lines).replace(" ", "")
    tops = [box.xyxy[1] for box in result.boxes]
    assert all(30 < top < 80 for top in tops[:6])  # in px of the image, line by line
    assert all(210 < top < 260 for top in tops[11:17])
    assert result.confidence > 0.8


def test_digits_on_a_photographed_page_are_found_and_read(clear, reader):
    config = PageConfig(seed=3, surface="plain", touching_fraction=0)
    page = make_page(clear.images.numpy(), clear.labels.numpy(), config)
    rgb = torch.from_numpy(np.ascontiguousarray(page.rgb.transpose(2, 0, 1), np.float32))
    result = read_page(rgb, reader)
    right = 0
    for name, (left, top, far, low) in page.boxes:
        x, y = (left + far) / 2, (top + low) / 2
        boxes = [(box.name, box.xyxy) for box in result.boxes]
        over = [n for n, (x0, y0, x1, y1) in boxes if x0 < x < x1 and y0 < y < y1]
        right += over == [name]
    assert right >= 0.9 * len(page.boxes)


def test_a_page_of_nothing_but_1s_is_read(write_page, reader):
    result = read_page(write_page(["111 11", "1111"], 48), reader)
    assert result.text.replace(" ", "") == "11111\n1111"


@pytest.mark.parametrize("name", ["brick", "gravel", "grass"])
def test_nothing_is_confident_on_textures(reader, name):
    gray = getattr(skimage.data, name)().astype(np.float32) / 255
    assert not any(confident(read_page(torch.from_numpy(gray).expand(3, -1, -1), reader)))


def test_print_beside_digits_is_left_out(write_page, reader):
    page = write_page(["3 141 5", "926 53"], 48)
    text = Image.new("L", (page.shape[2], 130))
    font = ImageFont.truetype(font_manager.findfont("DejaVu Serif"), 30)
    for row, words in enumerate(("the letter to you", "of one who was", "here at home")):
        ImageDraw.Draw(text).text((20, 5 + 40 * row), words, 255, font)
    below = 0.95 - 0.8 * torch.from_numpy(np.array(text, np.float32) / 255)
    result = read_page(torch.cat([page, below.expand(3, -1, -1)], 1), reader)
    assert result.text.split("\n")[:2] == ["3 141 5", "926 53"]
    assert not any(confident(result)[2:])


def test_specks_do_not_outvote_digits(write_page, reader):
    page = write_page(["314", "265"])
    for x in range(20, 160, 20):
        page[:, 12:24, x : x + 2] = 0.15  # small upright dashes, more of them than of digits
    result = read_page(page, reader)
    tall = [box.name for box in result.boxes if box.xyxy[3] - box.xyxy[1] > 25]
    assert tall == list("314265")


def test_unread_writing_in_a_line_makes_it_less_confident(write_page, reader):
    clean = write_page(["314 26", "535"])
    blotted = clean.clone()
    blotted[:, 50:90, 235:265] = 0.15  # where the blank is
    high, low = (read_page(page, reader).lines[0].confidence for page in (clean, blotted))
    assert low < high - 0.1


def test_boxes_that_are_not_confident_have_a_question_mark():
    box = Box("7", 0.5, (4.0, 12.0, 20.0, 30.0))
    assert box.mark_uncertain(0.6).name == "7?"
    assert box.mark_uncertain(0.5).name == "7"
    white = torch.ones(3, 60, 60)
    result = VisionResult(boxes=(box,))
    drawn = [draw(white, result.mark_uncertain(threshold)) for threshold in (0.6, 0)]
    assert not torch.equal(*drawn)


@pytest.mark.parametrize(("scale", "light"), [(3, True), (3, False), (12, False)])
def test_a_number_that_fills_its_image_is_read(clear, reader, scale, light):
    """What is cropped from a page, or written on a canvas, has large digits and no margin."""
    right = 0
    for first in range(0, 30, 3):
        gap = torch.zeros(28, 4, dtype=torch.uint8)
        three = clear.images[first : first + 3]
        row = torch.cat([torch.cat([image, gap], 1) for image in three], 1)
        size = row.shape[1] * scale, row.shape[0] * scale
        large = cv2.resize(row.numpy() / np.float32(255), size, interpolation=cv2.INTER_CUBIC)
        image = torch.from_numpy((large if light else 1 - large).clip(0, 1)).expand(3, -1, -1)
        result = read_page(image, reader)
        name = "".join(map(str, clear.labels[first : first + 3].tolist()))
        right += (result.text or "").replace(" ", "") == name
        for box in result.boxes:
            left, top, across, down = box.xyxy
            assert -2 <= left < across <= size[0] + 2
            assert -2 <= top < down <= size[1] + 2
    assert right >= 9


def test_a_photograph_is_not_padded():
    assert page_margin(skimage.data.coffee().astype(np.float32) / 255) == 0


@pytest.mark.parametrize("wrong", [{"report_threshold": 2}, {"polarity": "blue"}, {"max_side": 20}])
def test_flags_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        DigitConfig(**wrong)
