"""ABC tokens: their bars add up."""

import numpy as np

from bowerbird.music.tokens.kinds import tokenizer_for


def test_bars_add_up_in_any_case(tunes, draw):
    """A bar that does not would be read as one of another meter."""
    tokenizer, random = tokenizer_for("abc", tunes), np.random.default_rng(2)
    for _ in range(60):
        ids = draw(tokenizer.grammar(single_meter=True), random)
        assert len(tokenizer.decode(ids).time_signatures) == 1
    bar, length, rest = (tokenizer.vocabulary.ids[token] for token in ("|", "2", "z"))
    place = len(ids) // 2
    while ids[place] != bar:
        place += 1
    broken = [*ids[:place], rest, length, *ids[place:]]
    assert len(tokenizer.decode(broken).time_signatures) > 1
