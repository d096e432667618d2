"""Accuracy on another handwriting: scikit-learn's 1,797 digits of 8 x 8 px, enlarged.

python benchmarks/digits/hand.py [--model FILE]
"""

import argparse

import cv2
import numpy as np
import torch
from sklearn.datasets import load_digits

from bowerbird.vision.digits.idx import DigitDataset
from bowerbird.vision.digits.normalize import normalize
from bowerbird.vision.digits.reader import load_digit_reader


def enlarged():
    """Return them as 80 x 80 px with sharp edges, normalized as in MNIST."""
    data = load_digits()
    large = [
        cv2.resize(image.astype(np.float32) / 16, (80, 80), interpolation=cv2.INTER_CUBIC)
        for image in data.images
    ]
    images = np.stack([normalize(np.clip((image - 0.3) * 3, 0, 1)) for image in large])
    codes = torch.from_numpy((images * 255).round().astype(np.uint8))
    return DigitDataset(codes, torch.from_numpy(data.target).long())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="digits")
    torch.set_num_threads(1)
    metrics = load_digit_reader(parser.parse_args().model, "cpu").evaluate(enlarged())
    print(f"{metrics.errors} of {metrics.count} wrong, {metrics.accuracy:.2%} right")


if __name__ == "__main__":
    main()
