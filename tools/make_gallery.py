"""Make the pictures of docs/gallery.md and docs/concepts/style.md, and write docs/gallery.md.

    .venv/bin/python tools/make_gallery.py            # all of them, about 40 minutes on two cores
    .venv/bin/python tools/make_gallery.py strength   # those whose name begins so

Photographs come from scikit-image, paintings are our own plates: everyone gets these pictures.
"""

import math
import sys
from collections.abc import Iterator
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

HERE = Path(__file__).parents[1] / "docs"
SIDE = 384  # px; long side of every picture in the gallery
BASE = TransferConfig(size=SIDE, iterations=25)


def photograph(name: str = "chelsea") -> torch.Tensor:
    return read_picture(Path(str(files("skimage") / "data" / f"{name}.png"))).over()


def plate(name: str) -> torch.Tensor:
    return read_picture(plate_path(name)).rgb


@dataclass(frozen=True)
class Knob:
    name: str
    """Name of the pictures, and the heading."""
    sentence: str
    """What it does."""
    variants: tuple[tuple[str, dict], ...]
    """(the flags as a person types them, the changes to the configuration) of each picture."""
    painting: str = "swirls"


def objective(**changes: object) -> dict:
    return {"objective": replace(BASE.objective, **changes)}


KNOBS = (
    Knob(
        "strength",
        "How much of the painting: from the photograph at 0 to the bare manner at 1.",
        tuple((f"--strength {s}", objective(strength=s)) for s in (0.1, 0.3, 0.5, 0.7, 0.9)),
    ),
    Knob(
        "style-scale",
        "How large the painting is beside the photograph, and so its strokes.",
        tuple((f"--style-scale {s}", {"style_scale": (s,)}) for s in (0.5, 1.0, 1.5)),
        "mosaic",
    ),
    Knob(
        "color",
        "Whose colors: the painting's, the photograph's pixel by pixel, or its palette.",
        tuple((f"--color {c}", {"color": c}) for c in ("style", "luminance", "match")),
        "woodblock",
    ),
    Knob(
        "scales",
        "How many sizes the picture goes through: only the coarse ones find large forms.",
        tuple((f"--num-scales {n}", {"num_scales": n}) for n in (1, 2)),
        "woodblock",
    ),
    Knob(
        "start",
        "What the first scale begins with: noise forgets more of the photograph. With average "
        "pooling none of it is left as grain.",
        (
            ("--init content", {}),
            ("--init noise --pooling average", {"init": "noise", **objective(pooling="average")}),
        ),
        "ink",
    ),
    Knob(
        "pooling",
        "How the network shrinks what it sees: average gives smoother strokes than max.",
        tuple((f"--pooling {p}", objective(pooling=p)) for p in ("max", "average", "l2")),
    ),
    Knob(
        "style-layers",
        "Shallow layers bring color and grain; deep ones the shapes of strokes.",
        tuple(
            (f"--style-layers {','.join(layers)}", objective(style_layers=layers))
            for layers in (("relu1_1", "relu2_1"), ("relu3_1", "relu4_1"))
        ),
        "mosaic",
    ),
    Knob(
        "edge",
        "What the network sees beyond the picture's edge. Zeros, as in most tools, can leave a "
        "frame; here the difference is hard to see.",
        tuple((f"--padding-mode {e}", objective(padding_mode=e)) for e in ("zeros", "replicate")),
        "ink",
    ),
    Knob(
        "preset",
        "The settings of other tools; gatys begins with noise and needs its 500 steps.",
        tuple(
            (
                f"--preset {name} --iterations {steps}",
                {"config": replace(PRESETS[name], size=SIDE, iterations=steps)},
            )
            for name, steps in (("gatys", 500), ("pastiche", 100), ("crowson", 60))
        ),
    ),
)
STATISTICS = Knob(
    "statistic",
    "What a style is taken to be.",
    (
        ("--style-loss wasserstein", {}),
        (
            "--style-loss gram --content-weight 0.2",
            objective(style_loss="gram", content_weight=0.2),
        ),
        ("--style-loss mean-std", objective(style_loss="mean-std")),
        (
            "--style-layer-weights 16,8,4,2,1",
            objective(style_layer_weights=(16.0, 8.0, 4.0, 2.0, 1.0)),
        ),
    ),
)


DESCENT = Knob(
    "descent",
    "Two ways down, and what averaging the iterates does.",
    (
        ("--optimizer lbfgs --iterations 25", {}),
        ("--optimizer adam --iterations 25", {"optimizer": "adam"}),
        (
            "--optimizer adam --iterations 100 --ema-decay 0",
            {"optimizer": "adam", "iterations": 100, "ema_decay": 0.0},
        ),
        (
            "--optimizer adam --iterations 100",
            {"optimizer": "adam", "iterations": 100},
        ),
    ),
)
VARIATION = Knob(
    "variation",
    "Total variation, and the range penalty.",
    (
        ("--tv-weight 0", objective(tv_weight=0.0)),
        ("--tv-weight 30", objective(tv_weight=30.0)),
        ("--range-weight 0", objective(range_weight=0.0)),
    ),
)
COMPARED = (STATISTICS, DESCENT, VARIATION)  # for docs/concepts/style.md


def file_name(knob: Knob, index: int) -> str:
    return f"{knob.name}-{index + 1}.jpg"


def painted(knob: Knob) -> Iterator[None]:
    for index, (flags, changes) in enumerate(knob.variants):
        own = {name: value for name, value in changes.items() if name != "config"}
        config = replace(changes.get("config", BASE), **own)
        made = transfer(photograph(), [plate(knob.painting)], config)
        write_picture(HERE / "pictures" / file_name(knob, index), made)
        print(knob.name, flags)
        yield


def two_paintings_and_masks() -> None:
    """Mix two paintings, and give each its own half with a soft border."""
    content, pair = photograph(), [plate("swirls"), plate("cutpaper")]
    write_picture(HERE / "pictures" / "mix.jpg", transfer(content, pair, BASE))
    ramp = torch.linspace(-30, 30, content.shape[2]).sigmoid().expand(content.shape[1:])
    made = transfer(content, pair, BASE, masks=[1 - ramp, ramp])
    write_picture(HERE / "pictures" / "masks.jpg", made)
    print("mix, masks")


def textures() -> None:
    for name in ("swirls", "mosaic"):
        config = TextureConfig(width=SIDE, height=SIDE, tileable=True, iterations=60)
        tile = texture(plate(name), config)
        write_picture(HERE / "pictures" / f"texture-{name}.jpg", tile.repeat(1, 2, 2))
        print("texture", name)


def figure_1() -> None:
    """Reconstruct content from each layer, and style from nested sets of layers."""
    rows = []
    for target, picture, layers in (
        ("style", plate("swirls"), [f"relu{i}_1" for i in range(1, 6)]),
        ("content", photograph(), ["relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2"]),
    ):
        row = []
        for layer in layers:
            config = ReconstructConfig(size=192, layer=layer, target=target, iterations=60)
            made = reconstruct(picture[:, :, : picture.shape[1]], config)
            row.append(torch.nn.functional.pad(made, (4, 4, 4, 4), value=1.0))
            print("figure 1", target, layer)
        rows.append(torch.cat(row, 2))
    write_picture(HERE / "pictures" / "figure-1.jpg", torch.cat(rows, 1))


PRINT = TransferConfig(size=512)
BROAD = replace(PRINT, style_scale=(1.5,), objective=replace(BASE.objective, pooling="average"))
BROAD = replace(BROAD, objective=replace(BROAD.objective, strength=0.65))
HERO = (
    ("astronaut", "mosaic", PRINT),
    ("chelsea", "swirls", PRINT),
    ("coffee", "cutpaper", BROAD),  # --strength 0.65 --style-scale 1.5 --pooling average
)


def hero() -> None:
    """Three results in a row, each over its photograph and its painting."""
    height, gap = 400, 8
    columns = []
    for name, painting, config in HERO:
        content, style = photograph(name), plate(painting)
        made = transfer(content, [style], config)
        made = cut(made, height, 400)
        inputs = torch.cat(
            [cut(content, 132, 196), torch.ones(3, 132, gap), cut(style, 132, 196)], 2
        )
        columns.append(torch.cat([made, torch.ones(3, gap, 400), inputs], 1))
        print("hero", name, painting)
    space = torch.ones(3, columns[0].shape[1], 2 * gap)
    row = [piece for column in columns for piece in (column, space)][:-1]
    write_picture(HERE / "pictures" / "hero.jpg", torch.cat(row, 2))


def cut(picture: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resize a picture to cover a rectangle, and cut its middle out."""
    scale = max(height / picture.shape[1], width / picture.shape[2])
    size = (math.ceil(picture.shape[1] * scale), math.ceil(picture.shape[2] * scale))
    covering = resize(picture, size)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return covering[:, top : top + height, left : left + width]


SECTIONS = (  # the last picture of each, and its words
    (
        "masks.jpg",
        """## Several paintings

Two paintings mixed, and each in its own half by `--mask left.png --mask right.png`.

| mixed | a region each |
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
        """## What each layer knows

`bowerbird image reconstruct`, as figure 1 of arXiv:1508.06576: above the style of all layers up to
relu1_1, relu2_1, ... relu5_1, below the content of relu1_2 ... relu5_2.

![](pictures/figure-1.jpg)""",
    ),
)


def page() -> str:
    lines = [
        "# What each knob does",
        "",
        "Made by `tools/make_gallery.py` from this code; the photograph is scikit-image's Chelsea, the "
        f"long side {SIDE} px, {BASE.iterations} steps at the final scale if nothing else is said.",
        "",
    ]
    for knob in KNOBS:
        if not (HERE / "pictures" / file_name(knob, len(knob.variants) - 1)).exists():
            continue  # not made yet
        lines += [f"## {knob.name}", "", f"{knob.sentence} The painting is `{knob.painting}`.", ""]
        lines.append("| " + " | ".join(f"`{flags}`" for flags, _ in knob.variants) + " |")
        lines.append("|" + "---|" * len(knob.variants))
        cells = (f"![](pictures/{file_name(knob, i)})" for i in range(len(knob.variants)))
        lines += ["| " + " | ".join(cells) + " |", ""]
    for last, words in SECTIONS:
        if (HERE / "pictures" / last).exists():
            lines += [words, ""]
    return "\n".join(lines) + "\n"


def main() -> None:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    for knob in (*KNOBS, *COMPARED):
        if knob.name.startswith(wanted):
            for _ in painted(knob):
                pass
    for name, make in (
        ("hero", hero),
        ("mix", two_paintings_and_masks),
        ("texture", textures),
        ("figure-1", figure_1),
    ):
        if name.startswith(wanted):
            make()
    (HERE / "gallery.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
