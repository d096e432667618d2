"""Audio files are whole or not there."""

import numpy as np
import pytest
import soundfile

from bowerbird.music.render.audio_file import audio_suffix, write_audio

PHASE = np.arange(22050) / 20 + (np.arange(22050) / 800) ** 2  # a rising tone: no two places alike
SINE = np.stack([np.sin(PHASE), np.cos(PHASE)]).astype(np.float32)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg", ".WAV"])
def test_what_is_written_is_read(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_audio(path, 0.5 * SINE, 22050)
    read, rate = soundfile.read(path, dtype="float32")
    assert rate == 22050
    delay = np.correlate(read[:4000, 0], 0.5 * SINE[0, :2000]).argmax()  # MP3's is not zero
    length = min(20000, len(read) - delay)
    error = np.abs(read[delay : delay + length].T - 0.5 * SINE[:, :length]).mean()
    assert error < (1e-4 if suffix.lower() in (".wav", ".flac") else 0.03)


def test_mono_and_clipping(tmp_path):
    write_audio(tmp_path / "a.wav", np.full((1, 100), 3.0, np.float32))
    read, _ = soundfile.read(tmp_path / "a.wav")
    assert read.shape == (100,)
    assert read.max() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "audio", "words"),
    [
        ("a.aac", SINE, "use one of the suffixes .wav, .flac, .mp3, .ogg"),
        ("a", SINE, "is not an audio file"),
        ("a.wav", SINE[0], "needs"),
        ("a.wav", SINE[:, :0], "needs"),
        ("a.wav", np.full((2, 10), np.nan, np.float32), "aren't finite"),
    ],
)
def test_what_can_not_be_written(tmp_path, name, audio, words):
    with pytest.raises(ValueError, match=words):
        write_audio(tmp_path / name, audio)
    assert list(tmp_path.iterdir()) == []


def test_an_mp3_has_one_of_nine_rates(tmp_path):
    with pytest.raises(ValueError, match="can't have 30000 Hz"):
        write_audio(tmp_path / "a.mp3", SINE, 30000)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OSError, match=r"no.a\.wav"):
        write_audio(tmp_path / "no" / "a.wav", SINE)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_a_full_disk_leaves_nothing(tmp_path, suffix):
    resource = pytest.importorskip("resource", reason="file size limits are a Unix thing")
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 200_000)).astype(np.float32)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError, match="not written"):
            write_audio(tmp_path / f"a{suffix}", noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_suffixes_ignore_case(tmp_path):
    assert audio_suffix(tmp_path / "a.OGG") == ".ogg"
