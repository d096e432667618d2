"""``bowerbird predict dynamics``."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.predict.outputs import PlotOptions, describe_loss, final_result
from bowerbird.cli.report import report
from bowerbird.prediction.dynamics.config import DynamicsConfig, System

if TYPE_CHECKING:
    from bowerbird.cli.progress import Work
    from bowerbird.prediction.dynamics.learn import FreeRun


def dynamics(
    system: System,
    /,
    *,
    run: PlotOptions = PlotOptions(),
    config: Annotated[
        DynamicsConfig, Parameter(name="*", group=Group("Training", sort_key=2))
    ] = DynamicsConfig(),
) -> int:
    """Train a network on paths of a dynamical system, then let it run free.

    Parameters
    ----------
    system
        lorenz or pendulum.
    """
    paths = run.paths(".png")
    if config.learns == "readout" and run.device not in ("auto", "cpu"):
        raise ValueError("a readout is fitted on the processor; leave --device out")
    from bowerbird.cli.progress import follow
    from bowerbird.learning.device import select_compute
    from bowerbird.prediction.dynamics.learn import move_steps
    from bowerbird.prediction.dynamics.plot import draw_free_run

    device = "cpu" if config.learns == "readout" else str(select_compute(run.device).device)

    work = follow(move_steps(system, config, device), (), describe_loss, quiet=run.quiet)
    result = final_result(work)

    if ".png" in paths:
        draw_free_run(result, paths[".png"])
    facts = _facts(result, paths, work)
    report(facts, *_lines(result, facts), json=run.json)
    return 0


def _facts(result: "FreeRun", paths: dict[str, Path], work: "Work[FreeRun]") -> dict[str, Any]:
    """Return the results, for JSON."""
    import numpy as np

    from bowerbird.prediction.dynamics.systems import SYSTEMS

    valid, system = result.valid, SYSTEMS[result.system]
    facts: dict[str, Any] = {
        "system": result.system,
        "learns": result.config.learns,
        "valid_median": float(np.median(valid)),
        "valid_least": float(valid.min()),
        "valid_most": float(valid.max()),
        "unit": system.unit_name,
        "paths": len(valid),
        "longest_possible": float(result.times[-1] / system.unit),
        "one_step_error": result.one_step,
        "weights": result.weights,
    }
    if result.system == "pendulum":
        phase = result.phase_drift[np.isfinite(result.phase_drift)]
        facts["energy_drift_median"] = float(np.median(result.energy_drift))
        facts["phase_drift_median"] = float(np.median(phase)) if len(phase) else None
    return {
        **facts,
        "learning_seconds": round(result.seconds, 2),
        "seconds": round(work.last.seconds, 2),
        "output": str(paths[".png"]) if paths else None,
    }


def _lines(result: "FreeRun", facts: dict[str, Any]) -> list[str]:
    """Return the results in sentences."""
    lines = [
        f"{result.system}: valid for {facts['valid_median']:.1f} {facts['unit']} (median of "
        f"{facts['paths']} test paths; {facts['valid_least']:.1f} to {facts['valid_most']:.1f}), "
        f"one-step error {result.one_step:.1e}, trained in {result.seconds:.1f} s"
    ]
    if result.system == "pendulum":
        lines.append(
            f"after {result.times[-1]:.0f} s: energy error {facts['energy_drift_median']:.1e} of "
            f"the energy that turns it over, phase error "
            f"{facts['phase_drift_median'] or math.nan:.1e} of a period (medians)"
        )
    return lines if facts["output"] is None else [*lines, facts["output"]]
