"""Nested lists have the value that Python gives them, are parsed back, and train both models."""

from random import Random
from statistics import median

import pytest
import torch

from bowerbird.errors import ExpressionError
from bowerbird.networks.tree_lstm import make_forest
from bowerbird.prediction.expressions.compare import compare, draw_test_set
from bowerbird.prediction.expressions.config import ExpressionsConfig
from bowerbird.prediction.expressions.listops import (
    CLOSE,
    DIGITS,
    draw_expression,
    parse_expression,
)
from bowerbird.prediction.expressions.models import SequenceModel, TreeModel, check_readable


def nesting(expression):
    """Return how many lists are around the innermost digits, from the brackets of the text."""
    text = str(expression)
    return max(text[:place].count("[") - text[:place].count("]") for place in range(len(text)))


def evaluate(text):
    """Evaluate the text in another way, by Python's own functions."""
    words = text.replace("[", "(").replace("]", ")").split()
    for name in ("MAX", "MIN", "MED", "SM"):
        words = [word.replace(f"({name}", f"{name}(") for word in words]
    code = "".join(word if word.endswith("(") or word == ")" else f"{word}," for word in words)
    names = {
        "MAX": lambda *a: max(a),
        "MIN": lambda *a: min(a),
        "MED": lambda *a: int(median(a)),
        "SM": lambda *a: sum(a) % 10,
    }
    return eval(code.replace(")", "),").rstrip(","), names)


@pytest.mark.parametrize("depth", [1, 2, 5, 8])
def test_values_depth_and_text(depth):
    random = Random(depth)
    for _ in range(40):
        expression = draw_expression(random, depth)
        assert nesting(expression) == depth
        assert expression.values()[0] == evaluate(str(expression))
        assert parse_expression(str(expression)) == expression


def test_the_example_of_the_paper():
    assert parse_expression("[MAX 2 9 [MIN 4 7] 0]").values() == [9, 2, 9, 4, 4, 7, 0]


def test_tree_and_sequence_have_the_same_values():
    expression = draw_expression(Random(0), 4)
    tokens, ends = expression.sequence()
    tree, nodes = expression.tree()
    assert sorted(tree.tokens) == sorted(tokens)
    for token, end, node in zip(expression.tokens, ends, nodes, strict=True):
        assert tokens[end] == tree.tokens[node] == (token if token < DIGITS else CLOSE)
    assert len(make_forest([tree]).roots) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("[MAX 1 2", "not closed"),
        ("1 2", "after the end"),
        ("[MAX ]", "without arguments"),
        ("]", "closing bracket too many"),
        ("[AVG 1 2]", "must begin with one of"),
        ("[MAX 1 x]", "'x' at character 8"),
        ("[MAX 2 12]", "12 at character 8 is not a digit"),
    ],
)
def test_invalid_expressions_are_refused(text, words):
    with pytest.raises(ExpressionError, match=words):
        parse_expression(text)


def test_test_expressions_were_never_trained_on():
    config = ExpressionsConfig(train_depth=1, test_depth=2, test_size=50)
    excluded = {e.tokens for e in draw_test_set(config, set())[1]}
    test_set = draw_test_set(config, excluded)
    assert not excluded & {e.tokens for e in test_set[1]}
    assert {nesting(e) for e in test_set[2]} == {2}


def test_both_models_predict_every_digit_and_list_in_any_batch():
    config = ExpressionsConfig(hidden_size=12, embedding_dim=6)
    batch = [draw_expression(Random(k), 1 + k % 3) for k in range(20)]
    for model in (TreeModel(config), SequenceModel(config, 12)):
        with torch.no_grad():
            batched = model(batch)
            single = torch.cat([model([expression]) for expression in batch])
        torch.testing.assert_close(batched, single, atol=1e-5, rtol=1e-5)
        assert batched.shape == (sum(len(expression.tokens) for expression in batch), DIGITS)


def test_a_short_training():
    config = ExpressionsConfig(
        train_depth=2, test_depth=3, hidden_size=32, embedding_dim=16, batch_size=32, minutes=0.02,
        test_size=60,
    )  # fmt: skip
    comparison = compare(config)
    tree, sequence = comparison.results
    assert abs(tree.parameters - sequence.parameters) < 0.05 * tree.parameters
    assert tree.accuracy[1] > 0.3  # a random digit is right one time in ten
    assert set(comparison.test_sizes) == {1, 2, 3}
    assert set(comparison.predict(parse_expression("[MAX 2 9]"))) == {"tree", "sequence"}


def test_the_same_steps_give_the_same_result():
    config = ExpressionsConfig(
        1, 1, hidden_size=8, embedding_dim=4, batch_size=8, iterations=6, test_size=20
    )
    one, same = compare(config), compare(config)
    assert [result.steps for result in one.results] == [6, 6]
    assert [r.accuracy for r in one.results] == [r.accuracy for r in same.results]
    for name, model in one.models.items():
        for ours, theirs in zip(model.parameters(), same.models[name].parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_a_list_too_long_for_n_ary_is_refused():
    expressions = [parse_expression("[MAX 1 [MIN 1 2 3 4 5 6] 2]")]
    check_readable(ExpressionsConfig(), expressions)
    with pytest.raises(ValueError, match="6 arguments"):
        check_readable(ExpressionsConfig(tree_cell="n-ary"), expressions)


@pytest.mark.parametrize(
    "settings",
    [
        {"iterations": -1},
        {"iterations": 5, "minutes": 2.0},
        {"train_depth": 0},
        {"minutes": 0.0},
        {"learning_rate": 2.0},
        {"test_depth": 3},
    ],
)
def test_invalid_settings(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        ExpressionsConfig(**settings)
