"""Presets train, and have the sizes of the tools that they are named after."""

from dataclasses import replace
from typing import get_args

import pytest

from bowerbird.music.config import MELODY_KINDS
from bowerbird.music.corpus import Corpus
from bowerbird.music.presets import PRESETS, PresetName
from bowerbird.music.training import Training


@pytest.mark.parametrize("name", get_args(PresetName))
def test_a_preset_trains(name, chorales, reels, tmp_path):
    """Each with its own tokenizer, layers and optimizer; here narrower, and for two steps."""
    preset = PRESETS[name]
    model = preset.model
    narrow = replace(
        model,
        recurrent=replace(model.recurrent, hidden_size=16),
        transformer=replace(model.transformer, embedding_dim=16),
    )
    config = replace(
        preset,
        model=narrow,
        sequence=replace(preset.sequence, batch_size=4, sequence_length=24),
        trainer=replace(preset.trainer, iterations=2, validate_every=2, warmup_steps=0),
        precision="float32",
        device="cpu",
    )
    melodies = preset.tokenizer in MELODY_KINDS
    corpus = Corpus([reels] if melodies else chorales[:6], melodies=melodies)
    training = Training(corpus, config, tmp_path)
    assert [step.number for step in training.steps()][-1] == 2
    assert training.composer.tokenizer.kind == preset.tokenizer
    assert not corpus.skipped
    ends = int((training.data.train == training.tokenizer.end_token).sum())
    variations = len(preset.augment.semitones) * len(preset.augment.tempo_factors)
    assert ends == 1 + variations * len(training.split.train)


def test_presets_have_the_sizes_of_their_tools():
    """As their sources say: melody_rnn_model.py, performance_model.py, and folk-rnn's config5."""
    models = {name: preset.model.recurrent for name, preset in PRESETS.items()}
    sizes = {name: (model.num_layers, model.hidden_size) for name, model in models.items()}
    assert sizes["melody-rnn"] == sizes["lookback-rnn"] == (2, 128)
    assert sizes["folk-rnn"] == sizes["performance-rnn"] == (3, 512)
    attention = PRESETS["attention-rnn"].model
    assert (attention.network, attention.transformer.context_length) == ("transformer", 40)
