"""Make the pictures of docs/gallery.md and docs/concepts/style.md, and write docs/gallery.md.

    .venv/bin/python tools/make_gallery.py            # all of them, about 40 minutes on two cores
    .venv/bin/python tools/make_gallery.py strength   # those whose name starts with "strength"

The photographs are scikit-image's, the paintings are our own plates, so anyone can reproduce them.
"""

import math
import sys
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import torch

from bowerbird import read_picture, write_picture
from bowerbird.image import (
    PRESETS,
    ReconstructConfig,
    TextureConfig,
    TransferConfig,
    reconstruct,
    texture,
    transfer,
)
from bowerbird.pictures.pixels import resize
from bowerbird.plates import plate_path

DOCS = Path(__file__).parents[1] / "docs"
PICTURES = DOCS / "pictures"
SIZE = 384  # px; long side of every picture in the gallery
DEFAULTS = TransferConfig(size=SIZE, iterations=25)


def photograph(name: str = "chelsea") -> torch.Tensor:
    """Read a photograph of scikit-image, (3, h, w)."""
    return read_picture(Path(str(files("skimage") / "data" / f"{name}.png"))).over()


def plate(name: str) -> torch.Tensor:
    """Read a style plate, (3, h, w)."""
    return read_picture(plate_path(name)).rgb


@dataclass(frozen=True)
class Comparison:
    """One setting, with a picture for each of several values."""

    name: str
    """Name of the pictures, and the heading."""
    description: str
    variants: tuple[tuple[str, TransferConfig], ...]
    """The flags, and the same settings as a configuration."""
    painting: str = "swirls"

    def picture(self, number: int) -> str:
        """Return the file name of a variant, numbered from 1."""
        return f"{self.name}-{number}.jpg"


def with_objective(config: TransferConfig = DEFAULTS, **changes: object) -> TransferConfig:
    """Return a configuration with changes in its objective."""
    return replace(config, objective=replace(config.objective, **changes))


GALLERY = (
    Comparison(
        "strength",
        "Strength of the style, from the photograph at 0 to the style alone at 1.",
        tuple((f"--strength {s}", with_objective(strength=s)) for s in (0.1, 0.3, 0.5, 0.7, 0.9)),
    ),
    Comparison(
        "style-scale",
        "Size of the painting relative to the photograph, and so of its strokes.",
        tuple((f"--style-scale {s}", replace(DEFAULTS, style_scale=(s,))) for s in (0.5, 1.0, 1.5)),
        "mosaic",
    ),
    Comparison(
        "color",
        "The painting's colors, the photograph's pixel by pixel, or the photograph's palette.",
        tuple(
            (f"--color {c}", replace(DEFAULTS, color=c)) for c in ("style", "luminance", "match")
        ),
        "woodblock",
    ),
    Comparison(
        "num-scales",
        "Number of scales from coarse to fine; only coarse ones change large shapes.",
        tuple((f"--num-scales {n}", replace(DEFAULTS, num_scales=n)) for n in (1, 2)),
        "woodblock",
    ),
    Comparison(
        "init",
        "Initial image. Noise preserves less of the photograph; with average pooling, no grain "
        "remains.",
        (
            ("--init content", DEFAULTS),
            (
                "--init noise --pooling average",
                with_objective(replace(DEFAULTS, init="noise"), pooling="average"),
            ),
        ),
        "ink",
    ),
    Comparison(
        "pooling",
        "Pooling in the network; average gives smoother strokes than max.",
        tuple((f"--pooling {p}", with_objective(pooling=p)) for p in ("max", "average", "l2")),
    ),
    Comparison(
        "style-layers",
        "Layers of the style. Shallow ones give color and grain, deep ones the shapes of strokes.",
        tuple(
            (f"--style-layers {','.join(layers)}", with_objective(style_layers=layers))
            for layers in (("relu1_1", "relu2_1"), ("relu3_1", "relu4_1"))
        ),
        "mosaic",
    ),
    Comparison(
        "padding-mode",
        "Padding in the network. Zeros, as in most tools, can leave a frame; here the difference "
        "is hard to see.",
        tuple(
            (f"--padding-mode {mode}", with_objective(padding_mode=mode))
            for mode in ("zeros", "replicate")
        ),
        "ink",
    ),
    Comparison(
        "preset",
        "Settings of other tools; gatys starts from noise and needs its 500 iterations.",
        tuple(
            (
                f"--preset {name} --iterations {iterations}",
                replace(PRESETS[name], size=SIZE, iterations=iterations),
            )
            for name, iterations in (("gatys", 500), ("pastiche", 100), ("crowson", 60))
        ),
    ),
)
CONCEPTS = (  # for docs/concepts/style.md
    Comparison(
        "style-loss",
        "Distances of styles.",
        (
            ("--style-loss wasserstein", DEFAULTS),
            (
                "--style-loss gram --content-weight 0.2",
                with_objective(style_loss="gram", content_weight=0.2),
            ),
            ("--style-loss mean-std", with_objective(style_loss="mean-std")),
            (
                "--style-layer-weights 16,8,4,2,1",
                with_objective(style_layer_weights=(16.0, 8.0, 4.0, 2.0, 1.0)),
            ),
        ),
    ),
    Comparison(
        "optimizer",
        "Two optimizers, and the effect of averaging Adam's iterates.",
        (
            ("--optimizer lbfgs --iterations 25", DEFAULTS),
            ("--optimizer adam --iterations 25", replace(DEFAULTS, optimizer="adam")),
            (
                "--optimizer adam --iterations 100 --ema-decay 0",
                replace(DEFAULTS, optimizer="adam", iterations=100, ema_decay=0.0),
            ),
            (
                "--optimizer adam --iterations 100",
                replace(DEFAULTS, optimizer="adam", iterations=100),
            ),
        ),
    ),
    Comparison(
        "regularization",
        "Total variation, and the penalty on values out of range.",
        (
            ("--tv-weight 0", with_objective(tv_weight=0.0)),
            ("--tv-weight 30", with_objective(tv_weight=30.0)),
            ("--range-weight 0", with_objective(range_weight=0.0)),
        ),
    ),
)


def make(comparison: Comparison) -> None:
    """Make the pictures of a comparison."""
    for number, (flags, config) in enumerate(comparison.variants, 1):
        result = transfer(photograph(), [plate(comparison.painting)], config)
        write_picture(PICTURES / comparison.picture(number), result)
        print(comparison.name, flags)


def two_paintings_and_masks() -> None:
    """Blend two paintings, and give each its own half with a soft border."""
    content, pair = photograph(), [plate("swirls"), plate("cutpaper")]
    write_picture(PICTURES / "mix.jpg", transfer(content, pair, DEFAULTS))
    ramp = torch.linspace(-30, 30, content.shape[2]).sigmoid().expand(content.shape[1:])
    result = transfer(content, pair, DEFAULTS, masks=[1 - ramp, ramp])
    write_picture(PICTURES / "masks.jpg", result)
    print("mix, masks")


def textures() -> None:
    """Repeat each of two tileable textures two by two times."""
    for name in ("swirls", "mosaic"):
        config = TextureConfig(width=SIZE, height=SIZE, tileable=True, iterations=60)
        tile = texture(plate(name), config)
        write_picture(PICTURES / f"texture-{name}.jpg", tile.repeat(1, 2, 2))
        print("texture", name)


def figure_1() -> None:
    """Reconstruct content from each layer, and style from nested sets of layers."""
    rows = []
    for target, image, layers in (
        ("style", plate("swirls"), [f"relu{i}_1" for i in range(1, 6)]),
        ("content", photograph(), ["relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2"]),
    ):
        row = []
        for layer in layers:
            config = ReconstructConfig(size=192, layer=layer, target=target, iterations=60)
            result = reconstruct(image[:, :, : image.shape[1]], config)
            row.append(torch.nn.functional.pad(result, (4, 4, 4, 4), value=1.0))
            print("figure 1", target, layer)
        rows.append(torch.cat(row, 2))
    write_picture(PICTURES / "figure-1.jpg", torch.cat(rows, 1))


LARGE = TransferConfig(size=512)
BROAD = with_objective(replace(LARGE, style_scale=(1.5,)), pooling="average", strength=0.65)
HERO = (
    ("astronaut", "mosaic", LARGE),
    ("chelsea", "swirls", LARGE),
    ("coffee", "cutpaper", BROAD),
)


def hero() -> None:
    """Show three results in a row, each above its photograph and its painting."""
    height, gap = 400, 8
    columns = []
    for name, painting, config in HERO:
        content, style = photograph(name), plate(painting)
        result = crop(transfer(content, [style], config), height, 400)
        inputs = torch.cat(
            [crop(content, 132, 196), torch.ones(3, 132, gap), crop(style, 132, 196)], 2
        )
        columns.append(torch.cat([result, torch.ones(3, gap, 400), inputs], 1))
        print("hero", name, painting)
    space = torch.ones(3, columns[0].shape[1], 2 * gap)
    row = [part for column in columns for part in (column, space)][:-1]
    write_picture(PICTURES / "hero.jpg", torch.cat(row, 2))


def crop(image: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resize an image to cover a rectangle, and crop its center."""
    scale = max(height / image.shape[1], width / image.shape[2])
    size = (math.ceil(image.shape[1] * scale), math.ceil(image.shape[2] * scale))
    covering = resize(image, size)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return covering[:, top : top + height, left : left + width]


SECTIONS = (  # the last picture of each, and its text
    (
        "masks.jpg",
        """## Several paintings

Two paintings blended, and each in its own half with `--mask left.png --mask right.png`.

| blended | one region each |
|---|---|
| ![](pictures/mix.jpg) | ![](pictures/masks.jpg) |""",
    ),
    (
        "texture-mosaic.jpg",
        """## Textures

`bowerbird image texture --tileable`, two by two copies.

| swirls | mosaic |
|---|---|
| ![](pictures/texture-swirls.jpg) | ![](pictures/texture-mosaic.jpg) |""",
    ),
    (
        "figure-1.jpg",
        """## What each layer preserves

`bowerbird image reconstruct`, as figure 1 of arXiv:1508.06576: in the top row the style of all
layers up to relu1_1, relu2_1, ... relu5_1, in the bottom row the content of relu1_2 ... relu5_2.

![](pictures/figure-1.jpg)""",
    ),
)


def page() -> str:
    """Return docs/gallery.md with the pictures that exist."""
    lines = [
        "# Gallery",
        "",
        "The effect of each setting of `bowerbird image transfer`. `tools/make_gallery.py` makes "
        "these pictures.",
        f"The photograph is scikit-image's Chelsea, with a long side of {SIZE} px and "
        f"{DEFAULTS.iterations} iterations at the final scale unless noted.",
        "",
    ]
    for comparison in GALLERY:
        pictures = [comparison.picture(n) for n, _ in enumerate(comparison.variants, 1)]
        if not (PICTURES / pictures[-1]).exists():
            continue
        painting = f"The painting is `{comparison.painting}`."
        lines += [f"## {comparison.name}", "", f"{comparison.description} {painting}", ""]
        lines.append("| " + " | ".join(f"`{flags}`" for flags, _ in comparison.variants) + " |")
        lines.append("|" + "---|" * len(pictures))
        cells = (f"![](pictures/{picture})" for picture in pictures)
        lines += ["| " + " | ".join(cells) + " |", ""]
    for last_picture, text in SECTIONS:
        if (PICTURES / last_picture).exists():
            lines += [text, ""]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make the pictures whose name starts with the first argument, and the page."""
    prefix = sys.argv[1] if len(sys.argv) > 1 else ""
    for comparison in (*GALLERY, *CONCEPTS):
        if comparison.name.startswith(prefix):
            make(comparison)
    for name, function in (
        ("hero", hero),
        ("mix", two_paintings_and_masks),
        ("texture", textures),
        ("figure-1", figure_1),
    ):
        if name.startswith(prefix):
            function()
    (DOCS / "gallery.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
