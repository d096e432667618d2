"""Drums: every one of General MIDI's there and back, and a staff without a key."""

import re

import music21
import numpy as np
import pytest

from bowerbird.music.formats.files import read_score, write_score
from bowerbird.music.render.engraving import engrave
from bowerbird.music.score.build import new_track
from bowerbird.music.score.drums import DRUMS


@pytest.fixture
def kit(written):
    """Make a score of drums: one after the other, then all at once."""

    def make(keys):
        score = written()
        times = [(240 * n, 240, key) for n, key in enumerate(keys)]
        times += [(240 * len(keys), 480, key) for key in keys]
        score.tracks.append(new_track(np.array(times), "Kit", 0, drums=True))
        return score

    return make


def hits(score):
    ticks = score.ticks_per_quarter
    notes = [(n.time / ticks, n.duration / ticks, n.pitch) for n in score.tracks[0].notes]
    return score.tracks[0].is_drum, sorted(notes)


@pytest.mark.parametrize("keys", [DRUMS, (27, 34, 82, 127)], ids=["general", "others"])
def test_every_drum_comes_back_from_musicxml(kit, tmp_path, keys):
    assert len(DRUMS) == 47
    score = kit(keys)
    write_score(tmp_path / "kit.musicxml", score)
    assert hits(read_score(tmp_path / "kit.musicxml")) == hits(score)


def test_others_read_the_drums_that_we_write(kit, tmp_path):
    keys = (36, 38, 42, 46, 49)
    write_score(tmp_path / "kit.musicxml", kit(keys))
    part = music21.converter.parse(tmp_path / "kit.musicxml").parts[0]
    notes = list(part.recurse().getElementsByClass("Unpitched"))[: len(keys)]
    assert [note.displayName for note in notes] == ["F4", "C5", "G5", "G5", "A5"]
    assert [note.notehead for note in notes] == ["normal", "normal", "x", "x", "x"]


def test_drums_without_a_midi_key_are_known_by_their_places(kit, tmp_path):
    score = kit((36, 38, 42, 44, 49, 41, 45, 48))
    write_score(tmp_path / "kit.musicxml", score)
    text = re.sub(
        "<midi-unpitched>.*</midi-unpitched>", "", (tmp_path / "kit.musicxml").read_text()
    )
    (tmp_path / "kit.musicxml").write_text(text)
    assert hits(read_score(tmp_path / "kit.musicxml")) == hits(score)


def test_a_staff_of_drums_has_no_key(kit, tune, tmp_path):
    score = tune("M:4/4\nL:1/4\nK:Eb\nEFGA|[K:A]EFGA|EFGA|")
    assert [key.key for key in score.key_signatures] == [-3, 3]
    printed = len(_signatures(score))
    score.tracks.append(kit((36, 38, 42, 46) * 3).tracks[0])
    assert len(_signatures(score)) == printed > 0
    write_score(tmp_path / "kit.musicxml", score)
    drums = (tmp_path / "kit.musicxml").read_text().rpartition("<part ")[2]
    assert set(re.findall("<fifths>(.*)</fifths>", drums)) == {"0"}


def _signatures(score):
    return re.findall('class="keyAccid"', "".join(engrave(score).pages))


def test_a_score_that_begins_with_drums_keeps_its_key(kit, tune, tmp_path):
    score = kit((36, 38, 42, 46) * 3)
    song = tune("M:4/4\nL:1/4\nK:Eb\nEFGA|[K:A]EFGA|EFGA|")
    score.key_signatures = song.key_signatures
    score.tracks.append(song.tracks[0])
    write_score(tmp_path / "kit.musicxml", score)
    again = read_score(tmp_path / "kit.musicxml")
    assert [track.is_drum for track in again.tracks] == [True, False]
    assert [(key.time, key.key) for key in again.key_signatures] == [(0, -3), (4 * 480, 3)]
