"""LeNet-5 by the paper's own counts and formulas; the modern network by torch's own layers."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bowerbird.networks.config import SmallConvNetConfig
from bowerbird.networks.convolution import (
    BACKGROUND,
    INK,
    TABLE_I,
    BatchNorm,
    J,
    LeNet5,
    SmallConvNet,
    Subsampling,
    TableConvolution,
    digit_network,
    drawn_digits,
    squash,
)

# LeCun et al. 1998, section II.B, gives these numbers of trainable parameters, and their sum
PARAMETERS = {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164}


def ink(count=3):
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def lenet():
    torch.manual_seed(0)
    return LeNet5()


def test_lenet_has_the_papers_parameters_layer_by_layer(lenet):
    found = {
        name: sum(p.numel() for p in layer.parameters()) for name, layer in lenet.named_children()
    }
    assert found == PARAMETERS
    assert sum(p.numel() for p in lenet.parameters()) == 60_000


def test_squashing_is_one_at_one():
    # appendix A: f(1) = 1, f(-1) = -1
    torch.testing.assert_close(squash(torch.tensor([1.0, -1.0])), torch.tensor([1.0, -1.0]))


def test_table_i_has_its_columns():
    sizes = [len(row) for row in TABLE_I]
    assert sizes == [3] * 6 + [4] * 9 + [6]
    for shift, row in enumerate(TABLE_I[:6]):  # three neighbors around the circle
        assert set(row) == {(shift + k) % 6 for k in range(3)}
    for shift, row in enumerate(TABLE_I[6:12]):  # four neighbors
        assert set(row) == {(shift + k) % 6 for k in range(4)}
    for row in TABLE_I[12:15]:  # two pairs apart
        assert {(k + 3) % 6 for k in row} == set(row)
    assert len(set(TABLE_I)) == 16


def test_a_map_sees_only_what_the_table_gives_it():
    torch.manual_seed(0)
    layer = TableConvolution(TABLE_I, 6)
    nn.init.normal_(layer.kernels)
    nn.init.zeros_(layer.bias)
    for seen in range(6):
        x = torch.zeros(1, 6, 5, 5)
        x[:, seen] = 1
        answers = layer(x)[0, :, 0, 0] != 0
        assert answers.tolist() == [seen in row for row in TABLE_I]


def test_subsampling_adds_four_scales_and_shifts():
    torch.manual_seed(1)
    layer = Subsampling(2)
    nn.init.normal_(layer.coefficient)
    nn.init.normal_(layer.bias)
    x = torch.randn(1, 2, 4, 6)
    expected = np.zeros((2, 2, 3))
    for m, r, c in np.ndindex(2, 2, 3):
        added = x[0, m, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].double().sum().item()
        a = added * layer.coefficient[m].item() + layer.bias[m].item()
        expected[m, r, c] = 1.7159 * np.tanh(2 / 3 * a)
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), expected, rtol=1e-5)


def test_the_penalty_is_equation_9(lenet):
    y = lenet.distances(ink()).double().detach().numpy()
    digits = torch.tensor([3, 1, 4])
    expected = np.mean(
        [y[p, d] + np.log(np.exp(-J) + np.exp(-y[p]).sum()) for p, d in enumerate(digits)]
    )
    logits = lenet(ink())
    assert F.cross_entropy(logits, digits).item() == pytest.approx(expected, rel=1e-5)


def test_distances_are_equation_7(lenet):
    x = F.pad(BACKGROUND + (INK - BACKGROUND) * ink(), (2, 2, 2, 2), value=BACKGROUND)
    x = squash(lenet.c5(lenet.s4(lenet.c3(lenet.s2(squash(lenet.c1(x))))))).flatten(1)
    units = squash(lenet.f6(x)).double().detach().numpy()
    codes = drawn_digits().double().numpy()
    expected = ((units[:, None] - codes[None]) ** 2).sum(2)
    np.testing.assert_allclose(lenet.distances(ink()).detach().numpy(), expected, rtol=1e-4)


def test_drawn_digits_are_far_apart():
    codes = drawn_digits()
    assert codes.shape == (10, 84)
    assert set(codes.flatten().tolist()) == {-1.0, 1.0}
    apart = torch.cdist(codes, codes) + 100 * torch.eye(10)
    assert apart.min() ** 2 >= 4 * 4  # at least four px of each drawing differ from any other


def test_batch_norm_equals_torchs_own():
    torch.manual_seed(0)
    ours, theirs = BatchNorm(5), nn.BatchNorm2d(5)
    for _ in range(3):
        x = torch.randn(8, 5, 4, 4) * 3 + 1
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.mean.data, theirs.running_mean)
    ours.eval(), theirs.eval()
    torch.testing.assert_close(ours(x), theirs(x))
    assert {name for name, p in ours.named_parameters() if not p.requires_grad} == {
        "mean",
        "variance",
    }


@pytest.mark.parametrize("name", ["small", "lenet5"])
def test_it_overfits_one_batch(name):
    torch.manual_seed(0)
    network = digit_network(name, SmallConvNetConfig((8, 16), dropout=0.0))
    labels = torch.arange(10)
    x = ink(10)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01 if name == "small" else 0.003)
    losses = []
    for _ in range(80 if name == "small" else 400):
        loss = F.cross_entropy(network(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    assert (network(x).argmax(1) == labels).all()


def test_shapes_that_cannot_be_are_refused():
    for wrong in ({"channels": ()}, {"channels": (0,)}, {"dropout": 1.0}, {"num_classes": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SmallConvNetConfig(**wrong)
    with pytest.raises(ValueError, match="small, lenet5"):
        digit_network("lenet6", SmallConvNetConfig())


def test_the_small_network_gives_a_logit_a_class():
    assert SmallConvNet(SmallConvNetConfig()).eval()(ink()).shape == (3, 11)


@pytest.mark.parametrize("name", ["small", "lenet5"])
def test_a_generator_draws_the_first_weights_and_no_other_chance_is_used(name):
    before, made = torch.get_rng_state(), []
    for seed in (1, 1, 2):
        random = torch.Generator().manual_seed(seed)
        network = digit_network(name, SmallConvNetConfig((8,)), random)
        made.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert torch.equal(torch.get_rng_state(), before)
