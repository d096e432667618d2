"""Learning to compose: a corpus of pieces becomes a stream of signs, and a network learns from it.

The loop, its plan for the minutes, its checkpoints and its network are those of text
(`learning.sequence_training`); here are only pieces and their signs. Losses are in nats a note.
"""

import math
import time
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import asdict, replace
from hashlib import sha256
from importlib.metadata import version
from itertools import chain, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from bowerbird.errors import MusicError
from bowerbird.learning.config import SamplingConfig
from bowerbird.learning.device import keep_freed_memory, processes, select_compute
from bowerbird.learning.sequence_batches import write_stream
from bowerbird.learning.sequence_training import NetworkFactory, SequenceTrainer
from bowerbird.learning.step import Step
from bowerbird.music.augment import variations
from bowerbird.music.composer import Composer
from bowerbird.music.config import MELODY_KINDS, AugmentConfig, ComposeConfig, TrainConfig
from bowerbird.music.corpus import Corpus, NamedScore
from bowerbird.music.formats.abc_writer import to_abc
from bowerbird.music.tokens.kinds import encode_pieces, tokenizer_for
from bowerbird.music.tokens.tokenizer import MusicTokenizer
from bowerbird.networks.config import LanguageModelConfig
from bowerbird.networks.language_model import language_model, language_model_config

SAMPLE_BARS = 8  # bars of the samples that are shown while it learns
WIDTHS = (96, 128, 192, 256, 384, 512)  # sizes among which --minutes chooses


class Training:
    """One training of a composer; ``composer`` is what it can do so far."""

    def __init__(
        self, corpus: Corpus, config: TrainConfig, room: Path, start: Composer | None = None
    ) -> None:
        """Read the corpus into files in ``room``, which is made.

        ``start`` is a composer that goes on learning: with its network and its alphabet. Raises
        MusicError for a corpus without pieces that can be told.
        """
        began = time.perf_counter()
        self.corpus, self.config, self.start = corpus, config, start
        self.compute = select_compute(config.device, config.precision)
        keep_freed_memory()
        self.split = corpus.split(
            validation=config.sequence.validation, test=config.test, seed=config.split_seed
        )
        self.tokenizer = start.tokenizer if start else self._tokenizer()
        room.mkdir(parents=True, exist_ok=True)
        self.streams = [
            self._stream(room / f"{name}.{processes()[0]}", pieces, augment)
            for name, pieces, augment in (
                ("learned", self.split.train, config.augment),
                ("measured", self.split.validation, None),
            )
        ]
        self.tokens_per_note = [self._signs_a_note(stream) for stream in self.streams]
        shape = start.config if start else config.model
        widths = () if start or shape.network != "recurrent" else WIDTHS
        self.digest = sha256(b"".join(stream.tobytes() for stream in self.streams)).hexdigest()
        self.trainer = SequenceTrainer(
            self.streams[0],
            self.streams[1],
            NetworkFactory(
                self._network, language_model_config, LanguageModelConfig.resized, widths
            ),
            shape,
            config.sequence,
            config.trainer,
            config.minutes,
            self.compute,
            room,
            {**asdict(config), "corpus": self.digest},
            start.network.state_dict() if start else None,
            began,
        )
        tempos = [score.tempos[0].qpm for _, score in self.split.train if len(score.tempos)]
        self.tempo = round(median(tempos), 1) if tempos else None  # quarter notes a minute
        self.last: Step[str] | None = None
        self.best: float | None = None

    @property
    def composer(self) -> Composer:
        """What learns, with what is known of its learning so far."""
        loss = self.last.losses["total"] if self.last else math.nan
        told = {
            "corpus": [Path(name).name for name in self.corpus.names],
            "built_in": list(self.corpus.built_in),
            "corpus_sha256": self.digest,
            "pieces": len(self.split.train),
            "tempo": self.tempo,
            "seconds": round(self.last.seconds, 1) if self.last else 0.0,
            "iterations": self.last.number if self.last else 0,
            "train_loss": loss if math.isfinite(loss) else None,  # JSON can't say NaN
            "validation_loss": self.best,
            "unit": "nats a note",
            "licence": self.config.licence,
            "settings": {
                "sequence": asdict(self.config.sequence),
                "trainer": asdict(self.trainer.trainer),
            },
            "versions": {"bowerbird": version("bowerbird"), "torch": version("torch")},
        }
        if self.start:
            told["from"] = dict(self.start.provenance)
        return Composer(self.trainer.network, self.tokenizer, self.trainer.model_config, told)

    @property
    def planned(self) -> TrainConfig:
        """The configuration with what was chosen to fit into the minutes."""
        study = self.trainer
        return replace(
            self.config, minutes=study.minutes, model=study.model_config, trainer=study.trainer
        )

    @property
    def notes_per_step(self) -> float:
        """How many notes are read in a step, by all processes together."""
        return self.trainer.tokens_per_step / self.tokens_per_note[0]

    def steps(
        self, checkpoints: int = 0, *, resume: bool = False
    ) -> Generator[Step[str], None, None]:
        """Learn; yield a step after each, with a sample in ABC wherever it was measured.

        ``losses`` are in nats a note. Arguments and errors are those of ``Study.steps``.
        """
        learned, measured = self.tokens_per_note
        units = {"total": learned, "validation_loss": measured, "best_validation_loss": measured}
        with closing(self.trainer.steps(checkpoints, resume=resume)) as made:
            for step in made:
                losses = {n: v * units.get(n, 1.0) for n, v in step.losses.items()}
                self.best = losses.get("best_validation_loss", self.best)
                self.last = Step(step.number, step.total, losses, step.seconds, None, step.note)
                yield replace(
                    self.last, preview=self._sample() if "validation_loss" in losses else None
                )

    def _tokenizer(self) -> MusicTokenizer:
        """Return an alphabet for all pieces, and for the variations that are learned from."""
        split, augment = self.split, self.config.augment
        measured = (score for _, score in (*split.validation, *split.test))
        learned = (varied for _, score in split.train for varied in variations(score, augment))
        return tokenizer_for(self.config.tokenizer, chain(measured, learned))

    def _stream(
        self, place: Path, pieces: Iterable[NamedScore], augment: AugmentConfig | None
    ) -> np.memmap:
        stream = write_stream(
            place,
            encode_pieces(pieces, self.tokenizer, self.corpus.skipped, augment),
            self.tokenizer.vocab_size,
        )
        if len(stream) <= self.config.sequence.sequence_length:
            raise MusicError(
                f"one side of the split has {len(stream)} tokens, too few for sequences of "
                f"{self.config.sequence.sequence_length}; add pieces or set a shorter "
                "--sequence-length"
            )
        return stream

    def _signs_a_note(self, stream: np.ndarray) -> float:
        """Return how many signs tell a note, in a stream."""
        ends = np.flatnonzero(stream == self.tokenizer.end_token)
        pieces = [stream[a + 1 : b] for a, b in pairwise(ends)]
        notes = sum(self.tokenizer.decode(piece.tolist()).note_num() for piece in pieces)
        return (len(stream) - 1) / max(1, notes)

    def _network(self, config: LanguageModelConfig) -> Any:
        torch.manual_seed(self.config.trainer.seed)
        network = language_model(self.tokenizer.vocab_size, config, self.compute.dtype)
        network.initialize(self.config.trainer.seed)
        return network.to(self.compute.device)

    def _sample(self) -> str:
        config = ComposeConfig(SAMPLE_BARS, sampling=SamplingConfig(seed=self.config.trainer.seed))
        try:
            made = self.composer.compose(config)[0].score
            if self.tokenizer.kind not in MELODY_KINDS:
                return f"{made.note_num()} notes"
            return to_abc(made).partition("K:")[2].strip()
        except ValueError:  # also where nothing may come next
            return "no notes yet"
