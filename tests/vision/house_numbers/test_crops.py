"""Crops, relative boxes and the finder's targets by their formulas."""

import numpy as np
import skimage.data

from bowerbird.vision.house_numbers.crops import (
    crop,
    enlarged,
    finder_targets,
    to_absolute,
    to_relative,
)


def box(*sides):
    return np.array(sides, np.float32)


def test_a_crop_of_whole_pixels_is_the_pixels():
    pixels = skimage.data.chelsea()
    assert np.array_equal(crop(pixels, box(20, 30, 84, 94), 64), pixels[30:94, 20:84])


def test_a_downscaled_crop_is_the_mean_of_what_it_covers():
    pixels = skimage.data.coffee()
    small = crop(pixels, box(10, 20, 10 + 192, 20 + 128), 64)
    expected = pixels[20:148, 10:202].reshape(64, 2, 64, 3, 3).astype(float).mean((1, 3))
    assert np.abs(small - expected).max() < 1


def test_outside_of_the_image_its_border_is_repeated():
    pixels = skimage.data.chelsea()
    region = crop(pixels, box(-32, 0, 32, 64), 64)
    assert np.array_equal(region[:, :32], np.repeat(pixels[:64, :1], 32, 1))


def test_relative_boxes_and_back():
    boxes, region = box(3, 4, 10, 12)[None], box(1, 2, 21, 12)
    np.testing.assert_allclose(to_relative(boxes, region), [[0.1, 0.2, 0.45, 1.0]])
    np.testing.assert_allclose(to_absolute(to_relative(boxes, region), region), boxes)


def test_a_narrow_box_is_enlarged_more():
    np.testing.assert_allclose(enlarged(box(10, 10, 50, 30), 1.5), [0, 5, 60, 35])
    np.testing.assert_allclose(enlarged(box(9, 0, 11, 20), 1.0), [5, 0, 15, 20])


def test_cells_point_at_the_sides_of_the_number():
    labels, sides = finder_targets(box(20, 30, 60, 50), 96, 96)
    assert labels.shape == (12, 12)
    rows, columns = np.nonzero(labels == 1)
    assert len(rows) > 0
    for row, column in zip(rows, columns, strict=True):
        x, y = 8 * column + 4, 8 * row + 4
        distances = 8 * np.exp(sides[:, row, column])
        np.testing.assert_allclose(distances, [x - 20, y - 30, 60 - x, 50 - y], rtol=1e-5)
    assert (labels[:3] == 0).all()
    for size in (8, 100):  # detected on another level
        assert (finder_targets(box(0, 0, size, size), 96, 96)[0] <= 0).all()
    assert (finder_targets(None, 96, 96)[0] == 0).all()
