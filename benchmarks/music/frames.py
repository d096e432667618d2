"""Piano rolls: which of 88 keys sound in each frame, and a network that foresees the next frame.

The data are the splits of Boulanger-Lewandowski, Bengio, Vincent 2012 (arXiv:1206.6392) as the
repository of TCN (Bai, Kolter, Koltun 2018, arXiv:1803.01271) keeps them.

The network treats all keys alike (after the biaxial LSTM of Johnson 2017, "Generating polyphonic
music using tied parallel networks"): one LSTM runs over time for each key, with the same weights,
and reads the keys around it; a second one reads the whole frame. What a key will do is then told
either from those alone (``within`` False: keys are independent, given the past) or by an LSTM that
goes up the keyboard and knows which lower keys of the same frame sound (``within`` True).
Departures: the second LSTM, the chroma, the window over lower keys.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.io import loadmat
from torch import Tensor, nn

from bowerbird.learning.sequence import Rows
from bowerbird.networks.recurrent import RecurrentConfig, RecurrentLayer

KEYS = 88
BEATS = 16  # frames after which a place in the bar is the same again
PHRASES = 4  # times so many frames
AROUND = 24  # keys on either side that a key reads
State = tuple[Tensor, ...]


@dataclass(frozen=True)
class Rolls:
    """The three parts of a data set; a piece is (frames, 88) of 0 and 1."""

    train: list[np.ndarray]
    valid: list[np.ndarray]
    test: list[np.ndarray]

    @property
    def keys(self) -> np.ndarray:
        """The keys from the lowest to the highest that ever sound while learning."""
        used = np.flatnonzero(np.any([piece.any(0) for piece in self.train], axis=0))
        return np.arange(used[0], used[-1] + 1)


def read_rolls(path: Path) -> Rolls:
    """Return the splits of a file of MATLAB."""
    kept = loadmat(path)
    return Rolls(
        *(
            [np.asarray(piece, np.uint8) for piece in kept[name][0]]
            for name in ("traindata", "validdata", "testdata")
        )
    )


@dataclass(frozen=True)
class RollConfig:
    """The shape of the network."""

    within: bool = False
    """Whether a key knows the lower keys of its own frame."""
    width: int = 128
    """Units of the LSTM that runs over time for each key."""
    inputs: int = 64
    """Numbers by which each key reads what is around it."""
    whole: int = 192
    """Units of the LSTM that reads the whole frame."""
    upwards: int = 96
    """Units of the LSTM that goes up the keyboard."""
    dropout: float = 0.3
    """Share of outputs that is dropped while it learns."""


class RollNetwork(nn.Module):
    """Frames in, a score (logit) for each key of the next frame out."""

    def __init__(self, keys: int, config: RollConfig, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.keys, self.config, self.dtype = keys, config, dtype
        inputs, width, whole = config.inputs, config.width, config.whole
        self.around = nn.Conv1d(1, inputs, 2 * AROUND + 1, padding=AROUND)
        self.chroma = nn.Linear(12, inputs, bias=False)
        self.key = nn.Parameter(torch.randn(keys, inputs) * 0.1)
        self.beat = nn.Embedding(BEATS, inputs)
        self.phrase = nn.Embedding(PHRASES, inputs)
        self.start_mark = nn.Parameter(torch.randn(inputs) * 0.1)
        self.each = RecurrentLayer(inputs, RecurrentConfig(width=width))
        self.read = nn.Linear(keys, inputs)
        self.all = RecurrentLayer(inputs, RecurrentConfig(width=whole))
        self.told = nn.Linear(whole, keys)  # what the whole says of each key
        self.shared = nn.Linear(whole, inputs)  # what it says to all of them
        if config.within:
            lower = inputs // 4
            self.lower = nn.Conv1d(1, lower, AROUND)
            upwards = RecurrentConfig(width=config.upwards)
            self.up = RecurrentLayer(width + inputs + lower + 1, upwards)
            self.out = nn.Linear(config.upwards, 1)
        else:
            self.hidden = nn.Linear(width + inputs, width)
            self.out = nn.Linear(width, 1)
        self.register_buffer("turned", torch.arange(keys)[:, None] + torch.arange(12), False)
        for layer in (self.each, self.all, *([self.up] if config.within else [])):
            draw(layer)

    def begin(self, batch: int) -> State:
        """Return the state before the first frame."""
        zeros = self.key.new_zeros
        each = zeros(batch * self.keys, self.config.width, dtype=self.dtype)
        everything = zeros(batch, self.config.whole, dtype=self.dtype)
        return each, each, everything, everything

    def forward(
        self, frames: Tensor, place: Tensor, state: State, following: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Return logits (B, T, K) of the frames that follow (B, T, K), and the state after them.

        ``place`` (B, T) counts the frames of a piece, with -1 for the mark before its first.
        ``following`` are the frames to be foreseen: only with ``within``, and of them only the
        keys below each key.
        """
        b, t, k = frames.shape
        x, shared = self._entered(frames, place), self._marked(place)
        rows = x.transpose(1, 2).reshape(b * k, t, -1)
        y, each = self.each(rows.to(self.dtype), state[:2])
        y = F.dropout(y.reshape(b, k, t, -1).transpose(1, 2), self.config.dropout, self.training)
        read = (self.read(frames) + shared).to(self.dtype)
        z, everything = self.all(read, state[2:])
        z = F.dropout(z, self.config.dropout, self.training).float()
        context = self.shared(z)[:, :, None] + self.key  # (B, T, K, inputs)
        known = torch.cat([y, context.to(self.dtype)], -1)
        if following is None:
            h = self.hidden(known.float()).relu()
            h = F.dropout(h, self.config.dropout, self.training)
        else:
            h = self._upwards(known, following)
        return self.out(h)[..., 0] + self.told(z), (*each, *everything)

    def _marked(self, place: Tensor) -> Tensor:
        """Return (B, T, inputs): where in the piece a frame stands."""
        there = place.clamp_min(0)
        beat = self.beat(there % BEATS) + self.phrase(there // BEATS % PHRASES)
        return torch.where((place < 0)[..., None], self.start_mark, beat)

    def _entered(self, frames: Tensor, place: Tensor) -> Tensor:
        """Return (B, T, K, inputs): what each key reads of a frame."""
        b, t, k = frames.shape
        around = self.around(frames.reshape(b * t, 1, k)).transpose(1, 2).reshape(b, t, k, -1)
        chroma = F.pad(frames, (0, -k % 12)).reshape(b, t, -1, 12).sum(2)
        turned = chroma[..., self.turned % 12]  # (B, T, K, 12), each key's own at 0
        return around + self.chroma(turned) + self.key + self._marked(place)[:, :, None]

    def _upwards(self, known: Tensor, following: Tensor) -> Tensor:
        """Return (B, T, K, upwards): what each key knows with the keys below it."""
        b, t, k, _ = known.shape
        below = F.pad(following.reshape(b * t, 1, k), (AROUND, -1))
        near = self.lower(below).transpose(1, 2)  # a key's window ends below it
        x = torch.cat([known.reshape(b * t, k, -1), near.to(self.dtype)], -1)
        x = torch.cat([x, below[:, 0, AROUND - 1 :, None].to(self.dtype)], -1)
        zero = x.new_zeros(b * t, self.config.upwards)
        y, _ = self.up(x, (zero, zero))
        return F.dropout(y, self.config.dropout, self.training).float().reshape(b, t, k, -1)


def draw(layer: RecurrentLayer) -> None:
    """Draw a layer's first weights."""
    bound = layer.weight_hh.shape[1] ** -0.5
    nn.init.uniform_(layer.weight_ih, -bound, bound)
    nn.init.uniform_(layer.weight_hh, -bound, bound)
    with torch.no_grad():
        layer.bias_ih[layer.weight_hh.shape[1] : 2 * layer.weight_hh.shape[1]] = 1.0


class RollTask:
    """Learning the next frame, as ``fit_steps`` wants its tasks."""

    def __init__(
        self,
        network: RollNetwork,
        rolls: Rolls,
        *,
        rows: int,
        window: int,
        seed: int = 0,
    ) -> None:
        """Learn from the pieces in any order, one after the other."""
        self.network, self.rolls = network, rolls
        self.frames, self.place = laid_out(rolls, seed)
        self.rows = Rows(np.arange(len(self.place)), rows, window, seed)
        self.state: State | None = None

    def loss(self, network: nn.Module) -> Tensor:
        """Return the loss of the next window, in nats a frame."""
        now, then, fresh = next(self.rows)
        there = self.place[then] >= 0  # what stands between pieces is not foreseen
        frames, following = self.frames[now].float(), self.frames[then].float()
        state = self.network.begin(len(now)) if fresh or self.state is None else self.state
        known = following if self.network.config.within else None
        logits, state = network(frames, self.place[now], state, known)
        self.state = tuple(s.detach() for s in state)
        each = F.binary_cross_entropy_with_logits(logits, following, reduction="none").sum(-1)
        return each[there].mean()

    def validate(self, network: nn.Module) -> float:
        """Return the loss of the validation pieces, in nats a frame."""
        return frame_nats([network], self.rolls, self.rolls.valid)

    def kept(self) -> dict[str, Tensor]:
        carried = {f"state.{i}": s for i, s in enumerate(self.state or ())}
        return {"position": torch.tensor(self.rows.position), **carried}

    def restore(self, kept: Mapping[str, Tensor]) -> None:
        self.rows.position = int(kept["position"])
        self.state = tuple(kept[f"state.{i}"] for i in range(len(kept) - 1)) or None


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
def frame_nats(networks: list[nn.Module], rolls: Rolls, pieces: list[np.ndarray]) -> float:
    """Return the nats a frame over pieces: of all frames but each piece's first, all 88 keys.

    With several networks the chances of each key are averaged. (The logarithm of a frame's chance
    is the sum over its keys of that of each key given the keys below it, so the chances of all
    2^88 frames still sum to 1.)
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


def rare_nats(rolls: Rolls, pieces: list[np.ndarray]) -> float:
    """Return the nats a frame of the keys that no piece to learn from has: by Laplace's rule."""
    chance = 1 / (sum(map(len, rolls.train)) + 2)
    rare = np.setdiff1d(np.arange(KEYS), rolls.keys)
    later = np.concatenate([piece[1:, rare] for piece in pieces])
    sounding = later.sum()
    silent = later.size - sounding
    return float(-(sounding * np.log(chance) + silent * np.log1p(-chance)) / len(later))


def batches(pieces: list[np.ndarray], rows: int = 16) -> Iterator[list[np.ndarray]]:
    """Yield pieces of similar length together."""
    longest = sorted(pieces, key=len)
    for start in range(0, len(longest), rows):
        yield longest[start : start + rows]


def _batch_nats(
    networks: list[nn.Module], pieces: list[np.ndarray], keys: np.ndarray, window: int = 128
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
            known = following if network.config.within else None
            logits, states[i] = network(frames, place, states[i], known)
            signed = torch.where(following > 0, logits, -logits).double()
            chance += signed.sigmoid() / len(networks)
        there = (place + 1 < length[:, None]) & (place >= 0)  # frames 2 .. T of each piece
        nats -= float(chance.log().sum(-1)[there].sum())
        count += int(there.sum())
    return nats, int(count)
