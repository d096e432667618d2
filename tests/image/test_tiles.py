"""Tiles cover an image once and have exactly the features of the whole image."""

import pytest
import torch

from bowerbird.image.tiles import plan_tiles
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
