"""Recursive networks: one cell over a tree, all nodes of one height in one product (tree-LSTM).

Tai, Socher, Manning 2015 (arXiv:1503.00075). A node with input x and children k = 1 .. K:

child-sum (equations 2-8): ``h~ = sum_k h_k``, ``i, o = sigmoid(W x + U h~ + b)``,
``u = tanh(W x + U h~ + b)``, ``f_k = sigmoid(W x + U h_k + b)``,
``c = i u + sum_k f_k c_k``, ``h = o tanh(c)``. The order of the children does not matter.

N-ary (equations 9-14): the same with a matrix for each place among the siblings:
``i, o, u`` read ``sum_l U_l h_l``, and ``f_k`` reads ``sum_l U_kl h_l``.

Departures: none in the cells. As in Looks et al. 2017 (arXiv:1702.02181), the nodes of all trees
of a batch that have the same height (0 for a leaf) are computed together, so a batch takes as many
products as its highest tree has levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from bowerbird.networks.config import TreeLSTMConfig

ROOT = -1  # the parent of what has none


@dataclass(frozen=True)
class Tree:
    """A tree of signs: each node after its parent, siblings in their order."""

    signs: Sequence[int]
    """The sign of each node."""
    parents: Sequence[int]
    """The number of each node's parent; -1 for the first node, the root."""


@dataclass(frozen=True)
class Level:
    """The nodes of one height, and the edges to their children."""

    start: int
    """The first node of this height."""
    end: int
    """The first node of the next."""
    child: Int[Tensor, " e"]
    """The child of each edge, among all nodes."""
    parent: Int[Tensor, " e"]
    """The parent of each edge, counted from ``start``."""
    place: Int[Tensor, " e"]
    """The child's place among its siblings, from 0."""


@dataclass(frozen=True)
class Forest:
    """Trees whose nodes lie sorted by height, the leaves first."""

    signs: Int[Tensor, " n"]
    """The sign of each node."""
    levels: Sequence[Level]
    """The nodes of each height, from 0."""
    nodes: Int[Tensor, " n"]
    """Where each node of the trees, one tree after the other, lies now."""
    roots: Int[Tensor, " b"]
    """Where the root of each tree lies."""

    def to(self, device: torch.device | str) -> "Forest":
        """Return the forest on another device."""
        levels = [
            Level(one.start, one.end, *(t.to(device) for t in (one.child, one.parent, one.place)))
            for one in self.levels
        ]
        return Forest(self.signs.to(device), levels, self.nodes.to(device), self.roots.to(device))


def plant(trees: Sequence[Tree]) -> Forest:
    """Return trees as one forest; raise ValueError for what is no tree."""
    sizes = torch.tensor([len(tree.signs) for tree in trees])
    if not len(trees) or int(sizes.min()) < 1:
        raise ValueError("a forest has at least one tree, and a tree at least one node")
    starts = torch.cumsum(sizes, 0) - sizes
    signs = torch.tensor([sign for tree in trees for sign in tree.signs])
    own = torch.tensor([parent for tree in trees for parent in tree.parents])
    if len(own) != len(signs):
        raise ValueError("a tree has a parent for each sign")
    within = torch.arange(len(signs)) - starts.repeat_interleave(sizes)
    root = within == 0
    if bool(((own < 0) != root).any()) or bool((own >= within)[~root].any()):
        raise ValueError("a node comes after its parent, and only the first one has none (-1)")
    parents = torch.where(root, ROOT, own + starts.repeat_interleave(sizes))
    heights = _heights(parents)
    order = heights.argsort(stable=True)
    nodes = torch.empty_like(order)
    nodes[order] = torch.arange(len(order))
    return Forest(signs[order], _levels(parents, heights, nodes), nodes, nodes[starts])


def _heights(parents: Tensor) -> Tensor:
    """Return each node's steps to its farthest leaf."""
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
    places = torch.arange(len(edges)) - (counts.cumsum(0) - counts)[above]
    levels, start = [], 0
    level_of = heights[above]
    for height, count in enumerate(torch.bincount(heights).tolist()):
        mine = level_of == height
        child, parent = nodes[edges[mine]], nodes[above[mine]] - start
        levels.append(Level(start, start + count, child, parent, places[mine]))
        start += count
    return levels


class ChildSum(nn.Module):
    """The child-sum cell: what is summed over the children has no order."""

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

        ``x`` is W x + b of the nodes, for i, o, u and f; ``h``, ``c`` are of the edges' children.
        """
        width = h.shape[1]
        if not len(h):
            return _remember(x[:, : 3 * width], None)
        total = h.new_zeros(len(x), width).index_add(0, level.parent, h)
        iou = x[:, : 3 * width] + F.linear(total, self.weight_iou)
        forget = (x[:, 3 * width :][level.parent] + F.linear(h, self.weight_f)).sigmoid()
        return _remember(iou, x.new_zeros(len(x), width).index_add(0, level.parent, forget * c))


class NAry(nn.Module):
    """The N-ary cell: a matrix for each place among the siblings."""

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
        """Return h and c of a level's nodes, as ``ChildSum``; raise ValueError for too many."""
        width, count = h.shape[1], len(x)
        if not len(h):
            return _remember(x[:, : 3 * width], None)
        if int(level.place.max()) >= self.arity:
            raise ValueError(
                f"a node has {int(level.place.max()) + 1} children, and this network takes "
                f"{self.arity}; give a larger arity"
            )
        slot = level.parent * self.arity + level.place
        both = h.new_zeros(2, count * self.arity, width).index_add(1, slot, torch.stack([h, c]))
        children, cells = both[0].view(count, -1), both[1].view(count, self.arity, width)
        past = F.linear(children, self.weight)
        iou = x[:, : 3 * width] + past[:, : 3 * width]
        own = x[:, None, 3 * width :] + past[:, 3 * width :].view(count, self.arity, width)
        return _remember(iou, (own.sigmoid() * cells).sum(1))


def _remember(iou: Tensor, kept: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return h and c from the gates before their sigmoids and what is kept of the children.

    Leaves keep nothing.
    """
    i, o, u = iou.chunk(3, 1)
    c = i.sigmoid() * u.tanh()
    c = c if kept is None else c + kept
    return o.sigmoid() * c.tanh(), c


class TreeLSTM(nn.Module):
    """Trees of signs in, scores of each node out (``outputs`` of them)."""

    def __init__(self, vocabulary: int, outputs: int, config: TreeLSTMConfig) -> None:
        super().__init__()
        self.vocabulary, self.config = vocabulary, config
        width = config.hidden_size
        self.embedding = nn.Embedding(vocabulary, config.embedding_dim)
        self.weight_x = nn.Parameter(torch.empty(4 * width, config.embedding_dim))
        self.bias = nn.Parameter(torch.empty(4 * width))
        summed = config.tree_cell == "child-sum"
        self.cell: ChildSum | NAry = ChildSum(width) if summed else NAry(width, config.arity)
        self.decoder = nn.Linear(width, outputs)
        self.initialize()

    def initialize(self, seed: int = 0) -> None:
        """Draw the first weights anew: uniform within 1/sqrt(width), embeddings normal."""
        random = torch.Generator().manual_seed(seed)
        width = self.config.hidden_size
        with torch.no_grad():
            for name, p in self.named_parameters():
                if name.startswith("embedding"):
                    p.normal_(0, p.shape[1] ** -0.5, generator=random)
                elif p.ndim == 1:
                    p.zero_()
                else:
                    p.uniform_(-(width**-0.5), width**-0.5, generator=random)
            self.bias[3 * width :] = self.config.forget_bias

    def states(self, forest: Forest) -> tuple[Float[Tensor, "n h"], Float[Tensor, "n h"]]:
        """Return h and c of all nodes, sorted as in the forest."""
        # one product over the vocabulary is all that the inputs need
        table = F.linear(self.embedding.weight, self.weight_x, self.bias)
        x = F.embedding(forest.signs, table)
        h = c = x.new_empty(0, self.config.hidden_size)
        for level in forest.levels:
            below = h.index_select(0, level.child), c.index_select(0, level.child)
            new = self.cell(x[level.start : level.end], *below, level)
            h, c = torch.cat([h, new[0]]), torch.cat([c, new[1]])
        return h, c

    def forward(self, forest: Forest) -> Float[Tensor, "n v"]:
        """Return the scores (logits) of all nodes, one tree after the other as they were given."""
        h, _ = self.states(forest)
        return self.decoder(h[forest.nodes])
