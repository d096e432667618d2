"""Where a picture is made: materials are read, previews shown, the result and its record saved."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from glob import escape
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from torch import Tensor

from bowerbird.cli.errors import about
from bowerbird.cli.options import RunOptions, Switch
from bowerbird.cli.progress import Work, follow
from bowerbird.cli.report import notify
from bowerbird.cli.run_record import (
    check_record,
    loss_table,
    read_recipe,
    record_path,
    sha256,
    summary,
    versions,
    write_record,
)
from bowerbird.image.objective import ObjectiveConfig
from bowerbird.image.optimize import PaintingConfig, check_shape
from bowerbird.image.presets import PresetName
from bowerbird.image.transfer import check_picture
from bowerbird.learning.device import select_compute
from bowerbird.learning.pretrained_weights import WEIGHTS
from bowerbird.learning.step import Step
from bowerbird.pictures.pixels import Picture, fit_long_side, resize
from bowerbird.pictures.reading import picture_size, read_picture
from bowerbird.pictures.writing import check_side, check_writable, write_picture


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PictureRun(RunOptions):
    """What a command that makes a picture can be told besides its configuration."""

    preset: Annotated[PresetName | None, Parameter(show_default=False)] = None
    """Settings of another tool, instead of the defaults."""
    preview_every: Annotated[int, Parameter(show_default=False)] = 0
    """Write a preview to the output every N steps."""
    keep_previews: Switch = False
    """Keep previews as OUT-0020.png and so on, beside the output."""

    def __post_init__(self) -> None:
        if self.preview_every < 0 or (self.keep_previews and not self.preview_every):
            raise ValueError(
                "--preview-every takes a number of steps, and --keep-previews needs it"
            )


class Easel:
    """One run of a command that makes a picture."""

    def __init__(self, command: str, run: PictureRun, config: PaintingConfig) -> None:
        """Refuse, before any work, an output that could not be written later."""
        self.command, self.run, self.config = command, run, config
        self.compute = select_compute(config.device, config.precision)
        self.inputs: dict[str, list[dict[str, Any]]] = {}
        self.alpha: Tensor | None = None
        self.side = 0
        check_writable(run.output, force=run.force)
        if run.record:
            check_record(run.output, force=run.force)
        if run.keep_previews and not run.force:
            for path in sorted(run.output.parent.glob(f"{escape(run.output.stem)}-*")):
                number = path.stem.removeprefix(f"{run.output.stem}-")
                if number.isdecimal() and path.suffix == run.output.suffix:
                    raise ValueError(f"{path} exists; add --force to overwrite such previews")

    def check_shape(self, path: Path, side: int, objective: ObjectiveConfig) -> None:
        """Refuse, by its header, a picture too narrow to be made with this long side."""
        with about(path):
            check_shape(picture_size(path), side, objective)

    def read(self, role: str, path: Path) -> Picture:
        """Read an input, refuse one too small, and note it for the record."""
        with about(path):
            picture = read_picture(path)
            check_picture("picture", picture.rgb)
            if role != "mask":  # a mask that can't be seen is black
                picture.filled()  # or refused
        height, width = picture.rgb.shape[1:]
        entry = {"file": str(path), "sha256": sha256(path), "width": width, "height": height}
        self.inputs.setdefault(role, []).append(entry)
        return picture

    def read_mask(self, path: Path, photograph: Tensor) -> Tensor:
        """Read a mask (h, w): how light a picture is over black, where its painting goes."""
        mask = self.read("mask", path).over(0.0).mean(0)
        (height, width), (high, wide) = mask.shape, photograph.shape[1:]
        if (height, width) != (high, wide):
            raise ValueError(
                f"{path} has {width} x {height} px and the photograph {wide} x {high} px; "
                "make the mask the photograph's size"
            )
        if not float(mask.max()) > 0:
            raise ValueError(f"{path} is black everywhere; white is where its painting goes")
        return mask

    def keep_alpha(self, picture: Picture) -> None:
        """Give the result the transparency of a picture."""
        self.alpha = picture.alpha

    def paint(self, made: Iterator[Step[Tensor]], side: int) -> Work[Tensor]:
        """Follow the steps of a picture whose long side will be ``side`` px."""
        check_side(self.run.output, side)
        self._warn_of_changes()
        self.side = side
        effort = [float(px**2) for px, count in self.config.ladder(side) for _ in range(count)]
        return follow(made, effort, self._look, quiet=self.run.quiet)

    def finish(self, work: Work[Tensor]) -> int:
        """Save the picture with its record, tell about it, and return the exit code."""
        assert work.last.preview is not None
        if work.ended:
            notify(
                f"{work.ended} at step {work.last.number} of {work.last.total}; saving the picture"
            )
            work.last = replace(work.last, preview=self._enlarged(work.last.preview))
        assert work.last.preview is not None
        self._write(self.run.output, work.last.preview)
        record = self._record(work)
        if self.run.record:
            write_record(record_path(self.run.output), {**record, "steps": loss_table(work)})
        self._tell(work, record)
        return work.exit_code("image")

    def _enlarged(self, picture: Tensor) -> Tensor:
        """Bring the picture of a smaller scale to the long side that was asked for."""
        height, width = picture.shape[1:]
        if max(height, width) >= self.side:
            return picture
        notify(f"it was at a smaller scale, {width} x {height} px, and is enlarged")
        return resize(picture, fit_long_side(height, width, self.side)).clamp(0, 1)

    def _look(self, step: Step[Tensor]) -> str:
        """Write the preview of a step if it is its turn; return its size in words."""
        picture, run = step.preview, self.run
        if picture is None:
            return ""
        if run.preview_every and step.number % run.preview_every == 0 and step.number < step.total:
            name = f"{run.output.stem}-{step.number:04}{run.output.suffix}"
            self._write(run.output.with_name(name) if run.keep_previews else run.output, picture)
        return f"{picture.shape[2]} x {picture.shape[1]} px"

    def _write(self, path: Path, picture: Tensor) -> None:
        alpha = self.alpha
        if alpha is not None:
            size = (picture.shape[1], picture.shape[2])
            alpha = resize(alpha.expand(3, -1, -1), size)[0]
        write_picture(path, picture, alpha)

    def _record(self, work: Work[Tensor]) -> dict[str, Any]:
        assert work.last.preview is not None
        height, width = work.last.preview.shape[1:]
        return {
            **versions(),
            "command": self.command,
            "output": str(self.run.output),
            "width": width,
            "height": height,
            **summary(work),
            "inputs": self.inputs,
            "preset": self.run.preset,
            "config": asdict(self.config),
            "weights": _weights(self.config.weights),
            "computed": self._computed(),
        }

    def _computed(self) -> dict[str, str]:
        """Return where this run computes and in which precision."""
        return {"device": str(self.compute.device), "precision": str(self.compute.dtype)[6:]}

    def _tell(self, work: Work[Tensor], record: dict[str, Any]) -> None:
        """Print the result: one JSON object, or a sentence."""
        if self.run.json:
            path = str(record_path(self.run.output)) if self.run.record else None
            print(json.dumps({**record, "record": path}, allow_nan=False))  # noqa: T201
        elif not self.run.quiet:
            size = f"{record['width']} x {record['height']} px"
            made = f"{work.last.number} steps in {work.last.seconds:.1f} s"
            print(f"{self.run.output}: {size}, {made}")  # noqa: T201

    def _warn_of_changes(self) -> None:
        """Say so if a file, or what computes, is not what it was in the run that is repeated."""
        if self.run.recipe is None:
            return
        recipe = read_recipe(self.run.recipe)
        then, now = recipe.computed, self._computed()
        if then and then != now:
            there, here = (" in ".join(each.values()) for each in (then, now))
            notify(
                f"{recipe.path} was computed on {there}, and this run is on {here}: the picture "
                "will differ; --device and --precision choose"
            )
        for role, given in recipe.files.items():
            for now, then in zip(self.inputs.get(role, ()), given, strict=False):
                if now["file"] == then["file"] and now["sha256"] != then["sha256"]:
                    notify(f"{now['file']} has changed since {self.run.recipe} was written")


def _weights(name: str) -> dict[str, str]:
    """Return which weights these are."""
    for weights in WEIGHTS:
        if weights.name == name:
            return {"name": name, "sha256": weights.sha256}
    return {"name": name, "sha256": sha256(Path(name))}
