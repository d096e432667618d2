"""Settings close to those of other tools.

Sources: Magenta's melody_rnn (basic, lookback, attention) and performance_rnn, and folk-rnn
(B. Sturm, J. F. Santos, config5): their sizes, batches, learning rates and dropout.

Departures: Magenta's melodies are steps of a 16th note, and its state is reset for each; here
tokens are notes and their durations. Its lookback labels ("as one or two bars ago") are the copied
bars of ``melody`` tokens; its attention over the last 40 steps becomes a small transformer.
performance_rnn trains on played piano, stretched and transposed. Its keep probability of 0.5 is a
dropout of 0.5.
"""

from typing import Literal

from bowerbird.learning.config import SequenceConfig, TrainerConfig
from bowerbird.music.config import AugmentConfig, TrainConfig
from bowerbird.networks.config import LanguageModelConfig, RecurrentConfig, TransformerConfig

PresetName = Literal[
    "default", "melody-rnn", "lookback-rnn", "attention-rnn", "folk-rnn", "performance-rnn"
]


def _magenta(
    recurrent: RecurrentConfig, batch_size: int, max_grad_norm: float
) -> dict[str, object]:
    """Return the settings that Magenta's models share: Adam with a constant learning rate."""
    return {
        "model": LanguageModelConfig(recurrent=recurrent),
        "sequence": SequenceConfig(batch_size=batch_size, sequence_length=64, validation=0.05),
        "trainer": TrainerConfig(
            iterations=20000,
            learning_rate=1e-3,
            beta2=0.999,
            weight_decay=0.0,
            warmup_steps=0,
            ema_decay=0.0,
            lr_schedule="constant",
            max_grad_norm=max_grad_norm,
            validate_every=1000,
        ),
    }


_MELODY = RecurrentConfig(num_layers=2, hidden_size=128, dropout=0.5, variational_dropout=False)

PRESETS: dict[PresetName, TrainConfig] = {
    "default": TrainConfig(),
    "melody-rnn": TrainConfig(tokenizer="abc", **_magenta(_MELODY, 128, 5.0)),  # type: ignore[arg-type]
    "lookback-rnn": TrainConfig(**_magenta(_MELODY, 128, 5.0)),  # type: ignore[arg-type]
    "attention-rnn": TrainConfig(
        **{
            **_magenta(_MELODY, 128, 3.0),  # type: ignore[arg-type]
            "model": LanguageModelConfig(
                "transformer",
                transformer=TransformerConfig(
                    num_layers=2,
                    num_heads=4,
                    embedding_dim=128,
                    context_length=40,
                    block_dropout=0.5,
                ),
            ),
        }
    ),
    "folk-rnn": TrainConfig(
        tokenizer="abc",
        model=LanguageModelConfig(
            recurrent=RecurrentConfig(
                num_layers=3,
                hidden_size=512,
                dropout=0.5,
                variational_dropout=False,
                forget_bias=5.0,
                initialization="folk-rnn",
            )
        ),
        sequence=SequenceConfig(batch_size=64, sequence_length=128, validation=0.05),
        trainer=TrainerConfig(
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
    "performance-rnn": TrainConfig(
        tokenizer="performance",
        augment=AugmentConfig(tuple(range(-3, 4)), (0.95, 0.975, 1.0, 1.025, 1.05)),
        **_magenta(RecurrentConfig(num_layers=3, hidden_size=512), 64, 3.0),  # type: ignore[arg-type]
    ),
}
