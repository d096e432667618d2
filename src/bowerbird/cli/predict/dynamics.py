"""``bowerbird predict dynamics``."""

import math
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.predict.outputs import PlotOptions, describe_loss, final_result
from bowerbird.cli.progress import follow
from bowerbird.cli.report import report
from bowerbird.prediction.dynamics.config import DynamicsConfig, System

if TYPE_CHECKING:
    from bowerbird.prediction.dynamics.free_run import FreeRun


def dynamics(
    system: System,
    /,
    *,
    run: PlotOptions = PlotOptions(),
    config: Annotated[
        DynamicsConfig, Parameter(name="*", group=Group("Training", sort_key=2))
    ] = DynamicsConfig(),
) -> int:
    """Train a network on simulated trajectories of a system, then run it freely.

    Parameters
    ----------
    system
        lorenz or pendulum.
    """
    paths = run.paths(".png")
    if config.method == "echo-state" and run.device not in ("auto", "cpu"):
        raise ValueError("the method echo-state runs on the CPU; leave --device out")
    from bowerbird.learning.device import select_compute
    from bowerbird.prediction.dynamics.plot import plot_free_run
    from bowerbird.prediction.dynamics.train import train_dynamics_steps

    device = "cpu" if config.method == "echo-state" else str(select_compute(run.device).device)
    steps = train_dynamics_steps(system, config, device)
    work = follow(steps, (), describe_loss, quiet=run.quiet)
    result: FreeRun = final_result(work)
    if paths:
        plot_free_run(result, paths[".png"])
    facts = _facts(result)
    facts |= {"seconds": round(work.last.seconds, 2), "files": [str(p) for p in paths.values()]}
    report(facts, *_sentences(result, facts), *facts["files"], json=run.json)
    return 0


def _facts(result: "FreeRun") -> dict[str, Any]:
    import numpy as np

    from bowerbird.prediction.dynamics.systems import SYSTEMS

    times, info = result.valid_times, SYSTEMS[result.system]
    facts: dict[str, Any] = {
        "system": result.system,
        "method": result.config.method,
        "valid_time_median": float(np.median(times)),
        "valid_time_min": float(times.min()),
        "valid_time_max": float(times.max()),
        "unit": info.unit_name,
        "trajectories": len(times),
        "free_run": float(result.times[-1] / info.unit),
        "one_step_error": result.one_step_error,
        "parameters": result.num_parameters,
    }
    if result.system == "pendulum":
        phase = result.phase_drift[np.isfinite(result.phase_drift)]
        facts["energy_drift_median"] = float(np.median(result.energy_drift))
        facts["phase_drift_median"] = float(np.median(phase)) if len(phase) else None
    return {**facts, "training_seconds": round(result.training_seconds, 2)}


def _sentences(result: "FreeRun", facts: dict[str, Any]) -> list[str]:
    sentences = [
        f"{result.system}: valid for {facts['valid_time_median']:.1f} {facts['unit']} (median of "
        f"{facts['trajectories']} test trajectories; {facts['valid_time_min']:.1f} to "
        f"{facts['valid_time_max']:.1f}), one-step error {result.one_step_error:.1e}, trained in "
        f"{result.training_seconds:.1f} s"
    ]
    if result.system == "pendulum":
        sentences.append(
            f"after {result.times[-1]:.0f} s: energy error {facts['energy_drift_median']:.1e} of "
            f"that of a turn over, phase error {facts['phase_drift_median'] or math.nan:.1e} of a "
            "period (medians)"
        )
    return sentences
