"""The drums of General MIDI 1 (MIDI Manufacturers Association, 1991): names, and places on a staff.

Places are those of N. Weinberg, Guidelines for Drumset Notation, 1994, on a staff of five lines.
Any other drum has a cross in the place of the snare.
"""

_NAMES = """
Acoustic bass drum, Bass drum, Side stick, Acoustic snare, Hand clap, Electric snare,
Low floor tom, Closed hi-hat, High floor tom, Pedal hi-hat, Low tom, Open hi-hat,
Low-mid tom, High-mid tom, Crash cymbal 1, High tom, Ride cymbal 1, Chinese cymbal,
Ride bell, Tambourine, Splash cymbal, Cowbell, Crash cymbal 2, Vibraslap, Ride cymbal 2,
High bongo, Low bongo, Mute high conga, Open high conga, Low conga, High timbale, Low timbale,
High agogo, Low agogo, Cabasa, Maracas, Short whistle, Long whistle, Short guiro, Long guiro,
Claves, High woodblock, Low woodblock, Mute cuica, Open cuica, Mute triangle, Open triangle
"""
DRUMS: dict[int, str] = dict(enumerate((name.strip() for name in _NAMES.split(",")), 35))
"""Names of drums by their MIDI keys, 35 to 81."""

Place = tuple[str, int, bool]
"""Step and octave of a treble clef, and whether the head is a cross."""

_ELSEWHERE: Place = ("C", 5, True)
_PLACES: dict[int, Place] = {
    **dict.fromkeys((36, 35), ("F", 4, False)),
    **dict.fromkeys((38, 40, 37, 39), ("C", 5, False)),
    **dict.fromkeys((42, 46), ("G", 5, True)),
    44: ("D", 4, True),
    **dict.fromkeys((49, 57, 55, 52), ("A", 5, True)),
    **dict.fromkeys((51, 59, 53), ("F", 5, True)),
    **dict.fromkeys((41, 43), ("A", 4, False)),
    **dict.fromkeys((45, 47), ("D", 5, False)),
    **dict.fromkeys((48, 50), ("E", 5, False)),
}


def drum_name(key: int) -> str:
    """Return the name of the drum of a MIDI key."""
    return DRUMS.get(key, f"Drum {key}")


def place_of(key: int) -> Place:
    """Return the place of the drum of a MIDI key on its staff."""
    return _PLACES.get(key, _ELSEWHERE)


def drum_at(step: str, octave: int, *, cross: bool) -> int:
    """Return the MIDI key of the first drum with this place, or that of the snare."""
    return next((key for key, at in _PLACES.items() if at == (step, octave, cross)), 38)
