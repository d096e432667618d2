"""``bowerbird text evaluate``."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import Parameter

from bowerbird.cli.errors import about
from bowerbird.cli.options import RUN, Device, Json
from bowerbird.cli.report import report
from bowerbird.cli.text.corpus import CorpusOptions, Source

if TYPE_CHECKING:
    from rich.table import Table

    from bowerbird.text.perplexity_reference import Reference


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class EvaluateOptions:
    """Options of ``text evaluate``."""

    adapt: float = 0.0
    """Learning rate of dynamic evaluation: the model trains on what it has read; 0 is off."""
    device: Device = "auto"
    json: Json = False


def evaluate(
    model: str,
    file: Source,
    /,
    *,
    run: EvaluateOptions = EvaluateOptions(),
    reading: CorpusOptions = CorpusOptions(),
) -> None:
    """Print how well a model predicts a text, with reference values.

    Parameters
    ----------
    model
        Model file, or shakespeare.
    file
        The text: a file, a folder, a pattern, or - for standard input.
    """
    from bowerbird.text.generator import load
    from bowerbird.text.perplexity_reference import assess, perplexity_references

    generator = load(model, run.device)
    documents = ["".join(blocks) for _, blocks in reading.corpus([file]).documents()]
    with about(Path(file)):
        evaluation = generator.evaluate(*documents, adapt=run.adapt)

    text, loss = "".join(documents), evaluation.nats_per_char
    references = perplexity_references(text, generator.provenance.get("validation_loss"))
    assessment = assess(loss, references)
    facts = {
        "nats_per_char": loss,
        "bits_per_char": evaluation.bits_per_char,
        "perplexity": evaluation.perplexity,
        "characters": evaluation.characters,
        "assessment": assessment,
        "references": [asdict(reference) for reference in references],
    }
    unknown = generator.unknown_fraction(text)
    note = f", {unknown:.1%} of them unknown to the model" if unknown else ""
    summary = f"{evaluation.characters} characters{note}; {assessment}"
    report(facts, _reference_table(loss, references), summary, json=run.json)


def _reference_table(loss: float, references: "Sequence[Reference]") -> "Table":
    """Return a table of the loss among its reference values."""
    from rich.table import Table

    table = Table("nats/char", "bits/char", "perplexity", "", box=None, pad_edge=False)
    rows = [(r.nats_per_char, f"{r.name} ({r.source})") for r in references]
    for nats, name in sorted([*rows, (loss, "this model")], reverse=True):
        style = "bold" if name == "this model" else None
        bits = f"{nats / math.log(2):.3f}"
        table.add_row(f"{nats:.3f}", bits, f"{math.exp(nats):.2f}", name, style=style)
    return table
