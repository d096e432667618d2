"""Audio files: WAV, FLAC, MP3 and OGG, written piece by piece, whole or not at all.

Encoding is libsndfile's (with LAME and Vorbis inside), which comes in soundfile's wheel.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import soundfile
from numpy.typing import NDArray

from bowerbird.learning.atomic_write import atomic_write

Samples = NDArray[np.float32]
AudioSuffix = Literal[".wav", ".flac", ".mp3", ".ogg"]

_CHUNK = 1 << 14  # samples to an encoder at a time: Vorbis takes the stack for them
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # Hz
_ENCODING = {".wav": "PCM_16", ".flac": "PCM_16", ".mp3": "MPEG_LAYER_III", ".ogg": "VORBIS"}
# 0 (large) to 1 (small) as the library counts; about 110 kbit/s for a piano, variable
_COMPRESSION = {".wav": None, ".flac": 0.6, ".mp3": 0.4, ".ogg": 0.5}


def write_audio(path: Path, audio: Samples, sample_rate: int = 44100) -> None:
    """Write (channels, samples) in -1..1 as the suffix says, whole or not at all.

    WAV and FLAC have 16 bits. Raises `ValueError` for an unknown suffix and for what is not
    sound, `OSError` for a disk that refuses.
    """
    audio_suffix(path)
    if audio.ndim != 2 or audio.shape[0] not in (1, 2) or audio.shape[1] == 0:
        raise ValueError(f"{path} needs (1 or 2, samples), not {audio.shape}")
    if not np.isfinite(audio).all():
        raise ValueError(f"{path} was not written: the sound is not finite")
    write_pieces(path, iter((audio,)), sample_rate)


def audio_suffix(path: Path) -> AudioSuffix:
    """Return the suffix of an audio file that can be written; raise `ValueError` for others."""
    for suffix in get_args(AudioSuffix):
        if path.suffix.lower() == suffix:
            return suffix
    raise ValueError(
        f"{path} is not audio; end its name in one of {', '.join(get_args(AudioSuffix))}"
    )


def write_pieces(path: Path, pieces: Iterator[Samples], sample_rate: int) -> int:
    """Write pieces of (channels, samples) one after the other; return the number of samples.

    Raises as `write_audio`.
    """
    suffix = audio_suffix(path)
    if suffix == ".mp3" and sample_rate not in _MP3_RATES:
        raise ValueError(f"{path} can't have {sample_rate} Hz; an MP3 has one of {_MP3_RATES}")
    frames = 0
    first = next(pieces)
    container = suffix[1:].upper()
    try:
        with atomic_write(path) as part:
            part.touch()  # says in the system's own words why it can't
            with soundfile.SoundFile(
                part,
                "w",
                sample_rate,
                len(first),
                _ENCODING[suffix],
                format=container,
                compression_level=_COMPRESSION[suffix],
                bitrate_mode="VARIABLE" if suffix == ".mp3" else None,
            ) as file:
                for piece in chain((first,), pieces):
                    for i in range(0, piece.shape[1], _CHUNK):
                        file.write(np.clip(piece[:, i : i + _CHUNK].T, -1, 1))
                    frames += piece.shape[1]
    except (soundfile.LibsndfileError, AssertionError) as error:  # it asserts that all was written
        raise OSError(f"{path} was not written; is the disk full?") from error
    return frames
