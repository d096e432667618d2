"""Music in the style of a corpus: scores, tokens, composition, sound, sheet music.

The public names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from bowerbird.lazy import lazy_exports

if TYPE_CHECKING:
    from bowerbird.learning.config import SamplingConfig as SamplingConfig
    from bowerbird.music.composer import (
        Composer as Composer,
        load as load,
    )
    from bowerbird.music.config import (
        ComposeConfig as ComposeConfig,
        OutputConfig as OutputConfig,
        TrainConfig as TrainConfig,
    )
    from bowerbird.music.corpus import Corpus as Corpus
    from bowerbird.music.formats.files import (
        read_score as read_score,
        write_score as write_score,
    )
    from bowerbird.music.presets import PRESETS as PRESETS
    from bowerbird.music.render.output import write_output as write_output
    from bowerbird.music.training import (
        Training as Training,
        train as train,
    )
else:
    __getattr__, __dir__, __all__ = lazy_exports(__name__)
