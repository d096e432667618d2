"""How well single digits, and numbers that fill their picture, are read at a canvas's size.

python benchmarks/digits/canvas.py FOLDER [--count N] [--model FILE]

Official test digits, enlarged in three ways, every second one dark on light, every fifth framed;
and 2 to 4 of them side by side with little paper around, 2 to 14 times as large.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from bowerbird.vision.digits.idx import read_digits
from bowerbird.vision.digits.page import ReadConfig, read_page
from bowerbird.vision.digits.reader import NONE, load_digit_reader

WAYS = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
SIDES = (100, 280, 560, 1000)


def canvas(one, side, way, number):
    """Return a digit as a picture (3, side, side)."""
    big = cv2.resize(one.astype(np.float32) / 255, (side, side), interpolation=way).clip(0, 1)
    if number % 5 == 0:
        cv2.rectangle(big, (0, 0), (side - 1, side - 1), 1.0, max(1, side // 100))
    return torch.from_numpy(1 - big if number % 2 else big).expand(3, -1, -1)


def numbers(digits, count, seed=6):
    """Yield numbers as pictures (3, h, w) that they fill, and how they read."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        some = random.integers(0, len(digits), int(random.integers(2, 5)))
        gap, margin = int(random.integers(3, 9)), int(random.integers(4, 16))
        columns = []
        for one in digits.ink.numpy()[some]:
            there = np.flatnonzero(one.max(0) > 60)
            own = one[:, there[0] : there[-1] + 1]
            columns.append(np.pad(own, ((margin, margin), (gap // 2, gap - gap // 2))))
        row = np.pad(np.concatenate(columns, 1), ((0, 0), (margin, margin)))
        scale = int(random.choice([2, 4, 8, 14]))
        row = cv2.resize(row, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) / 255
        ink = torch.from_numpy((1 - row if random.random() < 0.7 else row).astype(np.float32))
        yield "".join(map(str, digits.labels[some].tolist())), ink.expand(3, -1, -1)


def fill(digits, reader, count):
    """Print how many numbers are read, and how many of those told as sure are right."""
    right = sure = sure_right = 0
    for name, picture in numbers(digits, count):
        seen = read_page(picture, reader)
        same = (seen.text or "").replace(" ", "") == name
        certain = any(line.confidence >= ReadConfig.sure for line in seen.lines)
        right, sure, sure_right = right + same, sure + certain, sure_right + (certain and same)
    print(f"numbers {count}, right {right}, sure {sure}, of these right {sure_right}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--model", default="digits")
    told = parser.parse_args()
    torch.set_num_threads(1)
    reader = load_digit_reader(told.model, "cpu")
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
    fill(read_digits(told.folder, "test"), reader, 100)


if __name__ == "__main__":
    main()
