"""One run of an image command: read the inputs, show previews, save the result and its record."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from glob import escape
from pathlib import Path
from typing import Any

from torch import Tensor

from bowerbird.cli.errors import about
from bowerbird.cli.image.options import ImageOptions
from bowerbird.cli.progress import Work, follow
from bowerbird.cli.recipe import read_recipe
from bowerbird.cli.report import notify, report
from bowerbird.cli.run_record import (
    check_record,
    loss_table,
    record_path,
    sha256,
    summary,
    versions,
    write_record,
)
from bowerbird.image.config import ObjectiveConfig, OptimizeConfig
from bowerbird.image.memory import check_reading
from bowerbird.image.optimize import Inputs
from bowerbird.image.style_transfer import check_image, check_mask
from bowerbird.learning.device import select_compute
from bowerbird.learning.pretrained_weights import WEIGHTS
from bowerbird.learning.step import Step
from bowerbird.pictures.masks import label_region, read_labels, read_mask
from bowerbird.pictures.pixels import Picture, fit_long_side, resize
from bowerbird.pictures.reading import picture_size, read_picture
from bowerbird.pictures.writing import check_side, check_writable, write_picture


class ImageRun:
    """One run of a command that optimizes an image."""

    def __init__(self, command: str, options: ImageOptions, config: OptimizeConfig) -> None:
        """Refuse, before any work, an output that can't be written."""
        self.command, self.options, self.config = command, options, config
        self.compute = select_compute(config.device, config.precision)
        self.inputs: dict[str, list[dict[str, Any]]] = {}
        self.alpha: Tensor | None = None
        """The transparency that the result gets, (h, w) of any size, or None."""
        output = options.output
        check_writable(output, force=options.force)
        if options.record:
            check_record(output, force=options.force)
        if options.keep_previews and not options.force:
            for path in sorted(output.parent.glob(f"{escape(output.stem)}-*")):
                number = path.stem.removeprefix(f"{output.stem}-")
                if number.isdecimal() and path.suffix == output.suffix:
                    raise ValueError(f"{path} exists; add --force to overwrite previews")

    def check_shape(self, path: Path, size: int, objective: ObjectiveConfig) -> None:
        """Refuse, by its header, a picture that is too narrow at this long side."""
        with about(path):
            Inputs(picture_size(path)).check_size(size, objective.min_side)

    def read(self, role: str, path: Path, name: str = "") -> Picture:
        """Read and check an input picture, and note it, under a name, for the record."""
        with about(path):
            self._check_input(path)
            picture = read_picture(path)
            check_image("picture", picture.rgb)
            picture.fill_transparent()  # raises if nothing is opaque
        self._note(role, path, (picture.rgb.shape[1], picture.rgb.shape[2]), name)
        return picture

    def read_mask(self, path: Path, photograph: Tensor) -> Tensor:
        """Return a mask (h, w) in 0..1."""
        with about(path):
            self._check_input(path)
            mask = read_mask(path)
        self._note("mask", path, (mask.shape[0], mask.shape[1]))
        check_mask(mask, photograph, str(path), "the photograph")
        return mask

    def read_regions(self, path: Path, labels: Sequence[int], photograph: Tensor) -> list[Tensor]:
        """Return the region, (h, w) of 0 and 1, of each label in a picture of labels."""
        with about(path):
            self._check_input(path)
            codes = read_labels(path)
        self._note("mask", path, (codes.shape[0], codes.shape[1]))
        regions = [label_region(path, codes, label) for label in labels]
        for region in regions:
            check_mask(region, photograph, str(path), "the photograph")
        return regions

    def _note(self, role: str, path: Path, size: tuple[int, int], name: str = "") -> None:
        height, width = size
        entry = {"file": name or str(path), "sha256": sha256(path)}
        self.inputs.setdefault(role, []).append({**entry, "width": width, "height": height})

    def _check_input(self, path: Path) -> None:
        """Refuse an input that the result would replace, or that memory is too small for."""
        output = self.options.output
        if output.exists() and path.exists() and output.samefile(path):
            raise ValueError(f"{path} is an input; give the result another name")
        height, width = picture_size(path)
        check_reading((height, width), self.config.max_memory)

    def run(self, steps: Iterator[Step[Tensor]], size: int) -> int:
        """Follow the steps of an image whose long side will be ``size`` px; save and report it.

        Returns the exit code.
        """
        output, options = self.options.output, self.options
        check_side(output, size)
        self._warn_of_changes()
        schedule = self.config.scale_schedule(size)
        effort = [float(side**2) for side, iterations in schedule for _ in range(iterations)]
        work = follow(steps, effort, self._preview, quiet=options.quiet)
        last, image = work.last, work.last.preview
        assert image is not None
        if work.ended:
            notify(f"{work.ended} at step {last.number} of {last.total}; saving the picture")
            image = _enlarged(image, size)
        self._write(output, image)
        height, width = image.shape[1:]
        record = self._record(work, (height, width))
        path = record_path(output) if options.record else None
        if path is not None:
            write_record(path, {**record, "steps": loss_table(work)})
        report(
            {**record, "record": path and str(path)},
            f"{output}: {width} x {height} px, {last.number} steps in {last.seconds:.1f} s",
            json=options.json,
            quiet=options.quiet,
        )
        return work.exit_code("image")

    def _preview(self, step: Step[Tensor]) -> str:
        """Write the preview of every Nth step; return its size in words."""
        image, options = step.preview, self.options
        if image is None:
            return ""
        every, output = options.preview_every, options.output
        if every and step.number % every == 0 and step.number < step.total:
            numbered = output.with_name(f"{output.stem}-{step.number:04}{output.suffix}")
            self._write(numbered if options.keep_previews else output, image)
        return f"{image.shape[2]} x {image.shape[1]} px"

    def _write(self, path: Path, image: Tensor) -> None:
        alpha = self.alpha
        if alpha is not None:
            alpha = resize(alpha.expand(3, -1, -1), (image.shape[1], image.shape[2]))[0]
        write_picture(path, image, alpha)

    def _record(self, work: Work[Tensor], size: tuple[int, int]) -> dict[str, Any]:
        return {
            **versions(),
            "command": self.command,
            "output": str(self.options.output),
            "width": size[1],
            "height": size[0],
            **summary(work),
            "inputs": self.inputs,
            "preset": self.options.preset,
            "config": asdict(self.config),
            "weights": _weights(self.config.weights),
            "computed": self._computed(),
        }

    def _computed(self) -> dict[str, str]:
        """Return the device and precision of this run."""
        return {"device": str(self.compute.device), "precision": str(self.compute.dtype)[6:]}

    def _warn_of_changes(self) -> None:
        """Warn if an input, the device or the precision differs from the run that is repeated."""
        if self.options.recipe is None:
            return
        recipe = read_recipe(self.options.recipe)
        before, now = recipe.computed, self._computed()
        if before and before != now:
            computed, computes = (" in ".join(c.values()) for c in (before, now))
            notify(
                f"{recipe.path} was computed on {computed}, this run uses {computes}: the picture "
                "will differ; choose with --device and --precision"
            )
        for role, recorded in recipe.files.items():
            for new, old in zip(self.inputs.get(role, ()), recorded, strict=False):
                if new["file"] == old["file"] and new["sha256"] != old["sha256"]:
                    notify(f"{new['file']} has changed since {self.options.recipe} was written")


def _enlarged(image: Tensor, long_side: int) -> Tensor:
    """Return the image of a smaller scale at the long side that was asked for."""
    height, width = image.shape[1:]
    if max(height, width) >= long_side:
        return image
    notify(f"it was at a smaller scale, {width} x {height} px, and is enlarged")
    return resize(image, fit_long_side(height, width, long_side)).clamp(0, 1)


def _weights(name: str) -> dict[str, str]:
    """Return the name and SHA-256 of the network's weights."""
    known = {weights.name: weights.sha256 for weights in WEIGHTS}
    return {"name": name, "sha256": known.get(name) or sha256(Path(name))}
