"""MusicXML, read bar by bar as it is written (W3C Music Notation Community Group, version 4.0).

Supported are parts, voices, chords, rests, ties, tuplets, keys with modes, meters, tempos, the
title, transposing instruments, drums, repeats and endings. Grace notes are skipped, as in ABC.
"""

import io
import zipfile
from xml.etree.ElementTree import Element, ParseError, fromstring

from bowerbird.errors import MusicError
from bowerbird.music.formats.tune import QUARTER, Bar, Tune
from bowerbird.music.score.drums import drum_at
from bowerbird.music.score.key import MODES, STEPS, key_from_signature

MAX_BYTES = 1 << 25  # 32 MB unpacked; Beethoven's op. 132 has 11
MAX_TAGS = 1 << 21  # and attributes, of 100 to 400 bytes of memory each; op. 132 has 0.4 million


def unpacked(data: bytes) -> bytes:
    """Return the score in a compressed file (.mxl); raise MusicError if it has none."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as pack:
            names = [info for info in pack.infolist() if not info.filename.startswith("META-INF")]
            scores = [
                info for info in names if info.filename.lower().endswith((".xml", ".musicxml"))
            ]
            if not scores:
                raise MusicError("it has no score inside")
            with pack.open(scores[0]) as file:
                return file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise MusicError("it is not compressed MusicXML, or damaged; download it again") from error
    except Exception as error:
        if isinstance(error, MusicError):
            raise
        raise MusicError(f"it is damaged ({error})") from error


def read_musicxml(data: bytes) -> Tune:
    """Return a score as a tune whose voices are its parts; raise MusicError for other data."""
    if len(data) > MAX_BYTES:
        raise MusicError(f"it has more than {MAX_BYTES >> 20} MB, the maximum")
    if data.count(b"<") + data.count(b"=") > MAX_TAGS:
        raise MusicError(f"it has more than {MAX_TAGS:,} tags and attributes, the maximum")
    try:
        root = fromstring(data)
    except (ParseError, ValueError, LookupError) as error:
        raise MusicError(f"it is not valid XML ({error}); download it again") from error
    if root.tag != "score-partwise":
        if root.tag == "score-timewise":
            raise MusicError("its MusicXML is score-timewise; save it as score-partwise")
        raise MusicError("it is XML, but not MusicXML")
    title = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    tune = Tune(1, title=" ".join(title.split()))
    headers = {p.get("id"): p for p in root.iterfind("part-list/score-part")}
    try:
        for number, part in enumerate(root.iterfind("part")):
            header = headers.get(part.get("id"), Element("score-part"))
            drums = header.findtext("midi-instrument/midi-channel") == "10"
            has_key = not drums and len(tune.drums) == number  # the first part but for drums
            reader = _Part(tune, _kit(header), has_key=has_key, has_tempo=not number)
            name = header.findtext("part-name") or f"part {number + 1}"
            while name in tune.voices:
                name += " "
            tune.voices[name] = reader.bars_of(part)
            program = int(header.findtext("midi-instrument/midi-program") or "1") - 1
            tune.programs[name] = max(0, min(127, program))
            if drums:
                tune.drums.add(name)
    except (ValueError, ZeroDivisionError, KeyError, OverflowError) as error:
        if isinstance(error, MusicError):
            raise
        raise MusicError(f"it is not valid MusicXML ({error})") from error
    return tune


def _kit(header: Element) -> dict[str, int]:
    """Return the MIDI keys, 0 to 127, of a part's drums, by the ids of its instruments."""
    drums = {
        instrument.get("id", ""): int(instrument.findtext("midi-unpitched") or 0) - 1
        for instrument in header.iterfind("midi-instrument")
    }
    return {name: key for name, key in drums.items() if 0 <= key <= 127}


class _Part:
    """Reads the measures of one part."""

    def __init__(self, tune: Tune, kit: dict[str, int], *, has_key: bool, has_tempo: bool) -> None:
        self.tune, self.kit, self.has_key, self.has_tempo = tune, kit, has_key, has_tempo
        self.divisions, self.meter, self.shift = 1.0, (4, 4), 0
        self.at = self.start = 0

    def bars_of(self, part: Element) -> list[Bar]:
        """Return the bars of a part."""
        return [
            self._bar(number, measure) for number, measure in enumerate(part.iterfind("measure"), 1)
        ]

    def _bar(self, number: int, measure: Element) -> Bar:
        bar = Bar(number, self.meter)
        self.at = self.start = 0
        for element in measure:
            match element.tag:
                case "note":
                    self._note(bar, element)
                case "backup" | "forward":
                    step = self._units(element)
                    self.at += step if element.tag == "forward" else -step
                    self.at = max(0, self.at)
                    bar.length = max(bar.length, self.at)
                case "attributes":
                    self._attributes(bar, element)
                    bar.meter = self.meter
                case "barline":
                    _barline(bar, element)
                case "sound":
                    self._tempo(bar, element)
                case "direction":
                    for sound in element.iterfind("sound"):
                        self._tempo(bar, sound)
        bar.notes.sort(key=lambda note: note[0])
        return bar

    def _units(self, element: Element) -> int:
        units = float(element.findtext("duration") or 0) * QUARTER / self.divisions
        if not 0 <= units <= QUARTER * 1000:
            raise MusicError(f"a duration of {units / QUARTER:,g} quarter notes is impossible")
        return round(units)

    def _note(self, bar: Bar, note: Element) -> None:
        if note.find("grace") is not None or note.find("cue") is not None:
            return
        length = self._units(note)
        if note.find("chord") is None:
            self.start = self.at
            self.at += length
            bar.length = max(bar.length, self.at)
        pitch = note.find("pitch")
        hit = note.find("unpitched")
        if pitch is not None:
            step, octave = pitch.findtext("step", ""), int(pitch.findtext("octave", "4"))
            alter = round(float(pitch.findtext("alter") or 0))
            number = 12 * (octave + 1) + STEPS[step.strip()] + alter + self.shift
        elif hit is not None:
            number = self._drum(note, hit)
        else:
            return
        if not 0 <= number <= 127:
            raise MusicError(f"measure {bar.line}: a note is out of the range of MIDI")
        tied = any(tie.get("type") == "start" for tie in note.iterfind("tie"))
        bar.notes.append((self.start, length, (number,), tied))

    def _drum(self, note: Element, hit: Element) -> int:
        """Return the MIDI key of a drum, by its instrument or its place on the staff."""
        instrument = note.find("instrument")
        named = "" if instrument is None else instrument.get("id", "")
        if named in self.kit:
            return self.kit[named]
        step, octave = hit.findtext("display-step", "C"), hit.findtext("display-octave", "5")
        return drum_at(step.strip(), int(octave), cross="x" in note.findtext("notehead", ""))

    def _attributes(self, bar: Bar, element: Element) -> None:
        if text := element.findtext("divisions"):
            self.divisions = float(text)
            if not 0 < self.divisions <= 1 << 20:
                raise MusicError(f"a quarter note of {text} divisions is impossible")
        beats, part = element.findtext("time/beats"), element.findtext("time/beat-type")
        if beats and part:
            count = sum(int(p) for p in beats.split("+"))
            if not (1 <= count <= 64 and int(part) in (1, 2, 4, 8, 16, 32)):
                raise MusicError(f"measure {bar.line}: {beats}/{part} is not a time signature")
            self.meter = count, int(part)
        if (fifths := element.findtext("key/fifths")) and self.has_key:
            name = (element.findtext("key/mode") or "").replace("aeolian", "minor")
            mode = next((mode for mode in MODES if mode == name), MODES[0])
            key = key_from_signature(int(fifths), mode)
            if bar.line == 1:
                self.tune.key = key
            else:
                bar.key = key
        chromatic = element.findtext("transpose/chromatic")
        if chromatic:
            octaves = int(element.findtext("transpose/octave-change") or 0)
            self.shift = round(float(chromatic)) + 12 * octaves

    def _tempo(self, bar: Bar, sound: Element) -> None:
        qpm = float(sound.get("tempo") or 0)
        if self.has_tempo and qpm > 0:
            bar.tempos.append((self.at, qpm))
        self.tune.qpm = self.tune.qpm or qpm


def _barline(bar: Bar, element: Element) -> None:
    repeat, ending = element.find("repeat"), element.find("ending")
    if repeat is not None:
        if repeat.get("direction") == "forward":
            bar.left.append("|:")
        else:
            bar.right.append(":|")
    elif element.findtext("bar-style") == "light-light":
        bar.right.append("||")
    if ending is not None and ending.get("type") == "start":
        bar.left.append(f"[{(ending.get('number') or '1').split(',')[0].strip()}")
