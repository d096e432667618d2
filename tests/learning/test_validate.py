"""What is none of the choices is answered with them."""

import math
from dataclasses import dataclass
from typing import Literal

import pytest

from bowerbird.learning.validate import check_choice, check_choices, check_range


@dataclass(frozen=True)
class Settings:
    name: Literal["a", "b"] = "a"
    power: Literal[1, 2] = 2
    weight: float = 0.5
    text: str = "anything"


def test_a_choice_is_let_be():
    check_choice("a", ("a", "b"))
    check_choice(2, (1, 2))


def test_what_is_none_of_them_is_answered_with_them():
    with pytest.raises(ValueError, match="'c' is not one of a, b"):
        check_choice("c", ("a", "b"))


def test_each_field_with_choices_is_checked_and_no_other():
    check_choices(Settings(text="c"))
    with pytest.raises(ValueError, match=r"^'c' is not one of a, b$"):
        check_choices(Settings("c"))
    with pytest.raises(ValueError, match=r"^3 is not one of 1, 2$"):
        check_choices(Settings(power=3))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-1.0, r"^weight must be at least 0, got -1\.0$"),
        (math.inf, r"^weight must be finite and at least 0, got inf$"),
        (math.nan, "^weight must be finite and at least 0, got nan$"),
    ],
)
def test_a_number_that_is_too_small_or_not_finite(weight, message):
    check_range(Settings(), 0, math.inf, "weight")
    with pytest.raises(ValueError, match=message):
        check_range(Settings(weight=weight), 0, math.inf, "weight")
