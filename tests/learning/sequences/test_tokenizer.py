"""The tokenizers of text and music fulfil one protocol."""

import inspect
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bowerbird.learning.sequences.tokenizer import Tokenizer
from bowerbird.music.corpus import Corpus
from bowerbird.music.score.melody import melody
from bowerbird.music.tokens import kinds
from bowerbird.text import tokenizer as text, tokenizer_choice
from bowerbird.text.word_tokenizer import WordTokenizer

TEXT = "The owl and the pussycat went to sea in a beautiful pea-green boat.\n" * 20
ABC = "X:1\nT:a\nM:2/4\nL:1/8\nK:D\nDE FG|AB cd|dc BA|GF ED|\n"
TEXT_TOKENIZERS = [
    text.CharacterTokenizer(TEXT),
    text.BytePairTokenizer(),
    text.BytePairTokenizer.train([TEXT], 280),
    WordTokenizer.train([TEXT], Counter(TEXT), 40),
]


def check(tokenizer, document, again):
    members = {name for name, _ in inspect.getmembers(Tokenizer) if not name.startswith("_")}
    assert {"kind", "vocab_size", "end_token", "encode", "decode", "to_dict"} <= members
    assert all(hasattr(tokenizer, name) for name in members)
    ids = tokenizer.encode(document)
    assert ids.dtype == np.min_scalar_type(tokenizer.vocab_size - 1)
    assert 0 <= tokenizer.end_token < tokenizer.vocab_size
    assert tokenizer.end_token not in ids
    assert np.array_equal(tokenizer.encode(tokenizer.decode(ids.tolist())), ids)
    data = json.loads(json.dumps(tokenizer.to_dict()))
    assert data["kind"] == tokenizer.kind
    assert np.array_equal(again(data).encode(document), ids)


@pytest.mark.parametrize("tokenizer", TEXT_TOKENIZERS, ids=lambda t: t.kind)
def test_text(tokenizer):
    check(tokenizer, TEXT, tokenizer_choice.tokenizer_from)


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_music(kind, tmp_path: Path):
    (tmp_path / "a.abc").write_text(ABC)
    ((_, score),) = Corpus([tmp_path / "a.abc"]).pieces
    check(kinds.tokenizer_for(kind, [score]), melody(score), kinds.tokenizer_from)
