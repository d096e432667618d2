"""Train a composer: the pieces of a corpus become streams of tokens, and a network predicts them.

The training itself is that of text (``learning.sequences.training``). Losses are in nats per note.
"""

import time
from collections.abc import Generator, Iterable
from hashlib import sha256
from itertools import chain, pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bowerbird.errors import MusicError
from bowerbird.learning.config import SamplingConfig
from bowerbird.learning.device import processes, select_compute
from bowerbird.learning.sequences.batches import write_stream
from bowerbird.learning.sequences.training import SequenceData, SequenceTrainer
from bowerbird.learning.step import Step
from bowerbird.music.augment import variations
from bowerbird.music.composer import Composer
from bowerbird.music.config import MELODY_KINDS, AugmentConfig, ComposeConfig, TrainConfig
from bowerbird.music.corpus import Corpus, NamedScore
from bowerbird.music.formats.abc_writer import to_abc
from bowerbird.music.tokens.kinds import encode_pieces, tokenizer_for
from bowerbird.music.tokens.tokenizer import MusicTokenizer
from bowerbird.networks.config import LanguageModelConfig
from bowerbird.networks.language_model import seeded_language_model

PREVIEW_BARS = 8  # of the samples that are shown during training
WIDTHS = (96, 128, 192, 256, 384, 512)  # hidden sizes among which --minutes chooses


class Training:
    """A training of a composer, step by step."""

    def __init__(
        self, corpus: Corpus, config: TrainConfig, work_dir: Path, start: Composer | None = None
    ) -> None:
        """Split the corpus and write its tokens to files in ``work_dir``.

        ``start`` is a composer to start from, with its network and tokenizer. Raises MusicError for
        a corpus without pieces that can be encoded.
        """
        began = time.perf_counter()
        self.corpus, self.config = corpus, config
        self.compute = select_compute(config.device, config.precision)
        self.split = corpus.split(
            validation=config.sequence.validation, test=config.test, seed=config.split_seed
        )
        self.tokenizer = start.tokenizer if start else self._make_tokenizer()
        work_dir.mkdir(parents=True, exist_ok=True)
        train = self._write(work_dir / "train", self.split.train, config.augment)
        validation = self._write(work_dir / "validation", self.split.validation, None)
        self.data = SequenceData(
            train,
            validation,
            (self._tokens_per_note(train), self._tokens_per_note(validation)),
            sha256(train.tobytes() + validation.tobytes()).hexdigest(),
        )
        self.trainer = SequenceTrainer(
            self.data,
            config,
            start.config if start else config.model,
            config.sequence,
            self._build,
            work_dir,
            self.compute,
            preview=self._preview,
            widths=WIDTHS,
            start=start,
            start_time=began,
        )
        tempos = [score.tempos[0].qpm for _, score in self.split.train if len(score.tempos)]
        self.tempo = round(median(tempos), 1) if tempos else None  # quarter notes per minute

    def steps(
        self, checkpoint_every: int = 0, *, resume: bool = False
    ) -> Generator[Step[str], None, None]:
        """Train, and yield a step after each, with a sample in ABC at steps with a validation.

        ``losses`` are in nats per note. Arguments and errors are those of
        ``SequenceTrainer.steps``.
        """
        return self.trainer.steps(checkpoint_every, resume=resume)

    @property
    def composer(self) -> Composer:
        """The composer with the current weights."""
        facts = {
            "corpus": [Path(name).name for name in self.corpus.names],
            "built_in": list(self.corpus.built_in),
            "corpus_sha256": self.data.sha256,
            "pieces": len(self.split.train),
            "tempo": self.tempo,
            "unit": "nats per note",
        }
        provenance = self.trainer.provenance(facts)
        network, model = self.trainer.network, self.trainer.model_config
        return Composer(network, self.tokenizer, model, provenance)

    @property
    def notes_per_step(self) -> float:
        """The notes read in a step, by all processes together."""
        return self.trainer.tokens_per_step / self.data.tokens_per_unit[0]

    def _make_tokenizer(self) -> MusicTokenizer:
        """Return a tokenizer for all pieces, and for the variations of the training pieces."""
        split, augment = self.split, self.config.augment
        others = (score for _, score in (*split.validation, *split.test))
        train = (varied for _, score in split.train for varied in variations(score, augment))
        return tokenizer_for(self.config.tokenizer, chain(others, train))

    def _write(
        self, file: Path, pieces: Iterable[NamedScore], augment: AugmentConfig | None
    ) -> np.memmap:
        stream = write_stream(
            file.with_name(f"{file.name}.{processes()[0]}"),  # every process has its own
            encode_pieces(pieces, self.tokenizer, self.corpus.skipped, augment),
            self.tokenizer.vocab_size,
        )
        length = self.config.sequence.sequence_length
        if len(stream) <= length:
            raise MusicError(
                f"the {file.name} pieces have only {len(stream)} tokens: too few for sequences of "
                f"{length}; use more pieces or a shorter --sequence-length"
            )
        return stream

    def _tokens_per_note(self, stream: np.ndarray) -> float:
        """Return the mean number of tokens of a note in a stream."""
        ends = np.flatnonzero(stream == self.tokenizer.end_token)
        pieces = [stream[a + 1 : b] for a, b in pairwise(ends)]
        notes = sum(self.tokenizer.decode(piece.tolist()).note_num() for piece in pieces)
        return (len(stream) - 1) / max(1, notes)

    def _build(self, model: LanguageModelConfig) -> Any:
        seed, compute = self.config.trainer.seed, self.compute
        size = self.tokenizer.vocab_size
        return seeded_language_model(size, model, seed, compute.dtype, compute.device)

    def _preview(self) -> str:
        sampling = SamplingConfig(seed=self.config.trainer.seed)
        config = ComposeConfig(PREVIEW_BARS, sampling=sampling)
        try:
            score = self.composer.compose(config)[0].score
            if self.tokenizer.kind not in MELODY_KINDS:
                return f"{score.note_num()} notes"
            return to_abc(score).partition("K:")[2].strip()
        except ValueError:  # also if no token is allowed next
            return "no notes yet"


def train(
    corpus: Corpus, config: TrainConfig = TrainConfig(), start: Composer | None = None
) -> Composer:
    """Train on a corpus to the end and return the composer; see ``Training`` for errors."""
    with TemporaryDirectory() as work_dir:
        training = Training(corpus, config, Path(work_dir), start)
        for _ in training.steps():
            pass
        return training.composer
