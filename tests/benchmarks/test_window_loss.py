"""The loss that the benchmark of text compares with nanoGPT's."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.text.child import window_loss
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.recurrent import Recurrent


@pytest.mark.parametrize("training", [True, False])
def test_the_loss_of_windows_has_no_past(training):
    network = Recurrent(11, RecurrentConfig(hidden_size=16, num_layers=2)).train(training)
    data = np.random.default_rng(0).integers(0, 11, 3000).astype(np.uint8)
    ours = window_loss(network, data, sequence_length=30, windows=500, seed=1)
    assert network.training == training
    starts = np.random.default_rng(1).integers(0, 3000 - 30, size=500)
    both = torch.from_numpy(np.stack([data[s : s + 31] for s in starts]).astype(np.int64))
    with torch.no_grad():
        expected = F.cross_entropy(network(both[:, :-1])[0].flatten(0, 1), both[:, 1:].flatten())
    assert ours == pytest.approx(float(expected), rel=1e-4)
