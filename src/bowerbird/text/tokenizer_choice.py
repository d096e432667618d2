"""The tokenizer that a configuration asks for, or that a model file stores."""

from collections.abc import Mapping
from typing import Any, TypeGuard, get_args

from bowerbird.text.config import TokenizerKind, TrainConfig
from bowerbird.text.corpus import Corpus
from bowerbird.text.tokenizer import BytePairTokenizer, CharacterTokenizer, TextTokenizer
from bowerbird.text.word_tokenizer import WordTokenizer


def make_tokenizer(corpus: Corpus, config: TrainConfig) -> TextTokenizer:
    """Return a tokenizer for a corpus; raise ValueError for too few or too many characters."""
    counts = corpus.statistics.counts
    if config.tokenizer == "characters":
        return CharacterTokenizer.from_counts(counts, config.min_count)
    if config.tokenizer == "bytes":
        return BytePairTokenizer()
    texts = (block for _, blocks in corpus.documents() for block in blocks)
    if config.tokenizer == "words":
        return WordTokenizer.train(texts, counts, config.max_vocab_size, config.min_count)
    return BytePairTokenizer.train(texts, config.max_vocab_size)


def tokenizer_from(data: Mapping[str, Any]) -> TextTokenizer:
    """Return the tokenizer of ``to_dict()``; raise ValueError for anything else."""
    kind = data.get("kind") if isinstance(data, Mapping) else None
    match kind:
        case "bytes":
            return BytePairTokenizer()
        case "characters":
            characters = data.get("characters")
            if isinstance(characters, str):
                made = CharacterTokenizer(characters)
                if made.characters == characters:
                    return made
        case "words":
            characters, words = data.get("characters"), data.get("words")
            if isinstance(characters, str) and _are_words(words):
                return WordTokenizer(characters, words)
        case "bpe":
            merges = data.get("merges")
            if isinstance(merges, list) and all(_is_merge(merge) for merge in merges):
                return BytePairTokenizer(merges)
        case _:
            known = ", ".join(get_args(TokenizerKind))
            raise ValueError(f"the model's tokenizer is {kind!r:.40}, not one of {known}")
    raise ValueError(f"the {kind} tokenizer of the model is damaged")


def _are_words(words: object) -> TypeGuard[list[str]]:
    return isinstance(words, list) and all(isinstance(word, str) for word in words)


def _is_merge(merge: object) -> bool:
    # not isinstance: a boolean is an int to Python
    return isinstance(merge, list) and len(merge) == 2 and all(type(n) is int for n in merge)
