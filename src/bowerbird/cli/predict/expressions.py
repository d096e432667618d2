"""``bowerbird predict expressions``."""

import json as jsonlib
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.predict.outputs import PictureRun, describe_loss, final_result
from bowerbird.cli.progress import follow
from bowerbird.files.delimited import write_rows
from bowerbird.learning.device import select_compute
from bowerbird.prediction.expressions.compare import (
    CalculatorConfig,
    Lesson,
    check_asked,
    learn_steps,
)
from bowerbird.prediction.expressions.listops import Expression, draw_expression, read_expression
from bowerbird.prediction.expressions.plot import NAMES, draw_lesson


def expressions(
    *expression: str,
    run: PictureRun = PictureRun(),
    config: Annotated[
        CalculatorConfig, Parameter(name="*", group=Group("Learning", sort_key=2))
    ] = CalculatorConfig(),
) -> int:
    """Learn what nested lists are worth, from the tree and from the string.

    Parameters
    ----------
    expression
        Expressions to work out afterwards, as "[MAX 2 9 [MIN 4 7] 0]".
    """
    places = run.paths(".png", ".csv")
    asked = [read_expression(text) for text in expression]
    check_asked(config, asked)
    device = str(select_compute(run.device).device)

    work = follow(learn_steps(config, device), (), describe_loss, quiet=run.quiet)
    done = final_result(work)

    _write_lesson(done, asked, places)
    return _tell_lesson(done, asked, places, run)


def _write_lesson(done: Lesson, asked: list[Expression], places: dict[str, Path]) -> None:
    if not places:
        return
    random = Random(f"{done.config.seed} an example")
    example = asked[0] if asked else draw_expression(random, done.config.depth, most=3)
    draw_lesson(done, example, places[".png"])
    names = ["depth", "expressions", *(marks.reader for marks in done.marks)]
    rows = (
        [depth, count, *(f"{marks.accuracy[depth]:.4f}" for marks in done.marks)]
        for depth, count in done.tested.items()
    )
    write_rows(places[".csv"], names, rows)


def _tell_lesson(
    done: Lesson, asked: list[Expression], places: dict[str, Path], run: PictureRun
) -> int:
    answers = [
        {"expression": str(one), "value": one.values()[0], **done.answer(one)} for one in asked
    ]
    if run.json:
        facts: dict[str, Any] = {"learned_depth": done.config.depth, "tested": done.tested}
        facts |= {"readers": [asdict(marks) for marks in done.marks], "answers": answers}
        facts |= {"files": [str(place) for place in places.values()]}
        print(jsonlib.dumps(facts, allow_nan=False))  # noqa: T201
        return 0
    print(f"{'depth':<22}" + "".join(f"{depth:>7}" for depth in done.tested))  # noqa: T201
    for marks in done.marks:
        shares = "".join(f"{share:7.1%}" for share in marks.accuracy.values())
        print(  # noqa: T201
            f"{NAMES[marks.reader]:<22}{shares}   {marks.weights} weights, {marks.steps} steps in "
            f"{marks.seconds:.0f} s"
        )
    print(f"learned from depths 1 to {done.config.depth}")  # noqa: T201
    for answer in answers:
        print(  # noqa: T201
            f"{answer['expression']} is {answer['value']}; tree-LSTM: {answer['tree']}, LSTM: "
            f"{answer['string']}"
        )
    if places:
        print(", ".join(str(place) for place in places.values()))  # noqa: T201
    return 0
