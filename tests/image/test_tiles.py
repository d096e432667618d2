"""Tiles cover an image once, have the whole image's features, and fit into a memory limit."""

import os
import re
from types import SimpleNamespace

import psutil
import pytest
import torch

from bowerbird.image.tiles import MIN_TILE, MemoryUse, plan_memory, plan_tiles
from bowerbird.learning.device import Compute
from bowerbird.networks.vgg_layers import layer_names, receptive_radius, stride

SIZES = [(200, 333), (257, 96), (97, 301), (320, 320), (33, 400)]
LAYERS = [n for n in layer_names() if n != "pool5"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("halo", [5, 78])
def test_cores_contain_every_position_of_every_layer_once(size, halo):
    tiles = plan_tiles(size, (2 * 96 + 48) ** 2 if halo > 16 else 80**2, halo)
    assert len(tiles) > 1 or size[0] * size[1] <= 240**2
    for step, layer in ((stride(n), n) for n in LAYERS):
        count = torch.zeros(size[0] // step, size[1] // step)
        for tile in tiles:
            count[tile.core_slices(layer)] += 1
        assert torch.equal(count, torch.ones_like(count)), layer


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("max_px", [60**2, 100**2, 240**2])
def test_no_tile_has_more_pixels_than_allowed(size, max_px):
    for tile in plan_tiles(size, max_px, halo=12):
        rows, columns = tile.outer
        assert (rows.stop - rows.start) * (columns.stop - columns.start) <= max_px
        assert 0 <= rows.start < rows.stop <= size[0]
        assert 0 <= columns.start < columns.stop <= size[1]


def test_an_image_that_fits_is_one_tile():
    (tile,) = plan_tiles((70, 50), 70 * 50, 78)
    assert tile.outer == (slice(0, 70), slice(0, 50))
    features = torch.rand(1, 2, 35, 25)
    assert torch.equal(tile.crop_core(features, "relu2_1"), features)


def test_too_few_pixels_for_a_core_and_two_halos_are_refused():
    with pytest.raises(ValueError, match="10000 px"):
        plan_tiles((400, 400), 100**2, 78)


@pytest.mark.parametrize("padding_mode", ["zeros", "replicate", "reflect"])
@pytest.mark.parametrize("size", [(250, 311), (257, 300)])
def test_tiles_have_exactly_the_features_of_the_whole_image(toy_network, padding_mode, size):
    # with a halo as wide as the receptive radius no core depends on where its tile ends
    layers = ("relu1_2", "relu2_1", "conv3_3", "pool3", "relu4_2", "relu5_1")
    net = toy_network(last="relu5_1", padding_mode=padding_mode)
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)).double()
    whole = net(image, layers)
    tiles = plan_tiles(size, 240**2, receptive_radius("relu5_1"))
    assert len(tiles) > 3
    for tile in tiles:
        part = net(image[(..., *tile.outer)], layers)
        for name in layers:
            expected = whole[name][(..., *tile.core_slices(name))]
            torch.testing.assert_close(
                tile.crop_core(part[name], name), expected, rtol=0, atol=1e-9
            )


def test_tiles_have_the_whole_images_features_at_the_last_pooling_too(toy_network):
    # its stride is 32 px, twice that of block 5: cores must begin where its windows do
    net, size = toy_network(last="pool5"), (32, 3600)
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)).double()
    whole = net(image, ["pool5"])["pool5"]
    for tile in plan_tiles(size, 384**2, receptive_radius("pool5"), stride("pool5")):
        part = tile.crop_core(net(image[(..., *tile.outer)], ["pool5"])["pool5"], "pool5")
        expected = whole[(..., *tile.core_slices("pool5"))]
        torch.testing.assert_close(part, expected, rtol=0, atol=1e-9)


CPU = Compute(torch.device("cpu"), torch.float32)
HALF = Compute(CPU.device, torch.bfloat16)
IMAGE_SIZES = [(64, 64), (512, 512), (450, 333), (1000, 777), (3000, 4000), (4024, 6048)]


def max_px(gigabytes, size, compute=CPU):
    return plan_memory(gigabytes, size, compute).max_px


def needed(size):
    """Return the memory, in GB, that a refusal names."""
    with pytest.raises(ValueError, match=r"at least [\d.]+ GB") as error:
        max_px(0.001, size, CPU)
    assert f"{size[1]} x {size[0]} px" in str(error.value)
    return float(re.search(r"([\d.]+) GB", str(error.value))[1])


@pytest.mark.parametrize("size", IMAGE_SIZES)
def test_the_memory_named_is_enough(size):
    assert max_px(needed(size), size, CPU) > 0


@pytest.mark.parametrize("size", IMAGE_SIZES)
def test_a_quarter_less_is_not_enough(size):
    with pytest.raises(ValueError, match="GB"):
        max_px(0.75 * needed(size), size, CPU)


def test_more_memory_allows_larger_tiles_and_a_larger_image_smaller_ones():
    size = (3000, 4000)
    # what the history leaves goes to the tiles, so more memory never makes tiles smaller
    tiles = [max_px(gigabytes, size, CPU) for gigabytes in (12, 24, 48)]
    assert min(tiles) > 300**2
    assert tiles[-1] > tiles[0]
    assert max_px(12, (1000, 1000), CPU) > tiles[0]


def test_half_precision_allows_larger_tiles():
    assert max_px(8, (512, 512), HALF) > 1.2 * max_px(8, (512, 512), CPU)


def test_no_limit_uses_part_of_the_machines_memory():
    assert max_px(0, (64, 64), CPU) > 64 * 64


def test_the_machines_memory_is_known_on_every_system(monkeypatch):
    monkeypatch.delattr(os, "sysconf", raising=False)  # Windows has none
    sizes = []
    for gigabytes in (8, 16):
        memory = SimpleNamespace(total=gigabytes * 1e9)
        monkeypatch.setattr(psutil, "virtual_memory", lambda memory=memory: memory)
        sizes.append(max_px(0, (512, 512)))
        assert sizes[-1] == max_px(gigabytes / 2, (512, 512))
    assert sizes[0] < sizes[1]


def test_apples_gpu_shares_the_machines_memory_and_cuda_has_its_own():
    mps, cuda = (Compute(torch.device(name), torch.float32) for name in ("mps", "cuda"))
    assert max_px(0, (512, 512), mps) == max_px(0, (512, 512), CPU)
    assert max_px(0, (512, 512), cuda) > 1e15


def test_twelve_megapixels_fit_into_24_gigabytes():
    # issue 2, point 7
    assert max_px(24, (3024, 4032), CPU) > 0


def test_the_history_shrinks_before_the_limit_is_refused():
    size = (3000, 4000)
    histories = [plan_memory(g, size, CPU).history for g in (6, 8, 48)]
    assert histories == sorted(histories)
    assert 1 <= histories[0] < histories[-1]


def test_an_image_that_can_not_be_tiled_has_a_shorter_history_rather_than_tiles():
    size, px = (1000, 1000), 1000 * 1000
    message = r"1000 x 1000 px, which is tileable .* at least ([\d.]+) GB"
    with pytest.raises(ValueError, match=message) as error:
        plan_memory(2, size, CPU, untiled=True)
    sufficient = float(re.search(message, str(error.value))[1])
    tiled, whole = (plan_memory(sufficient, size, CPU, untiled=u) for u in (False, True))
    assert tiled.max_px < px <= whole.max_px
    assert 1 <= whole.history < tiled.history


def test_a_style_image_larger_than_the_result_is_counted():
    # it is processed in tiles too, so the limit must allow for one
    size, large = (64, 64), MemoryUse(style_px=3000 * 4000)
    sufficient = needed(size)
    assert plan_memory(sufficient, size, CPU).max_px < MIN_TILE
    with pytest.raises(ValueError, match=r"64 x 64 px needs at least [\d.]+ GB") as error:
        plan_memory(sufficient, size, CPU, large)
    named = float(re.search(r"([\d.]+) GB", str(error.value))[1])
    assert plan_memory(named, size, CPU, large).max_px >= MIN_TILE
    small = MemoryUse(style_px=100 * 100)  # is not tiled
    assert plan_memory(sufficient + 0.1, size, CPU, small).max_px >= 100 * 100
