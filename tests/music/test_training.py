"""Training a composer: losses, splits, augmentation, previews."""

import re
from dataclasses import replace

import pytest
import torch

from bowerbird.errors import MusicError
from bowerbird.learning.sequences.batches import stream_loss
from bowerbird.music.config import AugmentConfig, ComposeConfig
from bowerbird.music.corpus import Corpus
from bowerbird.music.formats.files import write_score
from bowerbird.music.score.melody import melody
from bowerbird.music.training import Training, train


def test_training_reduces_the_loss(trained):
    training, steps = trained
    assert steps[-1].losses["best_validation_loss"] < 0.75 * steps[0].losses["total"]
    assert steps[-1].losses["total"] < 0.6 * steps[0].losses["total"]
    assert steps[-1].preview
    assert training.composer.provenance["pieces"] == len(training.split.train)


def test_losses_are_in_nats_per_note(trained):
    training, _ = trained
    pieces = [score for _, score in training.split.validation]
    result = training.composer.evaluate(pieces)
    notes = sum(melody(score).note_num() for score in pieces)
    assert result.notes == notes
    nats = stream_loss(training.trainer.network, training.data.validation)
    assert result.nats_per_note == pytest.approx(nats * (len(training.data.validation) - 1) / notes)
    assert training.trainer.best == pytest.approx(result.nats_per_note, rel=1e-5)


def test_another_split(reels, trained, tmp_path, quick):
    corpus = Corpus([reels], melodies=True)
    split = Training(corpus, replace(quick, split_seed=1), tmp_path).split
    names = [[name for name, _ in side.test] for side in (split, corpus.split(seed=1))]
    assert names[0] == names[1] != [name for name, _ in trained[0].split.test]


def test_held_out_pieces_are_not_trained_on(trained):
    training, _ = trained
    sides = [training.split.train, training.split.validation, training.split.test]
    names = [{name for name, _ in side} for side in sides]
    assert not names[0] & (names[1] | names[2])
    assert all(names)


def test_all_variations_are_trained_on(chorales, tmp_path, quick):
    """Their notes are in the vocabulary, also those that no piece has as it stands."""
    augment = AugmentConfig(semitones=tuple(range(-6, 7)))
    config = replace(quick, tokenizer="tsd", augment=augment)
    training = Training(Corpus(chorales[:12]), config, tmp_path)
    ends = int((training.data.train == training.tokenizer.end_token).sum())
    assert ends == 1 + 13 * len(training.split.train)
    assert not training.corpus.skipped


def test_a_preview_never_ends_a_training(trained, tmp_path, quick):
    """A network that prefers rests begins with a note all the same, so that there is a tune."""
    trainer = replace(quick.trainer, iterations=1, validate_every=1)
    config = replace(quick, tokenizer="abc", trainer=trainer)
    training = Training(trained[0].corpus, config, tmp_path)
    list(training.steps())
    with torch.no_grad():
        training.trainer.network.decoder.bias[training.tokenizer.vocabulary.ids["z"]] = 99
    assert re.search(r"\n\[?[_=^]*[A-Ga-g].*z", training._preview())


def test_too_few_pieces(tmp_path, written, quick):
    for number in range(2):
        line = written([(i, 1, 60 + (i * (number + 2)) % 9) for i in range(16)])
        write_score(tmp_path / f"{number}.mid", line)
    with pytest.raises(MusicError, match="at least three different pieces"):
        Training(Corpus([tmp_path], melodies=True), quick, tmp_path / "work")


def test_train_returns_a_composer(reels, quick):
    config = replace(quick, trainer=replace(quick.trainer, iterations=3))
    composer = train(Corpus([reels], melodies=True), config)
    assert composer.compose(ComposeConfig(bars=4))[0].score.note_num() > 0


def test_a_sequence_longer_than_the_pieces_is_refused(reels, tmp_path, quick):
    config = replace(quick, sequence=replace(quick.sequence, sequence_length=4096))
    with pytest.raises(MusicError, match=r"pieces have only .* tokens.* shorter --sequence-length"):
        Training(Corpus([reels], melodies=True), config, tmp_path)
