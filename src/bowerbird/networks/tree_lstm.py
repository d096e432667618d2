"""Tree-LSTM: an LSTM cell applied to the nodes of a tree, all nodes of one height at once.

Tai, Socher, Manning 2015 (arXiv:1503.00075). A node with input x and children k = 1 .. K:

child-sum (equations 2-8): ``h~ = sum_k h_k``, ``i, o = sigmoid(W x + U h~ + b)``,
``u = tanh(W x + U h~ + b)``, ``f_k = sigmoid(W x + U h_k + b)``,
``c = i u + sum_k f_k c_k``, ``h = o tanh(c)``. The order of the children doesn't matter.

N-ary (equations 9-14): the same with a matrix for each position among the siblings:
``i, o, u`` read ``sum_l U_l h_l``, and ``f_k`` reads ``sum_l U_kl h_l``.

Departures: none in the cells. As in Looks et al. 2017 (arXiv:1702.02181), the nodes of all trees
of a batch that have the same height (0 for a leaf) are computed together: a batch takes as many
products as its highest tree has levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from bowerbird.networks.config import TreeLSTMConfig
from bowerbird.networks.recurrent import draw_parameter

ROOT = -1  # the parent of a root


@dataclass(frozen=True)
class Tree:
    """A tree of tokens: each node after its parent, siblings in their order."""

    tokens: Sequence[int]
    """The token of each node."""
    parents: Sequence[int]
    """The index of each node's parent; -1 for the first node, the root."""


@dataclass(frozen=True)
class Level:
    """The nodes of one height, and the edges to their children."""

    start: int
    """The first node of this height."""
    end: int
    """The first node of the next height."""
    child: Int[Tensor, " e"]
    """The child of each edge, among all nodes."""
    parent: Int[Tensor, " e"]
    """The parent of each edge, counted from ``start``."""
    position: Int[Tensor, " e"]
    """The child's position among its siblings, from 0."""


@dataclass(frozen=True)
class Forest:
    """Trees whose nodes are sorted by height, leaves first."""

    tokens: Int[Tensor, " n"]
    """The token of each node."""
    levels: Sequence[Level]
    """The nodes of each height, from 0."""
    nodes: Int[Tensor, " n"]
    """The index of each node of the trees, one tree after the other."""
    roots: Int[Tensor, " b"]
    """The index of each tree's root."""

    def to(self, device: torch.device | str) -> "Forest":
        """Return the forest on another device."""
        levels = [
            Level(
                one.start, one.end, *(t.to(device) for t in (one.child, one.parent, one.position))
            )
            for one in self.levels
        ]
        return Forest(self.tokens.to(device), levels, self.nodes.to(device), self.roots.to(device))


def make_forest(trees: Sequence[Tree]) -> Forest:
    """Return trees as one forest; raise ValueError for an invalid tree."""
    sizes = torch.tensor([len(tree.tokens) for tree in trees])
    if not len(trees) or int(sizes.min()) < 1:
        raise ValueError("a forest needs at least one tree, and a tree at least one node")
    starts = torch.cumsum(sizes, 0) - sizes
    tokens = torch.tensor([token for tree in trees for token in tree.tokens])
    parents = torch.tensor([parent for tree in trees for parent in tree.parents])
    if len(parents) != len(tokens):
        raise ValueError("a tree needs a parent for each token")
    within = torch.arange(len(tokens)) - starts.repeat_interleave(sizes)
    root = within == 0
    if bool(((parents < 0) != root).any()) or bool((parents >= within)[~root].any()):
        raise ValueError("a node must follow its parent, and only the first node has none (-1)")
    parents = torch.where(root, ROOT, parents + starts.repeat_interleave(sizes))
    heights = _heights(parents)
    order = heights.argsort(stable=True)
    nodes = torch.empty_like(order)
    nodes[order] = torch.arange(len(order))
    return Forest(tokens[order], _levels(parents, heights, nodes), nodes, nodes[starts])


def _heights(parents: Tensor) -> Tensor:
    """Return each node's distance from its farthest leaf."""
    heights = torch.zeros_like(parents)
    edges = (parents >= 0).nonzero()[:, 0]
    above = parents[edges]
    while True:
        new = heights.scatter_reduce(0, above, heights[edges] + 1, "amax")
        if torch.equal(new, heights):
            return heights
        heights = new


def _levels(parents: Tensor, heights: Tensor, nodes: Tensor) -> list[Level]:
    """Return the nodes of each height with the edges below them, siblings in their order."""
    edges = (parents >= 0).nonzero()[:, 0]
    edges = edges[parents[edges].argsort(stable=True)]  # all children of a node side by side
    above = parents[edges]
    counts = torch.bincount(above, minlength=len(parents))
    positions = torch.arange(len(edges)) - (counts.cumsum(0) - counts)[above]
    levels, start = [], 0
    level_of = heights[above]
    for height, count in enumerate(torch.bincount(heights).tolist()):
        here = level_of == height
        child, parent = nodes[edges[here]], nodes[above[here]] - start
        levels.append(Level(start, start + count, child, parent, positions[here]))
        start += count
    return levels


class ChildSum(nn.Module):
    """The child-sum cell: a sum over the children, whose order doesn't matter."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight_iou = nn.Parameter(torch.empty(3 * width, width))
        self.weight_f = nn.Parameter(torch.empty(width, width))

    def forward(
        self,
        x: Float[Tensor, "n 4h"],
        h: Float[Tensor, "e h"],
        c: Float[Tensor, "e h"],
        level: Level,
    ) -> tuple[Float[Tensor, "n h"], Float[Tensor, "n h"]]:
        """Return h and c of a level's nodes.

        ``x`` is W x + b of the nodes, for i, o, u and f; ``h``, ``c`` are those of the children.
        """
        width = h.shape[1]
        if not len(h):
            return _memory(x[:, : 3 * width], None)
        total = h.new_zeros(len(x), width).index_add(0, level.parent, h)
        iou = x[:, : 3 * width] + F.linear(total, self.weight_iou)
        forget = (x[:, 3 * width :][level.parent] + F.linear(h, self.weight_f)).sigmoid()
        return _memory(iou, x.new_zeros(len(x), width).index_add(0, level.parent, forget * c))


class NAry(nn.Module):
    """The N-ary cell: a matrix for each position among the siblings."""

    def __init__(self, width: int, arity: int) -> None:
        super().__init__()
        self.arity = arity
        self.weight = nn.Parameter(torch.empty((3 + arity) * width, arity * width))

    def forward(
        self,
        x: Float[Tensor, "n 4h"],
        h: Float[Tensor, "e h"],
        c: Float[Tensor, "e h"],
        level: Level,
    ) -> tuple[Float[Tensor, "n h"], Float[Tensor, "n h"]]:
        """Return h and c of a level's nodes; raise ValueError for more children than the arity."""
        width, count = h.shape[1], len(x)
        if not len(h):
            return _memory(x[:, : 3 * width], None)
        if int(level.position.max()) >= self.arity:
            raise ValueError(
                f"a node has {int(level.position.max()) + 1} children, but the network's arity is "
                f"{self.arity}; use a larger one"
            )
        slot = level.parent * self.arity + level.position
        both = h.new_zeros(2, count * self.arity, width).index_add(1, slot, torch.stack([h, c]))
        children, cells = both[0].view(count, -1), both[1].view(count, self.arity, width)
        hidden = F.linear(children, self.weight)
        iou = x[:, : 3 * width] + hidden[:, : 3 * width]
        forget = x[:, None, 3 * width :] + hidden[:, 3 * width :].view(count, self.arity, width)
        return _memory(iou, (forget.sigmoid() * cells).sum(1))


def _memory(iou: Tensor, children: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return h and c from the gates before their sigmoids; ``children`` is their part of c."""
    i, o, u = iou.chunk(3, 1)
    c = i.sigmoid() * u.tanh()
    c = c if children is None else c + children
    return o.sigmoid() * c.tanh(), c


class TreeLSTM(nn.Module):
    """Trees of tokens in, ``outputs`` logits for each node out."""

    def __init__(self, vocab_size: int, outputs: int, config: TreeLSTMConfig) -> None:
        super().__init__()
        self.vocab_size, self.config = vocab_size, config
        width = config.hidden_size
        self.embedding = nn.Embedding(vocab_size, config.embedding_dim)
        self.weight_x = nn.Parameter(torch.empty(4 * width, config.embedding_dim))
        self.bias = nn.Parameter(torch.empty(4 * width))
        child_sum = config.tree_cell == "child-sum"
        self.cell: ChildSum | NAry = ChildSum(width) if child_sum else NAry(width, config.arity)
        self.decoder = nn.Linear(width, outputs)
        self.initialize()

    def initialize(self, seed: int = 0) -> None:
        """Draw new initial weights: uniform within 1/sqrt(hidden_size), embeddings normal."""
        random = torch.Generator().manual_seed(seed)
        width = self.config.hidden_size
        with torch.no_grad():
            for name, p in self.named_parameters():
                draw_parameter(name, p, width, random)
            self.bias[3 * width :] = self.config.forget_bias

    def states(self, forest: Forest) -> tuple[Float[Tensor, "n h"], Float[Tensor, "n h"]]:
        """Return h and c of all nodes, in the forest's order."""
        # one product over the vocabulary serves all inputs
        table = F.linear(self.embedding.weight, self.weight_x, self.bias)
        x = F.embedding(forest.tokens, table)
        h = c = x.new_empty(0, self.config.hidden_size)
        for level in forest.levels:
            below = h.index_select(0, level.child), c.index_select(0, level.child)
            new = self.cell(x[level.start : level.end], *below, level)
            h, c = torch.cat([h, new[0]]), torch.cat([c, new[1]])
        return h, c

    def forward(self, forest: Forest) -> Float[Tensor, "n v"]:
        """Return the logits of all nodes, one tree after the other, in the trees' order."""
        h, _ = self.states(forest)
        return self.decoder(h[forest.nodes])
