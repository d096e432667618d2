"""``bowerbird image transfer``, ``texture`` and ``reconstruct``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from bowerbird.cli.image.options import ImageOptions
from bowerbird.image.config import (
    ObjectiveConfig,
    ReconstructConfig,
    TextureConfig,
    TransferConfig,
)

OPTIMIZATION = Group("Optimization", sort_key=2)
Flags = Parameter(name="*", group=OPTIMIZATION)
# the objective is part of each configuration; its fields are flags like all others
Parameter(name="*", group=Group("Objective", sort_key=3))(ObjectiveConfig)


def transfer(
    content: Path,
    /,
    *styles: Path,
    run: ImageOptions,
    config: Annotated[TransferConfig, Flags] = TransferConfig(),
    mask: Annotated[tuple[Path, ...], Parameter(group=OPTIMIZATION, show_default=False)] = (),
    init_image: Annotated[Path | None, Parameter(group=OPTIMIZATION, show_default=False)] = None,
) -> int:
    """Render a photograph in the style of one or several paintings.

    Parameters
    ----------
    content
        The photograph. Its transparency is kept.
    styles
        The paintings.
    mask
        Region of a style: a gray image of the photograph's size, white where the style applies.
        Repeat it once per painting, in their order.
    init_image
        Initial image; ``--init FILE`` is the same.
    """
    from bowerbird.cli.image.image_run import ImageRun
    from bowerbird.image.style_transfer import transfer_steps

    image_run = ImageRun("image transfer", run, config)
    image_run.check_shape(content, config.size, config.objective)
    photograph = image_run.read("content", content)
    paintings = [image_run.read("styles", path).over() for path in styles]
    masks = [image_run.read_mask(path, photograph.rgb) for path in mask] or None
    init = image_run.read("init_image", init_image).over() if init_image else None
    image_run.alpha = photograph.alpha

    steps = transfer_steps(photograph.fill_transparent(), paintings, config, masks=masks, init=init)
    return image_run.run(steps, config.size)


def texture(
    style: Path,
    /,
    *,
    run: ImageOptions,
    config: Annotated[TextureConfig, Flags] = TextureConfig(),
) -> int:
    """Synthesize a texture in the style of a painting, without a photograph.

    Parameters
    ----------
    style
        The painting.
    """
    from bowerbird.cli.image.image_run import ImageRun
    from bowerbird.image.synthesis import texture_steps

    image_run = ImageRun("image texture", run, config)
    painting = image_run.read("style", style).over()

    steps = texture_steps(painting, config)
    return image_run.run(steps, max(config.width, config.height))


def reconstruct(
    picture: Path,
    /,
    *,
    run: ImageOptions,
    config: Annotated[ReconstructConfig, Flags] = ReconstructConfig(),
) -> int:
    """Show what one layer of the network preserves of a picture.

    Parameters
    ----------
    picture
        The picture to reconstruct from noise.
    """
    from bowerbird.cli.image.image_run import ImageRun
    from bowerbird.image.synthesis import reconstruct_steps

    image_run = ImageRun("image reconstruct", run, config)
    image_run.check_shape(picture, config.size, config.target_objective)
    rgb = image_run.read("picture", picture).over()

    steps = reconstruct_steps(rgb, config)
    return image_run.run(steps, config.size)
