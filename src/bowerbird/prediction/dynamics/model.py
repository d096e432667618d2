"""A recurrent network that predicts the next observation of a system, and its free run.

``h_t = phi(h_{t-1}, s_t)``, ``s_{t+1} = s_t + D (V h_t + S s_t + a)``: it reads observations and
predicts the next change. In a free run it reads its own predictions. D scales changes to a standard
deviation of one; s is normalized by the training data.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.networks.echo_state import RecurrentRegressor


class DynamicsModel:
    """A network with the normalization of its training data."""

    def __init__(self, network: RecurrentRegressor, observations: Float[np.ndarray, "p t d"]):
        self.network = network
        changes = np.diff(observations, axis=1)
        self.mean, self.scale = observations.mean((0, 1)), observations.std((0, 1))
        self.change_scale = changes.std((0, 1)) / self.scale

    def normalize(self, observations: Float[np.ndarray, "p t d"]) -> Tensor:
        """Return observations as the network reads them."""
        like = self.network.readout.bias
        return torch.from_numpy((observations - self.mean) / self.scale).to(like)

    def targets(self, observations: Float[np.ndarray, "p t d"]) -> Tensor:
        """Return the changes that the network should predict, one fewer than observations."""
        s = self.normalize(observations)
        return s.diff(dim=1) / torch.from_numpy(self.change_scale).to(s)

    @torch.no_grad()
    def run(
        self, observations: Float[np.ndarray, "p w d"], steps: int
    ) -> Float[np.ndarray, "p t d"]:
        """Read observations, then run freely: return the next ``steps`` observations."""
        s = self.normalize(observations)
        scale = torch.from_numpy(self.change_scale).to(s)
        changes, state = self.network(s)
        current = s[:, -1] + changes[:, -1] * scale
        predicted = [current]
        for _ in range(steps - 1):
            change, state = self.network.step(current, state)
            current = current + change * scale
            predicted.append(current)
        return torch.stack(predicted, 1).cpu().double().numpy() * self.scale + self.mean
