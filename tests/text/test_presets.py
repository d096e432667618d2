"""The baselines' networks have the baselines' numbers of weights."""

import pytest

from bowerbird.networks.language_model import language_model
from bowerbird.text.presets import PRESETS


# counts: computed from char-rnn's and torch-rnn's source for tiny-shakespeare's 65 characters,
# published for folk-rnn's 137 tokens; nanoGPT prints 0.80M and 10.65M without its places
@pytest.mark.parametrize(
    ("name", "tokens", "weights"),
    [
        ("char-rnn", 65, 240_321),
        ("torch-rnn", 65, 242_945),
        ("folk-rnn", 137, 5_599_881),
        ("nanogpt-cpu", 65, 804_096),
        ("nanogpt-gpu", 65, 10_745_088),
    ],
)
def test_weights(name, tokens, weights):
    network = language_model(tokens, PRESETS[name].model)
    assert sum(p.numel() for p in network.parameters()) == weights


def test_rates_fall_as_theirs():
    char, torch_rnn = PRESETS["char-rnn"].trainer, PRESETS["torch-rnn"].trainer
    # char-rnn: 423 steps an epoch, x0.97 at the end of each from the tenth on
    assert char.learning_rate_at(423 * 10 - 1) == 2e-3
    assert char.learning_rate_at(423 * 10) == pytest.approx(2e-3 * 0.97)
    assert char.learning_rate_at(423 * 12) == pytest.approx(2e-3 * 0.97**3)
    # torch-rnn: 356 steps an epoch, halved after epochs 4, 9, 14 ...
    assert torch_rnn.learning_rate_at(356 * 4 - 1) == 2e-3
    assert torch_rnn.learning_rate_at(356 * 4) == 1e-3
    assert torch_rnn.learning_rate_at(356 * 9) == 5e-4


def test_the_default_preset_is_the_default():
    assert PRESETS["default"] == type(PRESETS["default"])()
