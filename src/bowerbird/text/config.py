"""Settings of text: how to train a model, and how to generate. Imports no torch."""

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

from bowerbird.learning.config import SamplingConfig, SequenceConfig, TrainingConfig
from bowerbird.learning.validate import check_choice, check_range
from bowerbird.networks.config import LanguageModelConfig

TokenizerKind = Literal["characters", "bytes", "bpe", "words"]


@dataclass(frozen=True)
class TrainConfig(TrainingConfig):
    """How to train a model on texts."""

    tokenizer: TokenizerKind = "characters"
    """Tokens: characters, bytes of UTF-8, byte pairs (bpe), or the frequent words of the corpus."""
    max_vocab_size: int = 1024
    """Largest vocabulary of the tokenizers bpe and words."""
    min_count: int = 1
    """Occurrences that a character needs to have a token of its own."""
    model: LanguageModelConfig = field(default_factory=LanguageModelConfig)
    """The network."""
    sequence: SequenceConfig = field(default_factory=SequenceConfig)
    """Batches."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self.tokenizer, get_args(TokenizerKind))
        check_range(self, 1, math.inf, "min_count")


@dataclass(frozen=True)
class GenerateConfig:
    """What to generate."""

    length: int = 1000
    """Largest number of tokens of each sample."""
    stop: tuple[str, ...] = ()
    """Strings that end a sample."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    """How to sample the next token."""

    def __post_init__(self) -> None:
        check_range(self, 1, math.inf, "length")
