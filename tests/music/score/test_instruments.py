"""Instruments are found by name or number."""

import pytest

from bowerbird.music.score.instruments import PROGRAMS, program_of


def test_instruments_by_name():
    assert len(PROGRAMS) == len(set(PROGRAMS)) == 128
    assert program_of("violin") == 40
    assert program_of("Steel-guitar") == 25
    assert program_of("piano") == 0
    assert program_of("109") == 109
    with pytest.raises(ValueError, match="did you mean"):
        program_of("violine")
    with pytest.raises(ValueError, match="unknown instrument 'gong'"):
        program_of("gong")
