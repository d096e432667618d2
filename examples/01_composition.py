"""A deep network is a composition of functions: each layer folds the input of the next.

One layer of two ReLU units computes the fold g(x) = 2x for x < 1/2, else 2 - 2x. Composed with
itself n times it is a sawtooth with 2^(n-1) teeth from 2n units; a single layer would need one unit
for each of its 2^n - 1 bends. Source: Telgarsky 2015 (arXiv:1509.08101), section 2.

    python examples/01_composition.py

Writes composition.png.
"""

import torch
from matplotlib.figure import Figure

from bowerbird.networks.config import MLPConfig
from bowerbird.networks.mlp import MLP

DEPTH = 5


def fold(x):
    """Fold [0, 1] in the middle and stretch it to [0, 1] again."""
    return torch.where(x < 0.5, 2 * x, 2 - 2 * x)


def saw(depth: int) -> MLP:
    """Return the fold composed with itself, as a network: g(x) = 2 relu(x) - 4 relu(x - 1/2)."""
    network = MLP(MLPConfig((1, *[2] * depth, 1))).double().requires_grad_(False)
    for number, layer in enumerate(network.layers):
        # the input is x, or the two units that g is a sum of
        incoming = torch.tensor([[1.0]] if number == 0 else [[2.0, -4.0]])
        is_last = number == depth
        layer.weight.copy_(incoming if is_last else incoming.expand(2, -1))
        layer.bias.copy_(torch.zeros(1) if is_last else torch.tensor([0.0, -0.5]))
    return network


x = torch.linspace(0, 1, 2**DEPTH * 8 + 1, dtype=torch.float64)
figure = Figure(figsize=(10, 2.2), layout="constrained")
composed = x
for depth, axes in enumerate(figure.subplots(1, DEPTH, sharey=True), 1):
    composed = fold(composed)
    y = saw(depth)(x[:, None])[:, 0]
    assert torch.equal(y, composed), "the network is the composition, to the last bit"
    bends = int((y.diff().diff().abs() > 1e-9).sum())
    assert bends == 2**depth - 1
    axes.plot(x.numpy(), y.numpy(), color="#1d4e89", linewidth=1.2)
    axes.set_title(f"{depth} layers, {2 * depth} units, {bends} bends", fontsize=9)
    axes.set_axis_off()
figure.savefig("composition.png", dpi=110)
print(f"{DEPTH} layers of 2 units bend {bends} times; one layer would need {bends} units")
