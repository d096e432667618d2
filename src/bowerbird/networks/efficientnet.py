"""EfficientNet-Lite0: a small image classifier, with its last features for class activation maps.

A stem, sixteen inverted bottlenecks (1 x 1 expansion, depthwise k x k, 1 x 1 projection, and the
input added where the shape is the same), a head of 1280 channels, average pooling, a linear layer.

Source: Tan and Le 2019, arXiv:1905.11946, table 1 (B0); Sandler et al. 2018, arXiv:1801.04381
(the inverted bottleneck). Lite is Google's change for small processors (``tensorflow/tpu``,
``efficientnet/lite``, 2020): no squeeze and excitation, min(max(x, 0), 6) for swish.

Departures: each batch normalization is folded into the convolution before it, W' = W g / sqrt(v +
e) and b' = b - m g / sqrt(v + e), so the network can be used but not trained; pictures may have any
size, with TensorFlow's "SAME" padding, which puts an odd pixel below and to the right.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

# repeats, kernel, stride, expansion, output channels: table 1, stages 2 to 8
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STRIDE = 32  # px of the picture for one position of the last features
EPSILON = 1e-3  # of the normalization in training


class Folded(nn.Module):
    """A convolution with the following normalization folded in, and ReLU6 if asked."""

    weight: Tensor
    bias: Tensor

    def __init__(
        self, state: Mapping[str, Tensor], convolution: str, norm: str, stride: int, relu6: bool
    ) -> None:
        super().__init__()
        scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + EPSILON).sqrt()
        weight = state[f"{convolution}.weight"] * scale[:, None, None, None]
        bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
        self.register_buffer("weight", weight.contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", bias)
        self.stride, self.relu6 = stride, relu6
        self.groups = weight.shape[0] if weight.shape[1] == 1 else 1

    def forward(self, x: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o h2 w2"]:
        """Return features with h2 = ceil(h / stride)."""
        side = self.weight.shape[-1]
        padding = side // 2
        if self.stride > 1:
            below, right = (_padding(size, side, self.stride) for size in x.shape[-2:])
            edges = (right // 2, right - right // 2, below // 2, below - below // 2)
            x, padding = F.pad(x, edges), 0
        y = F.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)
        return y.clamp_(0, 6) if self.relu6 else y


class Bottleneck(nn.Module):
    """Expansion, depthwise convolution, projection; plus the input if the shape is the same."""

    def __init__(
        self, state: Mapping[str, Tensor], name: str, stride: int, expand: bool, residual: bool
    ) -> None:
        super().__init__()
        steps = []
        if expand:
            steps.append(Folded(state, f"{name}._expand_conv", f"{name}._bn0", 1, True))
        steps.append(Folded(state, f"{name}._depthwise_conv", f"{name}._bn1", stride, True))
        steps.append(Folded(state, f"{name}._project_conv", f"{name}._bn2", 1, False))
        self.steps, self.residual = nn.Sequential(*steps), residual

    def forward(self, x: Tensor) -> Tensor:
        """Return the features after the block."""
        y = self.steps(x)
        return y.add_(x) if self.residual else y


class EfficientNetLite0(nn.Module):
    """The network with constant weights, from a state dict with efficientnet_lite_pytorch's names.

    Raises KeyError for a missing tensor and RuntimeError for shapes that don't fit.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stem = Folded(state, "_conv_stem", "_bn0", 2, True)
        blocks: list[Bottleneck] = []
        inputs = 32
        for repeats, _, stride, expansion, outputs in STAGES:
            for number in range(repeats):
                step = stride if number == 0 else 1
                residual = step == 1 and inputs == outputs
                blocks.append(
                    Bottleneck(state, f"_blocks.{len(blocks)}", step, expansion > 1, residual),
                )
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.top = Folded(state, "_conv_head", "_bn1", 1, True)
        self.linear = nn.Linear(1, 1, device="meta")
        self.linear.weight = nn.Parameter(state["_fc.weight"], requires_grad=False)
        self.linear.bias = nn.Parameter(state["_fc.bias"], requires_grad=False)

    def features(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1280 h2 w2"]:
        """Return the last features of preprocessed pictures, h2 = ceil(h / 32)."""
        x = x.to(self.linear.weight.dtype, memory_format=torch.channels_last)
        return self.top(self.blocks(self.stem(x)))

    def head(self, features: Float[Tensor, "b 1280 h2 w2"]) -> Float[Tensor, "b classes"]:
        """Return the logits of the classes from the last features."""
        return self.linear(features.mean((2, 3)))

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b classes"]:
        """Return the logits of the classes for preprocessed pictures."""
        return self.head(self.features(x))


def _padding(size: int, kernel: int, stride: int) -> int:
    """Return the padding, in px, that gives ceil(size / stride) positions."""
    return max((-(-size // stride) - 1) * stride + kernel - size, 0)
