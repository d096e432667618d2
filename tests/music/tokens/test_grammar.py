"""The length of a tune as played: repeats, endings and pickups."""

from bowerbird.music.tokens.grammar import Sections


def test_an_ending_is_played_once_and_what_is_before_it_twice():
    sections = Sections(32)
    sections.bar = 10
    sections.mark("|:", 0)
    sections.mark("[1", 70)
    assert sections.repeated(80) == 80 + 70 + 10  # with a second ending of one bar
    sections.mark(":|", 80)
    assert sections.remaining == 320 - 80 - 70
    sections.mark("[2", 0)
    sections.mark("|:", 10)
    assert sections.remaining == 160
    assert sections.repeated(80) == 160
    sections.mark(":|", 80)
    assert sections.remaining == 0
