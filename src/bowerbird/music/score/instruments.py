"""The 128 instruments of General MIDI 1 (MIDI Manufacturers Association, 1991), by name."""

import difflib

_NAMES = """
Acoustic grand piano, Bright piano, Electric grand piano, Honky-tonk piano,
Electric piano 1, Electric piano 2, Harpsichord, Clavinet,
Celesta, Glockenspiel, Music box, Vibraphone, Marimba, Xylophone, Tubular bells, Dulcimer,
Drawbar organ, Percussive organ, Rock organ, Church organ,
Reed organ, Accordion, Harmonica, Bandoneon,
Nylon guitar, Steel guitar, Jazz guitar, Clean guitar,
Muted guitar, Overdriven guitar, Distorted guitar, Guitar harmonics,
Double bass, Fingered bass, Picked bass, Fretless bass,
Slap bass 1, Slap bass 2, Synth bass 1, Synth bass 2,
Violin, Viola, Cello, Contrabass, Tremolo strings, Pizzicato strings, Harp, Timpani,
Strings, Slow strings, Synth strings 1, Synth strings 2,
Choir aahs, Voice oohs, Synth voice, Orchestra hit,
Trumpet, Trombone, Tuba, Muted trumpet, French horn, Brass, Synth brass 1, Synth brass 2,
Soprano saxophone, Alto saxophone, Tenor saxophone, Baritone saxophone,
Oboe, English horn, Bassoon, Clarinet,
Piccolo, Flute, Recorder, Pan flute, Bottle, Shakuhachi, Whistle, Ocarina,
Square lead, Saw lead, Calliope lead, Chiff lead, Charang lead, Voice lead, Fifths lead, Bass lead,
New age pad, Warm pad, Polysynth pad, Choir pad, Bowed pad, Metallic pad, Halo pad, Sweep pad,
Rain, Soundtrack, Crystal, Atmosphere, Brightness, Goblins, Echoes, Sci-fi,
Sitar, Banjo, Shamisen, Koto, Kalimba, Bagpipe, Fiddle, Shanai,
Tinkle bell, Agogo, Steel drums, Woodblock, Taiko drum, Melodic tom, Synth drum, Reverse cymbal,
Fret noise, Breath noise, Seashore, Bird, Telephone, Helicopter, Applause, Gunshot
"""
PROGRAMS: tuple[str, ...] = tuple(name.strip() for name in _NAMES.split(","))
_ALSO = {"piano": 0, "organ": 19, "guitar": 24, "bass": 32, "bagpipes": 109, "saxophone": 65}


def program_of(name: str) -> int:
    """Return the program, 0..127, of an instrument's name or number.

    Raises ValueError, with similar names, for an unknown one.
    """
    wanted = " ".join(name.lower().replace("_", " ").replace("-", " ").split())
    if wanted.isdigit() and int(wanted) < len(PROGRAMS):
        return int(wanted)
    known = {known.lower().replace("-", " "): i for i, known in enumerate(PROGRAMS)} | _ALSO
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, 3, 0.5) or ["violin", "flute", "accordion"]
    raise ValueError(f"unknown instrument {name!r}; did you mean {', '.join(near)}?")
