"""What a reader takes for numbers in photographs that have none: what it is to learn from next.

Hard negatives (Sung, Poggio 1998: bootstrapping): a picture has thousands of places, nearly all of
which are plainly no number; few random ones teach little, so the model shows where it errs.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bowerbird.vision.house_numbers.crops import Pixels
from bowerbird.vision.house_numbers.reader import NumberReader, NumbersConfig
from bowerbird.vision.house_numbers.scenes.streets import Scene

SEARCH = NumbersConfig(found=0.1, most=12)


def decoys(reader: NumberReader, photos: Sequence[Pixels]) -> list[Scene]:
    """Return a scene without a number for each place that the reader's finder takes for one."""
    scenes = []
    for pixels in photos:
        for _, box in reader.find(pixels, SEARCH):
            nothing = np.zeros((0, 4), np.float32)
            scene = Scene(pixels, "", nothing, nothing, "", "", 0.0)
            scenes.append(replace(scene, decoy=box[None].astype(np.float32)))
    return scenes
