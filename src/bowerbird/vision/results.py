"""What was seen in a picture: labels, boxes with or without masks, text, and how sure that is."""

from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Bool
from torch import Tensor


@dataclass(frozen=True)
class Label:
    """A class that the whole picture may belong to."""

    name: str
    probability: float  # 0..1
    wnid: str | None = None  # WordNet id of an ImageNet class, such as n02123045


@dataclass(frozen=True, eq=False)
class Box:
    """A thing and where it is."""

    name: str
    score: float  # 0..1
    xyxy: tuple[float, float, float, float]  # left, top, right, bottom in px of the picture
    mask: Bool[Tensor, "h w"] | None = None  # pixels of the picture that belong to the thing

    def mark_uncertain(self, sure: float) -> "Box":
        """Return it with a question mark to its name if its score is below ``sure``."""
        return self if self.score >= sure else replace(self, name=f"{self.name}?")


@dataclass(frozen=True)
class Line:
    """A line of text, and the probability that it is right."""

    text: str
    confidence: float  # 0..1


@dataclass(frozen=True, eq=False)
class VisionResult:
    """All that one verb tells of one picture; what does not apply is None."""

    labels: tuple[Label, ...] | None = None
    boxes: tuple[Box, ...] | None = None
    text: str | None = None
    lines: tuple[Line, ...] | None = None  # of the text
    confidence: float | None = None  # 0..1

    def mark_uncertain(self, sure: float) -> "VisionResult":
        """Return its boxes alone, with a question mark to those whose score is below ``sure``."""
        return VisionResult(boxes=tuple(box.mark_uncertain(sure) for box in self.boxes or ()))

    def facts(self) -> dict[str, Any]:
        """Return it ready for JSON: labels, boxes, text, lines, confidence as they apply."""
        told: dict[str, Any] = {}
        if self.labels is not None:
            told["labels"] = [
                {"name": one.name, "wnid": one.wnid, "probability": round(one.probability, 6)}
                for one in self.labels
            ]
        if self.boxes is not None:
            told["boxes"] = [
                {
                    "name": one.name,
                    "score": round(one.score, 6),
                    "xyxy": [round(side, 2) for side in one.xyxy],
                }
                for one in self.boxes
            ]
        if self.text is not None:
            told["text"] = self.text
        if self.lines is not None:
            told["lines"] = [
                {"text": one.text, "confidence": round(one.confidence, 6)} for one in self.lines
            ]
        if self.confidence is not None:
            told["confidence"] = round(self.confidence, 6)
        return told
