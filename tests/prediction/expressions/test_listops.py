"""Nested lists: worth what Python says, written and read back, learned by both readers."""

from random import Random
from statistics import median

import pytest
import torch

from bowerbird.errors import ExpressionError
from bowerbird.networks.tree_lstm import plant
from bowerbird.prediction.expressions.compare import (
    StringReader,
    TreeReader,
    check_asked,
    exams,
    learn,
)
from bowerbird.prediction.expressions.config import CalculatorConfig
from bowerbird.prediction.expressions.listops import CLOSE, DIGITS, draw_expression, read_expression


def worth(text):
    """Evaluate the text itself, another way: by Python's own functions."""
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
        assert expression.depth == depth
        assert expression.values()[0] == worth(str(expression))
        assert read_expression(str(expression)) == expression


def test_the_example_of_the_paper():
    assert read_expression("[MAX 2 9 [MIN 4 7] 0]").values() == [9, 2, 9, 4, 4, 7, 0]


def test_tree_and_string_ask_the_same():
    expression = draw_expression(Random(0), 4)
    signs, ends = expression.string()
    tree, known = expression.tree()
    assert sorted(tree.signs) == sorted(signs)
    for sign, end, node in zip(expression.signs, ends, known, strict=True):
        assert signs[end] == tree.signs[node] == (sign if sign < DIGITS else CLOSE)
    assert len(plant([tree]).roots) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no expression"),
        ("[MAX 1 2", "not closed"),
        ("1 2", "after the end"),
        ("[MAX ]", "without an argument"),
        ("]", "not opened"),
        ("[AVG 1 2]", "begins with one of"),
        ("[MAX 1 x]", "'x' at character 8"),
        ("[MAX 2 12]", "12 at character 8 is no digit"),
    ],
)
def test_what_is_no_expression(text, words):
    with pytest.raises(ExpressionError, match=words):
        read_expression(text)


def test_what_is_measured_on_was_never_drawn():
    config = CalculatorConfig(depth=1, deeper=1, tests=50)
    known = {e.signs for e in exams(config, set())[1]}
    fresh = exams(config, known)
    assert not known & {e.signs for e in fresh[1]}
    assert {e.depth for e in fresh[2]} == {2}


def test_both_readers_answer_every_digit_and_list_whatever_the_batch():
    config = CalculatorConfig(width=12, embedding=6)
    some = [draw_expression(Random(k), 1 + k % 3) for k in range(20)]
    for reader in (TreeReader(config), StringReader(config, 12)):
        with torch.no_grad():
            together = reader(some)
            alone = torch.cat([reader([one]) for one in some])
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
        assert together.shape == (sum(len(one.signs) for one in some), DIGITS)


def test_a_short_lesson():
    config = CalculatorConfig(
        depth=2, deeper=1, width=32, embedding=16, rows=32, minutes=0.02, tests=60
    )
    done = learn(config)
    tree, string = done.marks
    assert abs(tree.weights - string.weights) < 0.05 * tree.weights
    assert tree.accuracy[1] > 0.3  # guessing is right one time in ten
    assert set(done.tested) == {1, 2, 3}
    assert set(done.answer(read_expression("[MAX 2 9]"))) == {"tree", "string"}


def test_so_many_steps_are_the_same_lesson():
    config = CalculatorConfig(1, 0, width=8, embedding=4, rows=8, iterations=6, tests=20)
    one, same = learn(config), learn(config)
    assert [marks.steps for marks in one.marks] == [6, 6]
    assert [marks.accuracy for marks in one.marks] == [marks.accuracy for marks in same.marks]
    for name, reader in one.readers.items():
        for ours, theirs in zip(reader.parameters(), same.readers[name].parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_a_list_too_long_for_n_ary_is_refused_at_once():
    asked = [read_expression("[MAX 1 [MIN 1 2 3 4 5 6] 2]")]
    check_asked(CalculatorConfig(), asked)
    with pytest.raises(ValueError, match="6 arguments"):
        check_asked(CalculatorConfig(tree_cell="n-ary"), asked)


@pytest.mark.parametrize(
    "wrong",
    [
        {"iterations": -1},
        {"iterations": 5, "minutes": 2.0},
        {"depth": 0},
        {"minutes": 0.0},
        {"rate": 2.0},
        {"deeper": -1},
    ],
)
def test_nonsense_settings(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CalculatorConfig(**wrong)
