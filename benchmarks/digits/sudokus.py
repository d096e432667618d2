"""Digits in printed grids on phone photographs, and house numbers in real street photographs.

    python benchmarks/digits/sudokus.py SUDOKU_PHOTOS [--house-numbers SVHN_ORIGINALS]

SUDOKU_PHOTOS has photographs of newspaper sudokus and labels.tsv, whose columns file and grid are a
name and 81 digits, 0 for an empty cell (wichtounet/sudoku_dataset). A digit counts as found if it
is in the sequence of those read, in the order of rows. SVHN_ORIGINALS has nine photographs.
"""

import argparse
import csv
import difflib
import sys
from pathlib import Path

from bowerbird.pictures.reading import read_picture
from bowerbird.vision.digits.config import DigitConfig
from bowerbird.vision.digits.page import read_page
from bowerbird.vision.digits.reader import load_digit_reader
from bowerbird.vision.house_numbers.reader import load_house_number_reader

# read by eye
HOUSE_NUMBERS = {
    **{"train_1": "19", "train_2": "23", "train_3": "25"},
    **{"test_1": "5", "test_2": "210", "test_3": "6"},
}


def grids(folder: Path) -> str:
    """Return the recall, precision and confidence over all photographs."""
    reader = load_digit_reader("digits")
    given = found = read = sure = sure_right = 0
    with (folder / "labels.tsv").open(newline="") as stream:
        photographs = list(csv.DictReader(stream, delimiter="\t"))
    for photograph in photographs:
        cells = photograph["grid"]
        digits = cells.replace("0", "")
        result = read_page(read_picture(folder / photograph["file"]).over(), reader)
        text = "".join(c for c in result.text if c.isdecimal())
        blocks = difflib.SequenceMatcher(None, digits, text, autojunk=False).get_matching_blocks()
        given, read = given + len(digits), read + len(text)
        found += sum(block.size for block in blocks)
        rows = [cells[9 * i : 9 * i + 9].replace("0", "") for i in range(9)]
        for line in result.lines or ():
            if line.confidence >= DigitConfig().confident_threshold:
                sure += 1
                sure_right += line.text.replace(" ", "") in rows
    return (
        f"digits: {found} of {given} found, {read} read; "
        f"confident lines: {sure}, {sure_right} of them a row of the grid"
    )


def houses(folder: Path) -> str:
    """Return how many numbers are read right."""
    reader = load_house_number_reader("house-numbers")
    right = []
    for name, number in HOUSE_NUMBERS.items():
        result = reader.predict(read_picture(folder / f"{name}.png"))
        names = [box.name for box in result.boxes or ()]
        right.append(number in names)
        sys.stdout.write(f"{name}: {number}, read {', '.join(names) or 'nothing'}\n")
    return f"house numbers: {sum(right)} of {len(right)}"


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sudokus", type=Path)
    parser.add_argument("--house-numbers", type=Path)
    asked = parser.parse_args()
    sys.stdout.write(grids(asked.sudokus) + "\n")
    if asked.house_numbers:
        sys.stdout.write(houses(asked.house_numbers) + "\n")


if __name__ == "__main__":
    main()
