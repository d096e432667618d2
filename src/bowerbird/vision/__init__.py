"""What is in a picture, where it is, and what a network responds to.

The public names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from bowerbird.lazy import lazy_exports

if TYPE_CHECKING:
    from bowerbird.vision.classification import (
        classify as classify,
        open_classifier as open_classifier,
    )
    from bowerbird.vision.config import (
        ClassifyConfig as ClassifyConfig,
        DetectConfig as DetectConfig,
        DreamConfig as DreamConfig,
        InspectConfig as InspectConfig,
        LocalizeConfig as LocalizeConfig,
    )
    from bowerbird.vision.detection import detect as detect
    from bowerbird.vision.digits.config import DigitConfig as DigitConfig
    from bowerbird.vision.digits.page import read_page as read_page
    from bowerbird.vision.digits.reader import load_digit_reader as load_digit_reader
    from bowerbird.vision.features.dream import (
        dream as dream,
        dream_steps as dream_steps,
    )
    from bowerbird.vision.features.inspect import (
        inspect as inspect,
        inspect_steps as inspect_steps,
    )
    from bowerbird.vision.house_numbers.config import HouseNumberConfig as HouseNumberConfig
    from bowerbird.vision.house_numbers.reader import (
        load_house_number_reader as load_house_number_reader,
    )
    from bowerbird.vision.localization import localize as localize
    from bowerbird.vision.segmentation import segment as segment
else:
    __getattr__, __dir__, __all__ = lazy_exports(__name__)
