"""How well digits are found and read on composed pages: recall, precision, lines.

    python benchmarks/digits/pages.py FOLDER --part test --first 0 --count 50 [--model FILE]
        [--show DIR]

FOLDER has the IDX files. A digit is found if a box of it overlaps its own by half (intersection
over union); it is read right if it has its name too. A line is right if all of its digits are, in
order; blanks are counted apart.
"""

import argparse
import difflib
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from bowerbird.pictures.writing import write_picture
from bowerbird.vision.boxes import iou
from bowerbird.vision.digits.idx import read_digits
from bowerbird.vision.digits.page import ReadConfig, boxed, read_page
from bowerbird.vision.digits.reader import load_digit_reader
from bowerbird.vision.digits.synthetic_pages import Page, PageConfig, compose


def measure(page: Page, seen) -> dict[str, float]:
    """Count digits and lines of one page."""
    free = list(seen.boxes)
    found = right = 0
    for name, box in page.boxes:
        best = max(free, key=lambda b: iou(b.xyxy, box), default=None)
        if best is not None and iou(best.xyxy, box) >= 0.5:
            free.remove(best)
            found += 1
            right += best.name == name
    read = (seen.text or "").split("\n")
    plain = [line.replace(" ", "") for line in read]
    wanted = [line.replace(" ", "") for line in page.lines]
    match = difflib.SequenceMatcher(None, wanted, plain, autojunk=False)
    exact = difflib.SequenceMatcher(None, page.lines, read, autojunk=False)
    return {
        "digits": len(page.boxes),
        "boxes": len(seen.boxes),
        "found": found,
        "right": right,
        "lines": len(wanted),
        "lines_right": sum(block.size for block in match.get_matching_blocks()),
        "lines_blanks_right": sum(block.size for block in exact.get_matching_blocks()),
        "pages_right": float(plain == wanted),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--part", default="test", choices=("training", "test"))
    parser.add_argument("--from", dest="begin", type=int, default=0, help="first digit used")
    parser.add_argument("--first", type=int, default=0, help="seed of the first page")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--touching", type=float, default=PageConfig.touching)
    parser.add_argument("--model", default="digits")
    parser.add_argument("--show", type=Path)
    told = parser.parse_args()
    torch.set_num_threads(1)
    digits = read_digits(told.folder, told.part)
    digits = digits.some(told.begin, len(digits))
    reader, sums, seconds = load_digit_reader(told.model, "cpu"), defaultdict(float), []
    for seed in range(told.first, told.first + told.count):
        config = PageConfig(seed=seed, touching=told.touching)
        page = compose(digits.ink.numpy(), digits.labels.numpy(), config)
        rgb = torch.from_numpy(np.ascontiguousarray(page.rgb.transpose(2, 0, 1), np.float32))
        began = time.process_time()
        seen = read_page(rgb, reader, ReadConfig())
        seconds.append(time.process_time() - began)
        counts = measure(page, seen)
        for name, value in counts.items():
            sums[name] += value
        if counts["pages_right"] < 1 and told.show:
            print(seed, counts, page.lines, seen.text.split("\n"))
        if told.show:
            write_picture(told.show / f"page-{seed}.png", boxed(rgb, seen))
    print(
        json.dumps(
            {
                **{name: int(value) for name, value in sums.items()},
                "recall": round(sums["found"] / sums["digits"], 4),
                "precision": round(sums["found"] / max(1, sums["boxes"]), 4),
                "read_right_of_found": round(sums["right"] / max(1, sums["found"]), 4),
                "line_accuracy": round(sums["lines_right"] / sums["lines"], 4),
                "page_accuracy": round(sums["pages_right"] / told.count, 4),
                "seconds_a_page": round(float(np.median(seconds)), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
