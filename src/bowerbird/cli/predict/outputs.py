"""What the commands that predict share: output files, and how their work ends."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bowerbird.cli.options import RUN, CommonOptions, Device, Output
from bowerbird.files.atomic_write import check_output

if TYPE_CHECKING:
    from bowerbird.cli.progress import Work
    from bowerbird.learning.step import Step

MODEL, PICTURE, ROWS = ".safetensors", ".png", ".csv"  # what --output writes, by suffix


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class PlotOptions(CommonOptions):
    """Options of a command that plots its result."""

    output: Output = None
    """Picture to write (.png); its numbers are written beside it."""
    device: Device = "auto"

    def paths(self, *suffixes: str) -> dict[str, Path]:
        """Return the files to write by suffix; raise ValueError if one can't be written."""
        return output_paths(self.output, suffixes, force=self.force)


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class TableOptions(CommonOptions):
    """Options of ``predict table`` besides its configuration."""

    target: Annotated[str | None, Parameter(show_default=False)] = None
    """Column to predict; sample tables and model files have one already."""
    output: Annotated[tuple[Path, ...], Parameter(name=("--output", "-o"), show_default=False)] = ()
    """File to write: the model (.safetensors), a plot (.png), the predictions (.csv); repeat the
    flag for several."""
    predict: Annotated[Path | None, Parameter(show_default=False)] = None
    """Table of new rows to predict."""
    device: str = "cpu"
    """cpu, auto, cuda, cuda:1, mps ...; for small tables, cpu is the fastest."""

    def paths(self) -> dict[str, Path]:
        """Return the files to write by suffix; raise ValueError if one can't be written."""
        paths: dict[str, Path] = {}
        for path in self.output:
            suffix = path.suffix.lower()
            if suffix not in (MODEL, PICTURE, ROWS):
                raise ValueError(
                    f"{path} has an unknown suffix; use {MODEL} (the model), {PICTURE} (a plot) or "
                    f"{ROWS} (the predictions)"
                )
            if suffix in paths:
                raise ValueError(f"{paths[suffix]} and {path} would be the same; give one {suffix}")
            check_output(path, force=self.force)
            paths[suffix] = path
        return paths


def output_paths(
    output: Path | None, suffixes: Sequence[str], *, force: bool, table: str = ""
) -> dict[str, Path]:
    """Return the files to write by suffix; raise ValueError if one can't be written.

    They have the stem of ``output``; a .csv beside it has ``table`` after the stem.
    """
    if output is None:
        return {}
    if output.suffix not in suffixes:
        raise ValueError(f"{output} must end in {' or '.join(suffixes)}")
    paths = {suffix: output.with_suffix(suffix) for suffix in suffixes}
    if ROWS in paths and output.suffix != ROWS:
        paths[ROWS] = output.with_name(f"{output.stem}{table}{ROWS}")
    for path in paths.values():
        check_output(path, force=force)
    return paths


def check_not_input(paths: Iterable[Path], given: Path) -> None:
    """Raise ValueError if an output is the input, even with --force."""
    for path in paths:
        if path.exists() and given.exists() and path.samefile(given):
            raise ValueError(f"{path} is the input; give the output another name")


def describe_loss(step: "Step[Any]") -> str:
    """Return the loss of a step for the progress bar."""
    return f"loss {step.losses['total']:.4f}"


def final_result(work: "Work[Any]") -> Any:
    """Return the result of a job; raise the error that ended it early."""
    if work.last.preview is not None:
        return work.last.preview
    if work.error is not None:
        raise work.error
    raise KeyboardInterrupt("interrupted; there are no results yet, and nothing was saved")
