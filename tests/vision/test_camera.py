"""The camera degrades more where it is told to, and boxes follow the perspective."""

import cv2
import numpy as np
import pytest
import skimage.data

from bowerbird.vision.camera import photograph_page, photograph_scene, warp_boxes


def test_an_easy_camera_leaves_a_picture_nearly_as_it_is():
    scene = np.full((40, 40, 3), 0.5, np.float32)

    def deviations(hardness):
        photos = [
            photograph_scene(scene, np.random.default_rng(k), hardness, 30.0) for k in range(8)
        ]
        return [photo.astype(float).std() for photo in photos]

    assert np.mean(deviations(0.0)) < np.mean(deviations(1.0))


def test_a_photographed_page_is_the_same_for_the_same_seed():
    page = skimage.data.coffee().astype(np.float32) / 255
    first, again, other = (photograph_page(page, np.random.default_rng(k)) for k in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert 0 <= first.min() <= first.max() <= 1
    # uneven light and blur keep the picture recognizable
    small = [cv2.resize(image, (32, 24), interpolation=cv2.INTER_AREA) for image in (page, first)]
    assert np.corrcoef(*(image.ravel() for image in small))[0, 1] > 0.8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_boxes_move_with_the_perspective(dtype):
    boxes = np.array([[0, 0, 10, 20]], np.float32)
    quarter = np.array([[0, -1, 50], [1, 0, 5], [0, 0, 1]], dtype)  # a quarter turn
    np.testing.assert_allclose(warp_boxes(boxes, quarter), [[30, 5, 50, 15]])
