"""How well the reader knows what it read right: fits sureness.json, and measures it held aside.

    python benchmarks/digits/sureness.py FOLDER PHOTOGRAPHS --fit --model FILE [-o sureness.json]
    python benchmarks/digits/sureness.py FOLDER PHOTOGRAPHS [--model FILE]

To fit, FILE is a reader that did not learn from the last 2,000 training digits, of which the pages
are then composed; measured is on pages of the test digits, other seeds, fonts and photographs.
"""

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import torch
from scenes import beside, mixed, ones, printed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bowerbird.pictures.reading import read_picture
from bowerbird.vision.boxes import iou
from bowerbird.vision.digits.calibration import digit_features, line_features
from bowerbird.vision.digits.idx import read_digits
from bowerbird.vision.digits.lines import Place, in_lines
from bowerbird.vision.digits.negatives import strangers
from bowerbird.vision.digits.page import ReadConfig, enlargement, read_page, readings_of
from bowerbird.vision.digits.reader import load_digit_reader
from bowerbird.vision.digits.segmentation import Found
from bowerbird.vision.digits.single import alone_features
from bowerbird.vision.digits.synthetic_pages import Page, PageConfig, compose

SURE = 0.98  # share of sure lines that are right
KEPT = 2000  # training digits, the last, that a reader to fit with has not learned from


def scenes(digits, photos, part, first, counts):
    """Yield (kind, page): composed ones, print, and photographs; ``part`` is 0 to fit, else 1."""
    ink, labels = digits.ink.numpy(), digits.labels.numpy()
    made = {
        "composed": lambda seed: compose(ink, labels, PageConfig(seed=seed)),
        "beside print": lambda seed: beside(ink, labels, seed, part),
        "mixed sizes": lambda seed: mixed(ink, labels, seed),
        "only 1s": lambda seed: ones(ink, labels, seed),
        "print": lambda seed: printed(seed, part),
    }
    for kind, make in made.items():
        for seed in range(first, first + counts[kind]):
            yield kind, make(seed)
    paths = sorted(path for path in photos.iterdir() if path.suffix.lower() in (".jpg", ".png"))
    aside = paths[::10]
    paths = aside if part else [path for path in paths if path not in aside]
    for path in paths[:: max(1, len(paths) // counts["photographs"])]:
        yield "photographs", Page(read_picture(path).rgb.permute(1, 2, 0).numpy())


def matched(names, boxes, page):
    """Return for each box the number of the digit of the page that it reads right, or -1."""
    free, found = dict(enumerate(page.boxes)), []
    for name, box in zip(names, boxes, strict=True):
        best = max(free, key=lambda n: iou(free[n][1], box), default=None)
        right = best is not None and iou(free[best][1], box) >= 0.5 and free[best][0] == name
        found.append(best if right else -1)
        if right:
            free.pop(best)
    return np.array(found, int)


def written_lines(page):
    """Return the numbers of the digits of each line."""
    counts, start, lines = [len(line.replace(" ", "")) for line in page.lines], 0, []
    for count in counts:
        lines.append(tuple(range(start, start + count)))
        start += count
    return set(lines)


def as_tensor(page):
    """Return a page's picture (3, h, w)."""
    return torch.from_numpy(np.ascontiguousarray(page.rgb.transpose(2, 0, 1), np.float32))


def gather(some, reader):
    """Return all that is read without any sureness: (page, reading, right) of each picture."""
    rows = []
    for kind, page in some:
        values = np.ascontiguousarray(page.rgb, np.float32)
        factor = enlargement(max(values.shape[:2]), ReadConfig.long_side)
        for reading in readings_of(values, reader, ReadConfig(shown=0, written=0)):
            boxes = [tuple(np.array(one.mark.box) / factor) for one in reading.read]
            right = matched([str(one.digit) for one in reading.read], boxes, page)
            if len(right):
                rows.append((kind, page, reading, right))
    return rows


def _model():
    return make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=5000))


def _folded(model):
    """Return the weights and the bias of a fitted model, of features as they are."""
    scale, line = model[0], model[1]
    weights = line.coef_[0] / scale.scale_
    bias = float(line.intercept_[0] - (weights * scale.mean_).sum())
    return {"weights": [round(float(w), 5) for w in weights], "bias": round(bias, 5)}


def fitted(rows, reader, digits, shown):
    """Return sureness.json's content, and the probabilities and rights of lines, cross-fitted."""
    x = np.concatenate([digit_features(r.read, r.found) for _, _, r, _ in rows])
    y = np.concatenate([right >= 0 for *_, right in rows]).astype(int)
    group = np.concatenate([np.full(len(row[3]), k) for k, row in enumerate(rows)])
    folds = GroupKFold(5)
    p = cross_val_predict(_model(), x, y, groups=group, cv=folds, method="predict_proba")[:, 1]
    print("digits", len(y), "right", y.mean().round(4), "ROC AUC", round(roc_auc_score(y, p), 4))
    lx, ly, lgroup = [], [], []
    for k, (_, page, reading, right) in enumerate(rows):
        own = p[group == k]
        kept = np.flatnonzero(own >= shown)
        if not len(kept) or own[kept].mean() < ReadConfig.written:
            continue
        read = [reading.read[n] for n in kept]
        lines = in_lines([Place(*one.mark.box) for one in read])
        lx.append(line_features(lines, read, reading.found, own[kept]))
        true = written_lines(page)
        ly += [tuple(right[kept][line]) in true for line in lines]
        lgroup += [k] * len(lines)
    lx, ly = np.concatenate(lx), np.array(ly, int)
    lp = cross_val_predict(_model(), lx, ly, groups=lgroup, cv=folds, method="predict_proba")[:, 1]
    ax, ay = alone(reader, digits)
    content = {
        "digit": _folded(_model().fit(x, y)),
        "line": _folded(_model().fit(lx, ly)),
        "alone": _folded(_model().fit(ax, ay)),
    }
    return content, lp, ly


def alone(reader, digits):
    """Return the features of single digits and of as many marks that are none, and the rights."""
    strange = strangers(digits, 999)
    strange = strange[:: max(1, len(strange) // len(digits))]
    told = reader.steady(torch.cat([digits.ink, strange]).float() / 255)
    x = np.stack([alone_features(Found(None, row)) for row in told])
    right = torch.zeros(len(told), dtype=torch.bool)
    right[: len(digits)] = told[: len(digits), :10].argmax(1) == digits.labels
    return x, right.numpy().astype(int)


def coverage(p, right):
    """Return the least probability from which SURE of the lines are right, and their share."""
    order = np.argsort(-p)
    share = np.cumsum(right[order]) / np.arange(1, len(p) + 1)
    good = np.flatnonzero(share >= SURE)
    last = int(good[-1]) if len(good) else -1
    return (float(p[order][last]) if last >= 0 else 1.0), (last + 1) / len(p)


def measured(some, reader):
    """Return what is told and what is right of it, through the reader as it is."""
    sums, boxes, lines, pages = defaultdict(Counter), [], [], []
    for kind, page in some:
        seen = read_page(as_tensor(page), reader)
        right = matched([b.name for b in seen.boxes], [b.xyxy for b in seen.boxes], page)
        true, at = written_lines(page), 0
        one = sums[kind]
        one["pictures"] += 1
        one["with boxes"] += bool(seen.boxes)
        one["boxes"] += len(seen.boxes)
        one["right"] += int((right >= 0).sum())
        one["digits"] += len(page.boxes)
        one["lines"] += len(true)
        boxes += [(b.score, r >= 0) for b, r in zip(seen.boxes, right, strict=True)]
        if seen.boxes:
            pages.append((seen.confidence, (right >= 0).mean() >= 0.5))
        told = getattr(seen, "lines", None)
        texts = [line.text for line in told] if told is not None else seen.text.split("\n")
        for k, text in enumerate(texts if seen.boxes else ()):
            count = len(text.replace(" ", ""))
            is_right = tuple(right[at : at + count]) in true
            p = (
                told[k].confidence
                if told is not None
                else np.mean([b.score for b in seen.boxes[at : at + count]])
            )
            lines.append((kind, p, is_right))
            one["lines told"] += 1
            one["lines right"] += is_right
            one["sure"] += p >= getattr(ReadConfig, "sure", 0.9)
            one["sure and right"] += p >= ReadConfig.sure and is_right
            at += count
    return sums, boxes, lines, pages


def report(sums, boxes, lines, pages):
    """Print a table and the ROC AUCs."""
    for kind, one in sums.items():
        print(kind, dict(one))
    for name, rows in (("boxes", boxes), ("pages", pages), ("lines", [r[1:] for r in lines])):
        p, right = (np.array(c, float) for c in zip(*rows, strict=True))
        print(f"{name}: {len(p)}, right {right.mean():.4f}, ROC AUC {roc_auc_score(right, p):.4f}")
    p, right = (np.array(c, float) for c in zip(*[r[1:] for r in lines], strict=True))
    at, share = coverage(p, right)
    print(f"lines: {share:.1%} at {SURE:.0%} right from {at:.4f} on")
    sure = p >= ReadConfig.sure
    if sure.any():
        print(f"sure: {sure.mean():.1%} of the lines told, {right[sure].mean():.2%} of them right")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--model", default="digits")
    parser.add_argument("-o", "--output", type=Path)
    told = parser.parse_args()
    torch.set_num_threads(1)
    reader = load_digit_reader(told.model, "cpu")
    if told.fit:
        digits = read_digits(told.folder, "training")
        digits = digits.some(len(digits) - KEPT, len(digits))
        counts = Counter({"composed": 50, "beside print": 12, "mixed sizes": 12, "only 1s": 6})
        counts.update({"print": 10, "photographs": 60})
        rows = gather(scenes(digits, told.photos, 0, 1000, counts), reader)
        content, p, right = fitted(rows, reader, digits, ReadConfig.shown)
        print("lines", len(p), "ROC AUC", round(roc_auc_score(right, p), 4), coverage(p, right))
        if told.output:
            told.output.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    else:
        digits = read_digits(told.folder, "test")
        counts = Counter({"composed": 50, "beside print": 8, "mixed sizes": 8, "only 1s": 5})
        counts.update({"print": 6, "photographs": 50})
        report(*measured(scenes(digits, told.photos, 1, 200, counts), reader))


if __name__ == "__main__":
    main()
