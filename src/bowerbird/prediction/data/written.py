"""Numbers as people write them, in the way of a table: 75,660 or 75.660, and not 7.566e+04."""

import math

from bowerbird.prediction.data.numbers import DecimalMark

LARGE = 1e15  # above it, and below SMALL, exponents are easier to read
SMALL = 1e-4


def readable(number: float, mark: DecimalMark = ".", digits: int = 4) -> str:
    """Return a number with at least four digits, all of those before the decimal mark."""
    size = abs(number)
    if not math.isfinite(number) or (number and not SMALL <= size < LARGE):
        return f"{number:.{digits}g}".replace(".", mark)
    decimals = max(0, digits - 1 - (math.floor(math.log10(size)) if size else 0))
    grouped = "," if size >= 10_000 else ""
    text = f"{number:{grouped}.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if mark == "." else text.translate({ord("."): ",", ord(","): "."})
