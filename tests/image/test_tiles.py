"""Tiles cover a picture once and see in it what the whole picture's network sees."""

import pytest
import torch

from bowerbird.image.tiles import plan
from bowerbird.networks.vgg_layers import layer_names, reach, stride

SIZES = [(200, 333), (257, 96), (97, 301), (320, 320), (33, 400)]
LAYERS = [n for n in layer_names() if n != "pool5"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("halo", [5, 78])
def test_cores_hold_every_position_of_every_layer_once(size, halo):
    tiles = plan(size, (2 * 96 + 48) ** 2 if halo > 16 else 80**2, halo)
    assert len(tiles) > 1 or size[0] * size[1] <= 240**2
    for step, layer in ((stride(n), n) for n in LAYERS):
        seen = torch.zeros(size[0] // step, size[1] // step)
        for tile in tiles:
            seen[tile.whole_positions(layer)] += 1
        assert torch.equal(seen, torch.ones_like(seen)), layer


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("most", [60**2, 100**2, 240**2])
def test_no_tile_looks_at_more_than_was_allowed(size, most):
    for tile in plan(size, most, halo=12):
        rows, columns = tile.outer
        assert (rows.stop - rows.start) * (columns.stop - columns.start) <= most
        assert 0 <= rows.start < rows.stop <= size[0]
        assert 0 <= columns.start < columns.stop <= size[1]


def test_a_picture_that_fits_is_one_tile():
    (tile,) = plan((70, 50), 70 * 50, 78)
    assert tile.outer == (slice(0, 70), slice(0, 50))
    features = torch.rand(1, 2, 35, 25)
    assert torch.equal(tile.core(features, "relu2_1"), features)


def test_too_few_pixels_for_a_core_and_two_halos_are_refused():
    with pytest.raises(ValueError, match="10000 px"):
        plan((400, 400), 100**2, 78)


@pytest.mark.parametrize("edge", ["zeros", "replicate", "reflect"])
@pytest.mark.parametrize("size", [(250, 311), (257, 300)])
def test_tiles_have_exactly_the_features_of_the_whole_picture(toy_network, edge, size):
    # with a halo as wide as the deepest layer's reach no core can see where its tile ends
    layers = ("relu1_2", "relu2_1", "conv3_3", "pool3", "relu4_2", "relu5_1")
    net = toy_network(last="relu5_1", edge=edge)
    picture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)).double()
    whole = net(picture, layers)
    tiles = plan(size, 240**2, reach("relu5_1"))
    assert len(tiles) > 3
    for tile in tiles:
        part = net(picture[(..., *tile.outer)], layers)
        for name in layers:
            expected = whole[name][(..., *tile.whole_positions(name))]
            torch.testing.assert_close(tile.core(part[name], name), expected, rtol=0, atol=1e-9)


def test_tiles_have_the_whole_pictures_features_at_the_last_pooling_too(toy_network):
    # its stride is 32 px, twice that of block 5: cores have to begin where its windows do
    net, size = toy_network(last="pool5"), (32, 3600)
    picture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)).double()
    whole = net(picture, ["pool5"])["pool5"]
    for tile in plan(size, 384**2, reach("pool5"), stride("pool5")):
        part = tile.core(net(picture[(..., *tile.outer)], ["pool5"])["pool5"], "pool5")
        expected = whole[(..., *tile.whole_positions("pool5"))]
        torch.testing.assert_close(part, expected, rtol=0, atol=1e-9)
