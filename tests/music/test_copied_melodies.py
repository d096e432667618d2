"""Copies of melodies are found in any key, and the shipped index is that of the tunes."""

import numpy as np

from bowerbird.music.augment import transposed
from bowerbird.music.copied_melodies import MelodyIndex, interval_codes, novelty
from bowerbird.music.corpus import melody_index


def test_transposed_copies_are_found(tune, scottish_split, reel_abc, jig_abc):
    train = scottish_split.train
    _, source = train[100]
    result = novelty(transposed(source, 4), MelodyIndex.of(train))
    assert result.longest_copy_notes == source.note_num()
    assert result.copied_fraction == 1
    assert novelty(source, MelodyIndex.of([("me", source)])).piece == "me"
    reel, jig = tune(reel_abc), tune(jig_abc)
    assert novelty(reel, MelodyIndex.of([("jig", jig)])).longest_copy_notes < 8
    mixed = tune(jig_abc.replace("gfe dBG|cBA", "ggg ddd|BBB"))
    result = novelty(mixed, MelodyIndex.of([("reel", reel), ("jig", jig)]))
    assert (result.piece, result.start) == ("jig", 0)
    assert result.longest_copy_notes == 23  # the next note has the same interval


def test_the_shipped_index_is_that_of_the_tunes(scottish, tmp_path):
    shipped, computed = melody_index(["scottish"]), MelodyIndex.of(scottish.pieces)
    assert shipped.names == computed.names
    assert np.array_equal(shipped.codes, computed.codes)
    computed.save(tmp_path / "again.npz")
    again = MelodyIndex.open(tmp_path / "again.npz")
    assert again.names == computed.names
    assert np.array_equal(again.codes, computed.codes)
    _, last = scottish.pieces[-1]
    assert novelty(last, shipped).longest_copy_notes == last.note_num()


def test_codes_by_hand(tune):
    codes = interval_codes(tune("M:4/4\nL:1/4\nK:C\nC E/ G c/ c|"))
    intervals, durations = np.divmod(codes, 1025)  # the first note's duration doesn't count
    assert (intervals - 128).tolist() == [4, 3, 5, 0]
    assert durations.tolist() == [12, 24, 12, 24]
