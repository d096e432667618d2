"""``bowerbird predict expressions``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.predict.outputs import PlotOptions, describe_loss, final_result
from bowerbird.cli.report import report
from bowerbird.prediction.expressions.config import CalculatorConfig

if TYPE_CHECKING:
    from bowerbird.prediction.expressions.compare import Lesson
    from bowerbird.prediction.expressions.listops import Expression


def expressions(
    *expression: str,
    run: PlotOptions = PlotOptions(),
    config: Annotated[
        CalculatorConfig, Parameter(name="*", group=Group("Training", sort_key=2))
    ] = CalculatorConfig(),
) -> int:
    """Train a tree-LSTM and an LSTM to evaluate nested lists, and compare them.

    Parameters
    ----------
    expression
        Expressions to evaluate after training, as "[MAX 2 9 [MIN 4 7] 0]".
    """
    from bowerbird.cli.progress import follow
    from bowerbird.learning.device import select_compute
    from bowerbird.prediction.expressions.compare import check_asked, learn_steps
    from bowerbird.prediction.expressions.listops import read_expression

    paths = run.paths(".png", ".csv")
    questions = [read_expression(text) for text in expression]
    check_asked(config, questions)
    device = str(select_compute(run.device).device)

    work = follow(learn_steps(config, device), (), describe_loss, quiet=run.quiet)
    result = final_result(work)

    _write(result, questions, paths)
    answers = [
        {"expression": str(q), "value": q.values()[0], **result.answer(q)} for q in questions
    ]
    facts = {
        "learned_depth": result.config.depth,
        "tested": result.tested,
        "readers": [asdict(marks) for marks in result.marks],
        "answers": answers,
        "files": [str(path) for path in paths.values()],
    }
    report(facts, *_lines(result, facts), json=run.json)
    return 0


def _write(result: "Lesson", questions: "list[Expression]", paths: dict[str, Path]) -> None:
    """Write the plot and the accuracies, if they are asked for."""
    from random import Random

    from bowerbird.files.delimited import write_rows
    from bowerbird.prediction.expressions.listops import draw_expression
    from bowerbird.prediction.expressions.plot import draw_lesson

    if not paths:
        return
    random = Random(f"{result.config.seed} an example")
    example = questions[0] if questions else draw_expression(random, result.config.depth, most=3)
    draw_lesson(result, example, paths[".png"])
    names = ["depth", "expressions", *(marks.reader for marks in result.marks)]
    rows = (
        [depth, count, *(f"{marks.accuracy[depth]:.4f}" for marks in result.marks)]
        for depth, count in result.tested.items()
    )
    write_rows(paths[".csv"], names, rows)


def _lines(result: "Lesson", facts: dict[str, Any]) -> list[str]:
    """Return the accuracies by depth as a table, and the answers."""
    from bowerbird.prediction.expressions.plot import NAMES

    lines = [f"{'depth':<22}" + "".join(f"{depth:>7}" for depth in result.tested)]
    for marks in result.marks:
        accuracies = "".join(f"{accuracy:7.1%}" for accuracy in marks.accuracy.values())
        lines.append(
            f"{NAMES[marks.reader]:<22}{accuracies}   {marks.weights} weights, {marks.steps} steps "
            f"in {marks.seconds:.0f} s"
        )
    lines.append(f"trained on depths 1 to {result.config.depth}")
    lines += [
        f"{answer['expression']} is {answer['value']}; tree-LSTM: {answer['tree']}, LSTM: "
        f"{answer['string']}"
        for answer in facts["answers"]
    ]
    return [*lines, ", ".join(facts["files"])] if facts["files"] else lines
