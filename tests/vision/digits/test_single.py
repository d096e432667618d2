"""Images of one digit are read at any size, dark or light, with or without a frame."""

import cv2
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from bowerbird.vision.digits.config import DigitConfig
from bowerbird.vision.digits.page import read_page


def test_an_image_as_small_as_mnists_is_one_digit(reader):
    """Dark on light and light on dark, as scikit-learn's digits are, enlarged."""
    data = load_digits()
    right = {False: 0, True: 0}
    for image, label in zip(data.images[:60], data.target[:60], strict=True):
        large = np.clip(cv2.resize(image, (28, 28), interpolation=cv2.INTER_CUBIC) / 16, 0, 1)
        for light in right:
            gray = torch.from_numpy((large if light else 1 - large).astype(np.float32))
            right[light] += read_page(gray.expand(3, -1, -1), reader).text == str(label)
    assert min(right.values()) >= 51, right
    assert read_page(torch.full((3, 28, 28), 0.4), reader).boxes == ()


def canvas(image, side, interpolation, *, light, margin=0, frame=0):
    """Return a digit (28, 28) of 0..255 as an image of side x side px, with a margin around it."""
    large = cv2.resize(image.numpy() / np.float32(255), (side, side), interpolation=interpolation)
    large = np.pad(large.clip(0, 1), margin)
    if frame:
        large[:frame], large[-frame:], large[:, :frame], large[:, -frame:] = 1, 1, 1, 1
    return torch.from_numpy(large if light else 1 - large).expand(3, -1, -1)


@pytest.mark.parametrize(
    ("side", "interpolation", "light", "margin", "frame"),
    [
        (100, cv2.INTER_CUBIC, True, 0, 0),
        (280, cv2.INTER_NEAREST, False, 0, 0),
        (280, cv2.INTER_CUBIC, True, 60, 4),
        (560, cv2.INTER_LINEAR, False, 0, 3),
        (1000, cv2.INTER_CUBIC, False, 0, 0),
    ],
)
def test_a_digit_is_read_alike_at_any_size(
    clear, reader, side, interpolation, light, margin, frame
):
    count = 40
    style = {"light": light, "margin": margin, "frame": frame}
    texts = [
        read_page(canvas(image, side, interpolation, **style), reader).text
        for image in clear.images[:count]
    ]
    names = [str(name) for name in clear.labels[:count].tolist()]
    assert sum(map(str.__eq__, texts, names)) >= count - 1


@pytest.mark.parametrize("side", [28, 280])
def test_one_digit_obeys_the_same_settings_as_a_page(clear, reader, side):
    image = canvas(clear.images[0], side, cv2.INTER_CUBIC, light=True)
    name = str(int(clear.labels[0]))
    assert read_page(image, reader, DigitConfig(polarity="light")).text == name
    assert read_page(image, reader, DigitConfig(polarity="dark")).text != name
    assert read_page(image, reader, DigitConfig(report_threshold=1)).boxes == ()


def test_two_digits_on_a_canvas_are_two(write_page, reader):
    assert read_page(write_page(["36"], 64), reader).text == "3 6"
