"""Predict the next frame of a piano roll: all keys are independent, given the past frames.

The network treats all keys alike (after the biaxial LSTM of Johnson 2017, "Generating polyphonic
music using tied parallel networks"): one LSTM runs over time for each key, with shared weights, and
reads the keys around it; a second one reads the whole frame. Both predict whether a key will sound.
Departures: the second LSTM, the chroma, and no LSTM over the keys of a frame.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from rolls import KEYS, Rolls
from torch import Tensor, nn

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.sequences.batches import SequenceBatches
from bowerbird.learning.trainer import train_steps
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.recurrent import RecurrentLayer

AROUND = 24  # keys on either side that a key reads
BATCH_SIZE = 16
State = tuple[Tensor, ...]


@dataclass(frozen=True)
class RollConfig:
    """The shape of the network."""

    key_units: int = 128
    """Units of the LSTM for each key."""
    inputs: int = 64
    """Size of the input of each key."""
    frame_units: int = 192
    """Units of the LSTM that reads the whole frame."""
    beats: tuple[tuple[int, int], ...] = ((1, 16), (16, 4))
    """Frames of a beat and beats of a cycle (a bar, a phrase), for the position embeddings."""
    dropout: float = 0.5
    """Probability of dropping an output in training."""
    input_dropout: float = 0.0
    """Probability of dropping a sounding key in training."""
    recurrent_dropout: float = 0.0
    """Probability of dropping a recurrent weight in training."""


class RollNetwork(nn.Module):
    """Frames in, a logit for each key of the next frame out."""

    def __init__(self, keys: int, config: RollConfig, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.keys, self.config, self.dtype = keys, config, dtype
        inputs, units, frame_units = config.inputs, config.key_units, config.frame_units
        self.around = nn.Conv1d(1, inputs, 2 * AROUND + 1, padding=AROUND)
        self.chroma = nn.Linear(12, inputs, bias=False)
        self.key = nn.Parameter(torch.randn(keys, inputs) * 0.1)
        self.beats = nn.ModuleList(nn.Embedding(count, inputs) for _, count in config.beats)
        self.start_embedding = nn.Parameter(torch.randn(inputs) * 0.1)
        self.key_lstm = RecurrentLayer(inputs, RecurrentConfig(hidden_size=units))
        self.read = nn.Linear(keys, inputs)
        self.frame_lstm = RecurrentLayer(inputs, RecurrentConfig(hidden_size=frame_units))
        self.frame_out = nn.Linear(frame_units, keys)
        self.context = nn.Linear(frame_units, inputs)
        self.hidden = nn.Linear(units + inputs, units)
        self.out = nn.Linear(units, 1)
        self.register_buffer("rotation", torch.arange(keys)[:, None] + torch.arange(12), False)
        for layer in (self.key_lstm, self.frame_lstm):
            initialize(layer)

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first frame."""
        zeros = self.key.new_zeros
        keys = zeros(batch_size * self.keys, self.config.key_units, dtype=self.dtype)
        frame = zeros(batch_size, self.config.frame_units, dtype=self.dtype)
        return keys, keys, frame, frame

    def forward(self, frames: Tensor, place: Tensor, state: State) -> tuple[Tensor, State]:
        """Return logits (B, T, K) of the frames that follow (B, T, K), and the state after them.

        ``place`` (B, T) counts the frames of a piece; -1 is the empty frame before the first.
        """
        b, t, k = frames.shape
        config = self.config
        frames = F.dropout(frames, config.input_dropout, self.training)
        x, position = self._embed_keys(frames, place), self._embed_position(place)
        rows = x.transpose(1, 2).reshape(b * k, t, -1)
        y, key_state = self.key_lstm(
            rows.to(self.dtype), state[:2], self._recurrent_mask(self.key_lstm)
        )
        y = F.dropout(y.reshape(b, k, t, -1).transpose(1, 2), config.dropout, self.training)
        read = (self.read(frames) + position).to(self.dtype)
        z, frame_state = self.frame_lstm(read, state[2:], self._recurrent_mask(self.frame_lstm))
        z = F.dropout(z.float(), config.dropout, self.training)
        context = self.context(z)[:, :, None] + self.key  # (B, T, K, inputs)
        features = torch.cat([y.float(), context], -1)
        h = F.dropout(self.hidden(features).relu(), config.dropout, self.training)
        return self.out(h)[..., 0] + self.frame_out(z), (*key_state, *frame_state)

    def _recurrent_mask(self, layer: RecurrentLayer) -> Tensor:
        ones = torch.ones_like(layer.weight_hh)
        return F.dropout(ones, self.config.recurrent_dropout, self.training)

    def _embed_position(self, place: Tensor) -> Tensor:
        """Return (B, T, inputs): the position of a frame in the piece."""
        frame = place.clamp_min(0)
        positions = [frame // step % count for step, count in self.config.beats]
        beats = [embed(position) for embed, position in zip(self.beats, positions, strict=True)]
        return torch.where((place < 0)[..., None], self.start_embedding, torch.stack(beats).sum(0))

    def _embed_keys(self, frames: Tensor, place: Tensor) -> Tensor:
        """Return (B, T, K, inputs): the input of each key."""
        b, t, k = frames.shape
        around = self.around(frames.reshape(b * t, 1, k)).transpose(1, 2).reshape(b, t, k, -1)
        chroma = F.pad(frames, (0, -k % 12)).reshape(b, t, -1, 12).sum(2)
        rotated = chroma[..., self.rotation % 12]  # (B, T, K, 12), each key's own at 0
        return around + self.chroma(rotated) + self.key + self._embed_position(place)[:, :, None]


def initialize(layer: RecurrentLayer) -> None:
    """Initialize the weights of a layer."""
    bound = layer.weight_hh.shape[1] ** -0.5
    nn.init.uniform_(layer.weight_ih, -bound, bound)
    nn.init.uniform_(layer.weight_hh, -bound, bound)
    with torch.no_grad():
        layer.bias_ih[layer.weight_hh.shape[1] : 2 * layer.weight_hh.shape[1]] = 1.0


def train(
    rolls: Rolls,
    config: RollConfig,
    trainer: TrainerConfig,
    sequence_length: int,
    dtype: torch.dtype,
) -> RollNetwork:
    """Return a network trained on the pieces; it computes in ``dtype``."""
    torch.manual_seed(trainer.seed)
    network = RollNetwork(len(rolls.keys), config, dtype)
    for _ in train_steps(RollTask(network, rolls, sequence_length, trainer.seed), trainer):
        pass
    return network


class RollTask:
    """Prediction of the next frame, as a task of ``train_steps``."""

    def __init__(
        self,
        network: RollNetwork,
        rolls: Rolls,
        sequence_length: int,
        seed: int = 0,
    ) -> None:
        """Read the pieces in a random order, one after the other."""
        self.network, self.rolls = network, rolls
        self.frames, self.place = concatenated(rolls, seed)
        self.batches = SequenceBatches(
            np.arange(len(self.place)), BATCH_SIZE, sequence_length, seed
        )
        self.state: State | None = None

    def loss(self, network: nn.Module) -> Tensor:
        """Return the loss of the next batch, in nats per frame."""
        now, then, new = next(self.batches)
        inside = self.place[then] >= 0  # the empty frames between pieces don't count
        frames, following = self.frames[now].float(), self.frames[then].float()
        state = self.network.initial_state(len(now)) if new or self.state is None else self.state
        logits, state = network(frames, self.place[now], state)
        self.state = tuple(s.detach() for s in state)
        losses = F.binary_cross_entropy_with_logits(logits, following, reduction="none").sum(-1)
        return losses[inside].mean()

    def validate(self, network: nn.Module) -> float:
        """Return the loss of the validation pieces, in nats per frame."""
        return nats_per_frame([network], self.rolls, self.rolls.valid)

    def state_dict(self) -> dict[str, Tensor]:
        carried = {f"state.{i}": s for i, s in enumerate(self.state or ())}
        return {"position": torch.tensor(self.batches.position), **carried}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.batches.position = int(state["position"])
        self.state = tuple(state[f"state.{i}"] for i in range(len(state) - 1)) or None


def concatenated(rolls: Rolls, seed: int) -> tuple[Tensor, Tensor]:
    """Return all frames (N, K), each piece after an empty one, and their places or -1."""
    keys = rolls.keys
    frames, places = [], []
    for index in np.random.default_rng(seed).permutation(len(rolls.train)):
        piece = rolls.train[index]
        frames += [np.zeros((1, len(keys)), np.uint8), piece[:, keys]]
        places += [np.arange(-1, len(piece))]
    return torch.from_numpy(np.concatenate(frames)), torch.from_numpy(np.concatenate(places))


@torch.no_grad()
def nats_per_frame(
    networks: Sequence[RollNetwork], rolls: Rolls, pieces: Sequence[np.ndarray]
) -> float:
    """Return the nats per frame: over all frames but the first of each piece, and all 88 keys.

    The probabilities of several networks are averaged.
    """
    modes = [network.training for network in networks]
    for network in networks:
        network.eval()
    nats = count = 0.0
    for batch in batches(pieces):
        batch_nats, frames = _batch_nats(networks, batch, rolls.keys)
        nats, count = nats + batch_nats, count + frames
    for network, mode in zip(networks, modes, strict=True):
        network.train(mode)
    return nats / count + unseen_nats(rolls, pieces)


def unseen_nats(rolls: Rolls, pieces: Sequence[np.ndarray]) -> float:
    """Return the nats per frame of keys outside the training range, by Laplace's rule."""
    probability = 1 / (sum(map(len, rolls.train)) + 2)
    unseen = np.setdiff1d(np.arange(KEYS), rolls.keys)
    later = np.concatenate([piece[1:, unseen] for piece in pieces])
    sounding = later.sum()
    silent = later.size - sounding
    return float(-(sounding * np.log(probability) + silent * np.log1p(-probability)) / len(later))


def batches(pieces: Sequence[np.ndarray], size: int = 16) -> Iterator[list[np.ndarray]]:
    """Yield pieces of similar length together."""
    ordered = sorted(pieces, key=len)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def _batch_nats(
    networks: Sequence[RollNetwork], pieces: list[np.ndarray], keys: np.ndarray, window: int = 128
) -> tuple[float, int]:
    """Return the sum of the nats of some pieces, and the number of frames."""
    longest = max(map(len, pieces))
    table = torch.zeros(len(pieces), longest + 1, len(keys))  # the first frame is empty
    for row, piece in enumerate(pieces):
        table[row, 1 : len(piece) + 1] = torch.from_numpy(piece[:, keys]).float()
    length = torch.tensor([len(piece) for piece in pieces])
    states = [network.initial_state(len(pieces)) for network in networks]
    nats = count = 0.0
    for start in range(0, longest, window):
        end = min(start + window, longest)
        place = torch.arange(start - 1, end - 1).expand(len(pieces), -1)
        frames, following = table[:, start:end], table[:, start + 1 : end + 1]
        probability = torch.zeros(len(pieces), end - start, len(keys), dtype=torch.float64)
        for i, network in enumerate(networks):
            logits, states[i] = network(frames, place, states[i])
            signed = torch.where(following > 0, logits, -logits).double()
            probability += signed.sigmoid() / len(networks)
        counted = (place + 1 < length[:, None]) & (place >= 0)  # frames 2 .. T of each piece
        nats -= float(probability.log().sum(-1)[counted].sum())
        count += int(counted.sum())
    return nats, int(count)
