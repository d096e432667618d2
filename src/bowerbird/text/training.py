"""Learning to write: a corpus becomes a stream of signs, and a network learns what comes next.

This is Karpathy's char-rnn ("The unreasonable effectiveness of recurrent neural networks", 2015)
with what has been learned since: carried states, one dropout mask a window, averaged weights.
"""

import hashlib
import json
import math
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import torch

from bowerbird.learning.atomic import whole
from bowerbird.learning.checkpoints import ANEW, Checkpoints
from bowerbird.learning.choice import check_choice
from bowerbird.learning.device import Precision, choose, keep_freed_memory, processes
from bowerbird.learning.fit import FitConfig, fit_steps
from bowerbird.learning.pace import Streams, planned
from bowerbird.learning.sampling import SamplingConfig
from bowerbird.learning.sequence import Rows, SequenceTask, StreamConfig, write_stream
from bowerbird.learning.step import Step
from bowerbird.networks.predictor import PredictorConfig, predictor, predictor_config
from bowerbird.text.alphabet import Alphabet, AlphabetKind, Characters, Pieces
from bowerbird.text.corpus import Corpus
from bowerbird.text.writer import WriteConfig, Writer

SAMPLE = 200  # signs of the samples that are shown while it learns
WIDTHS = (128, 192, 256, 384, 512, 768, 1024)  # sizes among which --minutes chooses
DROPOUTS = ((2, 0.0), (6, 0.1), (15, 0.25), (math.inf, 0.4))  # by how often a text is read


@dataclass(frozen=True)
class TrainConfig:
    """How a writer learns."""

    minutes: float = 0.0
    """Time to learn for, in minutes: size and steps are chosen to fit it on this machine."""
    alphabet: AlphabetKind = "characters"
    """Signs that it reads and writes: characters, bytes, or pieces learned from the corpus."""
    pieces: int = 1024
    """Most signs of an alphabet of pieces."""
    least: int = 1
    """Times that a character must occur to have a sign of its own."""
    precision: Precision = "auto"
    """Precision of the network: auto takes bfloat16 where it is faster, else float32."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""
    licence: str = ""
    """Licence of what is learned, which the model file then names."""
    predictor: PredictorConfig = field(default_factory=PredictorConfig)
    """The network."""
    stream: StreamConfig = field(default_factory=StreamConfig)
    """How the corpus is read."""
    fit: FitConfig = field(default_factory=FitConfig)
    """How weights are learned."""

    def __post_init__(self) -> None:
        if not 0 <= self.minutes < math.inf:
            raise ValueError(f"minutes are a number from 0 on, not {self.minutes}")
        check_choice(self.alphabet, get_args(AlphabetKind))
        if self.least < 1:
            raise ValueError(f"least is at least 1, not {self.least}")


class Training:
    """One training of a writer; ``writer`` is what it can do so far."""

    def __init__(
        self, corpus: Corpus, config: TrainConfig, room: Path, start: Writer | None = None
    ) -> None:
        """Read the corpus, twice (for pieces thrice), into a file in ``room``, which is made.

        ``start`` is a writer that goes on learning: with its network and its alphabet. Raises
        CorpusError, and ValueError for a corpus that is too short.
        """
        self.began = time.perf_counter()
        self.corpus, self.config, self.room = corpus, config, room
        self.compute = choose(config.device, config.precision)
        keep_freed_memory()
        self.tally = corpus.tally
        self.alphabet = start.alphabet if start else _alphabet(corpus, config)
        room.mkdir(parents=True, exist_ok=True)
        # every process has a file of its own: they may be on different machines
        place = room / f"stream.{processes()[0]}"
        self.stream = write_stream(place, corpus.encoded(self.alphabet), self.alphabet.size)
        self.learned, self.measured = config.stream.split(self.stream)
        self.start = start
        self.last: Step[str] | None = None
        self.best: float | None = None
        self.network: Any = None

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
            "settings": {"stream": asdict(self.config.stream), "fit": asdict(self.config.fit)},
            "versions": {"bowerbird": version("bowerbird"), "torch": version("torch")},
        }
        if self.start:
            told["from"] = dict(self.start.provenance)
        return Writer(self.network, self.alphabet, self.config.predictor, told)

    @property
    def characters_a_step(self) -> float:
        """How many characters are read in a step, by all processes together."""
        signs = self._rows((0, 1)).rows * self.config.stream.window * self.config.fit.accumulate
        return signs * self.tally.characters / len(self.stream)

    def steps(
        self, checkpoints: int = 0, *, resume: bool = False
    ) -> Generator[Step[str], None, None]:
        """Learn; yield a step after each, with a sample wherever the writer was measured.

        ``losses`` are in nats a character. Every ``checkpoints`` steps (0: never) all that the next
        step depends on is kept in ``room``; ``resume`` goes on from there, with the plan that was
        made then. Raises LearningError, ModelError for a checkpoint of another run, and ValueError.
        """
        run = self._plan(resume)
        place, device = self.room / "checkpoint", str(self.compute.device)
        kept = Checkpoints(place, checkpoints, resume, run)
        per_char = (len(self.stream) - 1) / max(1, self.tally.characters)
        task = self._task(self.network)
        with closing(fit_steps(task, self.config.fit, kept, device=device)) as learned:
            for step in learned:
                losses = dict(step.losses)
                for name in {"total", "validation", "best"} & losses.keys():
                    losses[name] *= per_char
                self.best = losses.get("best", self.best)
                self.last = Step(step.number, step.total, losses, step.seconds, None, step.note)
                yield replace(self.last, preview=self._sample() if "validation" in losses else None)

    def _rows(self, part: tuple[int, int]) -> Rows:
        stream = self.config.stream
        return Rows(self.learned, stream.rows, stream.window, self.config.fit.seed, part)

    def _task(self, network: Any) -> SequenceTask:
        return SequenceTask(network, self._rows(processes()), self.measured, self.compute.device)

    def _network(self, config: PredictorConfig) -> Any:
        torch.manual_seed(self.config.fit.seed)
        network = predictor(self.alphabet.size, config, self.compute.dtype)
        network.initialize(self.config.fit.seed)
        return network.to(self.compute.device)

    def _sample(self) -> str:
        config = WriteConfig(SAMPLE, sampling=SamplingConfig(seed=self.config.fit.seed))
        return self.writer.write("", config)[0]

    def _plan(self, resume: bool) -> str:
        """Choose what fits into the minutes, or go on with what was chosen; return its SHA-256."""
        file, asked = self.room / "plan.json", {**asdict(self.config), "corpus": self.tally.sha256}
        if self.start:
            self.config = replace(self.config, predictor=self.start.config)
        if resume and file.exists():
            # minutes are spent: a run that is repeated from its record has these steps
            self.config = replace(self.config, minutes=0.0, **_planned(file, asked))
        elif self.config.minutes:
            self._choose()
        shape = self.config.predictor.described()
        plan = json.dumps({"asked": asked, "predictor": shape, "fit": asdict(self.config.fit)})
        if processes()[0] == 0:  # the others may be at the same place
            with whole(file) as part:
                part.write_text(plan, encoding="utf-8")
        self.network = self._network(self.config.predictor)
        if self.start:
            self.network.load_state_dict(self.start.network.state_dict())
        return hashlib.sha256(plan.encode()).hexdigest()

    def _choose(self) -> None:
        """Choose the network and the steps that fit into the minutes."""
        if processes()[1] > 1:
            raise ValueError("--minutes plans for one process; with several give --iterations")
        config, stream = self.config, self.config.stream
        signs = min(stream.rows, len(self.learned) // stream.window) * stream.window
        plan = planned(
            lambda width: self._task(self._network(_of_width(config.predictor, width))),
            (0,) if self.start or config.predictor.network != "recurrent" else WIDTHS,
            config.fit,
            60 * config.minutes - (time.perf_counter() - self.began),
            Streams(signs, len(self.learned), len(self.measured)),
            str(self.compute.device),
        )
        chosen = _of_width(config.predictor, plan.width)
        if plan.width:  # the more is dropped, the more often the same text is read
            share = next(share for most, share in DROPOUTS if plan.rounds <= most)
            chosen = replace(chosen, recurrent=replace(chosen.recurrent, dropout=share))
        self.config = replace(config, minutes=0.0, predictor=chosen, fit=plan.fit)


def _planned(file: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what a plan has chosen; raise ValueError for a damaged one or one of another run."""
    try:
        plan = json.loads(file.read_text(encoding="utf-8"))
        same = plan["asked"] == json.loads(json.dumps(asked))
        predictor, fit = predictor_config(plan["predictor"]), FitConfig(**plan["fit"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is damaged; {ANEW}") from error
    if not same:
        raise ValueError(
            f"the run to be resumed had another corpus or other settings; give the same, or {ANEW}"
        )
    return {"predictor": predictor, "fit": fit}


def _alphabet(corpus: Corpus, config: TrainConfig) -> Alphabet:
    if config.alphabet == "characters":
        return Characters.counted(corpus.tally.counts, config.least)
    if config.alphabet == "bytes":
        return Pieces()
    texts = (block for _, blocks in corpus.documents() for block in blocks)
    return Pieces.learned(texts, config.pieces)


def _of_width(config: PredictorConfig, width: int) -> PredictorConfig:
    """Return a recurrent network of another width; 0 leaves it as it is."""
    return replace(config, recurrent=replace(config.recurrent, width=width)) if width else config
