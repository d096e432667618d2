"""A network that trains from what it reads: only after it was counted, and given back as it was."""

import numpy as np
import pytest
import torch

from bowerbird.learning.sequences.batches import stream_loss
from bowerbird.learning.sequences.dynamic_evaluation import adapted_loss
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.recurrent import Recurrent

STREAM = np.tile(np.array([0, 1, 2, 3, 4, 3, 2, 1], np.uint8), 100)


def network():
    return Recurrent(5, RecurrentConfig(hidden_size=24))


def test_a_repeating_stream_is_trained_on_the_way():
    plain = stream_loss(network(), STREAM, batch_size=1)
    assert adapted_loss(network(), STREAM, learning_rate=2.0, sequence_length=16) < 0.8 * plain


def test_at_a_tiny_learning_rate_it_is_the_stream_loss():
    plain = stream_loss(network(), STREAM, batch_size=1)
    assert adapted_loss(network(), STREAM, learning_rate=1e-9) == pytest.approx(plain, rel=1e-5)


def test_nothing_is_trained_before_it_is_counted():
    one_window = STREAM[:60]
    plain = stream_loss(network(), one_window, batch_size=1)
    assert adapted_loss(network(), one_window, learning_rate=10.0) == pytest.approx(plain, rel=1e-5)


def test_the_weights_are_given_back():
    learner = network()
    before = [p.detach().clone() for p in learner.parameters()]
    adapted_loss(learner, STREAM, learning_rate=0.5)
    for p, old in zip(learner.parameters(), before, strict=True):
        assert torch.equal(p, old)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_learning_rate_that_means_nothing(rate):
    with pytest.raises(ValueError, match="the learning rate of --adapt must be positive"):
        adapted_loss(network(), STREAM, learning_rate=rate)


def test_a_stream_of_one_token():
    with pytest.raises(ValueError, match="fewer than two tokens"):
        adapted_loss(network(), STREAM[:1], learning_rate=0.1)


def test_cudnn_is_left_out_because_it_has_no_gradient_without_dropout():
    learner, seen = network(), []
    learner.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.enabled))
    before = torch.backends.cudnn.enabled
    adapted_loss(learner, STREAM[:100], learning_rate=0.5)
    assert set(seen) == {False}
    assert torch.backends.cudnn.enabled == before


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_left_as_it_was(training):
    learner = network().train(training)
    adapted_loss(learner, STREAM[:100], learning_rate=0.5)
    assert learner.training == training


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_a_gpu_adapts_as_a_cpu_does():
    ours = adapted_loss(network().cuda(), STREAM, learning_rate=0.5, device="cuda")
    assert ours == pytest.approx(adapted_loss(network(), STREAM, learning_rate=0.5), rel=1e-3)
