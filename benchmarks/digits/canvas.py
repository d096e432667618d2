"""Accuracy on single digits at the size of a canvas, and on numbers that fill their image.

python benchmarks/digits/canvas.py FOLDER [--count N] [--model FILE]

Official test digits, enlarged in three ways, every second one dark on light, every fifth framed;
and 2 to 4 of them side by side with a narrow margin, 2 to 14 times as large.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from bowerbird.vision.digits.config import NO_DIGIT, DigitConfig
from bowerbird.vision.digits.idx import read_digit_dataset
from bowerbird.vision.digits.page import read_page
from bowerbird.vision.digits.reader import load_digit_reader

INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
}
SIDES = (100, 280, 560, 1000)


def canvas(image, side, interpolation, number):
    """Return a digit as an image (3, side, side)."""
    image = image.astype(np.float32) / 255
    large = cv2.resize(image, (side, side), interpolation=interpolation).clip(0, 1)
    if number % 5 == 0:
        cv2.rectangle(large, (0, 0), (side - 1, side - 1), 1.0, max(1, side // 100))
    return torch.from_numpy(1 - large if number % 2 else large).expand(3, -1, -1)


def numbers(digits, count, seed=6):
    """Yield numbers as text, and as images (3, h, w) that they fill."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        chosen = random.integers(0, len(digits), int(random.integers(2, 5)))
        gap, margin = int(random.integers(3, 9)), int(random.integers(4, 16))
        columns = []
        for image in digits.images.numpy()[chosen]:
            filled = np.flatnonzero(image.max(0) > 60)
            cropped = image[:, filled[0] : filled[-1] + 1]
            columns.append(np.pad(cropped, ((margin, margin), (gap // 2, gap - gap // 2))))
        row = np.pad(np.concatenate(columns, 1), ((0, 0), (margin, margin)))
        scale = int(random.choice([2, 4, 8, 14]))
        row = cv2.resize(row, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) / 255
        gray = torch.from_numpy((1 - row if random.random() < 0.7 else row).astype(np.float32))
        yield "".join(map(str, digits.labels[chosen].tolist())), gray.expand(3, -1, -1)


def evaluate_numbers(digits, reader, count):
    """Print how many numbers are read, and how many of the confident ones are right."""
    right = confident = both = 0
    for text, image in numbers(digits, count):
        result = read_page(image, reader)
        is_right = (result.text or "").replace(" ", "") == text
        threshold = DigitConfig.confident_threshold
        is_confident = any(line.confidence >= threshold for line in result.lines)
        right, confident = right + is_right, confident + is_confident
        both += is_right and is_confident
    print(f"numbers {count}, right {right}, confident {confident}, of these right {both}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--model", default="digits")
    args = parser.parse_args()
    torch.set_num_threads(1)
    reader = load_digit_reader(args.model, "cpu")
    digits = read_digit_dataset(args.folder, "test")[: args.count]
    names = digits.labels.tolist()
    probabilities = reader.predict_proba(digits.images.float() / 255, shifts=True)
    small = probabilities[:, :NO_DIGIT].argmax(1)
    print("28 px", float((small == digits.labels).float().mean()))
    for side in SIDES:
        for name, way in INTERPOLATIONS.items():
            images = (canvas(one, side, way, n) for n, one in enumerate(digits.images.numpy()))
            right = [
                read_page(image, reader).text == str(digit)
                for image, digit in zip(images, names, strict=True)
            ]
            print(side, name, np.mean(right))
    evaluate_numbers(read_digit_dataset(args.folder, "test"), reader, 100)


if __name__ == "__main__":
    main()
