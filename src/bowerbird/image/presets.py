"""The settings of other tools, as configurations of this one optimization.

Sources are each tool's own code: neural-style (J. Johnson), neural-style for TensorFlow
(A. Athalye), pastiche 1.6.0 (D. Steinberg), style-transfer-pytorch (K. Crowson); gatys is
arXiv:1508.06576. Weights are in the normalization ``mean``: content is w MSE(F), style is
w MSE(F F^T / (C H W)), on features of VGG-19 for pixels in 0..255.

Departures: their total variation is on pixels in 0..255, ours in [0, 1], so it is multiplied by
255^2 (or 255 for absolute differences); a sum over pixels becomes a mean at the tool's own default
size; crowson's five scales, a factor sqrt(2) apart, are three, a factor 2 apart. Our L-BFGS has a
line search where theirs takes each step unchecked, and our Adam's second decay is 0.99 (crowson's)
where anishathalye's is 0.999.
"""

from typing import Literal

from bowerbird.image.config import Normalization, ObjectiveConfig, TransferConfig
from bowerbird.networks.vgg_layers import Pooling

PresetName = Literal["default", "gatys", "neural-style", "anishathalye", "pastiche", "crowson"]

_NUM_LAYERS = 5  # style layers; ours have weights that sum to 1, the tools' have weight 1 each
_CROWSON_WEIGHTS = (256.0, 64.0, 16.0, 4.0, 1.0)  # relu1_1 ... relu5_1
# K. Crowson's network divides pixels in [0, 1] by a std of about 0.226, Oxford's takes 0..255:
# losses quadratic in features are larger by this factor, the total variation is not.
_PIXEL_SCALE = (255 * 0.226) ** 2


def _gram(
    content_weight: float,
    style_weight: float,
    tv_weight: float = 0.0,
    normalization: Normalization = "mean",
    pooling: Pooling = "max",
) -> ObjectiveConfig:
    """Return the loss that the tools share: Gram matrices, zeros around the image, no range."""
    return ObjectiveConfig(
        style_loss="gram",
        normalization=normalization,
        content_weight=content_weight,
        style_weight=style_weight,
        tv_weight=tv_weight,
        range_weight=0.0,
        pooling=pooling,
        padding_mode="zeros",
    )


PRESETS: dict[PresetName, TransferConfig] = {
    "default": TransferConfig(),
    "gatys": TransferConfig(
        iterations=500,
        num_scales=1,
        init="noise",
        objective=_gram(1.0, 1e3, normalization="paper", pooling="average"),
    ),
    "neural-style": TransferConfig(
        iterations=1000,
        num_scales=1,
        init="noise",
        objective=_gram(5.0, 100.0 * _NUM_LAYERS, 0.5e-3 * 3 * 512 * 384 * 255**2),
    ),
    "anishathalye": TransferConfig(
        iterations=1000,
        num_scales=1,
        optimizer="adam",
        learning_rate=10 / 255,
        ema_decay=0.0,
        init="noise",
        objective=_gram(5.0, 500.0, 100.0 * 255**2),
    ),
    "pastiche": TransferConfig(
        iterations=1000, num_scales=1, objective=_gram(0.01, 10.0 * _NUM_LAYERS)
    ),
    "crowson": TransferConfig(
        iterations=500,
        num_scales=3,
        coarse_iterations_ratio=1.0,
        optimizer="adam",
        objective=ObjectiveConfig(
            style_loss="wasserstein",
            normalization="mean",
            style_layer_weights=_CROWSON_WEIGHTS,
            content_weight=0.015,
            style_weight=1.0,
            tv_weight=2.0 * _PIXEL_SCALE,
            range_weight=1000.0 * _PIXEL_SCALE,
        ),
    ),
}
