"""The settings of other tools, and our own, as training configurations.

Sources: char-rnn (A. Karpathy), torch-rnn (J. Johnson), nanoGPT's shakespeare_char on a GPU and on
a laptop (A. Karpathy), folk-rnn (B. Sturm, J. F. Santos, config5). The numbers of parameters equal
theirs for 65 characters (folk-rnn: 137 tokens).

Departures: their networks lack our tokens for unknown characters and for the end of a document.
char-rnn and torch-rnn clip sums over a sequence where the loss here is a mean, so char-rnn's limit
of 5 on an entry of the gradient is 5/50. char-rnn takes its validation data from 50 places,
torch-rnn keeps a tenth for testing; here validation is the end of the corpus. Steps are those of
their 50 epochs of tiny-shakespeare. torch-rnn resets Adam's moments at each decay of the learning
rate. folk-rnn reads tune by tune and draws a new dropout mask for each output.
"""

from typing import Literal

from bowerbird.learning.config import SequenceConfig, TrainerConfig
from bowerbird.networks.config import LanguageModelConfig, RecurrentConfig, TransformerConfig
from bowerbird.text.config import TrainConfig

PresetName = Literal[
    "small", "default", "large", "char-rnn", "torch-rnn", "nanogpt-cpu", "nanogpt-gpu", "folk-rnn"
]


def _recurrent(
    shape: RecurrentConfig, sequence: SequenceConfig, trainer: TrainerConfig
) -> TrainConfig:
    model = LanguageModelConfig(recurrent=shape)
    return TrainConfig(model=model, sequence=sequence, trainer=trainer)


def _transformer(
    shape: TransformerConfig, sequence: SequenceConfig, trainer: TrainerConfig
) -> TrainConfig:
    model = LanguageModelConfig("transformer", transformer=shape)
    return TrainConfig(model=model, sequence=sequence, trainer=trainer)


def _nanogpt(iterations: int) -> TrainerConfig:
    return TrainerConfig(
        iterations=iterations,
        learning_rate=1e-3,
        lr_schedule="cosine",
        final_lr_ratio=0.1,
        weight_decay=0.1,
        ema_decay=0.0,
        validate_every=250,
    )


PRESETS: dict[PresetName, TrainConfig] = {
    "small": _recurrent(
        RecurrentConfig(hidden_size=256), SequenceConfig(), TrainerConfig(iterations=6000)
    ),
    "default": TrainConfig(),
    "large": _recurrent(
        RecurrentConfig(hidden_size=1024, dropout=0.5),
        SequenceConfig(),
        TrainerConfig(iterations=40000, learning_rate=5e-3),
    ),
    "char-rnn": _recurrent(
        RecurrentConfig(num_layers=2, hidden_size=128, biases=2, initialization="char-rnn"),
        SequenceConfig(batch_size=50, sequence_length=50, validation=0.05),
        TrainerConfig(
            iterations=21150,
            optimizer="rmsprop",
            learning_rate=2e-3,
            beta2=0.95,
            warmup_steps=0,
            ema_decay=0.0,
            lr_schedule="steps",
            lr_decay_every=423,
            lr_decay_after=423 * 9,
            lr_decay_factor=0.97,
            max_grad_norm=0.0,
            max_grad_value=5 / 50,
            validate_every=1000,
        ),
    ),
    "torch-rnn": _recurrent(
        RecurrentConfig(
            num_layers=2, hidden_size=128, embedding_dim=64, initialization="torch-rnn"
        ),
        SequenceConfig(batch_size=50, sequence_length=50, validation=0.1),
        TrainerConfig(
            iterations=17800,
            learning_rate=2e-3,
            beta2=0.999,
            weight_decay=0.0,
            warmup_steps=0,
            ema_decay=0.0,
            lr_schedule="steps",
            lr_decay_every=356 * 5,
            lr_decay_after=-356,
            lr_decay_factor=0.5,
            max_grad_norm=0.0,
            max_grad_value=5.0,
            validate_every=1000,
        ),
    ),
    "nanogpt-cpu": _transformer(
        TransformerConfig(positions="learned"),
        SequenceConfig(batch_size=12, sequence_length=64),
        _nanogpt(2000),
    ),
    "nanogpt-gpu": _transformer(
        TransformerConfig(
            num_layers=6,
            num_heads=6,
            embedding_dim=384,
            context_length=256,
            block_dropout=0.2,
            positions="learned",
        ),
        SequenceConfig(batch_size=64, sequence_length=256),
        _nanogpt(5000),
    ),
    "folk-rnn": _recurrent(
        RecurrentConfig(
            num_layers=3,
            hidden_size=512,
            dropout=0.5,
            variational_dropout=False,
            forget_bias=5.0,
            initialization="folk-rnn",
        ),
        SequenceConfig(batch_size=64, sequence_length=128, validation=0.05),
        TrainerConfig(
            iterations=10000,
            optimizer="rmsprop",
            learning_rate=3e-3,
            beta2=0.9,
            warmup_steps=0,
            ema_decay=0.0,
            lr_schedule="constant",
            max_grad_norm=5.0,
            validate_every=1000,
        ),
    ),
}
