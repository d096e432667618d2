"""Scenes: what is pasted is what is true."""

import pytest
import torch
from skimage import data

from benchmarks.vision.composites import Cutout, SceneConfig, compose, cut_out


def disk(name="ball", side=64, color=(1.0, 0.0, 0.0)):
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    inside = ((x - side / 2 + 0.5) ** 2 + (y - side / 2 + 0.5) ** 2) < (side / 2) ** 2
    return Cutout(name, torch.tensor(color)[:, None, None].expand(3, side, side), inside.float())


GRAY = torch.full((3, 200, 300), 0.5)
SMALL = {"height": 120, "width": 160}


def test_the_mask_is_where_the_thing_is():
    scene = compose([disk()], [GRAY], SceneConfig(things=(1, 1), **SMALL))
    (thing,) = scene.truth
    red = scene.rgb[0] - scene.rgb[1] > 0.5
    assert thing.name == "ball"
    assert int((red ^ thing.mask).sum()) < 0.05 * int(thing.mask.sum())
    left, top, right, bottom = (int(side) for side in thing.xyxy)
    outside = thing.mask.clone()
    outside[top:bottom, left:right] = False
    assert not bool(outside.any())
    assert bool(thing.mask[top].any() and thing.mask[:, right - 1].any())


def test_a_seed_makes_the_same_scene():
    things = [disk("red"), disk("green", 40, (0.0, 1.0, 0.0)), disk("blue", 50, (0.0, 0.0, 1.0))]
    one, same, other = (
        compose(things, [GRAY], SceneConfig(seed=seed, **SMALL)) for seed in (4, 4, 5)
    )
    assert torch.equal(one.rgb, same.rgb)
    assert not torch.equal(one.rgb, other.rgb)


def test_things_hide_little_of_each_other_and_masks_are_apart():
    things = [disk(str(number)) for number in range(6)]
    for seed in range(10):
        config = SceneConfig(seed=seed, things=(2, 4), hidden=0.2, **SMALL)
        truth = compose(things, [GRAY], config).truth
        assert 1 <= len(truth) <= 4
        total = torch.stack([thing.mask for thing in truth]).sum(0)
        assert int(total.max()) == 1
        for thing in truth:
            left, top, right, bottom = thing.xyxy
            assert 0 <= left < right <= 160
            assert 0 <= top < bottom <= 120


def test_a_wide_thing_fits_a_narrow_scene():
    plank = Cutout("plank", torch.zeros(3, 20, 100), torch.ones(20, 100))
    scene = compose([plank], [GRAY], SceneConfig(height=360, width=120, things=(1, 1)))
    left, _, right, _ = scene.truth[0].xyxy
    assert 0 <= left < right <= 120


def test_a_subject_on_plain_ground_is_cut_out():
    picture = torch.full((3, 150, 200), 0.8)
    picture += 0.02 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))
    picture[:, 40:110, 60:140] = torch.tensor([0.1, 0.3, 0.7])[:, None, None]
    found = cut_out("blue", picture.clamp(0, 1))
    assert found is not None
    height, width = found.opacity.shape
    assert height / width == pytest.approx(70 / 80, rel=0.06)
    assert float(found.opacity.mean()) > 0.9


def test_a_photograph_without_a_subject_gives_none():
    gravel = torch.from_numpy(data.gravel()).float().expand(3, -1, -1) / 255
    assert cut_out("gravel", gravel[:, :192, :256]) is None


@pytest.mark.parametrize(
    "wrong",
    [{"height": 8}, {"things": (3, 1)}, {"sizes": (0.0, 0.5)}, {"hidden": 1.0}],
)
def test_flags_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)) if "height" not in wrong else "32 px"):
        SceneConfig(**wrong)
