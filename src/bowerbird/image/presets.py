"""The settings of other tools, as configurations of this one engine.

Sources are each tool's own code: neural-style (J. Johnson), neural-style for TensorFlow
(A. Athalye), pastiche 1.6.0 (D. Steinberg), style-transfer-pytorch (K. Crowson); gatys is
arXiv:1508.06576. Weights are in the units named ``mean``: content is w MSE(F), style is
w MSE(F F^T / (C H W)), on features of VGG-19 for pixels in 0..255.

Departures: their total variation is on pixels in 0..255, ours in [0, 1], so it is multiplied by
255^2 (or 255 for absolute differences); a sum over pixels is turned into a mean at the tool's own
default size; crowson's five scales, a factor sqrt(2) apart, are three, a factor 2 apart. Our
L-BFGS searches along each step where theirs takes it unseen, and our Adam's second decay is 0.99
(crowson's) where anishathalye's is 0.999.
"""

from typing import Literal

from bowerbird.image.objective import ObjectiveConfig
from bowerbird.image.transfer import TransferConfig

PresetName = Literal["default", "gatys", "neural-style", "anishathalye", "pastiche", "crowson"]

_LAYERS = 5  # style layers; layer weights sum to 1 here, the tools give each layer the full weight
_CROWSON = (256.0, 64.0, 16.0, 4.0, 1.0)  # relu1_1 ... relu5_1
# K. Crowson's network sees pixels over deviations of about 0.226 in [0, 1], Oxford's sees 0..255:
# losses quadratic in features are larger by this factor, its variation term is not.
_PIXEL_SCALE = (255 * 0.226) ** 2

PRESETS: dict[PresetName, TransferConfig] = {
    "default": TransferConfig(),
    "gatys": TransferConfig(
        iterations=500,
        scales=1,
        start="noise",
        objective=ObjectiveConfig(
            statistic="gram",
            units="paper",
            content_weight=1.0,
            style_weight=1e3,
            variation_weight=0.0,
            range_weight=0.0,
            pooling="average",
            edge="zeros",
        ),
    ),
    "neural-style": TransferConfig(
        iterations=1000,
        scales=1,
        start="noise",
        objective=ObjectiveConfig(
            statistic="gram",
            units="mean",
            content_weight=5.0,
            style_weight=100.0 * _LAYERS,
            variation_weight=0.5e-3 * 3 * 512 * 384 * 255**2,
            range_weight=0.0,
            edge="zeros",
        ),
    ),
    "anishathalye": TransferConfig(
        iterations=1000,
        scales=1,
        optimizer="adam",
        rate=10 / 255,
        average=0.0,
        start="noise",
        objective=ObjectiveConfig(
            statistic="gram",
            units="mean",
            content_weight=5.0,
            style_weight=500.0,
            variation_weight=100.0 * 255**2,
            range_weight=0.0,
            edge="zeros",
        ),
    ),
    "pastiche": TransferConfig(
        iterations=1000,
        scales=1,
        objective=ObjectiveConfig(
            statistic="gram",
            units="mean",
            content_weight=0.01,
            style_weight=10.0 * _LAYERS,
            variation_weight=0.0,
            range_weight=0.0,
            edge="zeros",
        ),
    ),
    "crowson": TransferConfig(
        iterations=500,
        scales=3,
        coarse_iterations=1.0,
        optimizer="adam",
        objective=ObjectiveConfig(
            statistic="wasserstein",
            units="mean",
            style_layer_weights=_CROWSON,
            content_weight=0.015,
            style_weight=1.0,
            variation_weight=2.0 * _PIXEL_SCALE,
            range_weight=1000.0 * _PIXEL_SCALE,
        ),
    ),
}
