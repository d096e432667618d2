"""A font is read as the specification says, or refused in one sentence."""

import struct

import numpy as np
import pytest

from bowerbird.music.render.soundfont import DRUM_BANK, SoundFont, default_soundfont, load_soundfont


@pytest.fixture(scope="module")
def font():
    return load_soundfont(default_soundfont())


def test_the_default_font_has_all_of_general_midi(font):
    assert {program for bank, program in font.programs if bank == 0} == set(range(128))
    assert (DRUM_BANK, 0) in font.programs


@pytest.mark.parametrize("program", [0, 21, 40, 73, 109])
def test_every_key_of_an_instrument_sounds(font, program):
    for key in range(21, 109):
        regions = [r for r in font.regions(0, program) if r.keys[0] <= key <= r.keys[1]]
        assert regions, key
        for region in regions:
            assert len(region.wave) > 2
            assert region.loop is None or 0 <= region.loop[0] < region.loop[1] <= len(region.wave)


def test_a_missing_program_is_replaced(font):
    assert font.regions(5, 40) == font.regions(0, 40)
    assert font.regions(DRUM_BANK, 99) == font.regions(DRUM_BANK, 0)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"MThd" + bytes(100), b"RIFF\0\0\0\0sfbk"])
def test_what_is_no_font_is_refused(tmp_path, data):
    path = tmp_path / "a.sf2"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.sf2 is (not a SoundFont 2 file|damaged)"):
        SoundFont(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97, 0.999])
def test_a_font_cut_short_is_refused_or_plays(tmp_path, share):
    data = default_soundfont().read_bytes()
    path = tmp_path / "cut.sf2"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match="damaged or cut short"):
        SoundFont(path)


def test_a_compressed_font_is_refused(tmp_path):
    data = bytearray(default_soundfont().read_bytes())
    first = data.index(b"shdr") + 8
    struct.pack_into("<H", data, first + 44, 0x10 | 1)  # section 7.10, and SoundFont 3's flag
    path = tmp_path / "a.sf3"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        SoundFont(path)


def test_forged_tables_are_refused_or_played(tmp_path):
    data = default_soundfont().read_bytes()
    tables = data.index(b"pdta")
    random = np.random.default_rng(5)
    refused = 0
    for trial in range(20):
        forged = bytearray(data)
        for place in random.integers(tables, len(data), 60):
            forged[place] = random.integers(256)
        path = tmp_path / f"{trial}.sf2"
        path.write_bytes(forged)
        try:
            font = SoundFont(path)
            for program in range(0, 128, 8):
                for region in font.regions(0, program):
                    assert len(region.wave) > 1
        except ValueError as error:
            refused += "damaged" in str(error)
        path.unlink()
    assert refused < 20
