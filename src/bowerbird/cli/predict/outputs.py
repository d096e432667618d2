"""What commands that predict share: where their results go, and how their work ends."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cyclopts import Parameter

from bowerbird.cli.options import RUN, CommonOptions, Device, Output
from bowerbird.cli.progress import Work
from bowerbird.learning.atomic_write import check_output
from bowerbird.learning.step import Step


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class PictureRun(CommonOptions):
    """What a command that draws a picture can be told besides its configuration."""

    output: Output = None
    """Picture to write (.png); its numbers go beside it."""
    device: Device = "auto"

    def places(self, *suffixes: str) -> dict[str, Path]:
        """Return the files to write by suffix; raise ValueError if one can't be written."""
        return places_of(self.output, suffixes, force=self.force)


def places_of(
    output: Path | None, suffixes: Sequence[str], *, force: bool, table: str = ""
) -> dict[str, Path]:
    """Return the files to write by suffix; raise ValueError if one can't be written.

    They have the stem of ``output``; a .csv beside it has ``table`` after the stem.
    """
    if output is None:
        return {}
    if output.suffix not in suffixes:
        raise ValueError(f"{output} is to end in {' or '.join(suffixes)}")
    places = {suffix: output.with_suffix(suffix) for suffix in suffixes}
    if ".csv" in places and output.suffix != ".csv":
        places[".csv"] = output.with_name(f"{output.stem}{table}.csv")
    for place in places.values():
        check_output(place, force=force)
    return places


def check_apart(places: Iterable[Path], given: Path) -> None:
    """Refuse to write over what is read, whatever --force says."""
    for place in places:
        if place.exists() and given.exists() and place.samefile(given):
            raise ValueError(f"{place} is what is read; give the output another name")


def words_of(step: Step[Any]) -> str:
    """Describe how a step went."""
    return f"loss {step.losses['total']:.4f}"


def result_of(work: Work[Any]) -> Any:
    """Return what a job made at its end; raise what ended it early."""
    if work.last.preview is not None:
        return work.last.preview
    if work.error is not None:
        raise work.error
    raise KeyboardInterrupt("interrupted; nothing was measured yet, and nothing was saved")
