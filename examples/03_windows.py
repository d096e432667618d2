"""A convolution is a feed-forward layer with two restrictions: local windows and shared weights.

Three layers are trained to compute the slope of a curve, on a few noisy examples. The free one has
a weight for each pair of positions; in the windowed one those outside the windows are zero; in the
third all windows share their five weights. The fewer free weights, the smaller the error on new
curves; and the third layer equals torch's conv1d. Source: LeCun 1989, "Generalization and network
design strategies".

    python examples/03_windows.py

Writes windows.png.
"""

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from bowerbird.networks.mlp import Affine, Window, windowed

PLACES, WINDOW = 40, 5
SLOPE = torch.tensor([-0.2, -0.1, 0.0, 0.1, 0.2])  # by least squares over five places


def curves(count: int):
    """Return random curves (n, places) and their noisy slopes (n, places - 4)."""
    curve = torch.randn(count, PLACES).cumsum(1) / 3
    slope = F.conv1d(curve[:, None], SLOPE[None, None])[:, 0]
    return curve, slope + 0.1 * torch.randn_like(slope)


torch.manual_seed(0)
known, targets = curves(30)
new, truth = curves(1000)
shared = windowed([PLACES], Window((WINDOW,)))
local = windowed([PLACES], Window((WINDOW,), shared=False))
figure = Figure(figsize=(9, 3.2), layout="constrained")
errors = []
for axes, (name, ties) in zip(
    figure.subplots(1, 3),
    {"free": None, "windowed": local, "shared": shared}.items(),
    strict=True,
):
    layer = Affine(PLACES, PLACES - WINDOW + 1, ties)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    for _ in range(800):
        optimizer.zero_grad()
        (layer(known) - targets).square().mean().backward()
        optimizer.step()
    errors.append(float((layer(new) - truth).square().mean().sqrt().detach()))
    print(f"{name:9} {layer.weight.numel():5} weights, error on new curves {errors[-1]:.3f}")
    axes.imshow(layer.matrix().detach().numpy(), cmap="RdBu", vmin=-0.3, vmax=0.3)
    axes.set_title(f"{name}: {layer.weight.numel():,} weights, error {errors[-1]:.2f}", fontsize=9)
    axes.set_axis_off()
figure.savefig("windows.png", dpi=110)
assert errors[2] < errors[1] < errors[0], "the fewer free weights, the better on new curves"

kernel = layer.weight.reshape(1, 1, WINDOW)
assert torch.allclose(F.conv1d(new[:, None], kernel, layer.bias)[:, 0], layer(new), atol=1e-5)
assert (kernel.detach().flatten() - SLOPE).abs().max() < 0.03
print("kernel:", [round(float(w), 2) for w in layer.weight.detach()])
