"""Train a model on texts: the corpus becomes a stream of tokens, and a network predicts the next.

This is Karpathy's char-rnn ("The unreasonable effectiveness of recurrent neural networks", 2015)
with what has been found since: carried states, variational dropout, averaged weights. The training
itself is ``learning.sequences.training``.
"""

import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bowerbird.learning.config import SamplingConfig
from bowerbird.learning.device import processes, select_compute
from bowerbird.learning.sequences.batches import write_stream
from bowerbird.learning.sequences.training import SequenceData, SequenceTrainer
from bowerbird.learning.step import Step
from bowerbird.networks.config import LanguageModelConfig
from bowerbird.networks.language_model import seeded_language_model
from bowerbird.text.config import GenerateConfig, TrainConfig
from bowerbird.text.corpus import Corpus
from bowerbird.text.generator import TextGenerator
from bowerbird.text.tokenizer_choice import make_tokenizer

PREVIEW_LENGTH = 200  # tokens of the samples that are shown during training
MAX_ONE_HOT, EMBEDDING_DIM = 512, 128  # larger vocabularies are embedded: one-hot takes minutes
WIDTHS = (128, 192, 256, 384, 512, 768, 1024)  # hidden sizes among which --minutes chooses


class Training:
    """A training of a text generator, step by step."""

    def __init__(
        self,
        corpus: Corpus,
        config: TrainConfig,
        work_dir: Path,
        start: TextGenerator | None = None,
    ) -> None:
        """Read the corpus, twice (for bpe three times), into a file in ``work_dir``.

        ``start`` is a generator to start from, with its network and tokenizer. Raises CorpusError,
        and ValueError for a corpus that is too short.
        """
        began = time.perf_counter()
        self.corpus, self.config, self.work_dir = corpus, config, work_dir
        self.compute = select_compute(config.device, config.precision)
        self.statistics = corpus.statistics
        self.tokenizer = start.tokenizer if start else make_tokenizer(corpus, config)
        work_dir.mkdir(parents=True, exist_ok=True)
        # every process has a file of its own: they may be on different machines
        file = work_dir / f"stream.{processes()[0]}"
        stream = write_stream(file, corpus.encode(self.tokenizer), self.tokenizer.vocab_size)
        self.num_tokens = len(stream)
        tokens_per_char = (len(stream) - 1) / max(1, self.statistics.characters)
        self.trainer = SequenceTrainer(
            SequenceData(
                *config.sequence.split(stream),
                tokens_per_unit=(tokens_per_char, tokens_per_char),
                sha256=self.statistics.sha256,
            ),
            config,
            start.config if start else _embedded(config.model, self.tokenizer.vocab_size),
            config.sequence,
            self._build,
            work_dir,
            self.compute,
            preview=self._preview,
            widths=WIDTHS,
            start=start,
            start_time=began,
        )

    def steps(
        self, checkpoint_every: int = 0, *, resume: bool = False
    ) -> Generator[Step[str], None, None]:
        """Train, and yield a step after each, with a sample at steps with a validation.

        ``losses`` are in nats per character. Arguments and errors are those of
        ``SequenceTrainer.steps``.
        """
        return self.trainer.steps(checkpoint_every, resume=resume)

    @property
    def generator(self) -> TextGenerator:
        """The generator with the current weights."""
        facts = {
            "corpus": [Path(name).name for name in self.corpus.names],
            "corpus_sha256": self.statistics.sha256,
            "characters": self.statistics.characters,
            "documents": self.statistics.documents,
        }
        provenance = self.trainer.provenance(facts)
        network, model = self.trainer.network, self.trainer.model_config
        return TextGenerator(network, self.tokenizer, model, provenance)

    @property
    def characters_per_step(self) -> float:
        """The characters read in a step, by all processes together."""
        return self.trainer.tokens_per_step * self.statistics.characters / self.num_tokens

    def _build(self, model: LanguageModelConfig) -> Any:
        seed, compute = self.config.trainer.seed, self.compute
        size = self.tokenizer.vocab_size
        return seeded_language_model(size, model, seed, compute.dtype, compute.device)

    def _preview(self) -> str:
        sampling = SamplingConfig(seed=self.config.trainer.seed)
        config = GenerateConfig(PREVIEW_LENGTH, sampling=sampling)
        return self.generator.generate("", config)[0]


def train(
    corpus: Corpus | str | Path,
    config: TrainConfig = TrainConfig(),
    start: TextGenerator | None = None,
) -> TextGenerator:
    """Train on a corpus to the end and return the generator; see ``Training`` for errors."""
    corpus = corpus if isinstance(corpus, Corpus) else Corpus([corpus])
    with TemporaryDirectory() as work_dir:
        training = Training(corpus, config, Path(work_dir), start)
        for _ in training.steps():
            pass
        return training.generator


def _embedded(model: LanguageModelConfig, vocab_size: int) -> LanguageModelConfig:
    """Return a model with an embedding if its one-hot vectors would be long."""
    if model.recurrent.embedding_dim or vocab_size <= MAX_ONE_HOT:
        return model
    return replace(model, recurrent=replace(model.recurrent, embedding_dim=EMBEDDING_DIM))
