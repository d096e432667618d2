"""Synthesize a score: sampled instruments from a soundfont, with reverb, to arrays or audio files.

A note has a gain of (velocity / 127)^2, the default of SoundFont; the chords beside a melody are
softer, so that the melody stands out. Audio is computed in blocks of six seconds, so a file needs
the memory of one block, whatever its length. The peak is at -1 dB.

Departures: pitch bends are ignored; of the controllers, volume, expression and pan are read where
each note begins, and the sustain pedal.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from symusic import Score, Track

from bowerbird.music.config import SoundConfig
from bowerbird.music.render.audio_file import audio_suffix, write_blocks
from bowerbird.music.render.reverb import Reverb
from bowerbird.music.render.soundfont import DRUM_BANK, SoundFont, default_soundfont, load_soundfont
from bowerbird.music.render.voice import Voice

Samples = NDArray[np.float32]

_BLOCK = 1 << 18  # samples
_PEAK = 10 ** (-1 / 20)  # -1 dB
_FADE = 0.5  # s; of the reverb at the end
_MAX_ARRAY = 3600.0  # s; 1.3 GB at 44.1 kHz
_MAX_FILE = 6 * 3600.0  # s; a WAV file is limited to 4 GB
_MAX_BUFFERED = 240 * 44100  # stereo samples of blocks; 85 MB
_MAX_CACHED = 16 << 20  # samples of voices; 64 MB
_VELOCITY_BAND = 16  # velocities that share a cutoff
_DUCKING = 0.5  # gain of chords beside a melody, -6 dB
_VOLUME, _PAN, _EXPRESSION = 7, 10, 11  # MIDI controllers


@dataclass(frozen=True, order=True)
class _Note:
    """A note to synthesize; `start` and `held` in samples."""

    start: int
    held: int
    bank: int
    program: int
    key: int
    velocity: int
    left: float  # gains, besides those of the voice
    right: float


def synthesize(score: Score, config: SoundConfig | None = None) -> Samples:
    """Return the audio of a score, (2, samples) in [-1, 1], with its peak at -1 dB.

    Raises `ValueError` for a score without notes or longer than an hour (use `write_sound`).
    """
    config = config or SoundConfig()
    notes = _notes(score, config, _MAX_ARRAY)
    audio = np.concatenate(list(_blocks(notes, config)), axis=1)
    peak = float(np.abs(audio).max())
    audio *= np.float32(_PEAK / peak if peak > 0 else 1)
    return audio


def write_sound(path: Path, score: Score, config: SoundConfig | None = None) -> float:
    """Write the audio of a score to a file, atomically, and return its length in s.

    More than four minutes are synthesized twice, first to find the peak, so that memory is at most
    four minutes of audio and the cached voices, about 200 MB. Raises `ValueError` for a score
    without notes or longer than six hours and for an unknown suffix, `OSError` if the file can't be
    written.
    """
    config = config or SoundConfig()
    audio_suffix(path)  # checked before the work
    notes = _notes(score, config, _MAX_FILE)
    buffered: list[Samples] | None = []
    peak, size = 0.0, 0
    for block in _blocks(notes, config):
        peak, size = max(peak, float(block.max()), -float(block.min())), size + block.shape[1]
        if buffered is not None:
            buffered.append(block)
        if size > _MAX_BUFFERED:
            buffered = None
    gain = np.float32(_PEAK / peak if peak > 0 else 1)
    blocks = buffered if buffered is not None else _blocks(notes, config)
    samples = write_blocks(path, (gain * block for block in blocks), config.sample_rate)
    return samples / config.sample_rate


def _notes(score: Score, config: SoundConfig, max_seconds: float) -> list[_Note]:
    """List the notes in order of their start; raise `ValueError` for none, or a score too long."""
    timed = score.to("second")
    end = _checked_length(timed, max_seconds)
    begin = 0.0 if config.leading_silence else leading_silence(timed)
    melodies = [_is_melody(track) for track in timed.tracks]
    ducks = config.duck_chords and any(melodies) and not all(melodies)
    notes: list[_Note] = []
    for track, melody in zip(timed.tracks, melodies, strict=True):
        if len(track.notes):
            gain = _DUCKING if ducks and not melody and not track.is_drum else 1.0
            notes.extend(_track_notes(track, config, gain, (begin, end)))
    return sorted(notes)


def leading_silence(score: Score) -> float:
    """Return the seconds before the first note of a score."""
    starts = [
        track.notes.numpy()["time"].min() for track in score.to("second").tracks if track.notes
    ]
    return max(0.0, float(min(starts)))


def _checked_length(score: Score, max_seconds: float) -> float:
    """Return the length of a score timed in s; raise `ValueError` if it is empty or too long."""
    if score.note_num() == 0:
        raise ValueError("the score has no notes to play")
    rows = [track.notes.numpy() for track in score.tracks if len(track.notes)]
    end = float(max((notes["time"] + notes["duration"]).max() for notes in rows))
    if not end <= max_seconds:  # also NaN
        raise ValueError(
            f"the score lasts {end / 3600:.1f} hours, more than the {max_seconds / 3600:.0f} "
            "allowed; split it"
        )
    return end


def _is_melody(track: Track) -> bool:
    """Return whether a track is one voice: nearly no note begins while another sounds."""
    if track.is_drum or len(track.notes) < 2:
        return False
    notes = track.notes.numpy()
    order = np.argsort(notes["time"], kind="stable")
    start, end = notes["time"][order], (notes["time"] + notes["duration"])[order]
    overlap = np.maximum.accumulate(end)[:-1] - start[1:]
    return bool((overlap > 0.25 * notes["duration"][order][:-1]).mean() < 0.05)


def _track_notes(
    track: Track, config: SoundConfig, track_gain: float, span: tuple[float, float]
) -> Iterator[_Note]:
    """Convert the notes of a track within ``span``, in s, to samples, gains and a program."""
    rows = track.notes.numpy()
    begin, end = span
    start = np.clip(rows["time"], 0, end)
    stop = np.clip(rows["time"] + rows["duration"], 0, end)
    for pedal in track.pedals:
        sustained = (stop >= pedal.time) & (stop < pedal.time + pedal.duration)
        stop[sustained] = min(pedal.time + pedal.duration, end)
    program = track.program if config.program is None else config.program
    bank, program = (DRUM_BANK, track.program) if track.is_drum else (0, program)
    volume, expression, pan = (_controller(track, n, start) for n in (_VOLUME, _EXPRESSION, _PAN))
    gain = track_gain * (np.nan_to_num(volume, nan=1.0) * np.nan_to_num(expression, nan=1.0)) ** 2
    gain *= (np.clip(rows["velocity"], 1, 127) / 127) ** 2
    if track_gain < 1:  # a chord of four notes is as loud as one of two
        _, group, size = np.unique(start, return_inverse=True, return_counts=True)
        gain = gain / np.sqrt(size[group])
    angle = np.nan_to_num(pan, nan=0.5) * np.pi / 2
    left, right = (np.sqrt(2) * gain * f(angle) for f in (np.cos, np.sin))
    for i in range(len(start)):
        yield _Note(
            max(round((float(start[i]) - begin) * config.sample_rate), 0),
            max(round((stop[i] - start[i]) * config.sample_rate), 1),
            bank,
            program,
            int(rows["pitch"][i]),
            int(rows["velocity"][i]),
            float(left[i]),
            float(right[i]),
        )


def _controller(track: Track, number: int, at: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return a controller's value in 0..1 at times ``at``; NaN before it is first set."""
    rows = track.controls.numpy()
    chosen = rows["number"] == number
    times, values = rows["time"][chosen], rows["value"][chosen] / 127
    index = np.searchsorted(times, at, side="right") - 1
    return np.where(index >= 0, np.append(values, np.nan)[index], np.nan)


def _blocks(notes: list[_Note], config: SoundConfig) -> Iterator[Samples]:
    """Yield consecutive (2, samples) blocks with reverb, before the peak is normalized."""
    font = load_soundfont(config.soundfont or default_soundfont())
    reverb = Reverb(config.sample_rate, config.reverb)
    voices = _VoiceCache(font, config.sample_rate)
    tail = round(config.sample_rate * _FADE)
    sounding: list[tuple[int, _Note, Voice]] = []  # with the sample at which each ends
    waiting = iter(notes)
    note, start, last = next(waiting, None), 0, 0
    while True:
        while note is not None and note.start < start + _BLOCK:
            for voice in voices.of(note):
                end = note.start + voice.length(note.held)
                sounding.append((end, note, voice))
                last = max(last, end)
            note = next(waiting, None)
        block = np.zeros((2, _BLOCK), np.float32)
        for end, playing, voice in sounding:
            _add(block, start, end, playing, voice)
        reverb.add(block)
        start += _BLOCK
        sounding = [entry for entry in sounding if entry[0] > start]
        voices.trim()
        if note is None and last + tail <= start:
            size = _BLOCK - (start - last - tail)
            block = block[:, :size]
            fade = np.linspace(1, 0, min(tail, size), dtype=np.float32) ** 2
            block[:, size - len(fade) :] *= fade
            yield block
            return
        yield block


def _add(block: Samples, start: int, end: int, note: _Note, voice: Voice) -> None:
    """Add the part of a note that is in the block that begins at sample ``start``."""
    a, b = max(note.start, start), min(end, start + block.shape[1])
    wave = voice.samples(a - note.start, b - note.start)
    released = max(note.start + note.held, a)
    if released < b:
        wave = wave.copy()
        time = np.arange(released - note.start - note.held, b - note.start - note.held)
        decay = np.float32(-math.log(10) / 20 * voice.release / voice.sample_rate)
        wave[released - a :] *= np.exp(decay * time.astype(np.float32))
    left, right = voice.pan
    block[0, a - start : b - start] += np.float32(note.left * voice.gain * left) * wave
    block[1, a - start : b - start] += np.float32(note.right * voice.gain * right) * wave


class _VoiceCache:
    """The voices in use, each computed once while there is memory for it."""

    def __init__(self, font: SoundFont, sample_rate: int) -> None:
        self.font, self.sample_rate = font, sample_rate
        self.voices: dict[tuple[int, int, int, int], list[Voice]] = {}

    def of(self, note: _Note) -> list[Voice]:
        """Return the voices of a note: two for a stereo instrument."""
        band = note.velocity // _VELOCITY_BAND * _VELOCITY_BAND + _VELOCITY_BAND // 2
        velocity = min(band, 127)
        key = (note.bank, note.program, note.key, velocity)
        if key not in self.voices:
            self.voices[key] = [
                Voice(region, note.key, velocity, self.sample_rate)
                for region in self.font.regions(note.bank, note.program)
                if region.keys[0] <= note.key <= region.keys[1]
                and region.velocities[0] <= note.velocity <= region.velocities[1]
            ]
        return self.voices[key]

    def trim(self) -> None:
        """Clear the cache if it is too large; what is needed again is computed again."""
        if sum(voice.size for voices in self.voices.values() for voice in voices) > _MAX_CACHED:
            self.voices.clear()
