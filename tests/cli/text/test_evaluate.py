"""`bowerbird text evaluate`."""

import json
from pathlib import Path

import pytest

from bowerbird.cli import run


def test_evaluate_prints_reference_values(model, verse, capsys):
    assert run(["text", "evaluate", str(model), verse, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["characters"] == len(Path(verse).read_text())
    assert facts["bits_per_char"] == pytest.approx(facts["nats_per_char"] / 0.6931472, rel=1e-4)
    assert facts["perplexity"] > 1
    assert run(["text", "evaluate", str(model), verse]) == 0
    table = capsys.readouterr().out
    assert "this model" in table
    assert "gzip" in table
