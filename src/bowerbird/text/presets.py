"""The settings of other tools, and ours, as configurations of this one engine.

Sources: char-rnn (A. Karpathy), torch-rnn (J. Johnson), nanoGPT's shakespeare_char on a GPU and on
a laptop (A. Karpathy), folk-rnn (B. Sturm, J. F. Santos, config5). Counts of weights are theirs for
65 characters (folk-rnn: 137 tokens).

Departures: their networks have one sign fewer than ours for what is unknown, and one for the end of
a document. char-rnn and torch-rnn clip sums over a window where the loss here is a mean, so
their bound of 5 on an entry of the gradient is 5/50 for char-rnn. char-rnn takes its validation
data from 50 places, torch-rnn keeps a tenth for testing; here it is one stretch at the end. Steps
are those of their 50 epochs of tiny-shakespeare. torch-rnn forgets Adam's moments at each fall
of the rate. folk-rnn reads tune by tune and drops each output anew.
"""

from typing import Literal

from bowerbird.learning.sequence_batches import StreamConfig
from bowerbird.learning.trainer import FitConfig
from bowerbird.networks.language_model import PredictorConfig
from bowerbird.networks.recurrent import RecurrentConfig
from bowerbird.networks.transformer import AttentionConfig
from bowerbird.text.training import TrainConfig

PresetName = Literal[
    "small", "default", "large", "char-rnn", "torch-rnn", "nanogpt-cpu", "nanogpt-gpu", "folk-rnn"
]


def _recurrent(shape: RecurrentConfig, stream: StreamConfig, fit: FitConfig) -> TrainConfig:
    return TrainConfig(predictor=PredictorConfig(recurrent=shape), stream=stream, fit=fit)


def _transformer(shape: AttentionConfig, stream: StreamConfig, fit: FitConfig) -> TrainConfig:
    predictor = PredictorConfig("transformer", transformer=shape)
    return TrainConfig(predictor=predictor, stream=stream, fit=fit)


def _nanogpt(iterations: int) -> FitConfig:
    return FitConfig(
        iterations=iterations,
        rate=1e-3,
        decay="cosine",
        final_rate=0.1,
        weight_decay=0.1,
        average=0.0,
        validate_every=250,
    )


PRESETS: dict[PresetName, TrainConfig] = {
    "small": _recurrent(RecurrentConfig(width=256), StreamConfig(), FitConfig(iterations=6000)),
    "default": TrainConfig(),
    "large": _recurrent(
        RecurrentConfig(width=1024, dropout=0.5),
        StreamConfig(),
        FitConfig(iterations=40000, rate=5e-3),
    ),
    "char-rnn": _recurrent(
        RecurrentConfig(layers=2, width=128, biases=2, initialization="char-rnn"),
        StreamConfig(rows=50, window=50, validation=0.05),
        FitConfig(
            iterations=21150,
            optimizer="rmsprop",
            rate=2e-3,
            beta2=0.95,
            warm_up=0,
            average=0.0,
            decay="steps",
            decay_every=423,
            decay_after=423 * 9,
            decay_factor=0.97,
            clip=0.0,
            clip_value=5 / 50,
            validate_every=1000,
        ),
    ),
    "torch-rnn": _recurrent(
        RecurrentConfig(layers=2, width=128, embedding=64, initialization="torch-rnn"),
        StreamConfig(rows=50, window=50, validation=0.1),
        FitConfig(
            iterations=17800,
            rate=2e-3,
            beta2=0.999,
            weight_decay=0.0,
            warm_up=0,
            average=0.0,
            decay="steps",
            decay_every=356 * 5,
            decay_after=-356,
            decay_factor=0.5,
            clip=0.0,
            clip_value=5.0,
            validate_every=1000,
        ),
    ),
    "nanogpt-cpu": _transformer(
        AttentionConfig(positions="learned"),
        StreamConfig(rows=12, window=64),
        _nanogpt(2000),
    ),
    "nanogpt-gpu": _transformer(
        AttentionConfig(
            blocks=6, heads=6, channels=384, span=256, block_dropout=0.2, positions="learned"
        ),
        StreamConfig(rows=64, window=256),
        _nanogpt(5000),
    ),
    "folk-rnn": _recurrent(
        RecurrentConfig(
            layers=3,
            width=512,
            dropout=0.5,
            locked=False,
            forget_bias=5.0,
            initialization="folk-rnn",
        ),
        StreamConfig(rows=64, window=128, validation=0.05),
        FitConfig(
            iterations=10000,
            optimizer="rmsprop",
            rate=3e-3,
            beta2=0.9,
            warm_up=0,
            average=0.0,
            decay="constant",
            clip=5.0,
            validate_every=1000,
        ),
    ),
}
