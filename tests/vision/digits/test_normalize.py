"""Normalization is MNIST's: its own digits are unchanged, size and position don't matter."""

import numpy as np

from bowerbird.vision.digits.idx import read_digit_dataset
from bowerbird.vision.digits.normalize import normalize


def test_normalizing_a_digit_of_mnist_changes_nothing(mnist):
    images = read_digit_dataset(mnist, "train").images[:300].numpy()
    same = [
        np.abs(normalize(image.astype(np.float32) / 255) * 255 - image).max() < 1
        for image in images
    ]
    assert np.mean(same) > 0.99


def test_size_and_position_do_not_matter():
    stroke = np.zeros((90, 90), np.float32)
    stroke[20:60, 30:36], stroke[54:60, 30:60] = 1, 1
    moved = np.roll(stroke, (15, 20), (0, 1))
    np.testing.assert_array_equal(normalize(stroke), normalize(moved))
    twice = np.kron(stroke, np.ones((2, 2), np.float32))
    np.testing.assert_allclose(normalize(stroke), normalize(twice), atol=0.02)
    rows, columns = np.nonzero(normalize(stroke))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    assert normalize(np.zeros((5, 5), np.float32)).sum() == 0
