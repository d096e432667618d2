"""The settings of other tools, in spirit, as configurations of this one engine.

Sources: Magenta's melody_rnn (basic, lookback, attention) and performance_rnn, folk-rnn (B. Sturm,
J. F. Santos, config5); their sizes, batches, rates and dropout.

Departures: Magenta reads 16th notes one by one, and begins each melody anew; here signs are notes
and their lengths. Its lookback labels ("as one or two bars ago") are what the alphabet notes has
for whole bars; its attention over the last 40 steps is a small transformer's. performance_rnn
learns from played piano, and stretches and transposes it. Dropout of 0.5 is half of theirs kept.
"""

from typing import Literal

from bowerbird.learning.sequence_batches import StreamConfig
from bowerbird.learning.trainer import FitConfig
from bowerbird.music.augment import AugmentConfig
from bowerbird.music.training import MusicTrainConfig
from bowerbird.networks.language_model import PredictorConfig
from bowerbird.networks.recurrent import RecurrentConfig
from bowerbird.networks.transformer import AttentionConfig

MusicPresetName = Literal[
    "default", "melody-rnn", "lookback-rnn", "attention-rnn", "folk-rnn", "performance-rnn"
]


def _magenta(shape: RecurrentConfig, rows: int, clip: float) -> dict[str, object]:
    """Return what their trainings share: Adam at a constant rate of 1e-3."""
    return {
        "predictor": PredictorConfig(recurrent=shape),
        "stream": StreamConfig(rows=rows, window=64, validation=0.05),
        "fit": FitConfig(
            iterations=20000,
            rate=1e-3,
            beta2=0.999,
            weight_decay=0.0,
            warm_up=0,
            average=0.0,
            decay="constant",
            clip=clip,
            validate_every=1000,
        ),
    }


_MELODY = RecurrentConfig(layers=2, width=128, dropout=0.5, locked=False)

MUSIC_PRESETS: dict[MusicPresetName, MusicTrainConfig] = {
    "default": MusicTrainConfig(),
    "melody-rnn": MusicTrainConfig(alphabet="abc", **_magenta(_MELODY, 128, 5.0)),  # type: ignore[arg-type]
    "lookback-rnn": MusicTrainConfig(**_magenta(_MELODY, 128, 5.0)),  # type: ignore[arg-type]
    "attention-rnn": MusicTrainConfig(
        **{
            **_magenta(_MELODY, 128, 3.0),  # type: ignore[arg-type]
            "predictor": PredictorConfig(
                "transformer",
                transformer=AttentionConfig(
                    blocks=2, heads=4, channels=128, span=40, block_dropout=0.5
                ),
            ),
        }
    ),
    "folk-rnn": MusicTrainConfig(
        alphabet="abc",
        predictor=PredictorConfig(
            recurrent=RecurrentConfig(
                layers=3,
                width=512,
                dropout=0.5,
                locked=False,
                forget_bias=5.0,
                initialization="folk-rnn",
            )
        ),
        stream=StreamConfig(rows=64, window=128, validation=0.05),
        fit=FitConfig(
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
    "performance-rnn": MusicTrainConfig(
        alphabet="performance",
        augment=AugmentConfig(tuple(range(-3, 4)), (0.95, 0.975, 1.0, 1.025, 1.05)),
        **_magenta(RecurrentConfig(layers=3, width=512), 64, 3.0),  # type: ignore[arg-type]
    ),
}
