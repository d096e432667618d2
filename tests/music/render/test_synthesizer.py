"""A score sounds as it is written: pitch, time, loudness, balance."""

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from symusic import ControlChange, Note, Pedal, Score, Tempo, Track

from bowerbird.music.config import SoundConfig
from bowerbird.music.render import synthesizer
from bowerbird.music.render.synthesizer import synthesize, write_sound

RATE = 44100
DRY = SoundConfig(reverb=0)
NOTTINGHAM = Path(__file__).parents[4] / "shared" / "data" / "music" / "nottingham"


def loudness(audio, step=441):
    """Return the root mean square of each 10 ms."""
    power = (audio[:, : audio.shape[1] // step * step] ** 2).mean(axis=0)
    return np.sqrt(power.reshape(-1, step).mean(axis=1))


def test_a_rendered_a4_is_440_hz(written):
    audio = synthesize(written([(0, 2, 69)], programs=[73]), DRY)
    spectrum = np.abs(np.fft.rfft(audio.sum(axis=0)[:RATE] * np.hanning(RATE), 4 * RATE))
    assert audio.dtype == np.float32
    assert audio.shape[0] == 2
    assert abs(spectrum.argmax() / 4 - 440) < 3


@pytest.mark.parametrize("program", [0, 21, 40, 109])
def test_notes_begin_and_end_when_they_are_written(written, program):
    # a quarter at 120 a minute is 0.5 s; a gap of a quarter between notes
    audio = synthesize(written([(0, 1, 69), (2, 1, 72), (4, 2, 74)], programs=[program]), DRY)
    heard = loudness(audio) / loudness(audio).max()
    for start in (0, 1.0, 2.0):
        first = round(start * 100)
        assert heard[max(first - 2, 0) : first].max(initial=0) < 0.1
        assert heard[first : first + 6].max() > 0.15
    assert heard[45] > 3 * heard[85]  # and is let go after 0.5 s


def test_louder_velocity_is_louder_sound(written):
    peaks = []
    for velocity in (20, 50, 80, 127):
        # the other note, long after, fixes the scale
        audio = synthesize(written([(0, 1, 69, velocity), (8, 1, 60, 127)]), DRY)
        peaks.append(np.abs(audio[:, :RATE]).max())
    assert all(loud > 1.3 * soft for soft, loud in pairwise(peaks))


def test_peak_and_end(melody):
    audio = synthesize(melody((60, 1), (64, 1), (67, 2)))
    assert np.abs(audio).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)
    assert np.abs(audio[:, -50:]).max() < 1e-3
    assert np.isfinite(audio).all()


def test_silence_before_the_first_note(melody):
    score = melody((None, 2), (69, 2))
    short, full = (
        synthesize(score, DRY),
        synthesize(score, SoundConfig(reverb=0, leading_silence=True)),
    )
    assert loudness(short)[:5].max() > 0.05
    assert full.shape[1] - short.shape[1] == RATE
    assert np.abs(full[:, : RATE - 500]).max() == 0


def test_blocks_have_no_seams(melody, monkeypatch):
    score = melody((57, 3), (60, 20), (64, 1), programs=[19])
    once = synthesize(score)
    monkeypatch.setattr(synthesizer, "_BLOCK", 50_000)
    assert np.abs(synthesize(score) - once).max() < 1e-4


def test_chords_stand_behind_a_melody(written):
    chords = [(4 * i, 4, p) for i in range(4) for p in (48, 52, 55)]
    line = [(i, 1, 72) for i in range(16)]

    def share(balance):
        audio = synthesize(
            written(line, chords, programs=[73, 73]), SoundConfig(reverb=0, duck_chords=balance)
        )
        spectrum = np.abs(np.fft.rfft(audio.sum(axis=0)))
        hertz = np.fft.rfftfreq(audio.shape[1], 1 / RATE)
        return spectrum[(hertz > 510) & (hertz < 540)].max() / spectrum[hertz < 210].max()

    assert share(True) > 2.5 * share(False)


def test_notes_over_a_drone_are_no_melody(written):
    line = [(i / 2, 0.5, 72) for i in range(40)]
    score = written([(0, 20, 48), *line], line)
    plain, balanced = (
        synthesize(score, SoundConfig(reverb=0, duck_chords=b)) for b in (False, True)
    )
    assert not np.array_equal(plain, balanced)  # the drone steps back


def test_the_end_is_that_of_the_last_note(melody):
    score = melody((60, 1))
    score.tracks[0].controls.append(ControlChange(480 * 10_000, 7, 100))  # 83 minutes later
    assert synthesize(score, DRY).shape[1] < 5 * RATE


def test_program_pan_volume_and_pedal(written):
    plain = written([(0, 1, 60), (4, 1, 60)])
    assert not np.array_equal(
        synthesize(plain, DRY)[:, :RATE],
        synthesize(plain, SoundConfig(reverb=0, program=40))[:, :RATE],
    )
    panned = written([(0, 1, 60)])
    panned.tracks[0].controls.append(ControlChange(0, 10, 127))
    left, right = np.abs(synthesize(panned, DRY)).max(axis=1)
    assert left < 0.05 * right
    soft = written([(0, 1, 60), (4, 1, 60)])
    soft.tracks[0].controls.append(ControlChange(0, 7, 40))
    soft.tracks[0].controls.append(ControlChange(1440, 7, 127))
    heard = loudness(synthesize(soft, DRY))
    assert heard[:50].max() < 0.2 * heard[200:].max()
    held = written([(0, 1, 60), (4, 1, 60)])
    held.tracks[0].pedals.append(Pedal(0, 1440))
    assert loudness(synthesize(held, DRY))[100] > 5 * loudness(synthesize(plain, DRY))[100]


def test_drums_sound():
    score = Score(480)
    track = Track("", 0, True)
    track.notes.append(Note(0, 240, 38, 100))
    score.tracks.append(track)
    assert loudness(synthesize(score, DRY))[:10].max() > 0.05


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_files_in_pieces_are_the_rendered_sound(tmp_path, written, suffix):
    score = written([(i, 1, 60 + i % 12) for i in range(24)], qpm=150)
    path = tmp_path / f"a{suffix}"
    seconds = write_sound(path, score)
    audio = synthesize(score)
    read, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    assert seconds == pytest.approx(audio.shape[1] / RATE)
    assert abs(len(read) / RATE - seconds) < 0.1  # MP3 pads to whole frames
    if suffix in (".wav", ".flac"):
        assert np.abs(read.T - audio).max() < 1e-4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sample_rate": 100}, r"\[8000, 96000\]"),
        ({"program": 128}, r"\[0, 127\]"),
        ({"reverb": 2}, r"\[0, 1\]"),
    ],
)
def test_flags_are_checked(change, words):
    with pytest.raises(ValueError, match=words):
        SoundConfig(**change)


def test_bad_scores_are_refused(tmp_path, written):
    with pytest.raises(ValueError, match="no notes"):
        synthesize(Score(480))
    with pytest.raises(ValueError, match="no notes"):
        write_sound(tmp_path / "a.wav", Score(480))
    long = written([(0, 1, 60), (20000, 1, 60)])  # 2.8 hours
    with pytest.raises(ValueError, match=r"2\.8 hours, more than the 1 allowed"):
        synthesize(long)
    with pytest.raises(ValueError, match="more than the 6 allowed"):
        write_sound(tmp_path / "a.wav", written([(0, 1, 60), (200000, 1, 60)]))
    with pytest.raises(
        ValueError, match=r"a\.aiff is not an audio file; use one of the suffixes \.wav"
    ):
        write_sound(tmp_path / "a.aiff", long)
    assert list(tmp_path.iterdir()) == []


def test_odd_scores_are_played(written):
    score = written([(0, 0, 60), (0, 1, 0, 1), (1, 1, 127, 127)])
    score.tempos.append(Tempo(480, 900))
    assert np.isfinite(synthesize(score, DRY)).all()


@pytest.mark.skipif(not NOTTINGHAM.is_dir(), reason="needs the Nottingham tunes")
def test_a_hundred_times_faster_than_real_time():
    score = Score(NOTTINGHAM / "ashover1.mid")
    synthesize(score)
    began = time.process_time()
    audio = synthesize(score)
    took = time.process_time() - began
    assert audio.shape[1] / RATE / took > 100  # measured: 210 to 320
