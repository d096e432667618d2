"""Two networks that compute the values of nested lists: one reads the tree, one the tokens.

A tree-LSTM (Tai et al. 2015) reads the tree; an LSTM reads the same tokens from left to right,
brackets included. Both predict the value of every digit and of every list, which the LSTM does at
the closing bracket.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bowerbird.networks.config import RecurrentConfig, TreeLSTMConfig
from bowerbird.networks.recurrent import Recurrent
from bowerbird.networks.tree_lstm import TreeLSTM, make_forest
from bowerbird.prediction.expressions.config import ExpressionsConfig
from bowerbird.prediction.expressions.listops import DIGITS, VOCAB_SIZE, Expression

BUCKET_SIZE = 16  # sequences of similar length that are read as one batch


class TreeModel(nn.Module):
    """A tree-LSTM on the trees of expressions."""

    def __init__(self, config: ExpressionsConfig) -> None:
        super().__init__()
        shape = TreeLSTMConfig(config.tree_cell, config.hidden_size, config.embedding_dim)
        self.network = TreeLSTM(VOCAB_SIZE, DIGITS, shape)
        self.network.initialize(config.seed)

    def forward(self, expressions: Sequence[Expression]) -> Float[Tensor, "n 10"]:
        """Return the logits of the value of every digit and list, expression by expression."""
        trees = [expression.tree() for expression in expressions]
        nodes: list[int] = []
        offset = 0
        for tree, value_nodes in trees:
            nodes += [offset + node for node in value_nodes]
            offset += len(tree.tokens)
        device = self.network.bias.device
        logits = self.network(make_forest([tree for tree, _ in trees]).to(device))
        return logits[torch.tensor(nodes, device=device)]


class SequenceModel(nn.Module):
    """An LSTM on the tokens of expressions."""

    def __init__(self, config: ExpressionsConfig, hidden_size: int) -> None:
        super().__init__()
        shape = RecurrentConfig(hidden_size=hidden_size, embedding_dim=config.embedding_dim)
        self.network = Recurrent(VOCAB_SIZE, shape)
        self.network.initialize(config.seed)

    def forward(self, expressions: Sequence[Expression]) -> Float[Tensor, "n 10"]:
        """Return the logits of the value of every digit and list, in the order of ``TreeModel``."""
        sequences = [expression.sequence() for expression in expressions]
        sizes = torch.tensor([len(ends) for _, ends in sequences])
        starts = (sizes.cumsum(0) - sizes).tolist()
        logits: list[Tensor] = []
        places: list[int] = []
        # sequences of similar length in one batch need little padding
        order = sorted(range(len(sequences)), key=lambda row: len(sequences[row][0]))
        for first in range(0, len(order), BUCKET_SIZE):
            rows = order[first : first + BUCKET_SIZE]
            logits.append(self._read([sequences[row] for row in rows]))
            places += [starts[r] + i for r in rows for i in range(len(sequences[r][1]))]
        inverse = torch.empty(len(places), dtype=torch.long)
        inverse[torch.tensor(places)] = torch.arange(len(places))
        return torch.cat(logits)[inverse.to(logits[0].device)]

    def _read(self, sequences: Sequence[tuple[list[int], list[int]]]) -> Float[Tensor, "n 10"]:
        device = self.network.decoder.bias.device
        length = max(len(tokens) for tokens, _ in sequences)
        padded = torch.zeros(len(sequences), length, dtype=torch.long)
        for row, (tokens, _) in enumerate(sequences):
            padded[row, : len(tokens)] = torch.tensor(tokens)
        flat = [row * length + end for row, (_, ends) in enumerate(sequences) for end in ends]
        logits, _ = self.network(padded.to(device))
        return logits.flatten(0, 1)[torch.tensor(flat, device=device), :DIGITS]


def check_readable(config: ExpressionsConfig, expressions: Sequence[Expression]) -> None:
    """Raise ValueError if an expression has a list that is too long for the tree cell."""
    longest = max((expression.max_arguments for expression in expressions), default=0)
    if config.tree_cell == "n-ary" and longest > TreeLSTMConfig.arity:
        raise ValueError(
            f"an expression has a list of {longest} arguments, and n-ary takes "
            f"{TreeLSTMConfig.arity} at most; give --tree-cell child-sum"
        )


def num_parameters(model: nn.Module) -> int:
    """Return the number of weights."""
    return sum(p.numel() for p in model.parameters())


def matching_hidden_size(parameters: int, config: ExpressionsConfig) -> int:
    """Return the largest hidden size of a ``SequenceModel`` with at most this number of weights."""
    embedding_dim, hidden_size = config.embedding_dim, 1
    while _lstm_parameters(hidden_size + 1, embedding_dim) <= parameters:
        hidden_size += 1
    return hidden_size


def _lstm_parameters(hidden_size: int, embedding_dim: int) -> int:
    gates = 4 * hidden_size * (embedding_dim + hidden_size + 1)
    return VOCAB_SIZE * embedding_dim + gates + VOCAB_SIZE * (hidden_size + 1)


def predict_values(model: nn.Module, expressions: Sequence[Expression]) -> list[int]:
    """Return the predicted value of each whole expression."""
    sizes = torch.tensor([len(expression.tokens) for expression in expressions])
    with torch.no_grad():
        logits = model(expressions).cpu()[sizes.cumsum(0) - sizes]
    return [int(value) for value in logits.argmax(1)]


def accuracy_by_depth(
    model: nn.Module, test_set: Mapping[int, Sequence[Expression]]
) -> dict[int, float]:
    """Return the fraction of expressions whose value is predicted correctly, by depth."""
    accuracy = {}
    for depth, expressions in test_set.items():
        correct = 0
        for start in range(0, len(expressions), 100):
            batch = expressions[start : start + 100]
            pairs = zip(predict_values(model, batch), batch, strict=True)
            correct += sum(value == expression.values()[0] for value, expression in pairs)
        accuracy[depth] = correct / max(1, len(expressions))
    return accuracy


def value_loss(model: nn.Module, expressions: Sequence[Expression]) -> Tensor:
    """Return the mean of -log p(value) over all digits and lists, in nats."""
    logits = model(expressions)
    values = torch.tensor([value for one in expressions for value in one.values()])
    return F.cross_entropy(logits, values.to(logits.device))
