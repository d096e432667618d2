"""Voices: notes that overlap in a track are dealt to as few voices as they need, up to four."""

from dataclasses import dataclass

import numpy as np

from bowerbird.music.notation.quantize import QuantizedTrack

MAX_VOICES = 4  # of a staff


@dataclass(frozen=True)
class Chord:
    """Notes that begin and end together in one voice, in divisions."""

    start: int
    end: int
    pitches: tuple[int, ...]


Voice = list[Chord]


def voices_of(notes: QuantizedTrack) -> list[Voice]:
    """Return the voices of a track's notes; the first is the highest where there are several."""
    groups: dict[tuple[int, int], set[int]] = {}
    for start, end, pitch in zip(
        notes.starts.tolist(), notes.ends.tolist(), notes.pitches.tolist(), strict=True
    ):
        groups.setdefault((start, end), set()).add(pitch)
    chords = [
        Chord(start, end, tuple(sorted(pitches)))
        for (start, end), pitches in sorted(groups.items(), key=lambda g: (g[0][0], -max(g[1])))
    ]
    voices: list[Voice] = [[]]
    overlapping: list[Chord] = []
    until = 0
    for chord in chords:
        if chord.start >= until and overlapping:
            _deal(overlapping, voices)
            overlapping = []
        overlapping.append(chord)
        until = max(until, chord.end)
    _deal(overlapping, voices)
    return voices


def _deal(overlapping: list[Chord], voices: list[Voice]) -> None:
    """Append chords, none of which goes on after the last ends, to as few voices as they need."""
    if len(overlapping) == 1:
        voices[0].append(overlapping[0])
        return
    lines: list[Voice] = []
    for chord in overlapping:
        free = [line for line in lines if line[-1].end <= chord.start]
        if free:
            min(free, key=lambda line: _leap(line, chord)).append(chord)
        elif len(lines) < MAX_VOICES:
            lines.append([chord])
        else:  # more than can be written: what sounds is cut short
            held = [line for line in lines if line[-1].start < chord.start]
            if held:
                cut = min(held, key=lambda line: line[-1].end)
                cut[-1] = Chord(cut[-1].start, chord.start, cut[-1].pitches)
                cut.append(chord)
            else:  # all begin together: it joins those that end next to it
                near = min(lines, key=lambda line: abs(line[-1].end - chord.end))
                pitches = {*near[-1].pitches, *chord.pitches}
                near[-1] = Chord(chord.start, near[-1].end, tuple(sorted(pitches)))
    lines.sort(key=lambda line: -float(np.mean([np.mean(chord.pitches) for chord in line])))
    while len(voices) < len(lines):
        voices.append([])
    for voice, line in zip(voices, lines, strict=False):
        voice.extend(line)


def _leap(voice: Voice, chord: Chord) -> float:
    """Return how far a voice leaps to a chord, in semitones."""
    return abs(float(np.mean(voice[-1].pitches)) - float(np.mean(chord.pitches)))
