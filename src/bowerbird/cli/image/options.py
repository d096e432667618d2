"""Options of the image commands. This module doesn't import torch."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from bowerbird.cli.options import RunOptions, Switch
from bowerbird.image.presets import PresetName


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ImageOptions(RunOptions):
    """Options of every image command."""

    preset: Annotated[PresetName | None, Parameter(show_default=False)] = None
    """Settings of another tool, instead of the defaults."""
    preview_every: Annotated[int, Parameter(show_default=False)] = 0
    """Write a preview to the output every N steps."""
    keep_previews: Switch = False
    """Keep previews as OUT-0020.png and so on, beside the output."""

    def __post_init__(self) -> None:
        if self.preview_every < 0:
            raise ValueError(f"--preview-every must be at least 0, got {self.preview_every}")
        if self.keep_previews and not self.preview_every:
            raise ValueError("--keep-previews needs --preview-every N")
