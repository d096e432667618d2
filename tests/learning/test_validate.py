"""What is none of the choices is answered with them."""

import pytest

from bowerbird.learning.validate import check_choice


def test_a_choice_is_let_be():
    check_choice("a", ("a", "b"))
    check_choice(2, (1, 2))


def test_what_is_none_of_them_is_answered_with_them():
    with pytest.raises(ValueError, match="'c' is not one of a, b"):
        check_choice("c", ("a", "b"))
