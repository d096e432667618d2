"""Settings that several domains share. Imports no torch, so that ``--help`` is quick."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from bowerbird.learning.validate import check_choice, check_range, check_seed

if TYPE_CHECKING:
    import numpy as np

Precision = Literal["auto", "float32", "bfloat16"]
Optimizer = Literal["adamw", "muon", "rmsprop", "sgd"]
Schedule = Literal["cosine", "linear", "constant", "steps"]


@dataclass(frozen=True)
class TrainerConfig:
    """How to train a network: the optimizer, its schedule, and how often to validate."""

    iterations: int = 12000
    """Optimizer steps."""
    optimizer: Optimizer = "adamw"
    """adamw; muon (for matrices, adamw for the rest); rmsprop; or sgd."""
    learning_rate: float = 8e-3
    """Peak learning rate."""
    warmup_steps: int = 100
    """Steps over which the learning rate rises from 0 to its peak."""
    lr_schedule: Schedule = "linear"
    """How the learning rate decays afterwards: cosine, linear, constant, or in steps."""
    final_lr_ratio: float = 0.02
    """Final learning rate of cosine and linear, as a fraction of the peak."""
    lr_decay_every: int = 1000
    """Steps between two decays (lr_schedule steps)."""
    lr_decay_after: int = 0
    """Steps before the first decay (lr_schedule steps)."""
    lr_decay_factor: float = 0.97
    """Factor of each decay (lr_schedule steps)."""
    beta1: float = 0.9
    """Decay of the gradient's running mean (adamw), or momentum (sgd)."""
    beta2: float = 0.99
    """Decay of the squared gradient's running mean (adamw, rmsprop)."""
    weight_decay: float = 0.07
    """Decoupled weight decay of matrices (adamw, muon)."""
    max_grad_norm: float = 1.0
    """Largest norm of the gradient; longer ones are scaled down. 0 is no limit."""
    max_grad_value: float = 0.0
    """Largest absolute entry of the gradient; larger ones are clipped (char-rnn). 0 is no limit."""
    gradient_accumulation_steps: int = 1
    """Batches whose gradients are averaged before an optimizer step."""
    ema_decay: float = 0.99
    """Decay of an exponential moving average of the weights, which is the result; 0 for none."""
    validate_every: int = 1000
    """Steps between two validations."""
    patience: int = 0
    """Validations without a new best one after which training stops early; 0 is never."""
    seed: int = 0
    """Seed of the initial weights, of the order of batches and of dropout."""

    def __post_init__(self) -> None:
        check_choice(self.optimizer, get_args(Optimizer))
        check_choice(self.lr_schedule, get_args(Schedule))
        counts = ("iterations", "gradient_accumulation_steps", "validate_every", "lr_decay_every")
        check_range(self, 1, math.inf, *counts)
        for name in ("learning_rate", "lr_decay_factor"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("ema_decay", "beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        limits = ("max_grad_norm", "max_grad_value", "weight_decay", "final_lr_ratio")
        check_range(self, 0, math.inf, "warmup_steps", "patience", *limits)
        check_seed(self.seed)

    def learning_rate_at(self, step: float) -> float:
        """Return the learning rate at a place in the schedule, in steps from 0."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        if self.lr_schedule == "steps":
            decays = max(0, step - self.lr_decay_after) // self.lr_decay_every
            return self.learning_rate * self.lr_decay_factor**decays
        if self.lr_schedule == "constant":
            return self.learning_rate
        done = (step - self.warmup_steps) / max(1, self.iterations - self.warmup_steps)
        done = min(1.0, done)
        factor = 1 - done if self.lr_schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
        return self.learning_rate * (self.final_lr_ratio + (1 - self.final_lr_ratio) * factor)


@dataclass(frozen=True)
class TrainingConfig:
    """Settings that the training of every domain has; domains add their own."""

    minutes: float = 0.0
    """Training time in minutes, for which size and steps are chosen; 0 keeps those given."""
    precision: Precision = "auto"
    """Precision of the network: auto uses bfloat16 where it is faster, else float32."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps ..."""
    licence: str = ""
    """Licence of the training data, stored in the model file."""
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    """The optimizer and its schedule."""

    def __post_init__(self) -> None:
        check_range(self, 0, math.inf, "minutes")


@dataclass(frozen=True)
class CheckpointConfig:
    """Where and how often to save a run, so that it can be resumed after an interruption."""

    path: Path
    """File of the newest checkpoint."""
    every: int = 1000
    """Steps between two checkpoints: the most that an interruption can lose; 0 is never."""
    resume: bool = False
    """Resume from the newest checkpoint, if there is one; otherwise old ones are deleted."""
    run: str = ""
    """Identifies the run; the checkpoint of another run is refused."""


@dataclass(frozen=True)
class SequenceConfig:
    """How to cut a stream of tokens into batches, and how much of it validates."""

    batch_size: int = 16
    """Sequences that are read in parallel."""
    sequence_length: int = 64
    """Tokens of a sequence in one step (length of backpropagation through time)."""
    validation: float = 0.1
    """Fraction at the end of the stream that is used for validation only."""
    max_validation_tokens: int = 1 << 20
    """Limit of the validation tokens: a tenth of a corpus of gigabytes would take hours."""

    def __post_init__(self) -> None:
        check_range(self, 1, math.inf, "batch_size", "sequence_length")
        check_range(self, 2, math.inf, "max_validation_tokens")
        if not 0 < self.validation < 1:
            raise ValueError(f"validation must be in (0, 1), got {self.validation}")

    def split(self, stream: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        """Return the training tokens and, from the end of the stream, the validation tokens.

        Raises ValueError for a stream that is too short to be split.
        """
        cut = max(
            int(len(stream) * (1 - self.validation)), len(stream) - self.max_validation_tokens
        )
        if len(stream) - cut < 2 or cut <= self.sequence_length:
            raise ValueError(
                f"the corpus has only {len(stream)} tokens: too few for sequences of "
                f"{self.sequence_length} and {self.validation:.0%} for validation; use a longer "
                "corpus or a shorter --sequence-length"
            )
        return stream[:cut], stream[cut:]


@dataclass(frozen=True)
class SamplingConfig:
    """How to sample the next token."""

    temperature: float = 0.8
    """Randomness: 0 takes the most likely token, 1 the network's own probabilities."""
    top_k: int = 0
    """Sample from the k most likely tokens; 0 is no limit."""
    top_p: float = 1.0
    """Sample from the most likely tokens that together have this probability."""
    min_p: float = 0.0
    """Sample from tokens with at least this fraction of the most likely one's probability."""
    repetition_penalty: float = 1.0
    """Penalty of recent tokens; 1 is none."""
    repetition_window: int = 64
    """Tokens that count as recent."""
    seed: int = 0
    """Seed of the random choices."""

    def __post_init__(self) -> None:
        check_range(self, 0, math.inf, "temperature", "top_k")
        check_range(self, 1, math.inf, "repetition_penalty", "repetition_window")
        check_range(self, 0, 1, "min_p")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}")
        check_seed(self.seed)
