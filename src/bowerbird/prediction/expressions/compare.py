"""Two networks that learn what nested lists are worth: one reads the tree, one the string.

The tree reader is a tree-LSTM (Tai et al. 2015), the string reader an LSTM that reads the same
signs from left to right, brackets included. Both have about the same number of weights, see
expressions from one stream, and are asked the same: the value of every digit and of every list,
which the string reader says when it has read the list's closing bracket. Both may learn for the
same time.

Expressions for measuring are drawn from another seed; of those not deeper than what is learned
from, any that was learned is left out. What is deeper was never learned from at all.
"""

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.step import Step, run_to_end
from bowerbird.learning.trainer import train_steps
from bowerbird.networks.config import RecurrentConfig, TreeLSTMConfig
from bowerbird.networks.recurrent import Recurrent
from bowerbird.networks.tree_lstm import TreeLSTM, plant
from bowerbird.prediction.expressions.config import CalculatorConfig
from bowerbird.prediction.expressions.listops import DIGITS, VOCABULARY, Expression, draw_expression

Reader = Literal["tree", "string"]
PACE, WARM = 40, 5  # steps by which it is known how long one takes, the first not counted
ALIKE = 16  # strings that are read side by side


def check_asked(config: CalculatorConfig, asked: Sequence[Expression]) -> None:
    """Refuse, before anything is learned, expressions that a reader could not read afterwards."""
    most = max((expression.arguments for expression in asked), default=0)
    if config.tree_cell == "n-ary" and most > TreeLSTMConfig.arity:
        raise ValueError(
            f"an expression has a list of {most} arguments, and n-ary takes "
            f"{TreeLSTMConfig.arity} at most; give --tree-cell child-sum"
        )


class Stream:
    """Expressions without end, of each depth that is learned from alike often."""

    def __init__(self, config: CalculatorConfig) -> None:
        self.config, self.random = config, Random(config.seed)
        self.drawn: set[tuple[int, ...]] = set()

    def __next__(self) -> list[Expression]:
        """Return the expressions of the next step."""
        depths = [self.random.randint(1, self.config.depth) for _ in range(self.config.rows)]
        made = [draw_expression(self.random, depth) for depth in depths]
        self.drawn.update(expression.signs for expression in made)
        return made


class TreeReader(nn.Module):
    """The tree-LSTM with its way to read."""

    def __init__(self, config: CalculatorConfig) -> None:
        super().__init__()
        shape = TreeLSTMConfig(config.tree_cell, config.width, config.embedding)
        self.net = TreeLSTM(VOCABULARY, DIGITS, shape)
        self.net.initialize(config.seed)

    def forward(self, expressions: Sequence[Expression]) -> Tensor:
        """Return the scores of the value of every digit and list, one after the other."""
        trees = [expression.tree() for expression in expressions]
        asked: list[int] = []
        start = 0
        for tree, known in trees:
            asked += [start + node for node in known]
            start += len(tree.signs)
        device = self.net.bias.device
        scores = self.net(plant([tree for tree, _ in trees]).to(device))
        return scores[torch.tensor(asked, device=device)]


class StringReader(nn.Module):
    """The LSTM with its way to read."""

    def __init__(self, config: CalculatorConfig, width: int) -> None:
        super().__init__()
        shape = RecurrentConfig(hidden_size=width, embedding_dim=config.embedding)
        self.net = Recurrent(VOCABULARY, shape)
        self.net.initialize(config.seed)

    def forward(self, expressions: Sequence[Expression]) -> Tensor:
        """Return the scores of the value of every digit and list, in the order of the tree."""
        strings = [expression.string() for expression in expressions]
        sizes = torch.tensor([len(ends) for _, ends in strings])
        starts = (sizes.cumsum(0) - sizes).tolist()
        found: list[Tensor] = []
        places: list[int] = []
        # those of about the same length side by side, so that little is read beyond their ends
        order = sorted(range(len(strings)), key=lambda row: len(strings[row][0]))
        for first in range(0, len(order), ALIKE):
            rows = order[first : first + ALIKE]
            found.append(self._read([strings[row] for row in rows]))
            places += [starts[r] + i for r in rows for i in range(len(strings[r][1]))]
        back = torch.empty(len(places), dtype=torch.long)
        back[torch.tensor(places)] = torch.arange(len(places))
        return torch.cat(found)[back.to(found[0].device)]

    def _read(self, strings: Sequence[tuple[list[int], list[int]]]) -> Tensor:
        device = self.net.decoder.bias.device
        longest = max(len(signs) for signs, _ in strings)
        signs = torch.zeros(len(strings), longest, dtype=torch.long)
        for row, (own, _) in enumerate(strings):
            signs[row, : len(own)] = torch.tensor(own)
        flat = [row * longest + end for row, (_, ends) in enumerate(strings) for end in ends]
        scores, _ = self.net(signs.to(device))
        return scores.flatten(0, 1)[torch.tensor(flat, device=device), :DIGITS]


class Reading:
    """Learning from a stream of expressions, as ``train_steps`` wants its tasks."""

    def __init__(self, network: nn.Module, stream: Stream) -> None:
        self.network, self.stream = network, stream

    def loss(self, network: nn.Module) -> Tensor:
        """Return the mean of -log p(value) over digits and lists, in nats."""
        expressions = next(self.stream)
        scores = network(expressions)
        return F.cross_entropy(scores, _values(expressions).to(scores.device))

    def validate(self, network: nn.Module) -> float:
        """Return the loss of fresh expressions."""
        with torch.no_grad():
            return float(self.loss(network))

    def state_dict(self) -> dict[str, Tensor]:
        """Return nothing: the stream has no end, and no place is worth keeping."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on anywhere."""


@dataclass(frozen=True)
class Marks:
    """How well one reader does."""

    reader: Reader
    accuracy: dict[int, float]
    """Share of expressions whose value is right, by depth."""
    weights: int
    steps: int
    seconds: float
    """Seconds of learning, as ``clock`` has them."""


@dataclass(frozen=True)
class Lesson:
    """What came of one course."""

    config: CalculatorConfig
    marks: list[Marks]
    readers: dict[str, nn.Module]
    tested: dict[int, int]
    """Expressions measured on, by depth."""

    def answer(self, expression: Expression) -> dict[str, int]:
        """Return what each reader takes an expression to be worth."""
        with torch.no_grad():
            return {
                name: int(_whole(reader, [expression]).argmax())
                for name, reader in self.readers.items()
            }


def learn_steps(
    config: CalculatorConfig, device: str = "cpu"
) -> Generator[Step[Lesson], None, None]:
    """Let both readers learn, and yield a step after each; the last has the lesson."""
    began = time.perf_counter()
    tree = TreeReader(config)
    width = _as_many(_count(tree), config)
    readers: dict[Reader, nn.Module] = {"tree": tree, "string": StringReader(config, width)}
    drawn: set[tuple[int, ...]] = set()
    spent: list[tuple[int, float]] = []
    offset = 0
    last: Step[None] | None = None
    for place, reader in enumerate(readers.values()):
        reader.to(device)
        stream, count = Stream(config), config.iterations or _steps_in(reader, config)
        at = next(reader.parameters()).device
        started = clock(at)
        for last in train_steps(Reading(reader, stream), _course(count, config), device=device):
            total = offset + count if place else 2 * count
            seconds = time.perf_counter() - began
            yield Step(offset + last.number, total, last.losses, seconds, note="")
        spent.append((count, clock(at) - started))
        offset += count
        drawn |= stream.drawn
        reader.eval()
    assert last is not None
    lesson = _examined(config, readers, spent, exams(config, drawn))
    yield Step(offset, offset, last.losses, time.perf_counter() - began, lesson)


def _course(count: int, config: CalculatorConfig) -> TrainerConfig:
    """Return how one reader learns in so many steps."""
    return TrainerConfig(
        iterations=count,
        learning_rate=config.rate,
        weight_decay=0.0,
        validate_every=count,
        warmup_steps=min(100, count),
        seed=config.seed,
    )


def _examined(
    config: CalculatorConfig,
    readers: Mapping[Reader, nn.Module],
    spent: Sequence[tuple[int, float]],
    tests: Mapping[int, list[Expression]],
) -> Lesson:
    """Return how well the readers do after the steps and seconds that they spent."""
    marks = [
        Marks(name, _accuracy(reader, tests), _count(reader), *own)
        for (name, reader), own in zip(readers.items(), spent, strict=True)
    ]
    tested = {depth: len(expressions) for depth, expressions in tests.items()}
    return Lesson(config, marks, {str(n): r for n, r in readers.items()}, tested)


def learn(config: CalculatorConfig, device: str = "cpu") -> Lesson:
    """Let both readers learn to the end."""
    return run_to_end(learn_steps(config, device))


def exams(config: CalculatorConfig, known: set[tuple[int, ...]]) -> dict[int, list[Expression]]:
    """Return expressions of each depth that are not known, and no two alike."""
    found: dict[int, list[Expression]] = {}
    for depth in range(1, config.depth + config.deeper + 1):
        random, seen = Random(f"{config.seed} {depth} to be measured on"), set(known)
        found[depth] = []
        for _ in range(3 * config.tests):
            expression = draw_expression(random, depth)
            if expression.signs not in seen and len(found[depth]) < config.tests:
                seen.add(expression.signs)
                found[depth].append(expression)
    return found


def clock(device: torch.device) -> float:
    """Return a time in s by which two readers are given the same.

    On a processor, that of this process alone, by its threads: what else runs there doesn't count.
    """
    if device.type == "cpu":
        return time.process_time() / torch.get_num_threads()
    return time.perf_counter()


def _accuracy(reader: nn.Module, tests: Mapping[int, list[Expression]]) -> dict[int, float]:
    shares = {}
    for depth, expressions in tests.items():
        right = 0
        for start in range(0, len(expressions), 100):
            some = expressions[start : start + 100]
            with torch.no_grad():
                said = _whole(reader, some).argmax(1).tolist()
            right += sum(v == e.values()[0] for v, e in zip(said, some, strict=True))
        shares[depth] = right / max(1, len(expressions))
    return shares


def _whole(reader: nn.Module, expressions: Sequence[Expression]) -> Tensor:
    """Return the scores of the value of each whole expression."""
    sizes = torch.tensor([len(expression.signs) for expression in expressions])
    return reader(expressions).cpu()[sizes.cumsum(0) - sizes]


def _values(expressions: Sequence[Expression]) -> Tensor:
    return torch.tensor([value for expression in expressions for value in expression.values()])


def _count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def _as_many(weights: int, config: CalculatorConfig) -> int:
    """Return the width at which the string reader has as many weights, as near as can be."""
    width = 1
    while _lstm_weights(width + 1, config.embedding) <= weights:
        width += 1
    return width


def _lstm_weights(width: int, embedding: int) -> int:
    gates = 4 * width * (embedding + width + 1)
    return VOCABULARY * embedding + gates + VOCABULARY * (width + 1)


def _steps_in(reader: nn.Module, config: CalculatorConfig) -> int:
    """Return how many steps fit into the minutes, judged by a few that are then forgotten."""
    kept = {name: p.detach().clone() for name, p in reader.named_parameters()}
    task = Reading(reader, Stream(config))
    fit = TrainerConfig(
        iterations=PACE, learning_rate=1e-6, warmup_steps=0, validate_every=PACE, ema_decay=0.9
    )
    device = next(reader.parameters()).device
    began = 0.0
    for step in train_steps(task, fit, device=str(device)):
        if step.number == WARM:
            began = clock(device)
    one = (clock(device) - began) / (PACE - WARM)
    with torch.no_grad():
        for name, p in reader.named_parameters():
            p.copy_(kept[name])
    return max(2, int(config.minutes * 60 / one))
