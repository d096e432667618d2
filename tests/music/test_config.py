"""Settings are checked."""

import pytest

from bowerbird.music.config import ComposeConfig


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bars": -1}, "bars"),
        ({"meter": "4/5"}, "not a meter"),
        ({"key": "H"}, "not a key"),
        ({"tempo": 1e9}, "tempo"),
        ({"instrument": "triangel"}, "unknown instrument"),
        ({"best_of": 0}, "best_of"),
        ({"seconds": -3}, "seconds"),
        ({"seconds": 20, "bars": 8}, "bars or seconds, not both"),
    ],
)
def test_flags_are_checked(wrong, words):
    with pytest.raises(ValueError, match=words):
        ComposeConfig(**wrong)
