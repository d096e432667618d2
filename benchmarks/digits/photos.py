"""False positives: digits that are reported in photographs without any.

    python benchmarks/digits/photos.py [FOLDER OF PHOTOGRAPHS] [--every N] [--model FILE]

Always: scikit-learn's china and flower, scikit-image's coffee and chelsea, none of which was
trained on.
"""

import argparse
from pathlib import Path

import numpy as np
import skimage.data
import torch
from sklearn.datasets import load_sample_image

from bowerbird.pictures.reading import read_picture
from bowerbird.vision.digits.page import read_page
from bowerbird.vision.digits.reader import load_digit_reader


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--model", default="digits")
    args = parser.parse_args()
    torch.set_num_threads(1)
    reader = load_digit_reader(args.model, "cpu")
    pictures = {
        "china": load_sample_image("china.jpg"),
        "flower": load_sample_image("flower.jpg"),
        "coffee": skimage.data.coffee(),
        "chelsea": skimage.data.chelsea(),
    }
    for name, picture in pictures.items():
        rgb = torch.from_numpy(np.array(picture).transpose(2, 0, 1).astype(np.float32) / 255)
        boxes = read_page(rgb, reader).boxes
        print(name, len(boxes), [(box.name, round(box.score, 2)) for box in boxes])
    if args.folder:
        paths = sorted(args.folder.iterdir())[:: args.every]
        paths = [path for path in paths if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
        counts = {path.name: len(read_page(read_picture(path).rgb, reader).boxes) for path in paths}
        positive = {name: count for name, count in counts.items() if count}
        print(
            f"{len(positive)} of {len(paths)} photographs with boxes; {sum(counts.values())} boxes"
        )
        print(positive)


if __name__ == "__main__":
    main()
