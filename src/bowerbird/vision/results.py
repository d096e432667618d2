"""Results of the vision commands: labels, boxes with or without masks, text, confidence."""

from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Bool
from torch import Tensor


@dataclass(frozen=True)
class Label:
    """A class of the whole picture."""

    name: str
    probability: float  # 0..1
    wnid: str | None = None  # WordNet id of an ImageNet class, such as n02123045


@dataclass(frozen=True, eq=False)
class Box:
    """An object and its position."""

    name: str
    score: float  # 0..1
    xyxy: tuple[float, float, float, float]  # left, top, right, bottom in px of the picture
    mask: Bool[Tensor, "h w"] | None = None  # pixels of the object

    def mark_uncertain(self, threshold: float) -> "Box":
        """Return the box, with a question mark after its name if its score is below a threshold."""
        return self if self.score >= threshold else replace(self, name=f"{self.name}?")


@dataclass(frozen=True)
class Line:
    """A line of text and the probability that it is correct."""

    text: str
    confidence: float  # 0..1


@dataclass(frozen=True, eq=False)
class VisionResult:
    """The result for one picture; fields that do not apply are None."""

    labels: tuple[Label, ...] | None = None
    boxes: tuple[Box, ...] | None = None
    text: str | None = None
    lines: tuple[Line, ...] | None = None  # of the text
    confidence: float | None = None  # 0..1

    def mark_uncertain(self, threshold: float) -> "VisionResult":
        """Return only the boxes, with a question mark after names that score below a threshold."""
        return VisionResult(boxes=tuple(box.mark_uncertain(threshold) for box in self.boxes or ()))

    def facts(self) -> dict[str, Any]:
        """Return the fields that apply, ready for JSON."""
        facts = {
            "labels": [
                {"name": one.name, "wnid": one.wnid, "probability": round(one.probability, 6)}
                for one in self.labels or ()
            ],
            "boxes": [
                {
                    "name": one.name,
                    "score": round(one.score, 6),
                    "xyxy": [round(side, 2) for side in one.xyxy],
                }
                for one in self.boxes or ()
            ],
            "text": self.text,
            "lines": [
                {"text": one.text, "confidence": round(one.confidence, 6)}
                for one in self.lines or ()
            ],
            "confidence": None if self.confidence is None else round(self.confidence, 6),
        }
        return {name: value for name, value in facts.items() if getattr(self, name) is not None}
