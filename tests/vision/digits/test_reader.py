"""The model file and the shipped classifier, on test digits and on another handwriting."""

from pathlib import Path

import pytest
import torch

from bowerbird.errors import ModelError
from bowerbird.learning.model_file import ModelHeader, write_model
from bowerbird.vision.digits import reader as reader_module
from bowerbird.vision.digits.config import NO_DIGIT
from bowerbird.vision.digits.idx import read_digit_dataset
from bowerbird.vision.digits.reader import load_digit_reader


def test_a_model_survives_its_file(reader, tmp_path):
    reader.save(tmp_path / "again.safetensors", half=True)
    again = load_digit_reader(tmp_path / "again.safetensors", "cpu")
    images = torch.rand(3, 28, 28)
    torch.testing.assert_close(reader.predict_proba(images), again.predict_proba(images))


@pytest.mark.parametrize(
    "config",
    [
        *({"network": "vgg"}, {"channels": [8]}, {"channels": ["a"]}, {"num_classes": 7}),
        *({"colour": 1}, {"dropout": 10**400}),
    ],
)
def test_forged_model_files_are_refused(tmp_path, config):
    write_model(tmp_path / "f.safetensors", ModelHeader("digits", config), {"x": torch.zeros(2)})
    with pytest.raises(ModelError, match="damaged"):
        load_digit_reader(tmp_path / "f.safetensors")


def test_a_small_file_that_asks_for_a_huge_network_makes_none(tmp_path, monkeypatch):
    made = []
    build = reader_module.digit_network
    monkeypatch.setattr(
        reader_module, "digit_network", lambda *args: made.append(build(*args)) or made[-1]
    )
    header = ModelHeader("digits", {"network": "small", "channels": [4096] * 4})
    write_model(tmp_path / "f.safetensors", header, {"x": torch.zeros(2)})
    with pytest.raises(ModelError, match=r"its weight .* is missing, unknown or of another shape"):
        load_digit_reader(tmp_path / "f.safetensors")
    assert [{p.device.type for p in network.parameters()} for network in made] == [{"meta"}]


def test_the_shipped_model_is_small():
    path = Path(reader_module.__file__).with_name("digits.safetensors")
    assert path.stat().st_size <= 500_000


def test_the_shipped_model_reads_the_official_test_digits(mnist, reader):
    # the figure of the recipe's header, on every fifth digit; the whole is in benchmarks/digits
    assert reader.evaluate(read_digit_dataset(mnist, "test")[::5]).accuracy >= 0.989


def test_the_shipped_model_reads_another_handwriting(hand, reader):
    assert reader.evaluate(hand).accuracy > 0.9


def test_what_is_not_a_digit_is_rejected(reader):
    images = torch.zeros(3, 28, 28)
    images[0, 12:16, 4:24] = 1  # a dash
    images[1, 4:24, 4:24] = 1  # a block
    images[2, 4:24, [9, 10, 17, 18]] = 1  # a double cross
    images[2, [9, 10, 17, 18], 4:24] = 1
    assert (reader.predict_proba(images).argmax(1) == NO_DIGIT).all()


def test_probabilities_with_shifts_are_the_mean_of_five(reader):
    images = torch.rand(3, 28, 28)
    shifts = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
    each = [reader.predict_proba(images.roll(shift, (1, 2))) for shift in shifts]
    torch.testing.assert_close(reader.predict_proba(images, shifts=True), torch.stack(each).mean(0))
    assert reader.predict_proba(images[:0], shifts=True).shape == (0, NO_DIGIT + 1)
