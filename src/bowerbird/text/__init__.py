"""Text in the style of a corpus: tokenizers, training, generation.

The public names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from bowerbird.lazy import lazy_exports

if TYPE_CHECKING:
    from bowerbird.learning.config import SamplingConfig as SamplingConfig
    from bowerbird.text.config import (
        GenerateConfig as GenerateConfig,
        TrainConfig as TrainConfig,
    )
    from bowerbird.text.corpus import Corpus as Corpus
    from bowerbird.text.generator import (
        Evaluation as Evaluation,
        TextGenerator as TextGenerator,
        load as load,
    )
    from bowerbird.text.perplexity_reference import (
        assess as assess,
        perplexity_references as perplexity_references,
    )
    from bowerbird.text.presets import PRESETS as PRESETS
    from bowerbird.text.tokenizer import (
        BytePairTokenizer as BytePairTokenizer,
        CharacterTokenizer as CharacterTokenizer,
    )
    from bowerbird.text.training import (
        Training as Training,
        train as train,
    )
    from bowerbird.text.word_tokenizer import WordTokenizer as WordTokenizer
else:
    __getattr__, __dir__, __all__ = lazy_exports(__name__)
