"""A stream of tokens as batches, and the losses of a network that predicts the next token.

The loss is the mean of ``-log p(x_{t+1} | x_1 .. x_t)`` in nats per token. The stream is cut into
``batch_size`` rows that are read in parallel, ``sequence_length`` tokens at a time (truncated
backpropagation through time: Werbos 1990, Williams and Peng 1990), and the network's state is
carried from one batch to the next.

To validate, ``stream_loss`` reads a whole stream and carries the state, so that every token counts
once, with all of its past. The stream is a memory-mapped file: a corpus may be larger than the
memory.
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
WARMUP = 512  # tokens that a row reads before it counts, where a stream is validated in rows


class SequenceNetwork(Protocol):
    """A network that reads tokens and predicts the next one."""

    vocab_size: int
    """Number of tokens."""
    training: bool
    """Whether dropout is on."""

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first token."""

    def __call__(
        self, tokens: Int[Tensor, "b t"], state: State | None = None
    ) -> tuple[Float[Tensor, "b t v"], State]:
        """Return the logits of the token after each of ``tokens``, and the state after them."""

    def step(self, tokens: Int[Tensor, " b"], state: State) -> tuple[Float[Tensor, "b v"], State]:
        """Return the logits after one more token, and the state after it."""

    def fast_step(self) -> Callable[[Tensor, State], tuple[Tensor, State]]:
        """Return the fastest form of ``step`` on this device, with the current weights."""

    def eval(self) -> object:
        """Switch dropout off."""

    def train(self, mode: bool = True) -> object:
        """Switch dropout on or off."""


def write_stream(path: Path, parts: Iterable[np.ndarray], vocab_size: int) -> np.memmap:
    """Write the parts of a stream to a file, one after the other, and return it memory-mapped.

    Raises ValueError for a stream without a token.
    """
    dtype = np.min_scalar_type(vocab_size - 1)
    try:
        with path.open("wb") as file:
            for part in parts:
                file.write(part.astype(dtype, copy=False).tobytes())
    except OSError as error:  # a write that fails does not name its file
        raise OSError(error.errno, error.strerror, error.filename or str(path)) from error
    if not path.stat().st_size:
        raise ValueError("the corpus is empty")
    return np.memmap(path, dtype, mode="r")


class SequenceBatches:
    """An endless iterator of batches over a stream: rows read in parallel, window after window.

    Each epoch begins at another offset (drawn from ``seed`` and the epoch), so that windows don't
    always begin at the same tokens. ``position`` is all that is needed to resume.
    """

    def __init__(
        self,
        stream: np.ndarray,
        batch_size: int,
        sequence_length: int,
        seed: int = 0,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        """Raise ValueError if there is not one window for each process.

        ``shard`` is (rank, number of processes): each process reads its part of the rows.
        """
        self.stream, self.sequence_length = stream, sequence_length
        self.seed, self.shard = seed, shard
        available = (len(stream) - 1) // sequence_length  # a short stream has fewer rows
        self.batch_size = min(batch_size, available) // shard[1] * shard[1]
        if self.batch_size < 1:
            raise ValueError(
                f"the corpus has only {len(stream)} tokens for sequences of {sequence_length} and "
                f"{shard[1]} processes; use a longer corpus or a shorter --sequence-length"
            )
        row_windows = (len(stream) - 1) // (self.batch_size * sequence_length)
        self.batches_per_epoch = max(1, row_windows - 1)
        self.position = 0

    def __next__(self) -> tuple[Int[Tensor, "b t"], Int[Tensor, "b t"], bool]:
        """Return tokens, the token after each of them, and whether a new epoch begins."""
        epoch, batch = divmod(self.position, self.batches_per_epoch)
        self.position += 1
        row_length, window = (len(self.stream) - 1) // self.batch_size, self.sequence_length
        spare = row_length - self.batches_per_epoch * window
        offset = (
            int(np.random.default_rng((self.seed, epoch)).integers(0, spare + 1)) if spare else 0
        )
        rank, processes = self.shard
        rows = np.arange(rank, self.batch_size, processes)
        starts = rows * row_length + offset + batch * window
        both = np.stack([self.stream[s : s + window + 1] for s in starts]).astype(np.int64)
        tokens = torch.from_numpy(both)
        return tokens[:, :-1], tokens[:, 1:], batch == 0

    def __iter__(self) -> "SequenceBatches":
        return self


def next_token_loss(
    logits: Float[Tensor, "b t v"], targets: Int[Tensor, "b t"]
) -> Float[Tensor, ""]:
    """Return the mean of -log p(target), in nats per token."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@torch.no_grad()
def stream_loss(
    network: SequenceNetwork,
    stream: np.ndarray,
    *,
    batch_size: int = 16,
    sequence_length: int = 256,
    device: torch.device | str = "cpu",
) -> float:
    """Return the loss over a whole stream, with carried state, in nats per token.

    Every token but the first counts once. The stream is read in ``batch_size`` rows in parallel;
    each but the first reads the ``WARMUP`` tokens before its own, so that its past is long enough.
    Raises ValueError for a stream of fewer than two tokens.
    """
    count = len(stream) - 1
    if count < 1:
        raise ValueError("a stream of fewer than two tokens has nothing to predict")
    rows = max(1, min(batch_size, count // (4 * WARMUP)))
    length = -(-count // rows)
    training = network.training
    network.eval()
    state, nats, place = None, 0.0, -WARMUP if rows > 1 else 0
    while place < length:
        end = min(0 if place < 0 else length, place + sequence_length)
        index = np.arange(rows)[:, None] * length + np.arange(place, end + 1)
        tokens = torch.from_numpy(stream[index.clip(0, count)].astype(np.int64)).to(device)
        logits, state = network(tokens[:, :-1], state)
        if place < 0 and end == 0:  # the very first row has no past
            initial = network.initial_state(rows)
            state = tuple(_first_row_reset(s, b) for s, b in zip(state, initial, strict=True))
        if place >= 0:
            losses = F.cross_entropy(
                logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none"
            )
            inside = torch.from_numpy(index[:, 1:] <= count).to(device).flatten()
            nats += float(losses.double()[inside].sum())
        place = end
    network.train(training)
    return nats / count


def _first_row_reset(state: Tensor, initial: Tensor) -> Tensor:
    state = state.clone()
    state[0] = initial[0]
    return state


class SequenceTask:
    """Next-token prediction as a task of ``train_steps``."""

    def __init__(
        self,
        network: torch.nn.Module,
        batches: SequenceBatches,
        validation: np.ndarray,
        device: torch.device,
    ) -> None:
        """Train on ``batches``; validate on the whole of the stream ``validation``."""
        self.network, self.batches, self.device = network, batches, device
        self.validation = validation
        self.state: State | None = None

    def loss(self, network: torch.nn.Module) -> Tensor:
        """Return the loss of the next batch, in nats per token; the state is carried.

        After a loss that isn't finite it is the initial state: otherwise all later losses wouldn't
        be finite either.
        """
        tokens, targets, new_epoch = next(self.batches)
        logits, state = network(tokens.to(self.device), None if new_epoch else self.state)
        loss = next_token_loss(logits, targets.to(self.device))
        good = loss.detach().isfinite()
        initial = self.network.initial_state(len(tokens))  # type: ignore[operator]
        self.state = tuple(
            torch.where(good, s.detach(), i) for s, i in zip(state, initial, strict=True)
        )
        return loss

    def validate(self, network: torch.nn.Module) -> float:
        """Return the loss over the whole validation stream, in nats per token."""
        return stream_loss(network, self.validation, device=self.device)  # type: ignore[arg-type]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the place in the stream and the carried state."""
        carried = {f"state.{i}": s for i, s in enumerate(self.state or ())}
        return {"position": torch.tensor(self.batches.position), **carried}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what ``state_dict`` returned."""
        self.batches.position = int(state["position"])
        carried = tuple(state[f"state.{i}"].to(self.device) for i in range(len(state) - 1))
        self.state = carried or None
