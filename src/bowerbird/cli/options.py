"""Options that many commands share, each described once.

A command's own options are a frozen dataclass that inherits `CommonOptions`, or `RunOptions` where
it works long and leaves a record.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

RUN = Group("Run", sort_key=1)

Switch = Annotated[bool, Parameter(negative=(), show_default=False)]
Json = Annotated[
    bool,
    Parameter(
        negative=(),
        show_default=False,
        group=RUN,
        help="Print one JSON object on standard output.",
    ),
]
Device = Annotated[str, Parameter(group=RUN, help="auto, cpu, cuda, cuda:1, mps ...")]
Output = Annotated[Path | None, Parameter(name=("--output", "-o"), show_default=False)]
RequiredOutput = Annotated[Path, Parameter(name=("--output", "-o"))]


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """Options of every command that makes something."""

    json: Json = False
    quiet: Switch = False
    """Print only results and errors."""
    force: Switch = False
    """Overwrite existing files."""


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class RunOptions(CommonOptions):
    """Options of long commands, which can be repeated from their record."""

    output: RequiredOutput
    """File to write; its suffix is the format."""
    recipe: Annotated[Path | None, Parameter(show_default=False)] = None
    """Settings in TOML, or the JSON record of a run to repeat."""
    record: Annotated[bool, Parameter(show_default=False)] = True
    """Write a .json record beside the output: settings, inputs, versions, losses (the default)."""
