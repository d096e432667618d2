"""How often digits are seen in photographs that have none.

    python benchmarks/digits/photos.py [FOLDER OF PHOTOGRAPHS] [--every N] [--model FILE]

Always: scikit-learn's china and flower, scikit-image's coffee and chelsea, none of which was
learned from.
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
    told = parser.parse_args()
    torch.set_num_threads(1)
    reader = load_digit_reader(told.model, "cpu")
    pictures = {
        "china": load_sample_image("china.jpg"),
        "flower": load_sample_image("flower.jpg"),
        "coffee": skimage.data.coffee(),
        "chelsea": skimage.data.chelsea(),
    }
    for name, picture in pictures.items():
        rgb = torch.from_numpy(np.array(picture).transpose(2, 0, 1).astype(np.float32) / 255)
        seen = read_page(rgb, reader)
        print(name, len(seen.boxes), [(b.name, round(b.score, 2)) for b in seen.boxes])
    if told.folder:
        paths = sorted(told.folder.iterdir())[:: told.every]
        paths = [path for path in paths if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
        counts = {path.name: len(read_page(read_picture(path).rgb, reader).boxes) for path in paths}
        some = {name: count for name, count in counts.items() if count}
        print(f"{len(some)} of {len(paths)} photographs with boxes; {sum(some.values())} boxes")
        print(some)


if __name__ == "__main__":
    main()
