"""Humdrum's Kern (.krn), read through verovio.

verovio plays a score into MIDI, which ends each note a tick early and begins a pickup at time 0;
both are put right here: a pickup stands at the end of a whole bar, as in every score of the house.
"""

import base64
import json
from typing import TYPE_CHECKING

from bowerbird.music.error import MusicError
from bowerbird.music.events import TICKS
from bowerbird.music.midi import score_of_midi

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score


def score_of_kern(text: str) -> "Score":
    """Return the score of a Kern file; raise MusicError for what is none."""
    import verovio  # noqa: PLC0415  60 ms that only who reads Kern waits for

    if "**kern" not in text[:20000]:
        raise MusicError("there is no **kern in it")
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"inputFrom": "humdrum", "breaks": "none"})
    if not toolkit.loadData(text):
        raise MusicError("it is no proper Kern; check it with Humdrum's tools")
    score = score_of_midi(base64.b64decode(toolkit.renderToMIDI()))
    for track in score.tracks:
        for note in track.notes:
            note.duration += 1
    score = score.resample(TICKS)
    if lead := _lead(toolkit, score):
        score = score.shift_time(lead)
        for event in (*score.time_signatures, *score.key_signatures, *score.tempos):
            event.time = 0 if event.time == lead else event.time
    return score


def _lead(toolkit: object, score: "Score") -> int:
    """Return the ticks that a pickup lacks of a whole bar."""
    times = toolkit.renderToTimemap({"includeMeasures": True})  # type: ignore[attr-defined]
    times = json.loads(times) if isinstance(times, str) else times
    starts = [moment["qstamp"] for moment in times if "measureOn" in moment]
    if len(starts) < 2 or not score.time_signatures:
        return 0
    meter = score.time_signatures[0]
    whole = TICKS * 4 * meter.numerator // meter.denominator
    return max(0, whole - round((starts[1] - starts[0]) * TICKS))
