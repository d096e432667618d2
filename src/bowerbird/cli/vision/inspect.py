"""``bowerbird vision see``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from bowerbird.cli.errors import about
from bowerbird.cli.vision.viewer import SeeRun, keep_view, view
from bowerbird.pictures.reading import read_picture
from bowerbird.vision.config import InspectConfig
from bowerbird.vision.features.inspect import inspect_steps


def inspect(
    image: Path,
    /,
    *,
    run: SeeRun = SeeRun(),
    config: Annotated[InspectConfig, Parameter(name="*", group=Group("Seeing", sort_key=2))] = (
        InspectConfig()
    ),
) -> int:
    """Show what the network sees in a picture: filters, feature maps, where it looks, dreams.

    Parameters
    ----------
    image
        The picture.
    """
    place = run.place(image)
    picture = read_picture(image).over()

    with about(image):
        seen, work = view(inspect_steps(picture, config, image.name), run)
    return keep_view(seen, work, image, place, run)
