"""Is this loss normal? What a loss is to be compared with: the text itself, and known figures.

Three lower rungs come from the text: every character equally likely, characters by their frequency
(order-0 entropy: Shannon 1948), and what gzip and xz need. Known figures are of
tiny-shakespeare's last tenth, in nats a character.
"""

import gzip
import lzma
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

KNOWN = (  # nats a character, and where the figure comes from
    ("bowerbird on 2 cores, 18 seconds, 0.28 M weights", 1.657, "benchmarks/text"),
    ("bowerbird on 2 cores, 72 seconds, 0.72 M weights", 1.513, "benchmarks/text"),
    ("bowerbird on 2 cores, 4 minutes, 1.2 M weights", 1.443, "benchmarks/text"),
    ("nanoGPT on a laptop's processor, 3 minutes", 1.88, "its README"),
    ("nanoGPT on an A100, 3 minutes, 10.7 M weights", 1.4697, "its README"),
)


@dataclass(frozen=True)
class Reference:
    """A loss to compare with."""

    name: str
    nats_per_char: float
    source: str
    """this text, or where a published figure stands."""


def references(text: str, own: object = None) -> list[Reference]:
    """Return what to compare a loss over a text with, the worst first.

    ``own`` is the model's loss on what was kept aside of its own corpus, where it is known.
    Raises ValueError for an empty text.
    """
    if not text:
        raise ValueError("an empty text has no loss")
    counts, size = Counter(text), len(text)
    entropy = -sum(n / size * math.log(n / size) for n in counts.values())
    data = text.encode("utf-8", "surrogatepass")
    bits = math.log(2) * 8 / size
    found = [
        Reference("every character equally likely", math.log(len(counts)), "this text"),
        Reference("characters by their frequency", entropy, "this text"),
        Reference("gzip -9", len(gzip.compress(data, 9)) * bits, "this text"),
        Reference("xz -9", len(lzma.compress(data, preset=9)) * bits, "this text"),
    ]
    found += [Reference(name, nats, source) for name, nats, source in KNOWN]
    if isinstance(own, float):
        found.append(Reference("this model, text of its own corpus", own, "kept aside"))
    return sorted(found, key=lambda r: -r.nats_per_char)


def verdict(nats_per_char: float, rungs: Sequence[Reference]) -> str:
    """Say in one sentence what a loss over a text means, given what `references` says of it."""
    by_name = {r.name: r.nats_per_char for r in rungs}
    if nats_per_char >= by_name["characters by their frequency"]:
        return "it knows no more than how frequent the characters are: it has not learned this text"
    if nats_per_char >= min(by_name["gzip -9"], by_name["xz -9"]):
        return "it foresees this text no better than a compressor: another language, or too short"
    if nats_per_char < 0.5:
        return "it knows this text nearly by heart: was it in what it learned from?"
    return "normal: better than a compressor, as a writer of this language should be"
