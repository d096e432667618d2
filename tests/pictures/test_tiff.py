"""TIFFs of more than 8 bits in layouts and compressions that few programs write."""

import zlib

import numpy as np
import pytest
import torch

from bowerbird.errors import PictureError
from bowerbird.pictures.reading import read_picture
from tests.pictures.tiff_files import lzw, tiff_bytes


def made_codes(bits, samples):
    generator = np.random.default_rng(bits + samples)
    return generator.integers(0, 2**bits, (12, 17, samples))


def assert_read(path, codes, bits):
    picture = read_picture(path)
    values = torch.from_numpy(codes / (2**bits - 1)).float().permute(2, 0, 1)
    colors = values[:3] if len(values) > 2 else values[:1].expand(3, -1, -1)
    torch.testing.assert_close(picture.rgb, colors, atol=1e-6, rtol=0)
    if len(values) in (2, 4):
        torch.testing.assert_close(picture.alpha, values[-1], atol=1e-6, rtol=0)
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("samples", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [8, 16, 32])
def test_lzw_in_every_layout(tmp_path, bits, samples, planar, predictor, order):
    codes = made_codes(bits, samples)
    data = tiff_bytes(codes, bits=bits, planar=planar, predictor=predictor, order=order)
    (tmp_path / "a.tif").write_bytes(data)
    assert_read(tmp_path / "a.tif", codes, bits)


@pytest.mark.parametrize("samples", [1, 2, 3, 4])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_deflate_in_every_layout(tmp_path, bits, samples, planar):
    codes = made_codes(bits, samples)
    data = tiff_bytes(codes, bits=bits, planar=planar, encode=zlib.compress, compression=8)
    (tmp_path / "a.tif").write_bytes(data)
    assert_read(tmp_path / "a.tif", codes, bits)


@pytest.mark.parametrize("compression", [1, 5, 8])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_bits(tmp_path, bits, samples, compression):
    codes = made_codes(bits, samples)
    encode = {1: bytes, 5: lzw, 8: zlib.compress}[compression]
    data = tiff_bytes(codes, bits=bits, planar=False, encode=encode, compression=compression)
    (tmp_path / "a.tif").write_bytes(data)
    assert_read(tmp_path / "a.tif", codes, bits)


def test_zstandard(tmp_path):
    # one frame (RFC 8878) with one raw block, the whole content of 12 x 17 x 2 bytes
    codes = made_codes(16, 1)

    def frame(data):
        block = (len(data) << 3 | 1).to_bytes(3, "little")
        size = (len(data) - 256).to_bytes(2, "little")
        return b"\x28\xb5\x2f\xfd\x60" + size + block + data

    data = tiff_bytes(codes, bits=16, planar=False, rows=12, encode=frame, compression=50000)
    (tmp_path / "a.tif").write_bytes(data)
    assert_read(tmp_path / "a.tif", codes, 16)


def test_an_unknown_compression_says_what_to_do(tmp_path):
    data = tiff_bytes(
        made_codes(16, 3), bits=16, planar=False, encode=lambda raw: raw, compression=34712
    )
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(PictureError, match="16 bits a sample") as refusal:
        read_picture(tmp_path / "a.tif")
    assert "save it with 8 or 16 bits" in str(refusal.value)
    assert "imagecodecs" not in str(refusal.value)


def test_a_damaged_segment_is_refused(tmp_path):
    data = tiff_bytes(made_codes(16, 3), bits=16, planar=True)
    (tmp_path / "a.tif").write_bytes(data[:-300] + b"\xff" * 300)
    with pytest.raises(PictureError):
        read_picture(tmp_path / "a.tif")
