"""Text: train a model on any corpus and generate text in its style."""

from typing import TYPE_CHECKING

from bowerbird.lazy import lazy_exports

if TYPE_CHECKING:
    from bowerbird.learning.config import SamplingConfig
    from bowerbird.text.config import GenerateConfig, TrainConfig
    from bowerbird.text.corpus import Corpus
    from bowerbird.text.generator import Evaluation, TextGenerator, load
    from bowerbird.text.perplexity_reference import assess, perplexity_references
    from bowerbird.text.presets import PRESETS
    from bowerbird.text.tokenizer import BytePairTokenizer, CharacterTokenizer
    from bowerbird.text.training import Training, train

__getattr__, __dir__, __all__ = lazy_exports(__name__)
