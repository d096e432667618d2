"""Numbers with a unit behind them: 54 kg, 21 °C, 12.5k, and clock times: 14:30, 1:20:00.

A column is read so if every cell is, all with the same unit; what it means is not asked. Clock
times are hours. ``k`` is a thousand and ``M``, beside it, a million; alone, ``K`` and ``M`` are
units.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

CLOCK, LARGE = "h:mm", "k and M"  # what stands for a unit there
TIME = re.compile(
    r"(?P<sign>-)?(?P<hours>\d{1,3}):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d(?:[.,]\d+)?))?"
)
MEASURE = re.compile(
    r"(?P<number>[-+\u2212]?[\d.,'\u2019\s]*?\d[.,]?)\s?(?P<unit>[^\W\d_][^\d:]*[23]?|°[^\d:]*)"
)
COMMON = (  # of which several in a column are told; "1st" and "32B" have none
    "mg g kg t oz lb lbs mm cm m km in ft yd mi ml cl dl l gal ms s sec min h hr hrs d day days "
    "week weeks month months year years °C °F m² m2 km² ft² sqft sqm ha m³ m3 km/h kmh mph W kW "
    "MW Wh kWh MWh Hz kHz MHz GHz kB KB MB GB TB k K M"
)
FACTORS = {"k": 1e3, "K": 1e3, "M": 1e6}
DAY = 24  # h, above which times without seconds are rather scores (25:21)


def hours(cell: str) -> float:
    """Return a clock time in hours, or NaN."""
    match = TIME.fullmatch(cell)
    if match is None:
        return math.nan
    seconds = float((match["seconds"] or "0").replace(",", "."))
    size = int(match["hours"]) + int(match["minutes"]) / 60 + seconds / 3600
    return -size if match["sign"] else size


def taken_off(cell: str, unit: str) -> tuple[str, float]:
    """Return a cell without its unit, and what it is to be multiplied with."""
    match = MEASURE.fullmatch(cell)
    if match is None:
        return cell, 1.0
    if unit == LARGE and match["unit"] in FACTORS:
        return match["number"], FACTORS[match["unit"]]
    return (match["number"], 1.0) if match["unit"] == unit else (cell, 1.0)


def unit_behind(words: Sequence[str]) -> str:
    """Return the unit that all cells have in common, or nothing."""
    times = [TIME.fullmatch(word) for word in words]
    if all(times):
        early = all(match["seconds"] or int(match["hours"]) <= DAY for match in times if match)
        return CLOCK if early else ""
    found = units_behind(words)
    if found.keys() <= FACTORS.keys() and found["k"]:
        return LARGE
    return next(iter(found)) if len(found) == 1 and found.total() == len(words) else ""


def units_behind(words: Sequence[str]) -> Counter[str]:
    """Count the units behind numbers."""
    matches = [MEASURE.fullmatch(word) for word in words]
    return Counter(match["unit"] for match in matches if match)
