"""``bowerbird music train``."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from bowerbird.cli.options import Switch
from bowerbird.cli.report import notify, notify_skipped
from bowerbird.cli.training_run import TrainingRun, TrainOptions
from bowerbird.music.config import (
    MELODY_KINDS,
    AugmentConfig,
    TrainConfig,
)
from bowerbird.music.presets import PresetName

Flags = Parameter(name="*", group=Group("Training", sort_key=2))
# a part of the configuration; its fields are flags like all others
Parameter(name="*", group=Group("Batches", sort_key=4))(AugmentConfig)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MusicTrainOptions(TrainOptions):
    """Options of ``music train`` besides its configuration."""

    preset: Annotated[PresetName | None, Parameter(show_default=False)] = None
    """Settings of another tool."""
    start: Annotated[str | None, Parameter(name="--from", show_default=False)] = None
    """Model to start from, with its network and tokenizer."""
    half: Switch = False
    """Store the weights in half precision: half the file size."""


def train(
    *corpus: str,
    run: MusicTrainOptions,
    config: Annotated[TrainConfig, Flags] = TrainConfig(),
) -> int:
    """Train a composer on a corpus.

    Parameters
    ----------
    corpus
        Files, folders, patterns, or scottish, irish, bach: built-in tunes and chorales.
    """
    from bowerbird.music.composer import load
    from bowerbird.music.corpus import BUILT_IN, Corpus
    from bowerbird.music.training import Training

    with TrainingRun("music train", run, "note") as job:
        if not corpus:
            raise ValueError(f"give a corpus: files, a folder, or {', '.join(BUILT_IN)}")
        start = None if run.start is None else load(run.start, config.device)
        melodies = (start.tokenizer.kind if start else config.tokenizer) in MELODY_KINDS
        training = Training(Corpus(corpus, melodies=melodies), config, job.work_dir, start)
        if job.is_main and not run.quiet:
            notify_skipped(training.corpus.skipped)
            notify(training.corpus.summary())

        work = job.train(training.steps(run.checkpoint_every, resume=run.resume))

        trainer, per_step = training.trainer, training.notes_per_step
        facts = {
            "preset": run.preset,
            "inputs": {"corpus": [{"file": name} for name in training.corpus.names]},
            "corpus_sha256": training.data.sha256,
            **job.facts(work, trainer.planned, trainer.network, training.compute, per_step),
            "pieces": len(training.split.train),
            "skipped": len(training.corpus.skipped),
        }
        return job.finish(work, lambda path: training.composer.save(path, half=run.half), facts)
