"""Digits on synthetic pages: recall, precision, accuracy of lines and pages.

    python benchmarks/digits/pages.py FOLDER --split test --first 0 --count 50 [--model FILE]
        [--show DIR]

FOLDER has the IDX files. A digit is found if a box overlaps its own by half (intersection over
union), and right if the box has its name too. A line is right if all of its digits are, in order;
blanks are counted separately.
"""

import argparse
import difflib
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from synthetic_pages import Page, PageConfig, make_page

from bowerbird.pictures.writing import write_picture
from bowerbird.vision.boxes import iou
from bowerbird.vision.digits.config import DigitConfig
from bowerbird.vision.digits.idx import read_digit_dataset
from bowerbird.vision.digits.page import read_page
from bowerbird.vision.digits.reader import load_digit_reader
from bowerbird.vision.drawing import draw


def evaluate(page: Page, result) -> dict[str, float]:
    """Count digits and lines of one page."""
    free = list(result.boxes)
    found = right = 0
    for name, box in page.boxes:
        best = max(free, key=lambda b: iou(b.xyxy, box), default=None)
        if best is not None and iou(best.xyxy, box) >= 0.5:
            free.remove(best)
            found += 1
            right += best.name == name
    lines = (result.text or "").split("\n")
    plain = [line.replace(" ", "") for line in lines]
    expected = [line.replace(" ", "") for line in page.lines]
    match = difflib.SequenceMatcher(None, expected, plain, autojunk=False)
    exact = difflib.SequenceMatcher(None, page.lines, lines, autojunk=False)
    return {
        "digits": len(page.boxes),
        "boxes": len(result.boxes),
        "found": found,
        "right": right,
        "lines": len(expected),
        "lines_right": sum(block.size for block in match.get_matching_blocks()),
        "lines_blanks_right": sum(block.size for block in exact.get_matching_blocks()),
        "pages_right": float(plain == expected),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="test", choices=("train", "test"))
    parser.add_argument("--from", dest="begin", type=int, default=0, help="first digit used")
    parser.add_argument("--first", type=int, default=0, help="seed of the first page")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--touching", type=float, default=PageConfig.touching_fraction)
    parser.add_argument("--model", default="digits")
    parser.add_argument("--show", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    digits = read_digit_dataset(args.folder, args.split)
    digits = digits[args.begin :]
    reader, sums, seconds = load_digit_reader(args.model, "cpu"), defaultdict(float), []
    for seed in range(args.first, args.first + args.count):
        config = PageConfig(seed=seed, touching_fraction=args.touching)
        page = make_page(digits.images.numpy(), digits.labels.numpy(), config)
        rgb = torch.from_numpy(np.ascontiguousarray(page.rgb.transpose(2, 0, 1), np.float32))
        began = time.process_time()
        result = read_page(rgb, reader)
        seconds.append(time.process_time() - began)
        counts = evaluate(page, result)
        for name, value in counts.items():
            sums[name] += value
        if counts["pages_right"] < 1 and args.show:
            print(seed, counts, page.lines, result.text.split("\n"))
        if args.show:
            drawn = draw(rgb, result.mark_uncertain(DigitConfig.confident_threshold))
            write_picture(args.show / f"page-{seed}.png", drawn)
    print(
        json.dumps(
            {
                **{name: int(value) for name, value in sums.items()},
                "recall": round(sums["found"] / sums["digits"], 4),
                "precision": round(sums["found"] / max(1, sums["boxes"]), 4),
                "read_right_of_found": round(sums["right"] / max(1, sums["found"]), 4),
                "line_accuracy": round(sums["lines_right"] / sums["lines"], 4),
                "page_accuracy": round(sums["pages_right"] / args.count, 4),
                "seconds_a_page": round(float(np.median(seconds)), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
