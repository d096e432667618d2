"""``bowerbird predict expressions``."""

from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.predict.outputs import PlotOptions, describe_loss, final_result
from bowerbird.cli.progress import follow
from bowerbird.cli.report import report
from bowerbird.prediction.expressions.config import ExpressionsConfig

if TYPE_CHECKING:
    from bowerbird.prediction.expressions.compare import Comparison
    from bowerbird.prediction.expressions.listops import Expression


def expressions(
    *expression: str,
    run: PlotOptions = PlotOptions(),
    config: Annotated[
        ExpressionsConfig, Parameter(name="*", group=Group("Training", sort_key=2))
    ] = ExpressionsConfig(),
) -> int:
    """Train a tree-LSTM and an LSTM to evaluate nested lists, and compare them by depth.

    Parameters
    ----------
    expression
        Expressions to evaluate after training, as "[MAX 2 9 [MIN 4 7] 0]".
    """
    paths = run.paths(".png", ".csv")
    from bowerbird.learning.device import select_compute
    from bowerbird.prediction.expressions.compare import compare_steps
    from bowerbird.prediction.expressions.listops import parse_expression
    from bowerbird.prediction.expressions.models import check_readable

    parsed = [parse_expression(text) for text in expression]
    check_readable(config, parsed)
    device = str(select_compute(run.device).device)
    work = follow(compare_steps(config, device), (), describe_loss, quiet=run.quiet)
    comparison: Comparison = final_result(work)
    if paths:
        _write(comparison, parsed, paths)
    facts: dict[str, Any] = {
        "train_depth": config.train_depth,
        "test_sizes": comparison.test_sizes,
        "models": [asdict(result) for result in comparison.results],
        "answers": [
            {"expression": str(one), "value": one.values()[0], **comparison.predict(one)}
            for one in parsed
        ],
        "files": [str(path) for path in paths.values()],
    }
    report(facts, *_sentences(comparison, facts), json=run.json)
    return 0


def _write(comparison: "Comparison", parsed: "list[Expression]", paths: dict[str, Path]) -> None:
    """Write the plot and the accuracies by depth."""
    from bowerbird.files.delimited import write_rows
    from bowerbird.prediction.expressions.listops import draw_expression
    from bowerbird.prediction.expressions.plot import plot_comparison

    random = Random(f"{comparison.config.seed} an example")
    depth = comparison.config.train_depth
    example = parsed[0] if parsed else draw_expression(random, depth, max_arguments=3)
    plot_comparison(comparison, example, paths[".png"])
    names = ["depth", "expressions", *(result.model for result in comparison.results)]
    rows = (
        [depth, count, *(f"{result.accuracy[depth]:.4f}" for result in comparison.results)]
        for depth, count in comparison.test_sizes.items()
    )
    write_rows(paths[".csv"], names, rows)


def _sentences(comparison: "Comparison", facts: dict[str, Any]) -> list[str]:
    from bowerbird.prediction.expressions.plot import NAMES

    lines = [f"{'depth':<22}" + "".join(f"{depth:>7}" for depth in comparison.test_sizes)]
    for result in comparison.results:
        accuracy = "".join(f"{value:7.1%}" for value in result.accuracy.values())
        lines.append(
            f"{NAMES[result.model]:<22}{accuracy}   {result.parameters} weights, {result.steps} "
            f"steps in {result.seconds:.0f} s"
        )
    lines.append(f"trained on depths 1 to {comparison.config.train_depth}")
    for answer in facts["answers"]:
        predictions = ", ".join(f"{name}: {answer[model]}" for model, name in NAMES.items())
        lines.append(f"{answer['expression']} is {answer['value']}; {predictions}")
    return [*lines, ", ".join(facts["files"])] if facts["files"] else lines
