"""Learning to write: a corpus becomes a stream of signs, and a network learns what comes next.

This is Karpathy's char-rnn ("The unreasonable effectiveness of recurrent neural networks", 2015)
with what has been learned since: carried states, one dropout mask a window, averaged weights.
"""

import math
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from bowerbird.learning.config import SamplingConfig
from bowerbird.learning.device import keep_freed_memory, processes, select_compute
from bowerbird.learning.sequence_batches import write_stream
from bowerbird.learning.sequence_training import NetworkFactory, SequenceTrainer
from bowerbird.learning.step import Step
from bowerbird.networks.config import LanguageModelConfig
from bowerbird.networks.language_model import language_model, language_model_config
from bowerbird.text.config import GenerateConfig, TrainConfig
from bowerbird.text.corpus import Corpus
from bowerbird.text.generator import Writer
from bowerbird.text.tokenizer import Alphabet, Characters, Pieces

SAMPLE = 200  # signs of the samples that are shown while it learns
WIDTHS = (128, 192, 256, 384, 512, 768, 1024)  # sizes among which --minutes chooses


class Training:
    """One training of a writer; ``writer`` is what it can do so far."""

    def __init__(
        self, corpus: Corpus, config: TrainConfig, room: Path, start: Writer | None = None
    ) -> None:
        """Read the corpus, twice (for pieces thrice), into a file in ``room``, which is made.

        ``start`` is a writer that goes on learning: with its network and its alphabet. Raises
        CorpusError, and ValueError for a corpus that is too short.
        """
        began = time.perf_counter()
        self.corpus, self.config, self.room = corpus, config, room
        self.compute = select_compute(config.device, config.precision)
        keep_freed_memory()
        self.tally = corpus.tally
        self.alphabet = start.alphabet if start else _alphabet(corpus, config)
        room.mkdir(parents=True, exist_ok=True)
        # every process has a file of its own: they may be on different machines
        place = room / f"stream.{processes()[0]}"
        self.stream = write_stream(place, corpus.encoded(self.alphabet), self.alphabet.size)
        learned, measured = config.sequence.split(self.stream)
        shape = start.config if start else config.model
        widths = () if start or shape.network != "recurrent" else WIDTHS
        self.trainer = SequenceTrainer(
            learned,
            measured,
            NetworkFactory(
                self._network, language_model_config, LanguageModelConfig.resized, widths
            ),
            shape,
            config.sequence,
            config.trainer,
            config.minutes,
            self.compute,
            room,
            {**asdict(config), "corpus": self.tally.sha256},
            start.network.state_dict() if start else None,
            began,
        )
        self.start = start
        self.last: Step[str] | None = None
        self.best: float | None = None

    @property
    def writer(self) -> Writer:
        """What learns, with what is known of its learning so far."""
        loss = self.last.losses["total"] if self.last else math.nan
        told = {
            "corpus": [Path(name).name for name in self.corpus.names],
            "corpus_sha256": self.tally.sha256,
            "characters": self.tally.characters,
            "documents": self.tally.documents,
            "seconds": round(self.last.seconds, 1) if self.last else 0.0,
            "iterations": self.last.number if self.last else 0,
            "train_loss": loss if math.isfinite(loss) else None,  # JSON can't say NaN
            "validation_loss": self.best,
            "licence": self.config.licence,
            "settings": {
                "sequence": asdict(self.config.sequence),
                "trainer": asdict(self.trainer.trainer),
            },
            "versions": {"bowerbird": version("bowerbird"), "torch": version("torch")},
        }
        if self.start:
            told["from"] = dict(self.start.provenance)
        return Writer(self.network, self.alphabet, self.trainer.model_config, told)

    @property
    def network(self) -> Any:
        """What learns."""
        return self.trainer.network

    @property
    def planned(self) -> TrainConfig:
        """The configuration with what was chosen to fit into the minutes."""
        study = self.trainer
        return replace(
            self.config, minutes=study.minutes, model=study.model_config, trainer=study.trainer
        )

    @property
    def characters_per_step(self) -> float:
        """How many characters are read in a step, by all processes together."""
        return self.trainer.tokens_per_step * self.tally.characters / len(self.stream)

    def steps(
        self, checkpoints: int = 0, *, resume: bool = False
    ) -> Generator[Step[str], None, None]:
        """Learn; yield a step after each, with a sample wherever the writer was measured.

        ``losses`` are in nats a character. Arguments and errors are those of ``Study.steps``.
        """
        per_char = (len(self.stream) - 1) / max(1, self.tally.characters)
        with closing(self.trainer.steps(checkpoints, resume=resume)) as learned:
            for step in learned:
                losses = dict(step.losses)
                for name in {"total", "validation_loss", "best_validation_loss"} & losses.keys():
                    losses[name] *= per_char
                self.best = losses.get("best_validation_loss", self.best)
                self.last = Step(step.number, step.total, losses, step.seconds, None, step.note)
                yield replace(
                    self.last, preview=self._sample() if "validation_loss" in losses else None
                )

    def _network(self, config: LanguageModelConfig) -> Any:
        torch.manual_seed(self.config.trainer.seed)
        network = language_model(self.alphabet.size, config, self.compute.dtype)
        network.initialize(self.config.trainer.seed)
        return network.to(self.compute.device)

    def _sample(self) -> str:
        config = GenerateConfig(SAMPLE, sampling=SamplingConfig(seed=self.config.trainer.seed))
        return self.writer.write("", config)[0]


def _alphabet(corpus: Corpus, config: TrainConfig) -> Alphabet:
    if config.tokenizer == "characters":
        return Characters.counted(corpus.tally.counts, config.min_count)
    if config.tokenizer == "bytes":
        return Pieces()
    texts = (block for _, blocks in corpus.documents() for block in blocks)
    return Pieces.learned(texts, config.max_vocab_size)
