"""Plots of free runs beside the true trajectories."""

from pathlib import Path
from typing import Any

import numpy as np

from bowerbird.prediction.dynamics.free_run import VALID_ERROR, FreeRun
from bowerbird.prediction.dynamics.systems import SYSTEMS, energy
from bowerbird.prediction.plot_style import BLUE, GRAY, ORANGE, TEXT, save_figure, style_axes


def plot_free_run(run: FreeRun, path: Path) -> None:
    """Write a PNG file with the free run whose valid time is nearest the median."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second

    figure = Figure(figsize=(11, 7), layout="constrained", facecolor="white")
    median = int(np.abs(run.valid_times - np.median(run.valid_times)).argmin())
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.35 if run.system == "lorenz" else 1, 1])
    top, bottom = parts
    if run.system == "lorenz":
        _attractors(top, run, median)
    else:
        _angle(top.subplots(), run, median)
    left, right = bottom.subplots(1, 2, width_ratios=[1.6, 1])
    if run.system == "lorenz":
        _component(left, run, median)
    else:
        _energies(left, run)
    _errors(right, run)
    save_figure(figure, path)


def _attractors(figure: Any, run: FreeRun, which: int) -> None:
    for place, (trajectories, color, title) in enumerate(
        ((run.true, TEXT, "true"), (run.predicted, BLUE, "free run: reads only its own output"))
    ):
        axes = figure.add_subplot(1, 2, place + 1, projection="3d")
        axes.plot(*trajectories[which].T, color=color, linewidth=0.7)
        axes.scatter(*trajectories[which, 0], color=ORANGE, s=18)
        axes.set_title(title, fontsize=10.5, color=TEXT)
        axes.view_init(18, -62)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_pane_color((1, 1, 1, 0))
            axis.line.set_color(GRAY)
            axis._axinfo["grid"]["color"] = "#e6e7ec"
        low, high = run.true[which].min(0), run.true[which].max(0)
        for name in "xyz":
            getattr(axes, f"set_{name}label")(name, labelpad=-7)
        axes.tick_params(labelsize=7, pad=-2)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
        axes.set_box_aspect((1, 1, 0.85), zoom=1.15)


def _component(axes: Any, run: FreeRun, which: int) -> None:
    unit = SYSTEMS[run.system].unit
    times = run.times / unit
    axes.plot(times, run.true[which, :, 0], color=TEXT, linewidth=1.6, label="true x")
    axes.plot(times, run.predicted[which, :, 0], color=BLUE, linewidth=1.2, label="free run")
    valid = float(run.valid_times[which])
    axes.axvline(valid, color=ORANGE, linewidth=1.2, label=f"valid for {valid:.1f}")
    axes.set_xlim(0, min(times[-1], 2 * valid + 2))
    axes.set_xlabel(SYSTEMS[run.system].unit_name)
    median = float(np.median(run.valid_times))
    axes.set_title(
        f"one of {len(run.true)} trajectories; valid for {median:.1f} (median)", loc="left"
    )
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="upper left", bbox_to_anchor=(0, -0.18))
    style_axes(axes)


def _angle(axes: Any, run: FreeRun, which: int) -> None:
    times = run.times
    for trajectories, color, label, width in (
        (run.true, TEXT, "true", 2.4), (run.predicted, ORANGE, "free run", 1.1)
    ):  # fmt: skip
        angle = np.degrees(np.arctan2(trajectories[which, :, 0], trajectories[which, :, 1]))
        axes.plot(times, angle, color=color, linewidth=width, label=label)
    axes.set_xlabel("s since the start of the free run")
    axes.set_xlim(times[0], times[-1])
    axes.set_title(f"a pendulum's angle in degrees (one of {len(run.true)})", loc="left")
    axes.legend(frameon=False, fontsize=9, ncols=2, loc="upper right")
    style_axes(axes)


def _energies(axes: Any, run: FreeRun) -> None:
    for row in range(len(run.true)):
        axes.plot(run.times, energy(run.true[row]), color=TEXT, linewidth=1.6, alpha=0.35)
        axes.plot(run.times, energy(run.predicted[row]), color=ORANGE, linewidth=0.8)
    axes.set_ylim(-11, 11)
    axes.set_xlabel("s since the start of the free run")
    axes.set_title("energy in 1/s²: true (gray), free run (orange)", loc="left")
    style_axes(axes)


def _errors(axes: Any, run: FreeRun) -> None:
    unit = SYSTEMS[run.system].unit
    times = run.times / unit
    with np.errstate(over="ignore"):
        for error in run.error:
            axes.semilogy(times, np.clip(error, 1e-9, 1e3), color=BLUE, linewidth=0.5, alpha=0.25)
        median = np.clip(np.median(run.error, 0), 1e-9, 1e3)
    axes.semilogy(times, median, color=BLUE, linewidth=2, label="median")
    axes.axhline(VALID_ERROR, color=ORANGE, linewidth=1.2, label=f"valid below {VALID_ERROR}")
    axes.set_xlabel(SYSTEMS[run.system].unit_name)
    axes.set_title("normalized error", loc="left")
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    style_axes(axes)
