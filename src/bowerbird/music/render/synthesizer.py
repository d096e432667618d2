"""A score to sound: an orchestra of recorded tones in a room, and audio files.

Every note is a recorded tone (`tones.py`) at (velocity / 127)^2 of its loudness, the SoundFont's
default; a chord beside a melody steps back, so that the tune is heard. The sound is made in
blocks of six seconds, so a file needs the memory of one block however long it is. The loudest
sample is at -1 dB.

Departures: pitch bends are not played; of the controllers, volume, expression and pan are read
where each note begins, and the sustain pedal.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from symusic import Score, Track

from bowerbird.music.config import SoundConfig
from bowerbird.music.render.audio_file import audio_suffix, write_pieces
from bowerbird.music.render.reverb import Room
from bowerbird.music.render.soundfont import DRUM_BANK, Soundfont, default_soundfont, open_soundfont
from bowerbird.music.render.voice import Tone

Samples = NDArray[np.float32]

_BLOCK = 1 << 18  # samples
_PEAK = 10 ** (-1 / 20)  # -1 dB
_FADE = 0.5  # s; the last of the echo
_LONGEST_ARRAY = 3600.0  # s; 1.3 GB at 44.1 kHz
_LONGEST_FILE = 6 * 3600.0  # s; a WAV file ends at 4 GB
_MOST_HELD = 240 * 44100  # samples of sound for two ears; 85 MB
_MOST_KEPT = 16 << 20  # samples of tones; 64 MB
_BAND = 16  # velocities that share a brightness
_STEP_BACK = 0.5  # loudness of an accompaniment beside its melody, -6 dB


@dataclass(frozen=True, order=True)
class _Note:
    """A note to be played; `start` and `held` in samples."""

    start: int
    held: int
    bank: int
    program: int
    key: int
    velocity: int
    left: float  # gains beside those of the tone
    right: float


def render(score: Score, config: SoundConfig | None = None) -> Samples:
    """Play a score and return (2, samples) in -1..1, its peak at -1 dB, silent at the end.

    Raises `ValueError` for a score without notes or longer than an hour (use `write_sound`).
    """
    config = config or SoundConfig()
    notes = _notes(score, config, _LONGEST_ARRAY)
    audio = np.concatenate(list(_blocks(notes, config)), axis=1)
    peak = float(np.abs(audio).max())
    audio *= np.float32(_PEAK / peak if peak > 0 else 1)
    return audio


def write_sound(path: Path, score: Score, config: SoundConfig | None = None) -> float:
    """Play a score into an audio file, whole or not at all, and return its length in s.

    What lasts more than four minutes is played twice, first to find the peak. Memory is at most
    that of four minutes of sound and of the tones in use, about 200 MB. Raises `ValueError` for
    a score without notes or longer than six hours and for an unknown suffix, `OSError` for a
    disk that refuses.
    """
    config = config or SoundConfig()
    audio_suffix(path)  # said before the work
    notes = _notes(score, config, _LONGEST_FILE)
    held: list[Samples] | None = []
    peak, size = 0.0, 0
    for block in _blocks(notes, config):
        peak, size = max(peak, float(block.max()), -float(block.min())), size + block.shape[1]
        if held is not None:
            held.append(block)
        if size > _MOST_HELD:
            held = None
    gain = np.float32(_PEAK / peak if peak > 0 else 1)
    pieces = (gain * block for block in (held if held is not None else _blocks(notes, config)))
    frames = write_pieces(path, pieces, config.sample_rate)
    return frames / config.sample_rate


def _notes(score: Score, config: SoundConfig, longest: float) -> list[_Note]:
    """List the notes in the order in which they begin; raise `ValueError` for none, or too long."""
    timed = score.to("second")
    end = _seconds_at_most(timed, longest)
    begin = 0.0 if config.leading_silence else first_note(timed)
    melodies = [_is_melody(track) for track in timed.tracks]
    steps_back = config.duck_chords and any(melodies) and not all(melodies)
    notes: list[_Note] = []
    for track, melody in zip(timed.tracks, melodies, strict=True):
        if len(track.notes):
            behind = _STEP_BACK if steps_back and not melody and not track.is_drum else 1.0
            notes.extend(_played(track, config, behind, (begin, end)))
    return sorted(notes)


def first_note(score: Score) -> float:
    """Return the s before the first note of a score, which are left out without `lead`."""
    starts = [
        track.notes.numpy()["time"].min() for track in score.to("second").tracks if track.notes
    ]
    return max(0.0, float(min(starts)))


def _seconds_at_most(score: Score, longest: float) -> float:
    """Return the length of a score timed in s; raise `ValueError` if it is more than `longest`."""
    if score.note_num() == 0:
        raise ValueError("the score has no notes to play")
    rows = [track.notes.numpy() for track in score.tracks if len(track.notes)]
    end = float(max((notes["time"] + notes["duration"]).max() for notes in rows))
    if not end <= longest:  # also not a number
        raise ValueError(
            f"the score lasts {end / 3600:.1f} hours, more than the {longest / 3600:.0f} allowed; "
            "cut it into parts"
        )
    return end


def _is_melody(track: Track) -> bool:
    """Tell whether a track is one line of notes: nearly none begins while another sounds."""
    if track.is_drum or len(track.notes) < 2:
        return False
    notes = track.notes.numpy()
    order = np.argsort(notes["time"], kind="stable")
    start, end = notes["time"][order], (notes["time"] + notes["duration"])[order]
    held = np.maximum.accumulate(end)[:-1] - start[1:]
    return bool((held > 0.25 * notes["duration"][order][:-1]).mean() < 0.05)


def _played(
    track: Track, config: SoundConfig, behind: float, span: tuple[float, float]
) -> Iterator[_Note]:
    """Turn the notes of a track within `span`, in s, into samples, gains and an instrument."""
    rows = track.notes.numpy()
    begin, end = span
    start = np.clip(rows["time"], 0, end)
    stop = np.clip(rows["time"] + rows["duration"], 0, end)
    for pedal in track.pedals:
        caught = (stop >= pedal.time) & (stop < pedal.time + pedal.duration)
        stop[caught] = min(pedal.time + pedal.duration, end)
    program = track.program if config.program is None else config.program
    bank, program = (DRUM_BANK, track.program) if track.is_drum else (0, program)
    volume, expression, pan = (_controller(track, n, start) for n in (7, 11, 10))
    gain = behind * (np.nan_to_num(volume, nan=1.0) * np.nan_to_num(expression, nan=1.0)) ** 2
    gain *= (np.clip(rows["velocity"], 1, 127) / 127) ** 2
    if behind < 1:  # a chord of four notes as loud as one of two
        _, group, size = np.unique(start, return_inverse=True, return_counts=True)
        gain = gain / np.sqrt(size[group])
    angle = np.nan_to_num(pan, nan=0.5) * np.pi / 2
    left, right = (np.sqrt(2) * gain * f(angle) for f in (np.cos, np.sin))
    for i in range(len(start)):
        held = max(round((stop[i] - start[i]) * config.sample_rate), 1)
        yield _Note(
            max(round((float(start[i]) - begin) * config.sample_rate), 0),
            held,
            bank,
            program,
            int(rows["pitch"][i]),
            int(rows["velocity"][i]),
            float(left[i]),
            float(right[i]),
        )


def _controller(track: Track, number: int, at: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return a controller's value in 0..1 at times `at`; not-a-number before it is first set."""
    rows = track.controls.numpy()
    chosen = rows["number"] == number
    times, values = rows["time"][chosen], rows["value"][chosen] / 127
    index = np.searchsorted(times, at, side="right") - 1
    return np.where(index >= 0, np.append(values, np.nan)[index], np.nan)


def _blocks(notes: list[_Note], config: SoundConfig) -> Iterator[Samples]:
    """Yield (2, samples) blocks one after the other, with the echo, before the peak is set."""
    font = open_soundfont(config.soundfont or default_soundfont())
    room = Room(config.sample_rate, config.reverb)
    orchestra = _Orchestra(font, config.sample_rate)
    tail = round(config.sample_rate * _FADE)
    sounding: list[tuple[int, _Note, Tone]] = []  # first those that end first
    waiting = iter(notes)
    note, start, last = next(waiting, None), 0, 0
    while True:
        while note is not None and note.start < start + _BLOCK:
            for tone in orchestra.tones(note):
                end = note.start + tone.length(note.held)
                sounding.append((end, note, tone))
                last = max(last, end)
            note = next(waiting, None)
        block = np.zeros((2, _BLOCK), np.float32)
        for end, playing, tone in sounding:
            _add(block, start, end, playing, tone)
        room.add(block)
        start += _BLOCK
        sounding = [entry for entry in sounding if entry[0] > start]
        orchestra.forget()
        if note is None and last + tail <= start:
            size = _BLOCK - (start - last - tail)
            block = block[:, :size]
            fade = np.linspace(1, 0, min(tail, size), dtype=np.float32) ** 2
            block[:, size - len(fade) :] *= fade
            yield block
            return
        yield block


def _add(block: Samples, start: int, end: int, note: _Note, tone: Tone) -> None:
    """Add the part of a note that falls into the block that begins at sample `start`."""
    a, b = max(note.start, start), min(end, start + block.shape[1])
    wave = tone.samples(a - note.start, b - note.start)
    released = max(note.start + note.held, a)
    if released < b:
        wave = wave.copy()
        time = np.arange(released - note.start - note.held, b - note.start - note.held)
        decay = np.float32(-math.log(10) / 20 * tone.release / tone.rate)
        wave[released - a :] *= np.exp(decay * time.astype(np.float32))
    left, right = tone.pan
    block[0, a - start : b - start] += np.float32(note.left * tone.gain * left) * wave
    block[1, a - start : b - start] += np.float32(note.right * tone.gain * right) * wave


class _Orchestra:
    """The tones in use, each computed once and kept as long as there is room."""

    def __init__(self, font: Soundfont, rate: int) -> None:
        self.font, self.rate = font, rate
        self.kept: dict[tuple[int, int, int, int], list[Tone]] = {}

    def tones(self, note: _Note) -> list[Tone]:
        """Return the tones that make up a note: two where the instrument is stereo."""
        band = min(note.velocity // _BAND * _BAND + _BAND // 2, 127)
        key = (note.bank, note.program, note.key, band)
        if key not in self.kept:
            self.kept[key] = [
                Tone(region, note.key, band, self.rate)
                for region in self.font.regions(note.bank, note.program)
                if region.keys[0] <= note.key <= region.keys[1]
                and region.velocities[0] <= note.velocity <= region.velocities[1]
            ]
        return self.kept[key]

    def forget(self) -> None:
        """Let everything go when there is too much of it; what is needed again is made again."""
        if sum(tone.size for tones in self.kept.values() for tone in tones) > _MOST_KEPT:
            self.kept.clear()
