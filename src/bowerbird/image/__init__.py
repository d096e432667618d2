"""Pictures in the style of other pictures: style transfer, textures, reconstruction.

The public names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from bowerbird.lazy import lazy_exports

if TYPE_CHECKING:
    from bowerbird.image.config import (
        ObjectiveConfig as ObjectiveConfig,
        ReconstructConfig as ReconstructConfig,
        TextureConfig as TextureConfig,
        TransferConfig as TransferConfig,
    )
    from bowerbird.image.presets import PRESETS as PRESETS
    from bowerbird.image.style_transfer import (
        transfer as transfer,
        transfer_steps as transfer_steps,
    )
    from bowerbird.image.synthesis import (
        reconstruct as reconstruct,
        reconstruct_steps as reconstruct_steps,
        texture as texture,
        texture_steps as texture_steps,
    )
else:
    __getattr__, __dir__, __all__ = lazy_exports(__name__)
