"""Units of numbers: currencies, units behind a number (54 kg), multiples (12.5k), clock times."""

import math
import re

_CURRENCIES = (  # ISO 4217 of the most traded, abbreviations in everyday use, signs
    "USD EUR GBP JPY CHF CAD AUD NZD CNY HKD SGD INR KRW TWD RUB BRL MXN ZAR TRY ILS THB IDR SEK "
    "NOK DKK ISK PLN CZK HUF RON kr zł Kč Ft Fr Fr. US$ R$ A$ C$ "
    "$ € £ ¥ ₹ ₽ ₩ ₺ ₪ ₫ ₴ ₱ ฿"
)
CURRENCIES = frozenset(_CURRENCIES.split())
BEHIND = r"[^\W\d_][^\d:]*[23]?|°[^\d:]*"  # any unit behind a number
_COMMON_UNITS = (  # only these are reported where a column has several
    "mg g kg t oz lb lbs mm cm m km in ft yd mi ml cl dl l gal ms s sec min h hr hrs d day days "
    "week weeks month months year years °C °F m² m2 km² ft² sqft sqm ha m³ m3 km/h kmh mph W kW "
    "MW Wh kWh MWh Hz kHz MHz GHz kB KB MB GB TB k K M"
)
COMMON_UNITS = frozenset(_COMMON_UNITS.split())
CLOCK, MULTIPLES = "h:mm", "k and M"  # stand for the unit of clock times, and of multiples
FACTORS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}  # of multiples
TIME = re.compile(
    r"(?P<sign>-)?(?P<hours>\d{1,3}):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d(?:[.,]\d+)?))?"
)
DAY = 24  # h; above it, times without seconds are more likely scores (25:21)


def is_time(cell: str) -> bool:
    """Return whether a cell is a clock time or a duration, and not a score."""
    match = TIME.fullmatch(cell)
    return match is not None and (bool(match["seconds"]) or int(match["hours"]) <= DAY)


def clock_hours(cell: str) -> float:
    """Return a clock time in hours, or NaN."""
    match = TIME.fullmatch(cell)
    if match is None:
        return math.nan
    seconds = float((match["seconds"] or "0").replace(",", "."))
    hours = int(match["hours"]) + int(match["minutes"]) / 60 + seconds / 3600
    return -hours if match["sign"] else hours
