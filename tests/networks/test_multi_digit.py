"""The probability of a whole number is the paper's; the finder is a convolution; it trains."""

import itertools

import numpy as np
import pytest
import torch

from bowerbird.networks.config import MultiDigitConfig
from bowerbird.networks.multi_digit import (
    LENGTHS,
    MAX_DIGITS,
    MultiDigit,
    Reading,
    _Conv,
    _grid_features,
    log_probability,
    most_probable,
)

SMALL = MultiDigitConfig(crop_size=32, channels=(8, 16, 16, 16), hidden_size=32, glimpse_size=32)


def a_reading(rows=3, seed=0, sharp=1.0):
    random = torch.Generator().manual_seed(seed)
    lengths = (sharp * torch.randn(rows, LENGTHS, generator=random)).log_softmax(1)
    digits = (sharp * torch.randn(rows, MAX_DIGITS, 10, generator=random)).log_softmax(2)
    return Reading(lengths, digits, torch.zeros(rows, 4), torch.zeros(rows, MAX_DIGITS, 4))


@pytest.mark.parametrize("text", ["", "7", "10", "1482", "90210", "more"])
def test_log_probability_is_the_formula_of_the_paper(text):
    reading = a_reading()
    length = 6 if text == "more" else len(text)
    tokens = [] if text == "more" else [int(token) for token in text]
    digits = torch.tensor([(tokens + [0] * MAX_DIGITS)[:MAX_DIGITS]] * 3)
    lengths, places = (t.numpy().astype(np.float64) for t in (reading.lengths, reading.digits))
    wanted = lengths[:, length] + sum(places[:, i, token] for i, token in enumerate(tokens))
    report = log_probability(reading, torch.full((3,), length), digits)
    np.testing.assert_allclose(report.numpy(), wanted, rtol=1e-6)


def test_the_probabilities_of_all_numbers_sum_to_one():
    reading = a_reading(1)
    total = reading.lengths[0, 6].exp() + reading.lengths[0, 0].exp()
    for length in range(1, MAX_DIGITS + 1):
        tokens = torch.tensor(list(itertools.product(range(10), repeat=length)))
        logs = reading.digits[0, torch.arange(length), tokens].sum(1)
        total = total + (reading.lengths[0, length] + logs).exp().sum()
    assert float(total) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_the_most_probable_number_is_the_best_of_all(seed):
    reading = a_reading(1, seed, sharp=3.0)
    best = [(float(reading.lengths[0, 0]), ""), (float(reading.lengths[0, 6]), "more")]
    for length in range(1, MAX_DIGITS + 1):
        tokens = torch.tensor(list(itertools.product(range(10), repeat=length)))
        logs = reading.digits[0, torch.arange(length), tokens].sum(1) + reading.lengths[0, length]
        best.append((float(logs.max()), "".join(map(str, tokens[logs.argmax()].tolist()))))
    length, digits, log = most_probable(reading)
    count = int(length)
    text = "more" if count > MAX_DIGITS else "".join(map(str, digits[0, :count].tolist()))
    assert text == max(best)[1]
    assert float(log) == pytest.approx(max(best)[0], abs=1e-5)


def test_gradients_reach_only_the_digits_that_are_there():
    reading = a_reading(1)
    places = reading.digits.requires_grad_()
    log_probability(
        reading, torch.tensor([2]), torch.zeros(1, MAX_DIGITS, dtype=torch.long)
    ).backward()
    assert (places.grad[0, :2, 0] == 1).all()
    assert (places.grad[0, 2:] == 0).all()


def test_a_standardized_convolution_keeps_the_variance():
    torch.manual_seed(0)
    x = torch.randn(4, 32, 24, 24)
    with torch.no_grad():
        report = _Conv(32, 64)(torch.relu(x))[..., 2:-2, 2:-2]
    # Brock et al. 2021: gain (2 / (1 - 1/pi))^0.5 makes a ReLU's output of unit variance
    assert float(report.var((0, 2, 3)).mean()) == pytest.approx(1, rel=0.15)
    assert float(report.mean((0, 2, 3)).abs().mean()) < 0.3


def test_a_glimpse_reads_between_the_cells():
    # features that are their own place: what is seen are the points of the grid
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    features = torch.stack([(x + 0.5) / 16, (y + 0.5) / 16])[None]
    boxes = torch.tensor([[[0.2, 0.3, 0.6, 0.7]]])
    seen = _grid_features(features, boxes).view(2, 4, 4)
    steps = 0.2 * 0.9 * torch.linspace(-1, 1, 4)
    torch.testing.assert_close(seen[0], (0.4 + steps).expand(4, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[1], (0.5 + steps)[:, None].expand(4, 4), atol=1e-5, rtol=0)


def test_the_finder_moves_with_the_picture():
    torch.manual_seed(1)
    network = MultiDigit(SMALL).eval()
    picture = torch.rand(1, 3, 160, 176) * 2 - 1
    with torch.no_grad():
        cells = network.find(picture)
        moved = network.find(picture[..., 16:, 8:])
    assert cells.shape == (1, 5, 20, 22)
    torch.testing.assert_close(
        cells[..., 10:-6, 9:-6], moved[..., 8:-6, 8:-6], atol=1e-4, rtol=1e-4
    )


def test_half_precision_reads_the_same():
    torch.manual_seed(2)
    network = MultiDigit(MultiDigitConfig()).eval()
    crops = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        exact, rough = network.read(crops), network.read(crops.bfloat16())
    torch.testing.assert_close(exact.lengths, rough.lengths, atol=0.1, rtol=0.1)
    torch.testing.assert_close(exact.boxes, rough.boxes, atol=0.1, rtol=0.1)


def test_given_boxes_are_looked_at_where_there_are_any():
    torch.manual_seed(3)
    network = MultiDigit(SMALL).eval()
    crops = torch.rand(2, 3, 32, 32)
    given = torch.full((2, MAX_DIGITS, 4), torch.nan)
    with torch.no_grad():
        own = network.read(crops)
        assert torch.equal(network.read(crops, given).digits, own.digits)
        given[1] = torch.tensor([0.1, 0.1, 0.9, 0.9])
        other = network.read(crops, given)
    assert torch.equal(other.digits[0], own.digits[0])
    assert not torch.allclose(other.digits[1], own.digits[1], atol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"crop_size": 60},
        {"crop_size": 0},
        {"channels": (8, 8, 8)},
        {"hidden_size": 0},
        {"glimpse_size": 0},
    ],
)
def test_a_shape_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=r"multiple of 16|four numbers|at least 1"):
        MultiDigitConfig(**wrong)
