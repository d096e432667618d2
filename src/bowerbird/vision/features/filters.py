"""The filters of the first layer as patches of color.

A filter of conv1_1 is 3 x 3 weights for red, green and blue, so it can be shown as it is:
``0.5 + w / (2 max |w|)``, gray where a weight is zero, each filter by its own largest weight.
Krizhevsky, Sutskever, Hinton 2012 (figure 3) show theirs of 11 x 11 so. Deeper kernels have as many
inputs as the layer before has channels (64 to 512): they are no pictures, and ``units.py`` shows
what they like instead.
"""

from jaxtyping import Float
from torch import Tensor

from bowerbird.networks.vgg import VGG, DirectConvolution
from bowerbird.vision.config import FIRST_LAYER


def filters(network: VGG) -> Float[Tensor, "64 3 3 3"]:
    """Return the filters of conv1_1 as (filter, RGB, row, column) in [0, 1]."""
    convolution = network.convolutions[FIRST_LAYER]
    assert isinstance(convolution, DirectConvolution)
    weight = convolution.weight.float().cpu()
    return 0.5 + weight / (2 * weight.abs().amax((1, 2, 3), keepdim=True))
