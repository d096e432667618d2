"""Write audio files (WAV, FLAC, MP3, OGG) block by block, atomically.

libsndfile encodes them, with LAME and Vorbis inside; it is part of soundfile's wheel.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import get_args

import numpy as np
import soundfile
from numpy.typing import NDArray

from bowerbird.files.atomic_write import atomic_write
from bowerbird.music.config import AudioSuffix

Samples = NDArray[np.float32]

_CHUNK = 1 << 14  # samples per call of the encoder: Vorbis puts them on the stack
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # Hz
_ENCODING = {".wav": "PCM_16", ".flac": "PCM_16", ".mp3": "MPEG_LAYER_III", ".ogg": "VORBIS"}
# libsndfile's scale from 0 (large) to 1 (small); about 110 kbit/s for a piano, variable
_COMPRESSION = {".wav": None, ".flac": 0.6, ".mp3": 0.4, ".ogg": 0.5}


def write_audio(path: Path, audio: Samples, sample_rate: int = 44100) -> None:
    """Write (channels, samples) in [-1, 1] in the format of the suffix, atomically.

    WAV and FLAC have 16 bits. Raises `ValueError` for an unknown suffix, a wrong shape or values
    that aren't finite, `OSError` if the file can't be written.
    """
    audio_suffix(path)
    if audio.ndim != 2 or audio.shape[0] not in (1, 2) or audio.shape[1] == 0:
        raise ValueError(f"{path} needs audio of shape (1 or 2, samples), got {audio.shape}")
    if not np.isfinite(audio).all():
        raise ValueError(f"{path} was not written: the audio has values that aren't finite")
    write_blocks(path, iter((audio,)), sample_rate)


def audio_suffix(path: Path) -> AudioSuffix:
    """Return the suffix of an audio file in lower case; raise `ValueError` for other files."""
    for suffix in get_args(AudioSuffix):
        if path.suffix.lower() == suffix:
            return suffix
    known = ", ".join(get_args(AudioSuffix))
    raise ValueError(f"{path} is not an audio file; use one of the suffixes {known}")


def write_blocks(path: Path, blocks: Iterator[Samples], sample_rate: int) -> int:
    """Write consecutive blocks of (channels, samples); return the number of samples.

    Raises as `write_audio`.
    """
    suffix = audio_suffix(path)
    if suffix == ".mp3" and sample_rate not in _MP3_RATES:
        raise ValueError(f"{path} can't have {sample_rate} Hz; MP3 allows {_MP3_RATES}")
    samples = 0
    first = next(blocks)
    try:
        with atomic_write(path) as part:
            part.touch()  # raises the system's own error if that can't be done
            with soundfile.SoundFile(
                part,
                "w",
                sample_rate,
                len(first),
                _ENCODING[suffix],
                format=suffix[1:].upper(),
                compression_level=_COMPRESSION[suffix],
                bitrate_mode="VARIABLE" if suffix == ".mp3" else None,
            ) as file:
                for block in chain((first,), blocks):
                    for i in range(0, block.shape[1], _CHUNK):
                        file.write(np.clip(block[:, i : i + _CHUNK].T, -1, 1))
                    samples += block.shape[1]
    except (soundfile.LibsndfileError, AssertionError) as error:  # it asserts that all was written
        raise OSError(f"{path} was not written; is the disk full?") from error
    return samples
