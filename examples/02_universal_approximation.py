"""A network with enough units approximates any continuous function as closely as one likes.

The function is a spiral in the plane, f = sin(angle + 8 r), flat in the middle. The more units, the
smaller the error, and the features of each layer show how: the first divides the plane by straight
lines, the second bends them, the third has arms of the spiral, and the output is a sum of these.
Sources: Hornik, Stinchcombe, White 1989, theorem 2.4; Leshno, Lin, Pinkus, Schocken 1993 (ReLU).

    python examples/02_universal_approximation.py

Writes features.png.
"""

import torch
from matplotlib.figure import Figure

from bowerbird.networks.config import MLPConfig
from bowerbird.networks.mlp import MLP

SIDE = 72  # px of each picture
SHOWN = 9  # units of each layer


def spiral(x):
    """Return the function at points of the plane, (n, 2) to (n, 1)."""
    r = x.norm(dim=1, keepdim=True)
    angle = torch.atan2(x[:, 1:], x[:, :1])
    return torch.sin(angle + 8 * r) * (1 - torch.exp(-((r / 0.25) ** 2)))


def train(width: int, steps: int = 1200) -> MLP:
    """Return a network of three hidden layers, trained on random points."""
    torch.manual_seed(0)
    network = MLP(MLPConfig((2, width, width, width, 1), "relu"))
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=steps)
    for _ in range(steps):
        x = 2 * torch.rand(256, 2) - 1
        optimizer.zero_grad()
        (network(x) - spiral(x)).square().mean().backward()
        optimizer.step()
        schedule.step()
    return network


line = torch.linspace(-1, 1, SIDE)
plane = torch.cartesian_prod(line, line)
errors = []
for width in (4, 12, 32):
    network = train(width)
    with torch.no_grad():
        layers = network.features(plane)
    errors.append(float((layers[-1] - spiral(plane)).square().mean().sqrt()))
    print(f"{width:3} units per layer: error {errors[-1]:.3f}")
assert errors[0] > errors[1] > errors[2], "more units, less error"
assert errors[2] < 0.08

rows = [units / units.amax(0).clamp(min=1e-9) for units in layers[:-1]]
rows = [units[:, units.std(0).argsort(descending=True)] for units in rows]  # most active first
rows += [torch.cat([layers[-1], spiral(plane)], 1) / 2 + 0.5]
figure = Figure(figsize=(SHOWN, len(rows)), layout="constrained")
for axes, units in zip(figure.subplots(len(rows), SHOWN), rows, strict=True):
    for place, cell in enumerate(axes):
        cell.set_axis_off()
        if place < min(SHOWN, units.shape[1]):
            cell.imshow(units[:, place].reshape(SIDE, SIDE).numpy(), cmap="magma", vmin=0, vmax=1)
figure.savefig("features.png", dpi=80)
