from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bowerbird.networks.config import MLPConfig
from bowerbird.networks.mlp import MLP, Affine, Ties, Window, masked, shared, windowed

TORCH = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU, "silu": nn.SiLU}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("activation", TORCH)
@pytest.mark.parametrize("hidden", [(), (7,), (5, 9, 4)])
def test_it_equals_torch_sequential(activation, hidden):
    widths = (3, *hidden, 2)
    network = MLP(MLPConfig(widths, activation))
    parts = []
    for layer, (inputs, outputs) in zip(network.layers, pairwise(widths), strict=True):
        linear = nn.Linear(inputs, outputs)
        linear.load_state_dict(layer.state_dict())
        parts += [linear, TORCH[activation]()]
    x = torch.randn(11, 3)
    assert torch.equal(network(x), nn.Sequential(*parts[:-1])(x))
    assert [f.shape[1] for f in network.features(x)] == list(widths[1:])


@pytest.mark.parametrize(("activation", "phi"), [("sine", torch.sin), ("identity", lambda x: x)])
def test_activations_that_torch_has_no_layer_for(activation, phi):
    network = MLP(MLPConfig((3, 4, 2), activation))
    x = torch.randn(5, 3)
    first, last = network.layers
    assert torch.equal(network(x), last(phi(first(x))))


def test_members_are_networks_of_their_own():
    together = MLP(MLPConfig((3, 6, 2), members=4))
    x = torch.randn(5, 3)
    results = together(x)
    assert results.shape == (4, 5, 2)
    for member in range(4):
        alone = MLP(MLPConfig((3, 6, 2)))
        alone.load_state_dict({n: t[member] for n, t in together.state_dict().items()})
        assert torch.allclose(alone(x), results[member], atol=1e-6)


@pytest.mark.parametrize("window", [1, 3, 4])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
def test_windowed_and_shared_is_conv1d(window, stride, padding):
    ties = windowed([9], Window((window,), stride, padding, channels=(2, 3)))
    layer = Affine(ties.weight.shape[1], len(ties.weight), ties).double()
    layer.bias.data.normal_()
    kernel = layer.weight.reshape(3, 2, window)
    x = torch.randn(4, 2, 9, dtype=torch.float64)
    wanted = F.conv1d(x, kernel, layer.bias, stride, padding)
    found = layer(x.flatten(1)).reshape(wanted.shape)
    assert torch.allclose(found, wanted, atol=1e-12, rtol=0)
    where = torch.randn_like(wanted)
    for ours, theirs in zip(
        torch.autograd.grad((found * where).sum(), [layer.weight, layer.bias]),
        torch.autograd.grad((wanted * where).sum(), [layer.weight, layer.bias]),
        strict=True,
    ):
        assert torch.allclose(ours, theirs, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1)])
def test_windowed_and_shared_is_conv2d(stride, padding):
    ties = windowed([5, 6], Window((3, 2), stride, padding, channels=(2, 4)))
    layer = Affine(ties.weight.shape[1], len(ties.weight), ties).double()
    x = torch.randn(3, 2, 5, 6, dtype=torch.float64)
    wanted = F.conv2d(x, layer.weight.reshape(4, 2, 3, 2), layer.bias, stride, padding)
    assert torch.allclose(layer(x.flatten(1)), wanted.flatten(1), atol=1e-12, rtol=0)


def test_windowed_with_weights_of_its_own_at_each_place():
    shared_ties = windowed([8], Window((3,)))
    own = windowed([8], Window((3,), shared=False))
    assert shared_ties.free == (3, 1)
    assert own.free == (18, 6)
    assert torch.equal(own.weight >= 0, shared_ties.weight >= 0)


def test_a_convolution_is_what_translation_alone_demands():
    turn = torch.arange(6).roll(-1)
    everything = torch.ones(6, 6, dtype=torch.bool)
    ties = shared([(turn, turn)], everything)
    assert ties.free == (6, 1)
    layer = Affine(6, 6, ties)
    x = torch.randn(2, 6)
    assert torch.allclose(layer(x.roll(1, 1)), layer(x).roll(1, 1), atol=1e-6)
    kernel = layer.matrix()[0]
    wanted = F.conv1d(F.pad(x[:, None], (0, 5), "circular"), kernel[None, None], layer.bias)
    assert torch.allclose(layer(x), wanted[:, 0], atol=1e-6)


def test_a_mirror_and_all_permutations():
    mirror = torch.arange(5).flip(0)
    layer = Affine(5, 5, shared([(mirror, mirror)], torch.ones(5, 5, dtype=torch.bool)))
    x = torch.randn(3, 5)
    assert torch.allclose(layer(x.flip(1)), layer(x).flip(1), atol=1e-6)
    # Zaheer et al. 2017 (deep sets), lemma 3: one weight on the diagonal, one elsewhere
    swaps = [(torch.tensor(p), torch.tensor(p)) for p in ([1, 0, 2, 3], [1, 2, 3, 0])]
    ties = shared(swaps, torch.ones(4, 4, dtype=torch.bool))
    assert ties.free == (2, 1)
    assert ties.weight.diagonal().unique().numel() == 1


def test_a_mask_is_closed_under_the_symmetry():
    turn = torch.arange(4).roll(-1)
    mask = torch.ones(4, 4, dtype=torch.bool)
    mask[0, 1] = False
    ties = shared([(turn, turn)], mask)
    assert (ties.weight == -1).sum() == 4
    assert ties.free == (3, 1)


def test_gradient_flows_only_through_free_weights():
    mask = torch.rand(4, 6) < 0.5
    network = MLP(MLPConfig((6, 4, 1), "tanh"), {0: masked(mask)})
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, weight_decay=0.1)
    x = torch.randn(20, 6)
    before = network.layers[0].matrix().detach().clone()
    for _ in range(5):
        optimizer.zero_grad()
        network(x).square().sum().backward()
        optimizer.step()
    after = network.layers[0].matrix()
    assert network.layers[0].weight.shape == (int(mask.sum()),)
    assert torch.all(after[~mask] == 0)
    assert torch.all(after[mask] != before[mask])


def test_dropout_is_for_training_alone():
    network = MLP(MLPConfig((3, 50, 1), dropout=0.5))
    x = torch.randn(4, 3)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu"])
def test_it_trains_a_batch_by_heart(activation):
    network = MLP(MLPConfig((8, 32, 32, 1), activation))
    x, y = torch.randn(16, 8), torch.randn(16, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(600):
        optimizer.zero_grad()
        loss = (network(x) - y).square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 1e-3 * y.var()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MLPConfig((3,)), "widths"),
        (lambda: MLPConfig((3, 0, 1)), "widths"),
        (lambda: MLPConfig((3, 1), "swish"), "relu, tanh"),
        (lambda: MLPConfig((3, 1), dropout=1.0), "dropout"),
        (lambda: Ties(torch.tensor([[0, 2]]), torch.tensor([0])), "without a gap"),
        (lambda: Ties(torch.tensor([[0, 1]]), torch.tensor([0, 1])), "vector"),
        (lambda: MLP(MLPConfig((3, 1)), {1: masked(torch.ones(1, 3) > 0)}), "no layer 1"),
        (lambda: Affine(2, 1, masked(torch.ones(1, 3) > 0)), "do not fit"),
        (lambda: windowed([2], Window((3,))), "does not fit"),
        (lambda: windowed([2, 2], Window((3,))), "axes"),
        (lambda: Window((0,)), "at least 1"),
        (
            lambda: shared([(torch.tensor([0, 0]), torch.arange(2))], torch.ones(2, 2) > 0),
            "permutation",
        ),
    ],
)
def test_what_makes_no_network_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_generator_draws_the_first_weights_and_no_other_chance_is_used():
    before, made = torch.get_rng_state(), []
    for seed in (1, 1, 2):
        random = torch.Generator().manual_seed(seed)
        network = MLP(MLPConfig((3, 4, 2), members=2), random=random)
        made.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert torch.equal(torch.get_rng_state(), before)
