"""A composer learns from tunes, is kept, comes back the same, composes what was asked, scores."""

import copy
import math
import re
from dataclasses import replace
from functools import cache
from typing import get_args

import numpy as np
import pytest
import torch

from bowerbird.errors import ModelError, MusicError
from bowerbird.learning.config import SamplingConfig, SequenceConfig, TrainerConfig
from bowerbird.learning.model_file import ModelHeader, read_model, write_model
from bowerbird.learning.sequences.batches import stream_loss
from bowerbird.music.composer import Composer, load
from bowerbird.music.config import MELODY_KINDS, AugmentConfig, ComposeConfig, TrainConfig
from bowerbird.music.corpus import Corpus
from bowerbird.music.formats.files import read_score, write_score
from bowerbird.music.notation.measures import bar_count
from bowerbird.music.presets import PRESETS, PresetName
from bowerbird.music.score.key import key_of
from bowerbird.music.score.melody import grid_notes, melody
from bowerbird.music.score.meter import (
    bars_of,
    main_meter,
    meters_of,
    parse_meter,
    usual_tempo,
)
from bowerbird.music.score.repeats import expand_repeats
from bowerbird.music.tokens.events import EVENT_KINDS
from bowerbird.music.tokens.kinds import new_tokenizer
from bowerbird.music.training import Training
from bowerbird.networks.config import LanguageModelConfig, RecurrentConfig

QUICK = TrainConfig(
    model=LanguageModelConfig(recurrent=RecurrentConfig(hidden_size=48)),
    sequence=SequenceConfig(batch_size=8, sequence_length=32, validation=0.05),
    trainer=TrainerConfig(iterations=150, learning_rate=2e-2, warmup_steps=10, validate_every=75),
    precision="float32",
    device="cpu",
)


@pytest.fixture(scope="module")
def reels(corpus21, tmp_path_factory):
    """Keep sixty real reels in a folder."""
    text = (corpus21("ryansMammoth") / "AlbemarleReel.abc").parent
    folder = tmp_path_factory.mktemp("reels")
    for path in sorted(text.glob("*Reel.abc"))[:60]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="module")
def learned(reels, tmp_path_factory):
    training = Training(Corpus([reels], melodies=True), QUICK, tmp_path_factory.mktemp("room"))
    return training, list(training.steps())


def grid_bars(score):
    end = score.end() * 24 // score.ticks_per_quarter
    return bars_of(meters_of(score, 24), end)


def test_it_learns_from_tunes(learned):
    training, steps = learned
    assert steps[-1].losses["best_validation_loss"] < 0.75 * steps[0].losses["total"]
    assert steps[-1].losses["total"] < 0.6 * steps[0].losses["total"]
    assert steps[-1].preview
    assert training.composer.provenance["pieces"] == len(training.split.train)


def test_losses_are_nats_a_note(learned):
    training, _ = learned
    pieces = [score for _, score in training.split.validation]
    found = training.composer.evaluate(pieces)
    notes = sum(melody(score).note_num() for score in pieces)
    assert found.notes == notes
    nats = stream_loss(training.trainer.network, training.data.validation)
    assert found.nats_per_note == pytest.approx(nats * (len(training.data.validation) - 1) / notes)
    assert training.trainer.best == pytest.approx(found.nats_per_note, rel=1e-5)


def test_losses_by_the_grammar_count_what_it_allows(learned):
    composer = learned[0].composer
    scores = [score for _, score in learned[0].split.validation]
    found = composer.evaluate(scores, grammar=True)
    assert found.nats_per_note_with_grammar < found.nats_per_note
    assert found.nats_per_note == composer.evaluate(scores).nats_per_note
    undecided = copy.deepcopy(composer)
    with torch.no_grad():  # every token is as likely as any other
        undecided.network.decoder.weight.zero_()
        undecided.network.decoder.bias.zero_()
    rule, nats = composer.tokenizer.grammar(), 0.0
    ids = composer.tokenizer.encode(melody(scores[0])).tolist()
    for token in [*ids, composer.tokenizer.end_token]:
        nats += math.log(rule.allowed().sum())
        rule.advance(token)
    found = undecided.evaluate(scores[:1], grammar=True)
    assert found.nats_per_note_with_grammar * found.notes == pytest.approx(nats)
    size = composer.tokenizer.vocab_size
    assert found.nats_per_token == pytest.approx(math.log(size))


def test_another_split(reels, learned, tmp_path):
    corpus = Corpus([reels], melodies=True)
    split = Training(corpus, replace(QUICK, split_seed=1), tmp_path).split
    names = [[name for name, _ in side.test] for side in (split, corpus.split(seed=1))]
    assert names[0] == names[1] != [name for name, _ in learned[0].split.test]


def test_nothing_measured_is_learned_from(learned):
    training, _ = learned
    sides = [training.split.train, training.split.validation, training.split.test]
    names = [{name for name, _ in side} for side in sides]
    assert not names[0] & (names[1] | names[2])
    assert all(names)


@pytest.mark.parametrize(("key", "meter", "bars"), [("D", "2/4", 8), ("A dorian", "2/2", 16)])
def test_it_composes_what_is_asked(learned, key, meter, bars):
    training, _ = learned
    config = ComposeConfig(bars=bars, key=key, meter=meter, tempo=96, instrument="flute")
    first, second = training.composer.compose(config, 2)
    for made in (first, second):
        played = expand_repeats(made.score)
        assert str(key_of(made.score)) == (key if " " in key else f"{key} major")
        assert {m for _, m in meters_of(played, 24)} == {parse_meter(meter)}
        assert abs(len(grid_bars(played).starts) - bars) <= 4
        assert made.score.tempos[0].qpm == 96
        assert {track.program for track in made.score.tracks} == {73}
    assert first.score != second.score


def test_bars_add_up_whatever_is_drawn(learned, monkeypatch):
    """Summed from the lengths that the drawn tokens say; the last bar lacks what the pickup has."""
    training, _ = learned
    tokenizer, drawn = training.tokenizer, []
    decode = tokenizer.decode
    monkeypatch.setattr(tokenizer, "decode", lambda ids: decode(drawn.append(ids) or ids))
    wild = ComposeConfig(bars=12, meter="2/4", sampling=SamplingConfig(temperature=3.0))
    for made in training.composer.compose(wild, 8):
        lines = grid_notes(made.score, 24)
        assert (lines.ends[:-1] <= lines.starts[1:]).all()
        bars = []
        names = (tokenizer.vocabulary.tokens[token] for token in drawn.pop(0))
        for name in (name for name in names if isinstance(name, tuple)):
            if name[0] == "bar":
                bars.append(0)
            elif name[0] in ("duration", "copy"):
                bars[-1] += name[1] if name[0] == "duration" else bars[-1 - name[1]]
        assert set(bars[:-1]) == {48}
        assert bars[-1] in (48, lines.starts[0])


def test_the_likeliest_of_several_is_kept(learned):
    training, _ = learned
    config = ComposeConfig(bars=8, meter="2/4")
    several = training.composer.compose(config, 4)
    best = training.composer.compose(replace(config, best_of=4))[0]
    assert best.nats_per_token == min(made.nats_per_token for made in several)


def test_a_primer_is_gone_on_from(learned, reels):
    training, _ = learned
    name, primer = training.split.train[0]
    made = training.composer.compose(ComposeConfig(bars=8), primer=primer)[0].score
    before, after = grid_notes(melody(primer), 24), grid_notes(made, 24)
    count = len(before.starts)
    assert len(after.starts) > count, name
    np.testing.assert_array_equal(after.pitches[:count] % 12, before.pitches % 12)
    np.testing.assert_array_equal(after.starts[:count], before.starts)


@pytest.mark.parametrize("kind", MELODY_KINDS)
def test_every_tune_of_scottish_can_be_gone_on_from(kind):
    """But for those whose repeats make no sense as they are written; what is asked for is added."""
    composer = Composer(None, new_tokenizer(kind), LanguageModelConfig(), {})
    refused = []
    tunes = Corpus(["scottish"], melodies=True).pieces[:: 1 if kind == "melody" else 12]
    for name, score in tunes:
        try:
            tokens, bars = composer._continue(ComposeConfig(bars=8), score)
        except MusicError as error:
            refused.append(f"{name}: {error}")
            continue
        rule = composer.tokenizer.grammar()
        for token in tokens:
            rule.advance(token)
        rule.extend(bars)
        mask = rule.allowed()
        mask[composer.tokenizer.end_token] = False
        assert mask.any(), name
    assert len(tunes) > (1500 if kind == "melody" else 100)
    assert len(refused) <= 1
    assert all("its repeats don't fit its bars" in why for why in refused)


@pytest.mark.parametrize("asked", [{"bars": 4}, {"seconds": 5}])
def test_what_is_added_to_a_primer_is_new(tune, asked):
    """A repeat is not closed over bars that were there already, to make up what is asked for."""
    primer = tune("M:4/4\nL:1/8\nK:D\nD2FA d2fd|e2ce ABAG|F2Ad F2Ad|E2CE A,4|\n")
    composer = load("scottish", "cpu")
    for seed in range(4):
        config = ComposeConfig(**asked, sampling=SamplingConfig(seed=seed))
        (made,) = composer.compose(config, primer=primer)
        assert bar_count(made.score) > 4
        assert bar_count(expand_repeats(made.score)) == 4 + 4


def test_a_primer_goes_on_in_its_last_meter(tune):
    """Also where a pickup has a meter of its own, as in many MIDI files."""
    primer = tune("M:1/4\nL:1/4\nK:D\nA|[M:3/4]D2F|A2F|E2C|D2z|\n")
    (made,) = load("scottish", "cpu").compose(ComposeConfig(bars=4), primer=primer)
    played = expand_repeats(made.score)
    assert {m.numerator for m in played.time_signatures} == {1, 3}
    assert main_meter(played, 24) == (3, 4)
    assert len(grid_bars(played).starts) == 1 + 4 + 4


def test_a_tune_ends_on_its_tonic():
    """As 80 % of the Scottish ones do, and 83 % of the Irish; without cadence some don't."""
    composer, ends = load("scottish", "cpu"), []
    for cadence in (True, False):
        made = composer.compose(ComposeConfig(bars=16, cadence=cadence), 16)
        ends.append([played_end(m.score) == key_of(m.score).pitch_class for m in made])
        assert {bar_count(expand_repeats(m.score)) for m in made} <= {16, 17}
    assert all(ends[0])
    assert not all(ends[1])


def played_end(score):
    return int(grid_notes(expand_repeats(score), 24).pitches[-1]) % 12


@pytest.mark.parametrize("asked", [{"bars": 8}, {"seconds": 20}])
def test_bars_and_seconds_are_added_to_a_primer(learned, asked):
    training, _ = learned
    for _, primer in [p for p in training.split.train if len(p[1].time_signatures) == 1][:3]:
        before = grid_bars(expand_repeats(melody(primer)))
        usual = usual_tempo(before.meters[0])
        beats, part = before.meters[0]
        bars = asked.get("bars") or round(asked["seconds"] * usual / 60 * part / (4 * beats))
        made = training.composer.compose(ComposeConfig(**asked), primer=primer)[0].score
        after = grid_bars(expand_repeats(made))
        assert len(after.starts) - len(before.starts) == pytest.approx(bars, abs=3)


@pytest.mark.parametrize("asked", [{"key": "F"}, {"meter": "6/8"}])
def test_what_a_primer_decides_can_not_be_asked_for(learned, asked):
    training, _ = learned
    (name,) = asked
    with pytest.raises(MusicError, match=f"keeps the primer's {name}; leave out {name}"):
        training.composer.compose(ComposeConfig(**asked), primer=training.split.train[0][1])


@pytest.fixture(scope="module")
def chorales(corpus21):
    return sorted(corpus21("bach").glob("*.mxl"))[:24]


@pytest.fixture(scope="module")
def many_voices(chorales, tmp_path_factory):
    """Train composers of chorales with each kind of event tokens, a little."""

    @cache
    def train(kind):
        fit = replace(QUICK.trainer, iterations=60, validate_every=60)
        config = replace(QUICK, tokenizer=kind, trainer=fit)
        training = Training(Corpus(chorales), config, tmp_path_factory.mktemp(kind))
        list(training.steps())
        return training

    return train


@pytest.mark.parametrize("kind", ["remi", "tsd", "structured"])
def test_a_melody_is_harmonized(many_voices, kind):
    """Note for note, also of one as long as 200 bars; the other voice ends with it."""
    training = many_voices(kind)
    line = melody(next(s for _, s in training.split.train if len(s.time_signatures) == 1))
    quarters = 4 * line.time_signatures[0].numerator // line.time_signatures[0].denominator
    again, span = line.copy(), 32 * quarters * line.ticks_per_quarter
    for time in range(span, 4 * span, span):
        for note in line.tracks[0].notes:
            again.tracks[0].notes.append(replace_time(note, note.time + time))
    made = training.composer.harmonize(again)[0].score
    wanted, there = grid_notes(again, 24), made.tracks[0].notes.numpy()
    np.testing.assert_array_equal(there["pitch"], wanted.pitches)
    np.testing.assert_array_equal(there["time"], 20 * wanted.starts)
    assert made.note_num() > len(wanted.pitches)
    assert made.tracks[1].notes[-1].time < made.tracks[0].notes[-1].end


def replace_time(note, time):
    moved = note.copy()
    moved.time = time
    return moved


@pytest.mark.parametrize(
    "asked", [{"key": "F"}, {"meter": "6/8"}, {"seconds": 5}, {"bars": 16}, {"bars": 0}]
)
def test_what_a_melody_decides_can_not_be_asked_for(many_voices, chorales, asked):
    composer, line = many_voices("tsd").composer, read_score(chorales[0])
    (name,) = asked
    if not asked[name]:
        assert composer.harmonize(line, ComposeConfig(**asked))
        return
    with pytest.raises(MusicError, match=f"keeps the melody's {name}; leave out {name}"):
        composer.harmonize(line, ComposeConfig(**asked))


@pytest.mark.parametrize("kind", EVENT_KINDS)
@pytest.mark.parametrize("asked", [{"bars": 6}, {"seconds": 12}])
def test_many_voices_are_as_long_as_asked(many_voices, kind, asked):
    """At the tempo that is written; a performance has bars of 2 s. No note is left hanging."""
    meter = {} if kind == "performance" else {"meter": "4/4"}
    config = ComposeConfig(**asked, **meter, sampling=SamplingConfig(temperature=1.0))
    training = many_voices(kind)
    for made in training.composer.compose(config, 3):
        score = made.score
        (tempo,) = score.tempos
        usual = 120 if kind == "performance" else training.composer.provenance["tempo"]
        assert tempo.qpm == pytest.approx(usual, rel=1e-5)
        bar = 4 * score.ticks_per_quarter
        bars = asked.get("bars") or round(asked["seconds"] * tempo.qpm / 240)
        if kind == "performance":
            assert (bars - 3) * bar <= score.end() <= bars * bar
        else:
            assert bar_count(score) == bars


def test_the_tempo_is_that_of_the_corpus(many_voices, chorales):
    """Median of what its files tell; without one, many voices go at a singer's pace."""
    composer = copy.copy(many_voices("tsd").composer)
    told = [score.tempos[0].qpm for _, score in Corpus(chorales).pieces if len(score.tempos)]
    assert composer.provenance["tempo"] == pytest.approx(np.median(told), rel=0.1)
    for tempo, usual in ((composer.provenance["tempo"],) * 2, (None, 100), ("x", 100), (1e9, 100)):
        composer.provenance = {"tempo": tempo}
        made = composer.compose(ComposeConfig(bars=2))[0].score
        assert made.tempos[0].qpm == pytest.approx(usual, rel=1e-5)


def test_a_composer_of_melodies_does_not_harmonize(learned):
    training, _ = learned
    with pytest.raises(MusicError, match="composes one voice"):
        training.composer.harmonize(training.split.train[0][1])


def test_what_is_kept_comes_back(learned, tmp_path):
    training, _ = learned
    path = tmp_path / "m.safetensors"
    training.composer.save(path)
    again = load(path, "cpu")
    config = ComposeConfig(bars=8, meter="2/4", sampling=SamplingConfig(seed=3))
    first, second = training.composer.compose(config)[0], again.compose(config)[0]
    assert first.score == second.score
    assert again.provenance["unit"] == "nats per note"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "text"}, "is a text model, but a music model is needed"),
        ({"tokenizer": {"kind": "runes"}}, "not one of"),
        ({"tokenizer": {"kind": "melody"}}, "damaged"),
        ({"config": {"network": "recurrent", "hidden_size": 4096}}, "hidden_size"),
    ],
)
def test_forged_model_files_are_refused(learned, tmp_path, change, words):
    training, _ = learned
    path = tmp_path / "m.safetensors"
    training.composer.save(path)
    card, tensors = read_model(path)
    write_model(path, ModelHeader(**{**card.__dict__, **change}), tensors)
    with pytest.raises(ModelError, match=words):
        load(path, "cpu")


def test_weights_that_are_no_numbers_are_refused(learned, tmp_path):
    training, _ = learned
    path = tmp_path / "m.safetensors"
    training.composer.save(path)
    card, tensors = read_model(path)
    tensors["decoder.bias"] = torch.full_like(tensors["decoder.bias"], float("nan"))
    write_model(path, card, tensors)
    with pytest.raises(ModelError, match="not finite"):
        load(path, "cpu")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bars": -1}, "bars"),
        ({"meter": "4/5"}, "not a meter"),
        ({"key": "H"}, "not a key"),
        ({"tempo": 1e9}, "tempo"),
        ({"instrument": "triangel"}, "unknown instrument"),
        ({"best_of": 0}, "best_of"),
        ({"seconds": -3}, "seconds"),
        ({"seconds": 20, "bars": 8}, "bars or seconds, not both"),
    ],
)
def test_what_can_not_be_composed_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        ComposeConfig(**wrong)


def test_a_primer_beyond_the_vocabulary_is_refused(learned, written):
    training, _ = learned
    high = written([(i, 1, 120 - (i % 2)) for i in range(16)], meter=(2, 4))
    with pytest.raises(MusicError, match="vocabulary"):
        training.composer.compose(primer=high)


def test_seconds_become_bars(learned):
    training, _ = learned
    config = ComposeConfig(seconds=20, meter="2/4", tempo=120)
    made = training.composer.compose(config)[0].score
    assert expand_repeats(made).to("second").end() == pytest.approx(20, abs=8)


@pytest.mark.parametrize("name", get_args(PresetName))
def test_a_preset_is_a_network_that_learns(name, chorales, reels, tmp_path):
    """Each with its own tokenizer, layers and optimizer; here narrower, and for two steps."""
    preset = PRESETS[name]
    shape = preset.model
    narrow = replace(
        shape,
        recurrent=replace(shape.recurrent, hidden_size=16),
        transformer=replace(shape.transformer, embedding_dim=16),
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
    shapes = {name: preset.model.recurrent for name, preset in PRESETS.items()}
    sizes = {name: (shape.num_layers, shape.hidden_size) for name, shape in shapes.items()}
    assert sizes["melody-rnn"] == sizes["lookback-rnn"] == (2, 128)
    assert sizes["folk-rnn"] == sizes["performance-rnn"] == (3, 512)
    attention = PRESETS["attention-rnn"].model
    assert (attention.network, attention.transformer.context_length) == ("transformer", 40)


def test_all_variations_are_learned_from(chorales, tmp_path):
    """Their notes are in the vocabulary, also those that no piece has as it stands."""
    augment = AugmentConfig(semitones=tuple(range(-6, 7)))
    config = replace(QUICK, tokenizer="tsd", augment=augment)
    training = Training(Corpus(chorales[:12]), config, tmp_path)
    ends = int((training.data.train == training.tokenizer.end_token).sum())
    assert ends == 1 + 13 * len(training.split.train)
    assert not training.corpus.skipped


def test_no_preview_ends_a_training(learned, tmp_path):
    """A network that would write only rests begins with a note, so that there is a tune."""
    fit = replace(QUICK.trainer, iterations=1, validate_every=1)
    config = replace(QUICK, tokenizer="abc", trainer=fit)
    training = Training(learned[0].corpus, config, tmp_path)
    list(training.steps())
    with torch.no_grad():
        training.trainer.network.decoder.bias[training.tokenizer.vocabulary.ids["z"]] = 99
    assert re.search(r"\n\[?[_=^]*[A-Ga-g].*z", training._preview())


def test_what_can_not_be_told_is_said_by_piece(learned, many_voices, chorales, written):
    composer, chorale = learned[0].composer, read_score(chorales[0])
    high = written([(i, 1, 120 - (i % 2)) for i in range(16)])
    assert composer.why_not(learned[0].split.test[0][1]) == ""
    assert "its meter is 4/4; the model was trained on" in composer.why_not(high)
    two = written([(i, 1, 64 + i) for i in range(4)], [(i, 1, 60) for i in range(4)], meter=(2, 4))
    assert composer.why_not(two) == "", "a melody is taken from it"
    assert many_voices("tsd").composer.why_not(chorale) == ""
    assert "not in the model's vocabulary" in many_voices("tsd").composer.why_not(high)


def test_too_few_pieces_are_refused(tmp_path, written):
    for number in range(2):
        line = written([(i, 1, 60 + (i * (number + 2)) % 9) for i in range(16)])
        write_score(tmp_path / f"{number}.mid", line)
    with pytest.raises(MusicError, match="at least three different pieces"):
        Training(Corpus([tmp_path], melodies=True), QUICK, tmp_path / "room")
