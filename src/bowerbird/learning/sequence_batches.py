"""A stream of integers, and a network that learns what comes next in it.

The loss is the mean of ``-log p(x_{t+1} | x_1 .. x_t)`` in nats a sign. The stream is cut into
rows that are read side by side, a window at a time (truncated backpropagation through time: Werbos
1990, Williams and Peng 1990), and the network's state is carried from window to window.

Two ways to measure a loss: ``stream_loss`` reads a whole stream with its state carried, so that
every sign counts once, with all of its past; ``window_loss`` takes random windows without a past,
as nanoGPT does.

The stream lies in a memory-mapped file: a corpus may be larger than the memory.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

State = tuple[Tensor, ...]
WARM = 512  # signs that a row reads before it counts, where a stream is measured in several rows


class SequenceNetwork(Protocol):
    """What reads signs and scores what may follow."""

    vocabulary: int
    """Number of signs."""
    training: bool
    """Whether it drops."""

    def start(self, batch: int) -> State:
        """Return the state before the first sign."""
        ...

    def __call__(
        self, signs: Int[Tensor, "b t"], state: State | None = None
    ) -> tuple[Float[Tensor, "b t v"], State]:
        """Return the scores of what follows each sign of a window, and the state after it."""
        ...

    def step(self, signs: Int[Tensor, " b"], state: State) -> tuple[Float[Tensor, "b v"], State]:
        """Return the scores of what follows one more sign, and the state after it."""
        ...

    def fast_step(self) -> Callable[[Tensor, State], tuple[Tensor, State]]:
        """Return the quickest form of ``step`` here, with the weights that are there now."""
        ...

    def eval(self) -> object:
        """Stop dropping."""
        ...

    def train(self, mode: bool = True) -> object:
        """Drop again."""
        ...


def write_stream(path: Path, parts: Iterable[np.ndarray], vocabulary: int) -> np.memmap:
    """Write parts of a stream, one after the other, to a file and return it memory-mapped.

    Raises ValueError for a stream without a sign.
    """
    kind = np.min_scalar_type(vocabulary - 1)
    try:
        with path.open("wb") as file:
            for part in parts:
                file.write(part.astype(kind, copy=False).tobytes())
    except OSError as error:  # a write that fails does not say where
        raise OSError(error.errno, error.strerror, error.filename or str(path)) from error
    if not path.stat().st_size:
        raise ValueError("the corpus is empty")
    return np.memmap(path, kind, mode="r")


class SequenceBatches:
    """A stream as rows that are read side by side, window after window, for ever.

    Each time through begins a little later (drawn from ``seed`` and the round), so that windows
    do not always begin at the same signs. ``position`` is all that has to be kept to go on.
    """

    def __init__(
        self,
        stream: np.ndarray,
        rows: int,
        window: int,
        seed: int = 0,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        """Raise ValueError if there is not one window for each process.

        ``part`` is (process, processes): each process reads its share of the rows.
        """
        self.stream, self.window, self.seed, self.part = stream, window, seed, part
        there = (len(stream) - 1) // window  # a short stream has fewer rows
        self.rows = min(rows, there) // part[1] * part[1]
        if self.rows < 1:
            raise ValueError(
                f"the corpus has {len(stream)} signs and a window {window}, for {part[1]} "
                "processes; take a longer corpus or a shorter window"
            )
        self.windows = max(1, (len(stream) - 1) // (self.rows * window) - 1)
        self.position = 0

    def __next__(self) -> tuple[Int[Tensor, "b t"], Int[Tensor, "b t"], bool]:
        """Return a window, what follows each of its signs, and whether the past ends before it."""
        lap, place = divmod(self.position, self.windows)
        self.position += 1
        length = (len(self.stream) - 1) // self.rows
        room = length - self.windows * self.window
        shift = int(np.random.default_rng((self.seed, lap)).integers(0, room + 1)) if room else 0
        process, processes = self.part
        starts = np.arange(process, self.rows, processes) * length + shift + place * self.window
        both = np.stack([self.stream[s : s + self.window + 1] for s in starts]).astype(np.int64)
        signs = torch.from_numpy(both)
        return signs[:, :-1], signs[:, 1:], place == 0

    def __iter__(self) -> "SequenceBatches":
        return self


def next_token_loss(
    scores: Float[Tensor, "b t v"], targets: Int[Tensor, "b t"]
) -> Float[Tensor, ""]:
    """Return the mean of -log p(target), in nats a sign."""
    return F.cross_entropy(scores.flatten(0, 1), targets.flatten())


@torch.no_grad()
def stream_loss(
    network: SequenceNetwork,
    stream: np.ndarray,
    *,
    rows: int = 16,
    window: int = 256,
    device: torch.device | str = "cpu",
) -> float:
    """Return the loss over a whole stream, with carried state, in nats a sign.

    Every sign but the first counts once. The stream is read in ``rows`` side by side; each but the
    first has read the ``WARM`` signs before its own, so its past is long enough. Raises ValueError
    for a stream of fewer than two signs.
    """
    count = len(stream) - 1
    if count < 1:
        raise ValueError("a stream of fewer than two signs has nothing to predict")
    rows = max(1, min(rows, count // (4 * WARM)))
    length = -(-count // rows)
    learning = network.training
    network.eval()
    state, nats, place = None, 0.0, -WARM if rows > 1 else 0
    while place < length:
        end = min(0 if place < 0 else length, place + window)
        index = np.arange(rows)[:, None] * length + np.arange(place, end + 1)
        signs = torch.from_numpy(stream[index.clip(0, count)].astype(np.int64)).to(device)
        scores, state = network(signs[:, :-1], state)
        if place < 0 and end == 0:  # the very first row has no past
            state = tuple(
                _without_first(s, b) for s, b in zip(state, network.start(rows), strict=True)
            )
        if place >= 0:
            each = F.cross_entropy(scores.flatten(0, 1), signs[:, 1:].flatten(), reduction="none")
            there = torch.from_numpy(index[:, 1:] <= count).to(device).flatten()
            nats += float(each.double()[there].sum())
        place = end
    network.train(learning)
    return nats / count


def _without_first(state: Tensor, empty: Tensor) -> Tensor:
    state = state.clone()
    state[0] = empty[0]
    return state


@torch.no_grad()
def window_loss(
    network: SequenceNetwork,
    stream: np.ndarray,
    *,
    window: int = 256,
    windows: int = 2000,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> float:
    """Return the mean loss of random windows without a past, in nats a sign (nanoGPT's way)."""
    random = np.random.default_rng(seed)
    window = min(window, len(stream) - 1)
    starts = random.integers(0, len(stream) - window, size=windows)
    learning = network.training
    network.eval()
    losses = []
    for some in np.array_split(starts, -(-windows // 64)):
        both = np.stack([stream[s : s + window + 1] for s in some]).astype(np.int64)
        signs = torch.from_numpy(both).to(device)
        scores, _ = network(signs[:, :-1])
        losses.append(float(next_token_loss(scores, signs[:, 1:])) * len(some))
    network.train(learning)
    return sum(losses) / windows


class SequenceTask:
    """Learning what comes next, as ``train_steps`` wants its tasks."""

    def __init__(
        self,
        network: torch.nn.Module,
        rows: SequenceBatches,
        validation: np.ndarray,
        device: torch.device,
    ) -> None:
        """Learn from ``rows``; measure on the whole of ``validation``."""
        self.network, self.rows, self.validation, self.device = network, rows, validation, device
        self.state: State | None = None

    def loss(self, network: torch.nn.Module) -> Tensor:
        """Return the loss of the next window, in nats a sign; the state is carried.

        After a loss that is no number it is the state before the first sign: else all that follows
        would be no number either.
        """
        signs, targets, fresh = next(self.rows)
        scores, state = network(signs.to(self.device), None if fresh else self.state)
        loss = next_token_loss(scores, targets.to(self.device))
        good, empty = loss.detach().isfinite(), self.network.start(len(signs))  # type: ignore[operator]
        self.state = tuple(
            torch.where(good, s.detach(), e) for s, e in zip(state, empty, strict=True)
        )
        return loss

    def validate(self, network: torch.nn.Module) -> float:
        """Return the loss over the whole validation stream, in nats a sign."""
        return stream_loss(network, self.validation, device=self.device)  # type: ignore[arg-type]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the place in the stream and the carried state."""
        carried = {f"state.{i}": s for i, s in enumerate(self.state or ())}
        return {"position": torch.tensor(self.rows.position), **carried}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        self.rows.position = int(state["position"])
        count = len(state) - 1
        self.state = tuple(state[f"state.{i}"].to(self.device) for i in range(count)) or None
