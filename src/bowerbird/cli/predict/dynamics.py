"""``bowerbird predict dynamics``."""

import json as jsonlib
import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Group, Parameter

from bowerbird.cli.predict.outputs import PictureRun, describe_loss, final_result
from bowerbird.cli.progress import Work, follow
from bowerbird.learning.device import select_compute
from bowerbird.prediction.dynamics.learn import DynamicsConfig, FreeRun, move_steps
from bowerbird.prediction.dynamics.plot import draw_free_run
from bowerbird.prediction.dynamics.systems import SYSTEMS, System


def dynamics(
    system: System,
    /,
    *,
    run: PictureRun = PictureRun(),
    config: Annotated[
        DynamicsConfig, Parameter(name="*", group=Group("Learning", sort_key=2))
    ] = DynamicsConfig(),
) -> int:
    """Learn how a system moves from paths of it, then run free.

    Parameters
    ----------
    system
        lorenz or pendulum.
    """
    places = run.paths(".png")
    if config.learns == "readout" and run.device not in ("auto", "cpu"):
        raise ValueError("a readout is learned on the processor; leave --device out")
    device = "cpu" if config.learns == "readout" else str(select_compute(run.device).device)

    work = follow(move_steps(system, config, device), (), describe_loss, quiet=run.quiet)
    done = final_result(work)

    if ".png" in places:
        draw_free_run(done, places[".png"])
    return _tell_dynamics(done, places, work, run)


def _tell_dynamics(
    done: FreeRun, places: dict[str, Path], work: Work[FreeRun], run: PictureRun
) -> int:
    valid, unit = done.valid, SYSTEMS[done.system].unit_name
    facts: dict[str, Any] = {"system": done.system, "learns": done.config.learns}
    facts |= {"valid_median": float(np.median(valid)), "valid_least": float(valid.min())}
    facts |= {"valid_most": float(valid.max()), "unit": unit, "paths": len(valid)}
    facts |= {"longest_possible": float(done.times[-1] / SYSTEMS[done.system].unit)}
    facts |= {"one_step_error": done.one_step, "weights": done.weights}
    if done.system == "pendulum":
        phase = done.phase_drift[np.isfinite(done.phase_drift)]
        facts |= {"energy_drift_median": float(np.median(done.energy_drift))}
        facts |= {"phase_drift_median": float(np.median(phase)) if len(phase) else None}
    facts |= {"learning_seconds": round(done.seconds, 2)}
    facts |= {"seconds": round(work.last.seconds, 2)}
    facts |= {"output": str(places[".png"]) if places else None}
    if run.json:
        print(jsonlib.dumps(facts, allow_nan=False))  # noqa: T201
        return 0
    print(  # noqa: T201
        f"{done.system}: valid for {facts['valid_median']:.1f} {unit} (median of {len(valid)} "
        f"paths never learned from; {valid.min():.1f} to {valid.max():.1f}), error of one step "
        f"{done.one_step:.1e}, learned in {done.seconds:.1f} s"
    )
    if done.system == "pendulum":
        print(  # noqa: T201
            f"after {done.times[-1]:.0f} s: energy off by {facts['energy_drift_median']:.1e} of "
            f"what turns it over, phase by {facts['phase_drift_median'] or math.nan:.1e} of a "
            "period (medians)"
        )
    if places:
        print(places[".png"])  # noqa: T201
    return 0
