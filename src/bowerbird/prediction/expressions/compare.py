"""Train both models on the same expressions for the same time, and compare them by depth.

Both have about the same number of weights and draw the same stream of expressions. Test expressions
have another seed; of those no deeper than the training expressions, any that was trained on is left
out. Deeper ones are never trained on.
"""

import time
from collections.abc import Generator
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor, nn

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.step import Step, run_to_end
from bowerbird.learning.trainer import Task, train_steps
from bowerbird.prediction.expressions.config import ExpressionsConfig
from bowerbird.prediction.expressions.listops import Expression, draw_expression
from bowerbird.prediction.expressions.models import (
    SequenceModel,
    TreeModel,
    accuracy_by_depth,
    matching_hidden_size,
    num_parameters,
    predict_values,
    value_loss,
)

TIMED_STEPS, UNTIMED_STEPS = 40, 5  # to measure the time per step; the first ones aren't timed
TEST_SEED = "to be measured on"  # in the seed of test expressions; another text draws others


class ExpressionStream:
    """An endless stream of expressions, all training depths equally often."""

    def __init__(self, config: ExpressionsConfig) -> None:
        self.config, self.random = config, Random(config.seed)
        self.drawn: set[tuple[int, ...]] = set()

    def __next__(self) -> list[Expression]:
        """Return the expressions of the next step."""
        config = self.config
        depths = [self.random.randint(1, config.train_depth) for _ in range(config.batch_size)]
        batch = [draw_expression(self.random, depth) for depth in depths]
        self.drawn.update(expression.tokens for expression in batch)
        return batch


class ExpressionTask(Task):
    """A model and its endless stream of expressions."""

    def __init__(self, network: nn.Module, stream: ExpressionStream) -> None:
        self.network, self.stream = network, stream

    def loss(self, network: nn.Module) -> Tensor:
        """Return the loss of the next expressions."""
        return value_loss(network, next(self.stream))

    def validate(self, network: nn.Module) -> float:
        """Return the loss of new expressions."""
        with torch.no_grad():
            return float(self.loss(network))


@dataclass(frozen=True)
class ModelResult:
    """How well a model does."""

    model: str
    """tree or sequence."""
    accuracy: dict[int, float]
    """Fraction of expressions whose value is predicted correctly, by depth."""
    parameters: int
    steps: int
    seconds: float
    """Training time, as measured by ``clock``."""


@dataclass(frozen=True)
class Comparison:
    """Both models after training."""

    config: ExpressionsConfig
    results: list[ModelResult]
    models: dict[str, nn.Module]
    test_sizes: dict[int, int]
    """Number of test expressions, by depth."""

    def predict(self, expression: Expression) -> dict[str, int]:
        """Return the value of an expression that each model predicts."""
        return {name: predict_values(model, [expression])[0] for name, model in self.models.items()}


def compare_steps(
    config: ExpressionsConfig, device: str = "cpu"
) -> Generator[Step[Comparison], None, None]:
    """Train both models, one after the other; the preview of the last step is the comparison."""
    start = time.perf_counter()
    tree = TreeModel(config)
    hidden_size = matching_hidden_size(num_parameters(tree), config)
    models: dict[str, nn.Module] = {"tree": tree, "sequence": SequenceModel(config, hidden_size)}
    drawn: set[tuple[int, ...]] = set()
    costs: dict[str, tuple[int, float]] = {}  # steps and seconds
    offset = 0
    last: Step[None] | None = None
    for name, model in models.items():
        model.to(device)
        stream, count = ExpressionStream(config), config.iterations or _affordable(model, config)
        model_device = next(model.parameters()).device
        model_start = clock(model_device)
        trainer = TrainerConfig(
            iterations=count,
            learning_rate=config.learning_rate,
            weight_decay=0.0,
            validate_every=count,
            warmup_steps=min(100, count),
            seed=config.seed,
        )
        for last in train_steps(ExpressionTask(model, stream), trainer, device=device):
            total = offset + count if offset else 2 * count
            yield Step(offset + last.number, total, last.losses, time.perf_counter() - start)
        costs[name] = count, clock(model_device) - model_start
        offset += count
        drawn |= stream.drawn
        model.eval()
    assert last is not None
    test_set = draw_test_set(config, drawn)
    results = [
        ModelResult(name, accuracy_by_depth(model, test_set), num_parameters(model), *costs[name])
        for name, model in models.items()
    ]
    sizes = {depth: len(expressions) for depth, expressions in test_set.items()}
    comparison = Comparison(config, results, models, sizes)
    yield Step(offset, offset, last.losses, time.perf_counter() - start, comparison)


def compare(config: ExpressionsConfig, device: str = "cpu") -> Comparison:
    """Train both models and compare them."""
    return run_to_end(compare_steps(config, device))


def draw_test_set(
    config: ExpressionsConfig, excluded: set[tuple[int, ...]]
) -> dict[int, list[Expression]]:
    """Draw different test expressions of each depth, none of which is excluded."""
    test_set: dict[int, list[Expression]] = {}
    for depth in range(1, config.test_depth + 1):
        random, known = Random(f"{config.seed} {depth} {TEST_SEED}"), set(excluded)
        test_set[depth] = []
        for _ in range(3 * config.test_size):
            expression = draw_expression(random, depth)
            if expression.tokens not in known and len(test_set[depth]) < config.test_size:
                known.add(expression.tokens)
                test_set[depth].append(expression)
    return test_set


def clock(device: torch.device) -> float:
    """Return the time in s by which both models get the same training time.

    On a CPU it is the time of this process per thread, so that other processes don't count.
    """
    if device.type == "cpu":
        return time.process_time() / torch.get_num_threads()
    return time.perf_counter()


def _affordable(model: nn.Module, config: ExpressionsConfig) -> int:
    """Return how many steps fit into the minutes, measured by a few steps that are undone."""
    initial = {name: p.detach().clone() for name, p in model.named_parameters()}
    trainer = TrainerConfig(
        iterations=TIMED_STEPS,
        learning_rate=1e-6,
        warmup_steps=0,
        validate_every=TIMED_STEPS,
        ema_decay=0.9,
    )
    device = next(model.parameters()).device
    task = ExpressionTask(model, ExpressionStream(config))
    start = 0.0
    for step in train_steps(task, trainer, device=str(device)):
        if step.number == UNTIMED_STEPS:
            start = clock(device)
    seconds_per_step = (clock(device) - start) / (TIMED_STEPS - UNTIMED_STEPS)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(initial[name])
    return max(2, int(config.minutes * 60 / seconds_per_step))
