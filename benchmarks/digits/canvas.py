"""How well single digits are read at the size of a tablet's canvas, against their own 28 px.

python benchmarks/digits/canvas.py FOLDER [--count N] [--model FILE]

Official test digits, enlarged in four ways, every second one dark on light, every fifth framed.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from bowerbird.vision.digits import NONE, open_digits
from bowerbird.vision.handwriting.idx import read_digits
from bowerbird.vision.page import read_page

WAYS = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
SIDES = (100, 280, 560, 1000)


def canvas(one, side, way, number):
    """Return a digit as a picture (3, side, side)."""
    big = cv2.resize(one.astype(np.float32) / 255, (side, side), interpolation=way).clip(0, 1)
    if number % 5 == 0:
        cv2.rectangle(big, (0, 0), (side - 1, side - 1), 1.0, max(1, side // 100))
    return torch.from_numpy(1 - big if number % 2 else big).expand(3, -1, -1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--model", default="digits")
    told = parser.parse_args()
    torch.set_num_threads(1)
    reader = open_digits(told.model, "cpu")
    digits = read_digits(told.folder, "test").some(0, told.count)
    names = digits.labels.tolist()
    small = reader.steady(digits.ink.float() / 255)[:, :NONE].argmax(1)
    print("28 px", float((small == digits.labels).float().mean()))
    for side in SIDES:
        for name, way in WAYS.items():
            pictures = (canvas(one, side, way, n) for n, one in enumerate(digits.ink.numpy()))
            right = [
                read_page(picture, reader).text == str(digit)
                for picture, digit in zip(pictures, names, strict=True)
            ]
            print(side, name, np.mean(right))


if __name__ == "__main__":
    main()
