"""Pretrained detectors behind the same functions: DETR and Mask2Former.

Both have a fixed set of queries, each of which predicts at most one object: a class (or none) and a
box (DETR) or a mask (Mask2Former). There is no non-maximum suppression.

Source: Carion et al. 2020, arXiv:2005.12872, section 3; Cheng et al. 2022, arXiv:2112.01527,
section 3, and its appendix for the score, which is the class's probability times the mean
probability of the pixels in the mask. The networks and their weights are those of the package
transformers, which is imported when one is opened.

Departures: each of Mask2Former's queries predicts its most likely class only, where the evaluation
behind its published AP takes the best 100 pairs of query and class, so that a query may predict
several; weights are read as safetensors only, so nothing is unpickled; pictures are prepared here
(short side 800 px and long side at most 1333 px, RGB as for torchvision's networks), so no further
package is needed for it. The hub's revisions are branches, not commits, so what is
downloaded may change there.
"""

import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.device import Compute, select_compute
from bowerbird.learning.extras import import_extra
from bowerbird.networks.vgg import TORCHVISION
from bowerbird.pictures.pixels import resize
from bowerbird.vision.results import Box
from bowerbird.vision.segmentation import bounding_box

Detector = Literal["detr", "mask2former"]
HUB = {  # where weights are downloaded from, and which branch of them
    # the weights that don't need timm
    "detr": ("facebook/detr-resnet-50", "no_timm"),
    "mask2former": ("facebook/mask2former-swin-tiny-coco-instance", "main"),
}
TIMEOUT = 10.0  # s without an answer from the hub
SHORT, LONG = 800, 1333  # px, as both were trained on COCO


@dataclass(frozen=True, eq=False)
class PretrainedDetector:
    """An opened detector."""

    detector: Detector
    model: Any
    names: dict[int, str]
    compute: Compute

    def detect(self, rgb: Float[Tensor, "3 h w"], threshold: float, limit: int) -> tuple[Box, ...]:
        """Return at most ``limit`` boxes of a picture in [0, 1] that reach ``threshold``."""
        height, width = rgb.shape[1:]
        mean, std = (torch.tensor(row).view(3, 1, 1) for row in TORCHVISION)
        small = (resize(rgb, _size(height, width)) - mean) / std
        with torch.inference_mode():
            outputs = self.model(pixel_values=small[None].to(self.compute.device))
        if self.detector == "detr":
            boxes = _best(_boxes(outputs, self.names, (height, width)), limit)
        else:
            boxes = _masks(outputs, self.names, (height, width), threshold, limit)
        return tuple(box for box in boxes if box.score >= threshold)


def open_pretrained_detector(
    detector: Detector, weights: Path | None = None, device: str = "auto"
) -> PretrainedDetector:
    """Open a detector from a folder that transformers has saved, or from the hub.

    Raises ValueError in one sentence where transformers is not installed, the folder doesn't hold
    such a detector, or the weights can't be downloaded.
    """
    compute = select_compute(device, "float32")
    build = _builder(detector)
    source, revision = (str(weights), "main") if weights else HUB[detector]
    if weights is not None and not (weights / "config.json").is_file():
        raise ValueError(
            f"{weights} is no folder with a detector (it has no config.json); save one there with "
            "transformers' save_pretrained"
        )
    try:
        if weights is None:
            _reach(source, revision)
        model = build(source, revision)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        if weights is not None:
            raise ValueError(f"{weights} can't be opened as {detector}: {_line(error)}") from error
        raise ValueError(
            f"{source} could not be downloaded ({_line(error)}); go online once, or give a folder "
            "that has it with --weights"
        ) from error
    names = {int(number): str(name) for number, name in model.config.id2label.items()}
    return PretrainedDetector(detector, model.to(compute.device).eval(), names, compute)


def _builder(detector: Detector) -> Callable[[str, str], Any]:
    """Return what opens such a detector, by a folder or the hub's name and a revision."""
    transformers = import_extra("transformers", f"the detector {detector}")
    settings, network = {
        "detr": ("DetrConfig", "DetrForObjectDetection"),
        "mask2former": ("Mask2FormerConfig", "Mask2FormerForUniversalSegmentation"),
    }[detector]

    def build(source: str, revision: str) -> Any:
        found = transformers.AutoConfig.from_pretrained(source, revision=revision)
        if not isinstance(found, getattr(transformers, settings)):
            raise ValueError(f"it holds a network of the kind {found.model_type}")
        opened: Any = getattr(transformers, network)
        return opened.from_pretrained(source, revision=revision, use_safetensors=True)

    return build


def _reach(name: str, revision: str) -> None:
    """Raise OSError at once if the files are neither cached nor reachable on the hub.

    Offline, the hub's own client tries for half a minute.
    """
    import huggingface_hub  # noqa: PLC0415 - only the hub needs it

    here = huggingface_hub.try_to_load_from_cache(name, "config.json", revision=revision)
    if isinstance(here, str):
        return
    url = huggingface_hub.hf_hub_url(name, "config.json", revision=revision)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT):
            return
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(f"{url} answers {error.code}") from error


def _size(height: int, width: int) -> tuple[int, int]:
    """Return the input size: a short side of 800 px, or a long side of 1333 px."""
    scale = min(SHORT / min(height, width), LONG / max(height, width))
    return max(32, round(height * scale)), max(32, round(width * scale))


def _most_likely(logits: Float[Tensor, "1 q c"]) -> tuple[list[float], list[int]]:
    """Return each query's best class and its probability; the last class is no object."""
    values, numbers = logits[0].float().softmax(-1)[:, :-1].max(-1)
    return values.tolist(), numbers.tolist()


def _boxes(outputs: Any, names: dict[int, str], size: tuple[int, int]) -> list[Box]:
    """Return DETR's boxes, given as center and size relative to the picture."""
    height, width = size
    boxes = []
    scores, numbers = _most_likely(outputs.logits)
    for score, number, (x, y, wide, high) in zip(
        scores, numbers, outputs.pred_boxes[0].float().tolist(), strict=True
    ):
        left, right = (min(max(x + s * wide / 2, 0), 1) * width for s in (-1, 1))
        top, bottom = (min(max(y + s * high / 2, 0), 1) * height for s in (-1, 1))
        boxes.append(Box(names[number], score, (left, top, right, bottom)))
    return boxes


def _masks(
    outputs: Any, names: dict[int, str], size: tuple[int, int], threshold: float, limit: int
) -> list[Box]:
    """Return Mask2Former's best masks, best first, with the boxes around them.

    A mask has the picture's size, so only reported ones are kept: a score is at most the class's
    probability, and queries are visited in the order of that probability.
    """
    boxes: list[Box] = []
    scores, numbers = _most_likely(outputs.class_queries_logits)
    masks = outputs.masks_queries_logits[0].float().cpu()
    for query in sorted(range(len(scores)), key=lambda query: -scores[query]):
        needed = max(threshold, boxes[-1].score if len(boxes) == limit else 0.0)
        if scores[query] < needed:
            break
        large = F.interpolate(masks[query][None, None], size, mode="bilinear", align_corners=False)
        mask = large[0, 0] > 0
        if not bool(mask.any()):
            continue
        score = scores[query] * float(large[0, 0][mask].sigmoid().mean())
        if score >= needed:
            box = Box(names[numbers[query]], score, bounding_box(mask), mask)
            boxes = _best([*boxes, box], limit)
    return boxes


def _best(boxes: list[Box], limit: int) -> list[Box]:
    """Return at most ``limit`` boxes, best first."""
    return sorted(boxes, key=lambda box: -box.score)[:limit]


def _line(error: Exception) -> str:
    """Return the first sentence of an error, truncated."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words.split(". ")[0][:120].rstrip(".")
