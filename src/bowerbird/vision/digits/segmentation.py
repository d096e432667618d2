"""From components to digits: broken digits are merged, touching ones split, by what reads best.

Two components are merged if the whole reads better than its parts, or as well where one part is
not a digit. Components that read badly or are wide are split as LeCun et al. 1998 (section VII)
split words: the parts between all possible cuts are classified, and the path through the cuts
whose worst digit is best wins, if it is better than the component as it is.
"""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.vision.digits.components import Component, find_cuts, merge, split
from bowerbird.vision.digits.config import NO_DIGIT
from bowerbird.vision.digits.normalize import normalize
from bowerbird.vision.digits.reader import DigitReader

DOUBTFUL = 0.5  # probability below which a component may be several digits
CERTAIN = 0.9  # probability of two components that are not merged
MIN_GAIN = 0.1  # in probability, of merging or splitting
MIN_WHOLE = 0.75  # probability of a merged digit one of whose parts is not a digit
MAX_HEIGHT, MAX_WIDTH = 1.5, 1.3  # of a merged digit, in heights of a typical digit
ROUNDS = 2  # of merging, so that three parts become one


@dataclass(frozen=True, eq=False)
class Candidate:
    """A component with its class probabilities."""

    component: Component
    probabilities: Float[Tensor, "11"]  # of each digit and of "not a digit"
    resegmented: bool = False  # merged from parts, or split off a larger component

    @property
    def digit(self) -> int:
        """The most probable digit."""
        return int(self.probabilities[:NO_DIGIT].argmax())

    @property
    def score(self) -> float:
        """The probability of that digit, 0..1."""
        return float(self.probabilities[:NO_DIGIT].max())


def classify(
    components: list[Component],
    reader: DigitReader,
    *,
    resegmented: bool = False,
    shifts: bool = False,
) -> list[Candidate]:
    """Classify each component as one digit; ``shifts`` is that of ``predict_proba``."""
    if not components:
        return []
    images = np.stack([normalize(component.image) for component in components])
    probabilities = reader.predict_proba(torch.from_numpy(images), shifts=shifts)
    pairs = zip(components, probabilities, strict=True)
    return [Candidate(component, row, resegmented) for component, row in pairs]


def classify_again(candidates: list[Candidate], reader: DigitReader) -> list[Candidate]:
    """Classify candidates more robustly, as the mean over shifted images."""
    again = classify([one.component for one in candidates], reader, shifts=True)
    return [
        replace(one, resegmented=before.resegmented)
        for one, before in zip(again, candidates, strict=True)
    ]


def resegment(candidates: list[Candidate], height: float, reader: DigitReader) -> list[Candidate]:
    """Merge broken digits and split touching ones; ``height`` is that of a typical digit, px."""
    for _ in range(ROUNDS):
        candidates = _merge_broken(candidates, height, reader)
    return _split_touching(candidates, reader, height)


def _merge_broken(
    candidates: list[Candidate], height: float, reader: DigitReader
) -> list[Candidate]:
    """Merge the parts of digits where the whole reads better."""
    score = np.array([one.score for one in candidates])
    pairs = [
        (candidates[i], candidates[j])
        for i, j in _near_pairs([one.component for one in candidates], height)
        if min(score[i], score[j]) < CERTAIN
        and _may_be_one(candidates[i].component, candidates[j].component, height)
    ]
    merged = [merge(a.component, b.component) for a, b in pairs]
    wholes = classify(merged, reader, resegmented=True)
    used: set[int] = set()
    accepted: list[Candidate] = []
    ranked = sorted(zip(pairs, wholes, strict=True), key=lambda pair: -pair[1].score)
    for (first, second), whole in ranked:
        if not {id(first), id(second)} & used and _is_better(whole, first, second):
            used |= {id(first), id(second)}
            accepted.append(whole)
    return accepted + [one for one in candidates if id(one) not in used]


def _near_pairs(components: list[Component], height: float) -> list[tuple[int, int]]:
    """Return the indices of pairs whose centers are near enough to be one digit."""
    rows = [(c.left + c.width / 2, c.top + c.height / 2) for c in components]
    centers = np.array(rows).reshape(-1, 2)
    distance = np.abs(centers[:, None] - centers) / height
    near = np.triu((distance[..., 0] < MAX_WIDTH) & (distance[..., 1] < MAX_HEIGHT), 1)
    return [(int(first), int(second)) for first, second in np.argwhere(near)]


def _is_better(whole: Candidate, first: Candidate, second: Candidate) -> bool:
    """Return whether two components are one digit rather than two, or a digit and a speck."""
    small = min(first, second, key=lambda one: one.component.image.sum())
    large = second if small is first else first
    if small.score < DOUBTFUL and whole.score > MIN_WHOLE:
        return whole.digit == large.digit or whole.score > large.score
    if small.component.image.sum() < 0.35 * large.component.image.sum():
        return whole.score > large.score
    return whole.score > max(first.score, second.score) + MIN_GAIN


def _may_be_one(first: Component, second: Component, height: float) -> bool:
    """Return whether two components are near, above or inside each other, and not too large."""
    right, bottom = max(first.right, second.right), max(first.bottom, second.bottom)
    left, top = min(first.left, second.left), min(first.top, second.top)
    if (
        bottom - top > MAX_HEIGHT * height
        or right - left > MAX_WIDTH * height
        or min(first.image.sum(), second.image.sum()) < 8
    ):
        return False
    x_overlap = min(first.right, second.right) - max(first.left, second.left)
    y_overlap = min(first.bottom, second.bottom) - max(first.top, second.top)
    beside = x_overlap > -0.12 * height and y_overlap > 0
    above = x_overlap > 0.3 * min(first.width, second.width) and y_overlap > -0.3 * height
    return above or beside


def _split_touching(
    candidates: list[Candidate], reader: DigitReader, height: float
) -> list[Candidate]:
    """Split components of several digits where their parts read better."""
    result = []
    for one in candidates:
        component = one.component
        large = component.height > 0.5 * height and component.width > 0.55 * component.height
        if large and (one.score < DOUBTFUL or component.width > 1.2 * component.height):
            result += _best_split(one, reader)
        else:
            result.append(one)
    return result


def _best_split(whole: Candidate, reader: DigitReader) -> list[Candidate]:
    """Return the parts whose worst digit is best, or the candidate itself."""
    component = whole.component
    width, height = component.width, component.height
    cuts = [np.full(height, -1), *find_cuts(component), np.full(height, width)]
    middles = [float(cut.mean()) for cut in cuts]
    spans = [
        (i, j)
        for i, j in combinations(range(len(cuts)), 2)
        if 0.1 * height < middles[j] - middles[i] < 1.3 * height and j - i < len(cuts) - 1
    ]
    parts = {(i, j): split(component, cuts[i], cuts[j]) for i, j in spans}
    tall = {
        span: part
        for span, part in parts.items()
        if part is not None and part.height > 0.4 * height
    }
    classified = classify([*tall.values()], reader, resegmented=True)
    path = _best_path(dict(zip(tall, classified, strict=True)), len(cuts) - 1)
    better = path and min(one.score for one in path) > whole.score + MIN_GAIN
    return path if better else [whole]


def _best_path(parts: dict[tuple[int, int], Candidate], last: int) -> list[Candidate]:
    """Return the parts from cut 0 to the last one whose worst score is best (Viterbi)."""
    best: dict[int, tuple[float, list[Candidate]]] = {0: (1.0, [])}
    for end in range(1, last + 1):
        paths = [
            (min(best[start][0], one.score), [*best[start][1], one])
            for (start, stop), one in parts.items()
            if stop == end and start in best
        ]
        if paths:
            best[end] = max(paths, key=lambda path: (path[0], -len(path[1])))
    return best.get(last, (0.0, []))[1]
