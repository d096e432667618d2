"""Training on real digits: it learns, is repeatable, and an interrupted run is resumed exactly."""

from dataclasses import replace

import pytest
import torch

from bowerbird.networks.config import SmallConvNetConfig
from bowerbird.vision import task_training
from bowerbird.vision.digits import train
from bowerbird.vision.digits.config import NO_DIGIT, DigitTrainConfig
from bowerbird.vision.digits.idx import read_digit_dataset
from bowerbird.vision.digits.train import DigitTraining

FAST = DigitTrainConfig(
    batch_size=64,
    negative_fraction=0,
    validation_fraction=0.25,
    precision="float32",
    device="cpu",
    model=SmallConvNetConfig((8, 16), dropout=0.1),
    trainer=replace(
        DigitTrainConfig().trainer,
        iterations=120,
        learning_rate=0.01,
        warmup_steps=18,
        validate_every=24,
    ),
)


def test_training_on_real_digits_is_repeatable_and_leaves_torchs_random_state_alone(hand):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    runs = []
    for _ in range(2):
        training = DigitTraining(hand, FAST)
        losses = [step.losses["total"] for step in training.steps()]
        runs.append((losses, training.reader))
        torch.rand(3)  # what others draw in between must not matter
    assert runs[0][0] == runs[1][0]
    held_out = hand[300:400]
    assert runs[0][1].evaluate(held_out).accuracy == runs[1][1].evaluate(held_out).accuracy
    # chance is a tenth; the hundred held-out digits were not trained on
    assert runs[0][1].evaluate(held_out).accuracy >= 0.8
    torch.manual_seed(7)
    next(DigitTraining(hand, FAST).steps())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_quarter_of_a_batch_is_no_digit(hand, monkeypatch):
    monkeypatch.setattr(train, "make_negatives", lambda digits, _: digits.images[:3])
    training = DigitTraining(hand, replace(FAST, negative_fraction=0.25))
    images, labels = training.make_task()._batch()
    assert images.shape == (64, 1, 28, 28)
    assert (labels[:48] < NO_DIGIT).all()
    assert (labels[48:] == NO_DIGIT).all()
    assert 0 <= float(images.min()) < float(images.max()) <= 1


def test_a_batch_larger_than_the_digits_is_one_sentence(folder):
    with pytest.raises(ValueError, match="give a smaller --batch-size"):
        DigitTraining(read_digit_dataset(folder, "train"), DigitTrainConfig(negative_fraction=0))


def test_an_interrupted_run_continues_as_if_it_had_not_been(hand, tmp_path):
    config = replace(FAST, trainer=replace(FAST.trainer, iterations=8))
    whole = [step.losses["total"] for step in DigitTraining(hand, config).steps()]
    first = DigitTraining(hand, config, tmp_path).steps(checkpoint_every=3)
    stopped = [next(first).losses["total"] for _ in range(5)]
    first.close()
    rest = DigitTraining(hand, config, tmp_path).steps(checkpoint_every=3, resume=True)
    assert stopped[:3] + [step.losses["total"] for step in rest] == whole


def test_a_run_of_minutes_continues_with_the_steps_planned_first(hand, tmp_path, monkeypatch):
    config = replace(FAST, minutes=2)  # so long that three steps don't correct the plan
    steps = DigitTraining(hand, config, tmp_path).steps(checkpoint_every=2)
    totals = {next(steps).total for _ in range(3)}
    steps.close()
    monkeypatch.setattr(task_training, "seconds_per_step", lambda *_: 1.0)  # a slower machine
    again = DigitTraining(hand, config, tmp_path)
    step = next(again.steps(checkpoint_every=2, resume=True))
    assert step.number == 3
    assert {step.total} == totals
    assert again.reader.provenance["settings"]["trainer"]["iterations"] == step.total
    other = replace(config, trainer=replace(config.trainer, seed=1))
    with pytest.raises(ValueError, match="other data or settings"):
        next(DigitTraining(hand, other, tmp_path).steps(resume=True))
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(ValueError, match=r"plan.json is damaged; leave --resume out"):
        next(again.steps(resume=True))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 1}, "batch_size"),
        ({"negative_fraction": 0.95}, "negative_fraction"),
        ({"undistorted_fraction": -1}, "undistorted_fraction"),
        ({"network": "vgg"}, "vgg"),
        ({"minutes": float("inf")}, "minutes"),
        ({"model": SmallConvNetConfig(num_classes=7)}, "11 classes"),
    ],
)
def test_flags_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        DigitTrainConfig(**wrong)
