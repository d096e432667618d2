"""SoundFont 2 files: samples, and how each instrument plays them.

Source: the SoundFont technical specification 2.04 (E-mu, 2006): chunks in section 7, generators in
section 8.1. The generators of a preset are added to those of its instrument; key and velocity
ranges intersect. Departures: modulators are not read, apart from the default ones of velocity,
which `voice.py` applies; compressed SoundFont 3 files are refused.

The default font is TimGM6mb (Tim Brechbill; GPL-2), a data file of the package pretty_midi. That
package itself is not imported, and its font is not part of Bowerbird.
"""

import struct
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DRUM_BANK = 128
_MAX_BYTES = 1 << 31  # a font is read into memory
_PRESET = np.dtype(
    [("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("rest", "V12")]
)
_INSTRUMENT = np.dtype([("name", "S20"), ("bag", "<u2")])
_BAG = np.dtype([("generator", "<u2"), ("modulator", "<u2")])
_GENERATOR = np.dtype([("kind", "<u2"), ("amount", "<i2")])
_SAMPLE = np.dtype(
    [
        *(("name", "S20"), ("start", "<u4"), ("end", "<u4")),
        *(("loop_start", "<u4"), ("loop_end", "<u4"), ("rate", "<u4")),
        *(("root", "u1"), ("correction", "i1"), ("link", "<u2"), ("type", "<u2")),
    ]
)

# Generators, by their numbers in section 8.1.2 of the specification.
START, END, LOOP_START, LOOP_END = (0, 4), (1, 12), (2, 45), (3, 50)  # fine, coarse (32768)
INSTRUMENT, KEY_RANGE, VELOCITY_RANGE, SAMPLE = 41, 43, 44, 53
LOOPS, ROOT_KEY = 54, 58
# Amounts of a region if neither preset nor instrument has the generator (section 8.1.3).
_DEFAULTS = {8: 13500, 21: -12000, 23: -12000, 25: -12000, 26: -12000, 27: -12000, 28: -12000}
_DEFAULTS |= {30: -12000, 33: -12000, 34: -12000, 35: -12000, 36: -12000, 38: -12000, 56: 100}
_NOT_ADDED = {KEY_RANGE, VELOCITY_RANGE, INSTRUMENT, SAMPLE, LOOPS, ROOT_KEY, 57, 46, 47}


@dataclass(frozen=True, eq=False)
class Region:
    """One sample, for a range of keys and velocities."""

    keys: tuple[int, int]  # MIDI pitches, both included
    velocities: tuple[int, int]
    wave: NDArray[np.int16]
    loop: tuple[int, int] | None  # in samples of `wave`, the end not included
    sample_rate: int  # Hz, of `wave`
    root: float  # the pitch of `wave`, in semitones
    generators: dict[int, int]  # amounts in the units of the specification

    def amount(self, kind: int) -> int:
        """Return a generator's amount, or its default."""
        return self.generators.get(kind, _DEFAULTS.get(kind, 0))


class SoundFont:
    """The presets of a font, by bank and program."""

    def __init__(self, path: Path) -> None:
        """Read a font; raise `ValueError` for other or damaged files, `OSError`."""
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"{path} is larger than 2 GiB; use a smaller soundfont")
        self.path = path
        data = path.read_bytes()
        if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
            raise ValueError(f"{path} is not a SoundFont 2 file; give a file that ends in .sf2")
        self._regions: dict[int, tuple[Region, ...]] = {}  # by preset
        try:
            self._read(data)
        except (KeyError, IndexError, ValueError, struct.error) as error:
            raise ValueError(f"{path} is damaged or cut short; download it again") from error

    def _read(self, data: bytes) -> None:
        chunks = _chunks(data)
        self._wave = np.frombuffer(chunks[b"smpl"], np.int16, len(chunks[b"smpl"]) // 2)
        self._presets = np.frombuffer(chunks[b"phdr"], _PRESET)
        self._instruments = np.frombuffer(chunks[b"inst"], _INSTRUMENT)
        self._samples = np.frombuffer(chunks[b"shdr"], _SAMPLE)
        if any(int(sample["type"]) & 0x10 for sample in self._samples):
            raise ValueError("compressed")
        self._bags = {c: np.frombuffer(chunks[(c + "bag").encode()], _BAG) for c in "pi"}
        self._generators = {
            c: np.frombuffer(chunks[(c + "gen").encode()], _GENERATOR) for c in "pi"
        }
        self.programs = {  # the last preset is a terminator
            (int(p["bank"]), int(p["program"])): number
            for number, p in enumerate(self._presets[:-1])
        }
        if not self.programs:
            raise ValueError("no presets")

    def regions(self, bank: int, program: int) -> tuple[Region, ...]:
        """Return the regions of a preset, or of the nearest one that the font has.

        A missing program of a bank is replaced by that of bank 0, a missing drum kit by the
        first, and anything else by the font's first preset.
        """
        fallback = (DRUM_BANK, 0) if bank == DRUM_BANK else (0, program)
        preset = self.programs.get((bank, program), self.programs.get(fallback, 0))
        if preset not in self._regions:
            try:
                self._regions[preset] = tuple(self._collect(preset))
            except (IndexError, KeyError, ValueError) as error:  # forged tables
                raise ValueError(f"{self.path} is damaged; download it again") from error
        return self._regions[preset]

    def _collect(self, preset: int) -> list[Region]:
        """Combine each zone of a preset with each zone of its instruments."""
        regions = []
        first, last = int(self._presets[preset]["bag"]), int(self._presets[preset + 1]["bag"])
        for outer in self._zones("p", first, last, INSTRUMENT):
            index = outer[INSTRUMENT]
            bags = self._instruments[index : index + 2]["bag"]
            for inner in self._zones("i", int(bags[0]), int(bags[1]), SAMPLE):
                region = self._region(outer, inner)
                if region:
                    regions.append(region)
        return regions

    def _zones(self, level: str, first: int, last: int, target: int) -> list[dict[int, int]]:
        """List the zones with a target, each merged with the global zone, if there is one."""
        zones: list[dict[int, int]] = []
        common: dict[int, int] = {}
        for bag in range(first, last):
            a, b = (int(x["generator"]) for x in self._bags[level][bag : bag + 2])
            zone = {int(kind): int(amount) for kind, amount in self._generators[level][a:b]}
            if target in zone:
                zones.append({**common, **zone})
            elif bag == first:
                common = zone
        return zones

    def _region(self, outer: dict[int, int], inner: dict[int, int]) -> Region | None:
        """Merge the two levels; None if no key or velocity is left, or the sample is empty."""
        ranges = []
        for kind in (KEY_RANGE, VELOCITY_RANGE):
            bounds = [divmod(zone.get(kind, 127 << 8) & 0xFFFF, 256) for zone in (outer, inner)]
            ranges.append((max(low for _, low in bounds), min(high for high, _ in bounds)))
        generators = dict(inner)
        for kind, amount in outer.items():
            if kind not in _NOT_ADDED:
                generators[kind] = generators.get(kind, _DEFAULTS.get(kind, 0)) + amount
        sample = self._samples[inner[SAMPLE]]

        def address(name: str, pair: tuple[int, int]) -> int:
            return int(sample[name]) + inner.get(pair[0], 0) + 32768 * inner.get(pair[1], 0)

        start, end = address("start", START), address("end", END)
        a, b = (
            address(f"loop_{n}", p) - start for n, p in (("start", LOOP_START), ("end", LOOP_END))
        )
        wave = self._wave[max(0, start) : max(0, end)]
        if any(low > high for low, high in ranges) or len(wave) < 2 or sample["rate"] < 1:
            return None
        root = inner.get(ROOT_KEY, -1)
        root = root if 0 <= root <= 127 else int(sample["root"])
        looped = inner.get(LOOPS, 0) & 1 and a >= 0 and a + 2 <= b <= len(wave)
        return Region(
            ranges[0],
            ranges[1],
            wave,
            (a, b) if looped else None,
            int(sample["rate"]),
            (root if root <= 127 else 60) - int(sample["correction"]) / 100,
            generators,
        )


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """Return the chunks inside the LIST chunks of a RIFF file."""
    chunks, at = {}, 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"LIST":
            at += 12
            continue
        chunks[name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return chunks


def default_soundfont() -> Path:
    """Return the installed font; raise `FileNotFoundError` if there is none."""
    try:
        path = Path(str(distribution("pretty_midi").locate_file("pretty_midi/TimGM6mb.sf2")))
    except PackageNotFoundError:
        path = Path("TimGM6mb.sf2")
    if not path.is_file():
        raise FileNotFoundError("no soundfont is installed; pip install pretty_midi, or give one")
    return path


@lru_cache(maxsize=2)
def load_soundfont(path: Path) -> SoundFont:
    """Read a font, or return it from the cache."""
    return SoundFont(path)
