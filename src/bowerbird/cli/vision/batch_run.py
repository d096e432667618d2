"""Commands that recognize something in pictures: read each, print the result, draw it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import Parameter

from bowerbird.cli.errors import BAD_INPUT, exit_code
from bowerbird.cli.options import RUN, CommonOptions, Device, Output
from bowerbird.cli.report import report, show

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

    from bowerbird.pictures.pixels import Picture
    from bowerbird.vision.results import VisionResult


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class BatchOptions(CommonOptions):
    """Options of every command that recognizes something in pictures."""

    output: Output = None
    """Picture to write, with the result drawn into it; a folder for several pictures."""
    device: Device = "auto"

    def output_paths(self, images: Sequence[Path]) -> list[Path | None]:
        """Return the output of each picture; raise ValueError if one can't be written."""
        from bowerbird.pictures.writing import check_writable

        if not images:
            raise ValueError("there is no picture; name one or several files")
        if self.output is None:
            return [None] * len(images)
        if len(images) > 1 and not self.output.suffix:
            self.output.mkdir(exist_ok=True)
        if len(images) == 1 and not self.output.is_dir():
            paths = [self.output]
        elif self.output.is_dir():
            paths = [self.output / f"{image.stem}.png" for image in images]
        else:
            raise ValueError(f"{self.output} is not a folder; several pictures need a folder")
        if len(set(paths)) < len(paths):
            raise ValueError("two pictures have the same name; run the command once for each")
        for path in paths:
            check_writable(path, force=self.force)
        return list(paths)

    def cutouts(
        self, path: Path, result: "VisionResult"
    ) -> list[tuple[Path, "Bool[Tensor, 'h w']"]]:
        """Return the file and the mask of each object that is written as a picture of its own."""
        return []


if TYPE_CHECKING:
    Drawing = Callable[[Float[Tensor, "3 h w"], VisionResult], Float[Tensor, "3 h w"]]


def run_batch(
    images: Sequence[Path],
    paths: Sequence[Path | None],
    run: BatchOptions,
    recognize: "Callable[[Picture], VisionResult]",
    describe: "Callable[[VisionResult], str]",
    drawing: "Drawing | None" = None,
) -> int:
    """Recognize something in each picture, print and draw the result; return the exit code.

    ``paths`` are ``run.output_paths``, computed first, so that an output that can't be written is
    refused before a model is opened. All pages of a document are read; each is drawn into a file of
    its own, OUT-1.png ... A picture that can't be read is reported, and the others are processed.
    """
    results: list[dict[str, Any]] = []
    code = 0
    for image, path in zip(images, paths, strict=True):
        try:
            pages = _pages(image, path, run)
        except (ValueError, OSError) as error:
            code = _report_error(error, alone=len(images) == 1)
            continue
        for number, (read, output) in enumerate(pages, 1):
            of = {"page": number} if len(pages) > 1 else {}
            try:
                picture = read()
                result = recognize(picture)
                facts = {"file": str(image), **of, **result.facts()}
                if output is not None:
                    facts["output"] = str(output)
                    _write(output, picture, result, facts, run, drawing)
            except (ValueError, OSError, MemoryError) as error:
                code = _report_error(error, alone=len(images) == len(pages) == 1)
                continue
            results.append(facts)
            if not run.json and not run.quiet:
                head = f"{image}: " if len(images) > 1 else ""
                head = f"{image}, page {number}: " if of else head
                show(head + describe(result))
    if run.json:
        report(results, json=True)
    return code


def _pages(
    image: Path, path: Path | None, run: BatchOptions
) -> "list[tuple[Callable[[], Picture], Path | None]]":
    """Return a function that reads each page of a file, and the page's output.

    Raises ValueError for an output that can't be written.
    """
    from bowerbird.pictures.pages import read_pages
    from bowerbird.pictures.writing import check_writable

    pages = read_pages(image)
    if path is None or len(pages) == 1:
        return [(read, path) for read in pages]
    outputs = [path.with_name(f"{path.stem}-{n}{path.suffix}") for n in range(1, len(pages) + 1)]
    for output in outputs:
        check_writable(output, force=run.force)
    return list(zip(pages, outputs, strict=True))


def _report_error(error: Exception, *, alone: bool) -> int:
    """Report a picture that can't be read beside others; raise the error of the only one."""
    if alone:
        raise error
    exit_code(error, "vision")
    return BAD_INPUT


def _write(
    path: Path,
    picture: "Picture",
    result: "VisionResult",
    facts: dict[str, Any],
    run: BatchOptions,
    drawing: "Callable[[Float[Tensor, '3 h w'], VisionResult], Float[Tensor, '3 h w']] | None",
) -> None:
    """Write the picture with the result drawn into it, and the cutouts; add those to the facts."""
    from bowerbird.pictures.writing import write_picture
    from bowerbird.vision.drawing import draw

    rgb = picture.over()
    write_picture(path, (drawing or draw)(rgb, result))
    cutouts = run.cutouts(path, result)
    for box, (file, mask) in zip(facts.get("boxes", ()), cutouts, strict=False):
        write_picture(file, rgb, mask.float())
        box["mask"] = str(file)
