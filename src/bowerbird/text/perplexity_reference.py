"""Reference values for a loss on a text, to judge whether it is good.

From the text itself: all characters equally likely, characters by their frequency (order-0 entropy,
Shannon 1948), and the compression of gzip and xz. Published values are for the last tenth of
tiny-shakespeare, in nats per character.
"""

import gzip
import lzma
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

PUBLISHED = (  # nats per character, and the source
    ("bowerbird on 2 cores, 18 seconds, 0.28 M weights", 1.657, "benchmarks/text"),
    ("bowerbird on 2 cores, 72 seconds, 0.72 M weights", 1.513, "benchmarks/text"),
    ("bowerbird on 2 cores, 4 minutes, 1.2 M weights", 1.443, "benchmarks/text"),
    ("nanoGPT on a laptop's CPU, 3 minutes", 1.88, "its README"),
    ("nanoGPT on an A100, 3 minutes, 10.7 M weights", 1.4697, "its README"),
)
OWN = "this model on its own corpus"
SAME = 0.1  # nats per character, by which texts of one kind differ


@dataclass(frozen=True)
class Reference:
    """A loss for comparison."""

    name: str
    nats_per_char: float
    source: str
    """``this text``, or where the value was published."""


def perplexity_references(text: str, validation_loss: object = None) -> list[Reference]:
    """Return reference values for a loss on a text, the worst first.

    ``validation_loss`` is the model's own, on the validation text of its corpus, if it is known.
    Raises ValueError for an empty text.
    """
    if not text:
        raise ValueError("an empty text has no loss")
    counts, size = Counter(text), len(text)
    entropy = -sum(n / size * math.log(n / size) for n in counts.values())
    data = text.encode("utf-8", "surrogatepass")
    bits = math.log(2) * 8 / size
    references = [
        Reference("all characters equally likely", math.log(len(counts)), "this text"),
        Reference("characters by their frequency", entropy, "this text"),
        Reference("gzip -9", len(gzip.compress(data, 9)) * bits, "this text"),
        Reference("xz -9", len(lzma.compress(data, preset=9)) * bits, "this text"),
    ]
    references += [Reference(name, nats, source) for name, nats, source in PUBLISHED]
    if isinstance(validation_loss, float):
        own = Reference(OWN, validation_loss, "validation text")
        references.append(own)
    return sorted(references, key=lambda r: -r.nats_per_char)


def assess(nats_per_char: float, references: Sequence[Reference]) -> str:
    """Return in one sentence what a loss on a text means, given its ``perplexity_references``."""
    by_name = {r.name: r.nats_per_char for r in references}
    if nats_per_char >= by_name["characters by their frequency"]:
        return "no better than the frequency of characters: the model can't predict this text"
    if nats_per_char >= min(by_name["gzip -9"], by_name["xz -9"]):
        own = by_name.get(OWN)
        if own is not None and nats_per_char < own + SAME:
            return "as on its own corpus, but no better than a compressor: train the model longer"
        return "no better than a compressor: the model doesn't know texts like this one"
    if nats_per_char < 0.5:
        return "the model has nearly memorized this text: it was probably trained on it"
    return "normal: better than a compressor, as expected for a text in the language of the corpus"
