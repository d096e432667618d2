"""Checks of settings."""

import math
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin


def check_choice(value: object, choices: tuple[object, ...]) -> None:
    """Raise ValueError, listing the choices, if a value is not one of them."""
    if value not in choices:
        raise ValueError(f"{value!r} is not one of {', '.join(map(str, choices))}")


def check_choices(settings: Any) -> None:
    """Raise ValueError, listing the choices, if a ``Literal`` field has none of its values."""
    for field in fields(settings):
        if get_origin(field.type) is Literal:
            check_choice(getattr(settings, field.name), get_args(field.type))


def check_range(settings: object, low: float, high: float, *names: str) -> None:
    """Raise ValueError if one of these fields is not a finite number in [low, high]."""
    for name in names:
        value = getattr(settings, name)
        if not (low <= value <= high and math.isfinite(value)):
            finite = "" if math.isfinite(value) else "finite and "
            bounds = f"{finite}at least {low:g}" if high == math.inf else f"in [{low:g}, {high:g}]"
            raise ValueError(f"{name} must be {bounds}, got {value}")


def check_seed(seed: int) -> None:
    """Raise ValueError for a seed that torch's generators don't take."""
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed must be in [0, 2^63), got {seed}")
