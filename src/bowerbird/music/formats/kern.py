"""Humdrum's Kern (.krn), read with verovio.

verovio plays a score into MIDI, which ends each note a tick early and begins a pickup at time 0.
Both are corrected: a pickup is the end of a whole bar, as in all scores.

A line with too many or too few fields crashes verovio's process, as other errors may. So fields are
counted first (humdrum.org, "The Humdrum file format"), and verovio runs in a separate process.
"""

import base64
import json
import re
import subprocess
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bowerbird.errors import MusicError
from bowerbird.music.formats.midi import midi_to_score
from bowerbird.music.score.build import TICKS

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

MAX_SECONDS = 60  # for one file; a movement of a string quartet takes one
_PATHS = {"*^": 2, "*+": 2, "*-": 0}  # spine operators, and how many spines they make of one
_SOUNDS = re.compile("[A-Ga-gr]")
_READER = """
import json, sys, verovio
verovio.enableLog(verovio.LOG_OFF)
toolkit = verovio.toolkit()
toolkit.setOptions({"inputFrom": "humdrum", "breaks": "none"})
if toolkit.loadData(sys.stdin.buffer.read().decode()):
    midi = toolkit.renderToMIDI()
    times = toolkit.renderToTimemap({"includeMeasures": True})
    times = json.loads(times) if isinstance(times, str) else times
    starts = [moment["qstamp"] for moment in times if "measureOn" in moment]
    print(json.dumps({"midi": midi, "starts": starts[:2]}))
"""
"""What the process runs: Kern in, MIDI and the beats where bars begin out."""


def kern_to_score(text: str) -> "Score":
    """Return the score of a Kern file; raise MusicError for any other text."""
    if "**kern" not in text[:20000]:
        raise MusicError("it has no **kern spine")
    _check_fields(text)
    read = _read(text)
    score = midi_to_score(base64.b64decode(read["midi"]))
    for track in score.tracks:
        for note in track.notes:
            note.duration += 1
    score = score.resample(TICKS)
    if lead := _ticks_before_pickup(read["starts"], score):
        score = score.shift_time(lead)
        for event in (*score.time_signatures, *score.key_signatures, *score.tempos):
            event.time = 0 if event.time == lead else event.time
    return score


def _check_fields(text: str) -> None:
    """Raise MusicError for a line without one field per spine, or a note without a pitch."""
    spines, kern = 0, False
    for number, line in enumerate(re.split(r"\r\n?|\n", text), 1):
        if not line or line.startswith("!!"):
            continue
        fields = line.split("\t")
        if not spines and all(field.startswith("**") for field in fields):
            spines, kern = len(fields), set(fields) == {"**kern"}
        elif len(fields) != spines:
            raise MusicError(
                f"line {number} has {len(fields)} fields but there are {spines} spines; "
                "check the file with Humdrum's tools"
            )
        elif kern and line[0] not in "*=!":
            for token in (token for field in fields for token in field.split(" ")):
                if token[:1].isdigit() and not _SOUNDS.search(token):
                    raise MusicError(f"line {number}: {token:.20} has no pitch; write 4c, or 4r")
        elif line.startswith("*"):
            paths = [(field, len(list(same))) for field, same in groupby(fields)]
            spines = sum(1 if f == "*v" else n * _PATHS.get(f, 1) for f, n in paths)


def _read(text: str) -> dict[str, Any]:
    """Return what verovio reads; raise MusicError if it fails, crashes or hangs."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _READER],
            input=text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # verovio's warnings
            timeout=MAX_SECONDS,
            check=True,
        )
        result = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise MusicError(f"verovio can't read it in {MAX_SECONDS} seconds") from error
    except (subprocess.CalledProcessError, ValueError) as error:
        raise MusicError("it is not valid Kern; check it with Humdrum's tools") from error
    return dict(result)


def _ticks_before_pickup(starts: list[float], score: "Score") -> int:
    """Return the ticks by which a pickup is shorter than a bar, by the beats where bars begin."""
    if len(starts) < 2 or not score.time_signatures:
        return 0
    meter = score.time_signatures[0]
    whole = TICKS * 4 * meter.numerator // meter.denominator
    return max(0, whole - round((starts[1] - starts[0]) * TICKS))
