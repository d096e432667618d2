"""``bowerbird music evaluate``."""

import math
from dataclasses import asdict

from bowerbird.cli.options import Device, Json, Switch
from bowerbird.cli.report import notify, notify_skipped, report
from bowerbird.music.config import (
    MELODY_KINDS,
)


def evaluate(
    model: str,
    /,
    *files: str,
    device: Device = "auto",
    json: Json = False,
    each: Switch = False,
    grammar: Switch = False,
) -> None:
    """Print how well a model predicts pieces, in nats per note.

    Parameters
    ----------
    model
        Model file, or scottish.
    files
        Pieces: files, folders, patterns.
    each
        Also print the loss of each piece.
    grammar
        Also print the loss with the grammar that is used to compose.
    """
    from bowerbird.music.composer import load
    from bowerbird.music.corpus import Corpus

    composer = load(model, device)
    corpus = Corpus(files, melodies=composer.tokenizer.kind in MELODY_KINDS)
    corpus.filter(composer.why_not)

    result = composer.evaluate([score for _, score in corpus.pieces], grammar=grammar)

    loss, own = result.nats_per_note, composer.provenance.get("validation_loss")
    facts = {**asdict(result), "perplexity": math.exp(loss), "pieces": len(corpus.pieces)}
    facts |= {"own_validation_nats_per_note": own, "skipped": corpus.skipped}
    losses = {
        name: composer.evaluate([score]).nats_per_note
        for name, score in (corpus.pieces if each else ())
    }
    facts |= {"each": losses} if each else {}
    sentence = f"{loss:.3f} nats per note over {result.notes} notes"
    sentence += f"; {own:.3f} on its own validation pieces" if isinstance(own, float) else ""
    if result.nats_per_note_with_grammar is not None:
        sentence += f"; {result.nats_per_note_with_grammar:.3f} with its grammar"
    if not json:
        notify_skipped(corpus.skipped)
        notify(corpus.summary())
    lines = [f"{nats:.3f}  {name}" for name, nats in losses.items()]
    report(facts, *lines, sentence, json=json)
