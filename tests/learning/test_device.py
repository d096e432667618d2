"""The device and precision are those asked for, or the best that are there."""

import numpy as np
import pytest
import torch

from bowerbird.learning import device
from bowerbird.learning.device import generator, select_compute
from bowerbird.networks.vgg import VGG

BFLOAT16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()


@pytest.mark.skipif(BFLOAT16, reason="this processor has bfloat16: either precision may be faster")
def test_auto_is_float32_where_the_cpu_has_no_bfloat16():
    # there a bfloat16 convolution is a loop hundreds of times slower
    assert select_compute("cpu").dtype == torch.float32


def test_auto_takes_the_cpu_where_there_is_nothing_else():
    there = torch.cuda.is_available() or torch.backends.mps.is_available()
    assert (select_compute("auto").device.type == "cpu") != there


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_precision_asked_for_is_taken(precision):
    compute = select_compute("cpu", precision)
    assert (compute.device.type, compute.dtype) == ("cpu", getattr(torch, precision))


@pytest.fixture
def doubtful(monkeypatch):
    """A CPU that has some bfloat16, but perhaps no products of it."""
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    for ask in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, ask, lambda: False, raising=False)
    device._bfloat16_is_faster_on_cpu.cache_clear()
    yield
    device._bfloat16_is_faster_on_cpu.cache_clear()


@pytest.mark.usefixtures("doubtful")
def test_auto_is_decided_once(monkeypatch):
    # else two runs on one machine could differ in precision by chance of timing
    times = iter([2.0, 0.5])  # timed again bfloat16 would lose
    monkeypatch.setattr(device, "_bfloat16_speedup", lambda: next(times))
    assert [select_compute("cpu").dtype for _ in range(3)] == [torch.bfloat16] * 3


@pytest.mark.usefixtures("doubtful")
@pytest.mark.parametrize("ask", ["_is_avx512_bf16_supported", "_is_amx_tile_supported"])
def test_products_of_bfloat16_need_no_timing(monkeypatch, ask):
    monkeypatch.setattr(torch.cpu, ask, lambda: True, raising=False)
    monkeypatch.setattr(device, "_bfloat16_speedup", lambda: pytest.fail("it was timed"))
    assert select_compute("cpu").dtype == torch.bfloat16


@pytest.mark.usefixtures("doubtful")
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("times", "dtype"), [(2.0, torch.bfloat16), (1.0, torch.float32)])
def test_a_busy_machine_does_not_decide(monkeypatch, times, dtype, seed):
    # half of the rounds are ten times slower for both, and every fourth timing is disturbed alone
    random, count = np.random.default_rng(seed), 0

    def seconds(kind):
        nonlocal count
        busy = 10.0 if count // 16 % 2 else 1.0
        disturbed = random.choice([1.0, 1.0, 1.0, 5.0]) * random.uniform(0.95, 1.05)
        count += 1
        return busy * disturbed * (1.0 if kind == torch.bfloat16 else times)

    monkeypatch.setattr(device, "_convolution_seconds", seconds)
    assert select_compute("cpu").dtype == dtype


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "CPU", ""])
def test_a_device_that_is_not_there_is_answered_with_those_that_are(name):
    with pytest.raises(ValueError, match=rf"'{name}'.*\bcpu\b"):
        select_compute(name)


def test_an_unknown_precision_is_answered_with_the_choices():
    with pytest.raises(ValueError, match=r"'float16'.*auto, float32, bfloat16"):
        select_compute("cpu", "float16")


def test_a_seed_gives_the_same_numbers_and_leaves_the_global_ones_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again = (torch.rand(8, generator=generator(5)) for _ in range(2))
    other = torch.rand(8, generator=generator(6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(not BFLOAT16, reason="without its instructions bfloat16 takes minutes")
def test_bfloat16_features_are_those_of_float32_within_two_percent(vgg19, photograph):
    layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    picture = photograph()[None]
    exact = VGG(vgg19.layers, last="relu4_1")
    compute = select_compute("cpu", "bfloat16")
    rough = VGG(vgg19.layers, last="relu4_1")
    rough.convolutions.to(compute.dtype)
    ours, theirs = rough(picture, layers), exact(picture, layers)
    for name in layers:
        assert ours[name].dtype == torch.bfloat16
        error = (ours[name].float() - theirs[name]).norm() / theirs[name].norm()
        assert float(error) < 0.02, name


def test_a_gpu_is_taken_by_its_name_or_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert select_compute("auto") == device.Compute(torch.device("cuda"), torch.bfloat16)
    assert select_compute("cuda:1", "float32").device == torch.device("cuda:1")
    with pytest.raises(ValueError, match=r"this machine has cpu, cuda, cuda:0, cuda:1$"):
        select_compute("cuda:2")


def test_apples_gpu_is_taken_where_there_is_no_other(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert select_compute("auto") == device.Compute(torch.device("mps"), torch.float32)
    with pytest.raises(ValueError, match=r"'cuda' is not available; this machine has cpu, mps$"):
        select_compute("cuda")
