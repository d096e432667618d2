"""``bowerbird image``: transfer, texture, reconstruct."""

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from bowerbird.cli.image_run import Easel, PictureRun
from bowerbird.image.objective import ObjectiveConfig
from bowerbird.image.reconstruct import ReconstructConfig, objective_of, reconstruct_steps
from bowerbird.image.texture import TextureConfig, texture_steps
from bowerbird.image.transfer import TransferConfig, transfer_steps

PAINTING = Group("Painting", sort_key=2)
Flags = Parameter(name="*", group=PAINTING)
# the objective is part of each configuration; its fields are flags like all others
Parameter(name="*", group=Group("Objective", sort_key=3))(ObjectiveConfig)


def transfer(
    content: Path,
    /,
    *styles: Path,
    run: PictureRun,
    config: Annotated[TransferConfig, Flags] = TransferConfig(),
    mask: Annotated[tuple[Path, ...], Parameter(group=PAINTING, show_default=False)] = (),
    start_picture: Annotated[Path | None, Parameter(group=PAINTING, show_default=False)] = None,
) -> int:
    """Paint a photograph in the manner of one or several paintings.

    Parameters
    ----------
    content
        The photograph. Its transparency is kept.
    styles
        The paintings.
    mask
        Where a painting goes: a gray picture of the photograph's size, white is its region. Once
        for each painting, in their order.
    start_picture
        A picture to begin with; ``--start FILE`` is the same.
    """
    easel = Easel("image transfer", run, config)
    easel.check_shape(content, config.size, config.objective)
    photograph = easel.read("content", content)
    paintings = [easel.read("styles", path).over() for path in styles]
    masks = [easel.read_mask(path, photograph.rgb) for path in mask] or None
    start = easel.read("start_picture", start_picture).over() if start_picture else None
    easel.keep_alpha(photograph)

    steps = transfer_steps(photograph.filled(), paintings, config, masks=masks, start=start)
    work = easel.paint(steps, config.size)
    return easel.finish(work)


def texture(
    style: Path,
    /,
    *,
    run: PictureRun,
    config: Annotated[TextureConfig, Flags] = TextureConfig(),
) -> int:
    """Grow a texture in the manner of a painting, without a photograph.

    Parameters
    ----------
    style
        The painting.
    """
    easel = Easel("image texture", run, config)
    painting = easel.read("style", style).over()

    work = easel.paint(texture_steps(painting, config), max(config.width, config.height))
    return easel.finish(work)


def reconstruct(
    picture: Path,
    /,
    *,
    run: PictureRun,
    config: Annotated[ReconstructConfig, Flags] = ReconstructConfig(),
) -> int:
    """Show what one layer of the network knows of a picture.

    Parameters
    ----------
    picture
        The picture that is taken in and rebuilt from noise.
    """
    easel = Easel("image reconstruct", run, config)
    easel.check_shape(picture, config.size, objective_of(config))
    taken = easel.read("picture", picture).over()

    work = easel.paint(reconstruct_steps(taken, config), config.size)
    return easel.finish(work)
