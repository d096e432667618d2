"""Another hand: scikit-learn's 1,797 digits of 8 x 8 px, enlarged and normalized as MNIST's.

python benchmarks/digits/hand.py [--model FILE]
"""

import argparse

import cv2
import numpy as np
import torch
from sklearn.datasets import load_digits

from bowerbird.vision.digits.idx import Digits
from bowerbird.vision.digits.normalize import normalize
from bowerbird.vision.digits.reader import load_digit_reader


def enlarged():
    """Return them as 80 x 80 px with sharp edges, normalized."""
    data = load_digits()
    big = [
        cv2.resize(one.astype(np.float32) / 16, (80, 80), interpolation=cv2.INTER_CUBIC)
        for one in data.images
    ]
    ink = np.stack([normalize(np.clip((one - 0.3) * 3, 0, 1)) for one in big])
    return Digits(
        torch.from_numpy((ink * 255).round().astype(np.uint8)), torch.from_numpy(data.target).long()
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="digits")
    torch.set_num_threads(1)
    score = load_digit_reader(parser.parse_args().model, "cpu").score(enlarged())
    print(f"{score.errors} of {score.count} wrong, {score.accuracy:.2%} right")


if __name__ == "__main__":
    main()
