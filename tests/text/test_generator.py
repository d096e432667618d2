"""A generator trains, is kept, comes back the same, writes, and says how well it predicts."""

import copy
import json
import math
from dataclasses import replace

import pytest
import torch

from bowerbird.errors import ModelError
from bowerbird.learning import stored_plan
from bowerbird.learning.config import SamplingConfig, SequenceConfig, TrainerConfig
from bowerbird.learning.model_file import ModelHeader, read_model, write_model
from bowerbird.networks.config import LanguageModelConfig, RecurrentConfig, TransformerConfig
from bowerbird.text.config import GenerateConfig, TrainConfig
from bowerbird.text.corpus import Corpus
from bowerbird.text.generator import load
from bowerbird.text.perplexity_reference import assess, perplexity_references
from bowerbird.text.training import Training, train

VERSE = "The owl and the pussycat went to sea in a beautiful pea-green boat.\n"
QUICK = TrainConfig(
    model=LanguageModelConfig(recurrent=RecurrentConfig(hidden_size=64)),
    sequence=SequenceConfig(batch_size=8, sequence_length=32),
    trainer=TrainerConfig(
        iterations=240, learning_rate=2e-2, warmup_steps=10, validate_every=80, beta2=0.95
    ),
    precision="float32",
    device="cpu",
)
GREEDY = GenerateConfig(length=68, sampling=SamplingConfig(temperature=0))


def trained(folder, text=VERSE * 60, config=QUICK, start=None):
    file = folder / "verse.txt"
    file.write_text(text, encoding="utf-8")
    training = Training(Corpus([file]), config, folder / "work", start)
    steps = list(training.steps())
    return training, steps


@pytest.fixture(scope="module")
def verse_training(tmp_path_factory):
    """A generator that knows one verse by heart."""
    return trained(tmp_path_factory.mktemp("verse"))


def test_it_trains_a_verse_by_heart(verse_training):
    training, steps = verse_training
    assert steps[0].losses["total"] > 3  # log 26 = 3.26: it knows nothing
    assert steps[-1].losses["validation_loss"] < 0.1
    assert [s.number for s in steps if s.preview] == [80, 160, 240]
    assert training.generator.generate("The owl", GREEDY)[0].startswith(VERSE[7:])


def test_a_file_brings_the_same_generator_back(verse_training, tmp_path):
    generator, path = verse_training[0].generator, tmp_path / "owl.safetensors"
    for half in (False, True):
        generator.save(path, half=half)
        again = load(path, "cpu")
        assert again.generate("The pussycat", GREEDY) == generator.generate("The pussycat", GREEDY)
        assert again.evaluate(VERSE * 3).nats_per_char == pytest.approx(
            generator.evaluate(VERSE * 3).nats_per_char, rel=0.02, abs=1e-3
        )
    report = again.provenance
    assert report["corpus"] == ["verse.txt"]
    assert (report["characters"], report["documents"]) == (len(VERSE) * 60, 1)
    assert report["iterations"] == 240
    assert report["validation_loss"] < 0.1


def test_half_precision_is_half_the_size(verse_training, tmp_path):
    sizes = []
    for half in (False, True):
        verse_training[0].generator.save(tmp_path / "m.safetensors", half=half)
        sizes.append((tmp_path / "m.safetensors").stat().st_size)
    assert sizes[1] < 0.6 * sizes[0]


def test_samples_differ_a_seed_repeats_them_and_stops_end_them(verse_training):
    generator = verse_training[0].generator
    config = GenerateConfig(length=60, sampling=SamplingConfig(temperature=2.0, seed=5))
    texts = generator.generate("The", config, 3)
    assert len(set(texts)) == 3
    assert generator.generate("The", config, 3) == texts
    stopped = generator.generate("The owl", replace(GREEDY, stop=("pussy", "boat")))
    assert stopped == [" and the pussy"]


def test_chunks_are_the_whole(verse_training):
    steps = list(verse_training[0].generator.generate_steps("The", GREEDY))
    assert len(steps) == 3  # of 32 tokens at most
    assert (
        "".join(s.preview[0] for s in steps)
        == verse_training[0].generator.generate("The", GREEDY)[0]
    )


def test_an_unknown_character_is_spelled_otherwise_and_reported(verse_training):
    (first, *_) = verse_training[0].generator.generate_steps("Thé öwl", GREEDY)
    assert "é ö" in first.note
    assert first.preview[0] == verse_training[0].generator.generate("The owl", GREEDY)[0][:32]


def test_a_evaluate_is_the_mean_of_minus_log_p(verse_training):
    generator, text = verse_training[0].generator, VERSE[:40]
    tokens = torch.from_numpy(generator.tokenizer.encode(text).astype("int64"))[None]
    generator.network.eval()
    with torch.no_grad():
        scores, _ = generator.network(tokens[:, :-1])
    expected = -scores.double().log_softmax(-1).gather(2, tokens[:, 1:, None]).mean().item()
    score = generator.evaluate(text)
    assert score.nats_per_char == pytest.approx(expected, rel=1e-4)
    assert score.bits_per_char == pytest.approx(expected / math.log(2), rel=1e-4)
    assert score.perplexity == pytest.approx(math.exp(expected), rel=1e-4)
    assert score.characters == 40
    assert (
        generator.evaluate("zzzz" * 30, adapt=1.0).nats_per_char
        < generator.evaluate("zzzz" * 30).nats_per_char
    )
    for nothing in (("x",), ("",), ()):
        with pytest.raises(ValueError, match="fewer than two characters"):
            generator.evaluate(*nothing)


def mean_of_minus_log_p(generator, tokens):
    tokens = torch.tensor([tokens])
    with torch.no_grad():
        scores, _ = generator.network.eval()(tokens[:, :-1])
    return -scores.double().log_softmax(-1).gather(2, tokens[:, 1:, None]).mean().item()


def test_documents_are_evaluated_as_they_were_trained(verse_training):
    generator = verse_training[0].generator
    parts = [generator.tokenizer.encode(text).tolist() for text in ("the owl", "the boat")]
    tokens = [*parts[0], generator.tokenizer.end_token, *parts[1]]
    score = generator.evaluate("the owl", "the boat")
    assert score.characters == 15
    expected = mean_of_minus_log_p(generator, tokens) * (len(tokens) - 1) / 14
    assert score.nats_per_char == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", ["bytes", "bpe"])
def test_a_loss_is_shared_by_the_characters_that_are_predicted(kind, tmp_path):
    config = replace(QUICK, tokenizer=kind, max_vocab_size=300, trainer=TrainerConfig(iterations=1))
    generator = trained(tmp_path, config=config)[0].generator
    assert generator.evaluate("é").nats_per_char > 0  # one character, of two bytes
    first_of = {i: generator.tokenizer.encode(VERSE[i:])[:1] for i in range(30)}
    lengths = {i: len(generator.tokenizer.decode(token)) for i, token in first_of.items()}
    place, first = max(lengths.items(), key=lambda pair: pair[1])
    assert (first > 1) == (kind == "bpe")
    text = VERSE[place:]
    tokens = generator.tokenizer.encode(text).tolist()
    expected = mean_of_minus_log_p(generator, tokens) * (len(tokens) - 1) / (len(text) - first)
    assert generator.evaluate(text).nats_per_char == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"tokenizer": "bytes"},
        {"tokenizer": "bpe", "max_vocab_size": 300},
        {
            "model": LanguageModelConfig(
                "transformer",
                transformer=TransformerConfig(
                    num_layers=1, embedding_dim=32, num_heads=2, context_length=32
                ),
            )
        },
    ],
)
def test_other_tokenizers_and_networks(changes, tmp_path):
    training, steps = trained(tmp_path, config=replace(QUICK, **changes))
    assert steps[-1].losses["validation_loss"] < 1
    training.generator.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors", "cpu")
    assert again.generate("The owl", GREEDY) == training.generator.generate("The owl", GREEDY)
    assert again.evaluate(VERSE * 2).nats_per_char < 1


def test_a_generator_goes_on_training_from_another_text(verse_training, tmp_path):
    text = "The owl looked up to the stars above and sang to a small guitar.\n" * 60
    before = verse_training[0].generator
    before.save(tmp_path / "m.safetensors")
    config = replace(QUICK, trainer=replace(QUICK.trainer, iterations=60))
    training, _ = trained(tmp_path, text, config, load(tmp_path / "m.safetensors", "cpu"))
    assert training.tokenizer.to_dict() == before.tokenizer.to_dict()
    assert training.generator.provenance["base_model"]["corpus"] == ["verse.txt"]
    assert (
        training.generator.evaluate(text[:500]).nats_per_char
        < before.evaluate(text[:500]).nats_per_char
    )


def test_minutes_choose_a_network_and_steps(tmp_path):
    config = replace(QUICK, minutes=0.02)
    training, steps = trained(tmp_path, config=config)
    assert training.trainer.planned.minutes == 0
    assert steps[-1].number == training.trainer.planned.trainer.iterations == steps[-1].total
    assert training.trainer.planned.trainer.iterations >= 1  # on a busy machine there may be few
    assert "validation_loss" in steps[-1].losses


def test_a_large_alphabet_is_embedded(tmp_path):
    letters = "".join(chr(0x4E00 + i) for i in range(600)) * 3
    (tmp_path / "verse.txt").write_text(letters, encoding="utf-8")
    config = replace(QUICK, trainer=replace(QUICK.trainer, iterations=2))
    corpus = Corpus([tmp_path / "verse.txt"])
    training = Training(corpus, config, tmp_path / "work")
    next(training.steps())
    assert training.generator.config.recurrent.embedding_dim == 128
    chosen = replace(config.model, recurrent=replace(config.model.recurrent, embedding_dim=9))
    training = Training(corpus, replace(config, model=chosen), tmp_path / "work")
    next(training.steps())
    assert training.generator.config.recurrent.embedding_dim == 9


def test_words_are_trained_and_written(tmp_path):
    config = replace(QUICK, tokenizer="words", max_vocab_size=60)
    training, _ = trained(tmp_path, config=config)
    assert " pussycat" in training.tokenizer.words
    training.generator.save(tmp_path / "words.safetensors")
    again = load(tmp_path / "words.safetensors")
    text = again.generate("The owl", GenerateConfig(length=12))[0]
    assert text == training.generator.generate("The owl", GenerateConfig(length=12))[0]
    assert "sea" in again.generate("The owl and the pussycat went", GenerateConfig(length=12))[0]


def test_a_resumed_plan_has_spent_its_minutes(tmp_path):
    training, _ = trained(tmp_path, config=replace(QUICK, minutes=0.02))
    again = Training(
        Corpus([tmp_path / "verse.txt"]), replace(QUICK, minutes=0.02), training.work_dir
    )
    next(again.steps(resume=True))
    assert again.trainer.trainer_config == training.trainer.trainer_config  # the stored plan
    assert again.trainer.planned.minutes == 0


def test_a_resumed_training_knows_its_best(tmp_path):
    # the rate ruins after step 8 what was trained before
    fit = replace(QUICK.trainer, iterations=30, validate_every=4, warmup_steps=0)
    fit = replace(fit, lr_schedule="steps", lr_decay_every=8, lr_decay_factor=300.0)
    (tmp_path / "verse.txt").write_text(VERSE * 60)
    first, second = (
        Training(Corpus([tmp_path / "verse.txt"]), replace(QUICK, trainer=fit), tmp_path / "work")
        for _ in range(2)
    )
    made = first.steps(13)
    losses = [next(made).losses for _ in range(14)]
    made.close()
    best = min(each["validation_loss"] for each in losses if "validation_loss" in each)
    assert losses[11]["validation_loss"] > best == first.trainer.best
    next(second.steps(13, resume=True))
    assert second.generator.provenance["validation_loss"] == pytest.approx(best)


def test_a_damaged_plan_is_named(tmp_path):
    training, _ = trained(
        tmp_path, config=replace(QUICK, trainer=replace(QUICK.trainer, iterations=2))
    )
    for damage in (
        '{"settings": ',
        "{}",
        "[]",
        '{"settings": {}, "model": {}, "trainer": {"x": 1}}',
    ):
        (training.work_dir / "plan.json").write_text(damage)
        with pytest.raises(ValueError, match=r"plan\.json is damaged; leave --resume out"):
            next(Training(training.corpus, QUICK, training.work_dir).steps(resume=True))


def test_only_the_first_process_writes_the_plan(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_plan, "processes", lambda: (1, 2))
    (tmp_path / "verse.txt").write_text(VERSE * 60)
    training = Training(Corpus([tmp_path / "verse.txt"]), QUICK, tmp_path / "work")
    training.trainer._plan(False)
    assert not (tmp_path / "work" / "plan.json").exists()


def test_an_older_runs_checkpoint_is_not_taken_for_this_ones(tmp_path):
    def learn(run, resume, seed=0, steps=3):
        config = replace(QUICK, trainer=replace(QUICK.trainer, seed=seed))
        training = Training(Corpus([tmp_path / "verse.txt"]), config, tmp_path / "work")
        made = training.steps(2, resume=resume)
        numbers = [next(made).number for _ in range(steps)]
        made.close()
        return numbers

    (tmp_path / "verse.txt").write_text(VERSE * 60)
    assert learn("first", False) == [1, 2, 3]
    kept = (tmp_path / "work" / "checkpoint").read_bytes()
    assert learn("anew, killed before its first checkpoint", False, seed=1, steps=1) == [1]
    assert learn("resumed", True, seed=1, steps=1) == [1]
    (tmp_path / "work" / "checkpoint").write_bytes(kept)
    with pytest.raises(ModelError, match="from a run with other settings"):
        learn("resumed", True, seed=1)


def test_who_looks_at_the_generator_does_not_end_its_dropout(tmp_path):
    shape = LanguageModelConfig(recurrent=RecurrentConfig(hidden_size=32, dropout=0.5))
    config = replace(QUICK, model=shape, trainer=replace(QUICK.trainer, iterations=8))
    losses = []
    for look in (False, True):
        (tmp_path / "verse.txt").write_text(VERSE * 60)
        training = Training(Corpus([tmp_path / "verse.txt"]), config, tmp_path / "work")
        for step in training.steps():
            losses.append(step.losses["total"])
            if look:
                before = training.trainer.network.training
                assert training.generator.provenance["iterations"] == step.number
                assert training.trainer.network.training == before
                training.generator.evaluate(VERSE)
                next(training.generator.generate_steps("The", GenerateConfig(length=2)))
    assert losses[:8] == losses[8:]


def test_a_loss_that_is_no_number_is_none_in_the_file(verse_training, tmp_path):
    training = copy.copy(verse_training[0])
    training.trainer = copy.copy(training.trainer)
    training.trainer.last = replace(training.trainer.last, losses={"total": math.nan})
    assert training.generator.provenance["train_loss"] is None
    training.generator.save(tmp_path / "m.safetensors")
    training.trainer.best = 0.0  # which is a loss, not None
    assert training.generator.provenance["validation_loss"] == 0.0


def test_characters_are_counted_as_they_are_read(tmp_path):
    config = replace(QUICK, trainer=replace(QUICK.trainer, gradient_accumulation_steps=3))
    (tmp_path / "verse.txt").write_text("häßlich " * 400)
    plain = Training(Corpus([tmp_path / "verse.txt"]), config, tmp_path / "work")
    assert plain.characters_per_step == 8 * 32 * 3
    bits = replace(config, tokenizer="bytes")
    half = Training(Corpus([tmp_path / "verse.txt"]), bits, tmp_path / "work")
    assert half.characters_per_step == pytest.approx(8 * 32 * 3 * 8 / 10)


def forged(tensors, card):
    wide = {**card.config, "hidden_size": 1 << 19}
    return {
        "another network": (replace(card, config={**card.config, "num_layers": 2}), tensors),
        "absurd size": (replace(card, config=wide), tensors),
        "absurd depth": (replace(card, config={**card.config, "num_layers": 10**9}), tensors),
        "unknown word": (replace(card, config={**card.config, "colour": 1}), tensors),
        "wrong type": (replace(card, config={**card.config, "hidden_size": "wide"}), tensors),
        **{
            f"{name} = {value!r}": (replace(card, config={**card.config, name: value}), tensors)
            for name, value in (
                *(("num_layers", 1.0), ("hidden_size", 64.0), ("hidden_size", True), ("cell", 3)),
                *(
                    ("variational_dropout", 1),
                    ("forget_bias", "x"),
                    ("forget_bias", 10**400),
                    ("biases", 1.0),
                    ("cell", []),
                ),
            )
        },
        "heads of no whole number": (
            replace(card, config={"network": "transformer", "num_heads": 2.0}),
            tensors,
        ),
        "documents": (replace(card, provenance={"documents": "x"}), tensors),
        "no network": (replace(card, config={}), tensors),
        "no alphabet": (replace(card, tokenizer={}), tensors),
        "other alphabet": (
            replace(card, tokenizer={"kind": "characters", "characters": "ab"}),
            tensors,
        ),
        "a tensor lacks": (card, dict(list(tensors.items())[1:])),
    }


@pytest.mark.parametrize("name", list(forged({}, ModelHeader("text", {}))))
def test_a_forged_model_is_refused(name, verse_training, tmp_path):
    path = tmp_path / "m.safetensors"
    verse_training[0].generator.save(path)
    card, tensors = read_model(path)
    write_model(path, *forged(tensors, card)[name])
    with pytest.raises(ModelError, match=r"m\.safetensors"):
        load(path, "cpu")


def test_a_model_of_another_kind(tmp_path):
    write_model(tmp_path / "m.safetensors", ModelHeader("music", {}), {"a": torch.zeros(1)})
    with pytest.raises(ModelError, match="music"):
        load(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("text", "words"), [("", "no text"), ("short", "too few"), ("\n", "too few")]
)
def test_a_corpus_of_next_to_nothing(text, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        trained(tmp_path, text)


def test_one_character_repeated_is_soon_known(tmp_path):
    _, steps = trained(
        tmp_path, "a" * 2000, replace(QUICK, trainer=TrainerConfig(iterations=40, warmup_steps=1))
    )
    assert steps[-1].losses["validation_loss"] < 1


def test_a_run_with_other_settings_is_not_resumed(tmp_path):
    training, _ = trained(tmp_path)
    other = replace(QUICK, trainer=replace(QUICK.trainer, iterations=241))
    training = Training(Corpus([tmp_path / "verse.txt"]), other, tmp_path / "work")
    with pytest.raises(ValueError, match="other data or settings"):
        next(training.steps(resume=True))
    assert json.loads((tmp_path / "work" / "plan.json").read_text())["trainer"]["iterations"] == 240


def test_the_assessment_of_a_loss():
    text = VERSE * 40
    rungs = {r.name: r.nats_per_char for r in perplexity_references(text)}
    entropy = -sum(
        text.count(c) / len(text) * math.log(text.count(c) / len(text)) for c in set(text)
    )
    assert rungs["characters by their frequency"] == pytest.approx(entropy)
    assert rungs["all characters equally likely"] == pytest.approx(math.log(len(set(text))))
    assert "can't predict this text" in assess(entropy + 0.1, perplexity_references(text))
    references = perplexity_references(text, validation_loss=1.0)
    packed = min(r.nats_per_char for r in references if r.name in ("gzip -9", "xz -9"))
    assert packed < 1
    assert assess(1.05, references).startswith("as on its own corpus, but no better than a compr")
    assert "doesn't know texts like this" in assess(1.2, references)
    assert "doesn't know texts like this" in assess(1.2, perplexity_references(text))
    plays = "".join(chr(97 + (i * i // 7) % 26) for i in range(3000))
    assert "memorized" in assess(0.05, perplexity_references(plays))
    with pytest.raises(ValueError, match="empty"):
        perplexity_references("")


def test_the_generator_that_comes_with_the_package():
    generator = load("shakespeare", "cpu")
    report = generator.provenance
    assert (report["corpus"], report["documents"]) == (["shakespeare"], 38)
    assert report["validation_loss"] < 1.5  # recipes/shakespeare.toml: 1.4789
    text = generator.generate("Second Witch:\n", GenerateConfig(length=600))[0]
    words = {"the", "and", "to", "my", "I", "of", "you", "that", "is"}
    assert len(words & set(text.split())) >= 5
    size = sum(p.numel() for p in generator.network.parameters())
    assert 2 * size < 6e6  # bytes of the file in half precision


def test_train_takes_a_corpus_or_a_path(tmp_path):
    (tmp_path / "verse.txt").write_text(VERSE * 60, encoding="utf-8")
    config = replace(QUICK, trainer=replace(QUICK.trainer, iterations=4))
    by_path = train(tmp_path / "verse.txt", config)
    by_corpus = train(Corpus([tmp_path / "verse.txt"]), config)
    assert by_path.generate("The", GREEDY) == by_corpus.generate("The", GREEDY)
    assert by_path.provenance["corpus"] == ["verse.txt"]
    assert {path.name for path in tmp_path.iterdir()} == {"verse.txt"}
