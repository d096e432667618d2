"""The next frame of a piano roll, each key told from the past frames alone.

The network treats all keys alike (after the biaxial LSTM of Johnson 2017, "Generating polyphonic
music using tied parallel networks"): one LSTM runs over time for each key, with the same weights,
and reads the keys around it; a second one reads the whole frame. From both is told whether a key
will sound: keys are independent, given the past. Departures: the second LSTM, the chroma, and no
LSTM over the keys of a frame.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from rolls import KEYS, Rolls
from torch import Tensor, nn

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.sequence_batches import SequenceBatches
from bowerbird.learning.trainer import train_steps
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.recurrent import RecurrentLayer

AROUND = 24  # keys on either side that a key reads
ROWS = 16
State = tuple[Tensor, ...]


@dataclass(frozen=True)
class RollConfig:
    """The shape of the network."""

    width: int = 128
    """Units of the LSTM that runs over time for each key."""
    inputs: int = 64
    """Numbers by which each key reads what is around it."""
    whole: int = 192
    """Units of the LSTM that reads the whole frame."""
    beats: tuple[tuple[int, int], ...] = ((1, 16), (16, 4))
    """Frames of a beat, and how many beats make a bar, or a phrase: what place is known by."""
    dropout: float = 0.5
    """Share of outputs that is dropped while it learns."""
    input_dropout: float = 0.0
    """Share of the sounding keys that is not read while it learns."""
    recurrent_dropout: float = 0.0
    """Share of the weights from an LSTM to itself that is dropped while it learns."""


class RollNetwork(nn.Module):
    """Frames in, a score (logit) for each key of the next frame out."""

    def __init__(self, keys: int, config: RollConfig, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.keys, self.config, self.dtype = keys, config, dtype
        inputs, width, whole = config.inputs, config.width, config.whole
        self.around = nn.Conv1d(1, inputs, 2 * AROUND + 1, padding=AROUND)
        self.chroma = nn.Linear(12, inputs, bias=False)
        self.key = nn.Parameter(torch.randn(keys, inputs) * 0.1)
        self.beats = nn.ModuleList(nn.Embedding(count, inputs) for _, count in config.beats)
        self.start_mark = nn.Parameter(torch.randn(inputs) * 0.1)
        self.each = RecurrentLayer(inputs, RecurrentConfig(hidden_size=width))
        self.read = nn.Linear(keys, inputs)
        self.all = RecurrentLayer(inputs, RecurrentConfig(hidden_size=whole))
        self.told = nn.Linear(whole, keys)  # what the whole says of each key
        self.shared = nn.Linear(whole, inputs)  # what it says to all of them
        self.hidden = nn.Linear(width + inputs, width)
        self.out = nn.Linear(width, 1)
        self.register_buffer("turned", torch.arange(keys)[:, None] + torch.arange(12), False)
        for layer in (self.each, self.all):
            draw(layer)

    def begin(self, batch: int) -> State:
        """Return the state before the first frame."""
        zeros = self.key.new_zeros
        each = zeros(batch * self.keys, self.config.width, dtype=self.dtype)
        everything = zeros(batch, self.config.whole, dtype=self.dtype)
        return each, each, everything, everything

    def forward(self, frames: Tensor, place: Tensor, state: State) -> tuple[Tensor, State]:
        """Return logits (B, T, K) of the frames that follow (B, T, K), and the state after them.

        ``place`` (B, T) counts the frames of a piece, with -1 for the mark before its first.
        """
        b, t, k = frames.shape
        config = self.config
        frames = F.dropout(frames, config.input_dropout, self.training)
        x, shared = self._entered(frames, place), self._marked(place)
        rows = x.transpose(1, 2).reshape(b * k, t, -1)
        y, each = self.each(rows.to(self.dtype), state[:2], self._kept(self.each))
        y = F.dropout(y.reshape(b, k, t, -1).transpose(1, 2), config.dropout, self.training)
        read = (self.read(frames) + shared).to(self.dtype)
        z, everything = self.all(read, state[2:], self._kept(self.all))
        z = F.dropout(z.float(), config.dropout, self.training)
        context = self.shared(z)[:, :, None] + self.key  # (B, T, K, inputs)
        known = torch.cat([y.float(), context], -1)
        h = F.dropout(self.hidden(known).relu(), config.dropout, self.training)
        return self.out(h)[..., 0] + self.told(z), (*each, *everything)

    def _kept(self, layer: RecurrentLayer) -> Tensor:
        ones = torch.ones_like(layer.weight_hh)
        return F.dropout(ones, self.config.recurrent_dropout, self.training)

    def _marked(self, place: Tensor) -> Tensor:
        """Return (B, T, inputs): where in the piece a frame stands."""
        there = place.clamp_min(0)
        places = [there // step % count for step, count in self.config.beats]
        beats = [told(place) for told, place in zip(self.beats, places, strict=True)]
        return torch.where((place < 0)[..., None], self.start_mark, torch.stack(beats).sum(0))

    def _entered(self, frames: Tensor, place: Tensor) -> Tensor:
        """Return (B, T, K, inputs): what each key reads of a frame."""
        b, t, k = frames.shape
        around = self.around(frames.reshape(b * t, 1, k)).transpose(1, 2).reshape(b, t, k, -1)
        chroma = F.pad(frames, (0, -k % 12)).reshape(b, t, -1, 12).sum(2)
        turned = chroma[..., self.turned % 12]  # (B, T, K, 12), each key's own at 0
        return around + self.chroma(turned) + self.key + self._marked(place)[:, :, None]


def draw(layer: RecurrentLayer) -> None:
    """Draw a layer's first weights."""
    bound = layer.weight_hh.shape[1] ** -0.5
    nn.init.uniform_(layer.weight_ih, -bound, bound)
    nn.init.uniform_(layer.weight_hh, -bound, bound)
    with torch.no_grad():
        layer.bias_ih[layer.weight_hh.shape[1] : 2 * layer.weight_hh.shape[1]] = 1.0


def learned_apart(
    rolls: Rolls, config: RollConfig, fit: TrainerConfig, window: int, dtype: torch.dtype
) -> RollNetwork:
    """Return a network that has learned the pieces; it computes in ``dtype``."""
    torch.manual_seed(fit.seed)
    network = RollNetwork(len(rolls.keys), config, dtype)
    for _ in train_steps(RollTask(network, rolls, window, fit.seed), fit):
        pass
    return network


class RollTask:
    """Learning the next frame, as ``train_steps`` wants its tasks."""

    def __init__(
        self,
        network: RollNetwork,
        rolls: Rolls,
        window: int,
        seed: int = 0,
    ) -> None:
        """Learn from the pieces in any order, one after the other."""
        self.network, self.rolls = network, rolls
        self.frames, self.place = laid_out(rolls, seed)
        self.rows = SequenceBatches(np.arange(len(self.place)), ROWS, window, seed)
        self.state: State | None = None

    def loss(self, network: nn.Module) -> Tensor:
        """Return the loss of the next window, in nats a frame."""
        now, then, fresh = next(self.rows)
        there = self.place[then] >= 0  # what stands between pieces is not foreseen
        frames, following = self.frames[now].float(), self.frames[then].float()
        state = self.network.begin(len(now)) if fresh or self.state is None else self.state
        logits, state = network(frames, self.place[now], state)
        self.state = tuple(s.detach() for s in state)
        each = F.binary_cross_entropy_with_logits(logits, following, reduction="none").sum(-1)
        return each[there].mean()

    def validate(self, network: nn.Module) -> float:
        """Return the loss of the validation pieces, in nats a frame."""
        return nats_apart([network], self.rolls, self.rolls.valid)

    def state_dict(self) -> dict[str, Tensor]:
        carried = {f"state.{i}": s for i, s in enumerate(self.state or ())}
        return {"position": torch.tensor(self.rows.position), **carried}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.rows.position = int(state["position"])
        self.state = tuple(state[f"state.{i}"] for i in range(len(state) - 1)) or None


def laid_out(rolls: Rolls, seed: int) -> tuple[Tensor, Tensor]:
    """Return all frames (N, K), each piece after an empty one, and each frame's place or -1."""
    keys = rolls.keys
    frames, places = [], []
    for index in np.random.default_rng(seed).permutation(len(rolls.train)):
        piece = rolls.train[index]
        frames += [np.zeros((1, len(keys)), np.uint8), piece[:, keys]]
        places += [np.arange(-1, len(piece))]
    return torch.from_numpy(np.concatenate(frames)), torch.from_numpy(np.concatenate(places))


@torch.no_grad()
def nats_apart(
    networks: Sequence[RollNetwork], rolls: Rolls, pieces: Sequence[np.ndarray]
) -> float:
    """Return the nats a frame over pieces: of all frames but each piece's first, all 88 keys.

    With several networks the chances of each key are averaged.
    """
    learning = [network.training for network in networks]
    for network in networks:
        network.eval()
    nats = count = 0.0
    for batch in batches(pieces):
        batch_nats, frames = _batch_nats(networks, batch, rolls.keys)
        nats, count = nats + batch_nats, count + frames
    for network, was in zip(networks, learning, strict=True):
        network.train(was)
    return nats / count + rare_nats(rolls, pieces)


def rare_nats(rolls: Rolls, pieces: Sequence[np.ndarray]) -> float:
    """Return the nats a frame of the keys that no piece to learn from has: by Laplace's rule."""
    chance = 1 / (sum(map(len, rolls.train)) + 2)
    rare = np.setdiff1d(np.arange(KEYS), rolls.keys)
    later = np.concatenate([piece[1:, rare] for piece in pieces])
    sounding = later.sum()
    silent = later.size - sounding
    return float(-(sounding * np.log(chance) + silent * np.log1p(-chance)) / len(later))


def batches(pieces: Sequence[np.ndarray], rows: int = 16) -> Iterator[list[np.ndarray]]:
    """Yield pieces of similar length together."""
    longest = sorted(pieces, key=len)
    for start in range(0, len(longest), rows):
        yield longest[start : start + rows]


def _batch_nats(
    networks: Sequence[RollNetwork], pieces: list[np.ndarray], keys: np.ndarray, window: int = 128
) -> tuple[float, int]:
    """Return the sum of nats of some pieces, and of how many frames."""
    longest = max(map(len, pieces))
    table = torch.zeros(len(pieces), longest + 1, len(keys))  # the first frame is the mark
    for row, piece in enumerate(pieces):
        table[row, 1 : len(piece) + 1] = torch.from_numpy(piece[:, keys]).float()
    length = torch.tensor([len(piece) for piece in pieces])
    states = [network.begin(len(pieces)) for network in networks]
    nats = count = 0.0
    for start in range(0, longest, window):
        end = min(start + window, longest)
        place = torch.arange(start - 1, end - 1).expand(len(pieces), -1)
        frames, following = table[:, start:end], table[:, start + 1 : end + 1]
        chance = torch.zeros(len(pieces), end - start, len(keys), dtype=torch.float64)
        for i, network in enumerate(networks):
            logits, states[i] = network(frames, place, states[i])
            signed = torch.where(following > 0, logits, -logits).double()
            chance += signed.sigmoid() / len(networks)
        there = (place + 1 < length[:, None]) & (place >= 0)  # frames 2 .. T of each piece
        nats -= float(chance.log().sum(-1)[there].sum())
        count += int(there.sum())
    return nats, int(count)
