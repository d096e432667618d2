"""``bowerbird vision see``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from bowerbird.cli.errors import about
from bowerbird.cli.vision.viewer import SeeRun, keep_view, view
from bowerbird.pictures.reading import read_picture
from bowerbird.vision.features.inspect import SeeConfig, see_steps


def see(
    image: Path,
    /,
    *,
    run: SeeRun = SeeRun(),  # noqa: B008 - frozen
    config: Annotated[SeeConfig, Parameter(name="*", group=Group("Seeing", sort_key=2))] = (
        SeeConfig()  # noqa: B008 - frozen
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
        seen, work = view(see_steps(picture, config, image.name), run)
    return keep_view(seen, work, image, place, run)
