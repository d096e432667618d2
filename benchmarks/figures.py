"""Measured figures: their rows in results.csv and in a Markdown table."""

import csv
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

COLUMNS = (
    *("date", "processor", "cores", "torch", "tool", "setting"),
    *("metric", "unit", "min", "median", "max", "n"),
)


@dataclass(frozen=True)
class Figure:
    """One measured quantity; no values means that there was nothing to measure."""

    tool: str
    setting: str
    metric: str
    unit: str
    values: list[float]

    def cells(self) -> list[str]:
        """Return unit, min, median, max and n."""
        if not self.values:
            return [self.unit, "", "", "", "0"]
        low, middle, high = min(self.values), median(self.values), max(self.values)
        return [self.unit, *(f"{v:.5g}" for v in (low, middle, high)), str(len(self.values))]


def processor() -> str:
    """Return the processor's model name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def append(path: Path, torch_version: str, figures: list[Figure]) -> None:
    """Add the figures to a CSV file, one row each."""
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")
    new = not path.exists()
    with path.open("a", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        if new:
            rows.writerow(COLUMNS)
        for f in figures:
            conditions = [date, processor(), os.cpu_count(), torch_version]
            rows.writerow([*conditions, f.tool, f.setting, f.metric, *f.cells()])


def table(figures: list[Figure]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| tool | setting | figure | median | min to max | n |", "|---|---|---|---|---|---|"]
    for f in figures:
        unit, low, middle, high, n = f.cells()
        spread = f"{low} to {high}" if len(f.values) > 1 else ""
        middle = f"{middle} {unit}".strip() if f.values else "not reached or not measured here"
        lines.append(f"| {f.tool} | {f.setting} | {f.metric} | {middle} | {spread} | {n} |")
    return "\n".join(lines)


def conditions(torch_version: str, threads: int, packages: tuple[str, ...] = ("bowerbird",)) -> str:
    """Return one line that says what ran where."""
    tools = ", ".join(f"{name} {version(name)}" for name in packages)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{processor()}, {os.cpu_count()} cores, {memory:.0f} GB; {platform.platform()}; Python "
        f"{platform.python_version()}, torch {torch_version}, {threads} threads; "
        f"{tools}\n"
    )
