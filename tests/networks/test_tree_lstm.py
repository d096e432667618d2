"""The tree-LSTM beside the paper's equations, written once more node by node in float64."""

import numpy as np
import pytest
import torch

from bowerbird.networks.config import TreeLSTMConfig
from bowerbird.networks.tree_lstm import Tree, TreeLSTM, make_forest

CELLS = ["child-sum", "n-ary"]
SIGNS = 7


def grown(random, nodes, arity=4):
    """A random tree whose nodes have at most `arity` children."""
    parents, free = [-1], {0: arity}
    for node in range(1, nodes):
        parent = int(random.choice(list(free)))
        parents.append(parent)
        free[parent] -= 1
        if not free[parent]:
            del free[parent]
        free[node] = arity
    return Tree(random.integers(0, SIGNS, nodes).tolist(), parents)


def network(cell, **settings):
    made = TreeLSTM(
        SIGNS, 3, TreeLSTMConfig(cell, hidden_size=6, embedding_dim=5, arity=4, **settings)
    )
    with torch.no_grad():
        for p in made.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    return made


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_the_paper(net, tree):
    """h and c of every node, by the recursion of equations 2-8 or 9-14."""
    w = {name: p.detach().double().numpy() for name, p in net.named_parameters()}
    d = net.config.hidden_size
    found = {}

    def visit(node):
        children = [k for k, p in enumerate(tree.parents) if p == node]
        for k in children:
            visit(k)
        wx = w["weight_x"] @ w["embedding.weight"][tree.tokens[node]] + w["bias"]
        i, o, u, f = wx[:d], wx[d : 2 * d], wx[2 * d : 3 * d], wx[3 * d :]
        kept = np.zeros(d)
        if net.config.tree_cell == "child-sum":
            total = sum((found[k][0] for k in children), np.zeros(d))
            ui, uo, uu = np.split(w["cell.weight_iou"], 3)
            i, o, u = i + ui @ total, o + uo @ total, u + uu @ total
            for k in children:
                kept += sigmoid(f + w["cell.weight_f"] @ found[k][0]) * found[k][1]
        else:
            blocks = w["cell.weight"].reshape(3 + net.config.arity, d, net.config.arity, d)
            for place, k in enumerate(children):
                i = i + blocks[0, :, place] @ found[k][0]
                o = o + blocks[1, :, place] @ found[k][0]
                u = u + blocks[2, :, place] @ found[k][0]
            for place, k in enumerate(children):
                gate = f + sum(
                    blocks[3 + place, :, other] @ found[j][0] for other, j in enumerate(children)
                )
                kept += sigmoid(gate) * found[k][1]
        c = sigmoid(i) * np.tanh(u) + kept
        found[node] = sigmoid(o) * np.tanh(c), c

    visit(0)
    return [np.stack([found[n][part] for n in range(len(tree.tokens))]) for part in (0, 1)]


@pytest.mark.parametrize("cell", CELLS)
def test_equals_the_paper_node_by_node(cell):
    net, tree = network(cell), grown(np.random.default_rng(1), 40)
    forest = make_forest([tree])
    h, c = (state[forest.nodes].detach().numpy() for state in net.states(forest))
    wanted_h, wanted_c = by_the_paper(net, tree)
    np.testing.assert_allclose(h, wanted_h, atol=2e-6)
    np.testing.assert_allclose(c, wanted_c, atol=4e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_of_trees_is_the_trees_one_at_a_time(cell):
    random = np.random.default_rng(2)
    net, trees = network(cell), [grown(random, n) for n in (1, 2, 17, 60, 5)]
    alone = torch.cat([net(make_forest([tree])) for tree in trees])
    torch.testing.assert_close(net(make_forest(trees)), alone, atol=1e-6, rtol=1e-5)
    forest = make_forest(trees)
    roots = net.decoder(net.states(forest)[0][forest.roots])
    each = torch.stack([net(make_forest([tree]))[0] for tree in trees])
    torch.testing.assert_close(roots, each, atol=1e-6, rtol=1e-5)


def test_only_child_sum_ignores_the_order_of_siblings():
    one, other = Tree([0, 1, 2, 3], [-1, 0, 0, 0]), Tree([0, 3, 1, 2], [-1, 0, 0, 0])
    for cell in CELLS:
        net = network(cell)
        a, b = net(make_forest([one]))[0], net(make_forest([other]))[0]
        assert torch.allclose(a, b, atol=1e-6) == (cell == "child-sum")


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_reach_every_weight(cell):
    net = network(cell)
    net(make_forest([grown(np.random.default_rng(3), 50)])).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in net.parameters())


def test_overfits_one_batch():
    random = np.random.default_rng(4)
    trees = [grown(random, 12) for _ in range(8)]
    targets = torch.from_numpy(random.integers(0, 3, 8))
    forest, net = make_forest(trees), network("child-sum")
    starts = torch.arange(8) * 12
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    losses = []
    for _ in range(120):
        loss = torch.nn.functional.cross_entropy(net(forest)[starts], targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 20


def test_a_chain_of_two_thousand_nodes_is_no_recursion():
    assert (
        network("child-sum")(make_forest([Tree([1] * 2000, [-1, *range(1999)])])).isfinite().all()
    )


@pytest.mark.parametrize(
    ("trees", "words"),
    [
        ([], "at least one tree"),
        ([Tree([], [])], "at least one node"),
        ([Tree([1, 2], [-1])], "a parent for each token"),
        ([Tree([1, 2], [-1, -1])], "must follow its parent"),
        ([Tree([1, 2, 3], [-1, 2, 0])], "must follow its parent"),
    ],
)
def test_what_is_no_tree(trees, words):
    with pytest.raises(ValueError, match=words):
        make_forest(trees)


def test_too_many_children_and_an_unknown_cell():
    with pytest.raises(ValueError, match="has 5 children"):
        network("n-ary")(make_forest([Tree([0] * 6, [-1, 0, 0, 0, 0, 0])]))
    with pytest.raises(ValueError, match="child-sum, n-ary"):
        TreeLSTMConfig("binary")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        TreeLSTMConfig(hidden_size=0)
