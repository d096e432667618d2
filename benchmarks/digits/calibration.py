"""Calibration of digits and lines: fits calibration.json, and evaluates it on held-out pages.

    python benchmarks/digits/calibration.py FOLDER PHOTOGRAPHS --fit --model FILE [-o FILE.json]
    python benchmarks/digits/calibration.py FOLDER PHOTOGRAPHS [--model FILE]

To fit, FILE is a model that was not trained on the last 2,000 training digits, of which the pages
are then made; the evaluation is on pages of the test digits, with other seeds, fonts and
photographs.
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
from synthetic_pages import Page, PageConfig, make_page

from bowerbird.pictures.reading import read_picture
from bowerbird.vision.boxes import iou
from bowerbird.vision.digits.calibration import digit_features, line_features
from bowerbird.vision.digits.config import DigitConfig
from bowerbird.vision.digits.idx import read_digit_dataset
from bowerbird.vision.digits.lines import group_lines
from bowerbird.vision.digits.negatives import make_negatives
from bowerbird.vision.digits.page import find_digits, read_page, scale_factor
from bowerbird.vision.digits.reader import load_digit_reader
from bowerbird.vision.digits.segmentation import Candidate
from bowerbird.vision.digits.single import single_features

ACCURACY = 0.98  # fraction of the confident lines that should be right
NUM_HELD_OUT = 2000  # training digits, the last, that the model to fit with was not trained on


def scenes(digits, photos, part, first, counts):
    """Yield (kind, page): synthetic ones, print, and photographs; ``part`` is 0 to fit, else 1."""
    images, labels = digits.images.numpy(), digits.labels.numpy()
    kinds = {
        "synthetic": lambda seed: make_page(images, labels, PageConfig(seed=seed)),
        "beside print": lambda seed: beside(images, labels, seed, part),
        "mixed sizes": lambda seed: mixed(images, labels, seed),
        "only 1s": lambda seed: ones(images, labels, seed),
        "print": lambda seed: printed(seed, part),
    }
    for kind, make in kinds.items():
        for seed in range(first, first + counts[kind]):
            yield kind, make(seed)
    paths = sorted(path for path in photos.iterdir() if path.suffix.lower() in (".jpg", ".png"))
    held_out = paths[::10]
    paths = held_out if part else [path for path in paths if path not in held_out]
    for path in paths[:: max(1, len(paths) // counts["photographs"])]:
        yield "photographs", Page(read_picture(path).rgb.permute(1, 2, 0).numpy())


def matches(names, boxes, page):
    """Return for each box the index of the digit of the page that it reads right, or -1."""
    free, matched = dict(enumerate(page.boxes)), []
    for name, box in zip(names, boxes, strict=True):
        best = max(free, key=lambda n: iou(free[n][1], box), default=None)
        right = best is not None and iou(free[best][1], box) >= 0.5 and free[best][0] == name
        matched.append(best if right else -1)
        if right:
            free.pop(best)
    return np.array(matched, int)


def true_lines(page):
    """Return the indices of the digits of each line."""
    counts, start, lines = [len(line.replace(" ", "")) for line in page.lines], 0, []
    for count in counts:
        lines.append(tuple(range(start, start + count)))
        start += count
    return set(lines)


def as_tensor(page):
    """Return the image of a page (3, h, w)."""
    return torch.from_numpy(np.ascontiguousarray(page.rgb.transpose(2, 0, 1), np.float32))


def gather(pages, reader):
    """Return what is read without any calibration: (page, digits, matches) of each image."""
    rows = []
    for _, page in pages:
        values = np.ascontiguousarray(page.rgb, np.float32)
        factor = scale_factor(max(values.shape[:2]), DigitConfig.max_side)
        config = DigitConfig(report_threshold=0, page_threshold=0)
        for found in find_digits(values, reader, config):
            boxes = [tuple(np.array(one.component.box) / factor) for one in found.digits]
            right = matches([str(one.digit) for one in found.digits], boxes, page)
            if len(right):
                rows.append((page, found, right))
    return rows


def _model():
    return make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=5000))


def _folded(model):
    """Return the weights and the bias of a fitted model, for features that are not scaled."""
    scale, line = model[0], model[1]
    weights = line.coef_[0] / scale.scale_
    bias = float(line.intercept_[0] - (weights * scale.mean_).sum())
    return {"weights": [round(float(w), 5) for w in weights], "bias": round(bias, 5)}


def fit(rows, reader, digits, min_probability):
    """Return the content of calibration.json, and cross-validated probabilities of lines."""
    x = np.concatenate([digit_features(found.digits, found.candidates) for _, found, _ in rows])
    y = np.concatenate([right >= 0 for *_, right in rows]).astype(int)
    group = np.concatenate([np.full(len(row[2]), k) for k, row in enumerate(rows)])
    folds = GroupKFold(5)
    p = cross_val_predict(_model(), x, y, groups=group, cv=folds, method="predict_proba")[:, 1]
    print("digits", len(y), "right", y.mean().round(4), "ROC AUC", round(roc_auc_score(y, p), 4))
    lx, ly, lgroup = [], [], []
    for k, (page, found, right) in enumerate(rows):
        own = p[group == k]
        reported = np.flatnonzero(own >= min_probability)
        if not len(reported) or own[reported].mean() < DigitConfig.page_threshold:
            continue
        read = [found.digits[n] for n in reported]
        lines = group_lines(np.array([one.component.box for one in read], float))
        lx.append(line_features(lines, read, found.candidates, own[reported]))
        expected = true_lines(page)
        ly += [tuple(right[reported][line]) in expected for line in lines]
        lgroup += [k] * len(lines)
    lx, ly = np.concatenate(lx), np.array(ly, int)
    lp = cross_val_predict(_model(), lx, ly, groups=lgroup, cv=folds, method="predict_proba")[:, 1]
    sx, sy = single_digits(reader, digits)
    content = {
        "digit": _folded(_model().fit(x, y)),
        "line": _folded(_model().fit(lx, ly)),
        "single": _folded(_model().fit(sx, sy)),
    }
    return content, lp, ly


def single_digits(reader, digits):
    """Return the features of single digits and of as many negatives, and which are right."""
    negatives = make_negatives(digits, 999)
    negatives = negatives[:: max(1, len(negatives) // len(digits))]
    images = torch.cat([digits.images, negatives]).float() / 255
    probabilities = reader.predict_proba(images, shifts=True)
    x = np.stack([single_features(Candidate(None, row)) for row in probabilities])
    right = torch.zeros(len(probabilities), dtype=torch.bool)
    right[: len(digits)] = probabilities[: len(digits), :10].argmax(1) == digits.labels
    return x, right.numpy().astype(int)


def coverage(p, right):
    """Return the lowest threshold at which ACCURACY of the lines are right, and their fraction."""
    order = np.argsort(-p)
    accuracy = np.cumsum(right[order]) / np.arange(1, len(p) + 1)
    good = np.flatnonzero(accuracy >= ACCURACY)
    last = int(good[-1]) if len(good) else -1
    return (float(p[order][last]) if last >= 0 else 1.0), (last + 1) / len(p)


def evaluate(pages, reader):
    """Return counts by kind of page, and (probability, right) of boxes, pages and lines."""
    counts, boxes, confidences, lines = defaultdict(Counter), [], [], []
    for kind, page in pages:
        result = read_page(as_tensor(page), reader)
        right = matches([b.name for b in result.boxes], [b.xyxy for b in result.boxes], page)
        expected, start = true_lines(page), 0
        row = counts[kind]
        row["pictures"] += 1
        row["with boxes"] += bool(result.boxes)
        row["boxes"] += len(result.boxes)
        row["right"] += int((right >= 0).sum())
        row["digits"] += len(page.boxes)
        row["lines"] += len(expected)
        boxes += [(b.score, r >= 0) for b, r in zip(result.boxes, right, strict=True)]
        if result.boxes:
            confidences.append((result.confidence, (right >= 0).mean() >= 0.5))
        for line in result.lines:
            count = len(line.text.replace(" ", ""))
            is_right = tuple(right[start : start + count]) in expected
            is_confident = line.confidence >= DigitConfig.confident_threshold
            lines.append((line.confidence, is_right))
            row["lines reported"] += 1
            row["lines right"] += is_right
            row["confident"] += is_confident
            row["confident and right"] += is_confident and is_right
            start += count
    return counts, boxes, confidences, lines


def report(counts, boxes, confidences, lines):
    """Print a table and the ROC AUCs."""
    for kind, row in counts.items():
        print(kind, dict(row))
    for name, rows in (("boxes", boxes), ("pages", confidences), ("lines", lines)):
        p, right = (np.array(c, float) for c in zip(*rows, strict=True))
        print(f"{name}: {len(p)}, right {right.mean():.4f}, ROC AUC {roc_auc_score(right, p):.4f}")
    threshold, fraction = coverage(p, right)
    print(f"lines: {fraction:.1%} at {ACCURACY:.0%} right from {threshold:.4f}")
    chosen = p >= DigitConfig.confident_threshold
    if chosen.any():
        print(
            f"confident: {chosen.mean():.1%} of the lines, {right[chosen].mean():.2%} of them right"
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--model", default="digits")
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    reader = load_digit_reader(args.model, "cpu")
    if args.fit:
        digits = read_digit_dataset(args.folder, "train")[-NUM_HELD_OUT:]
        counts = Counter({"synthetic": 50, "beside print": 12, "mixed sizes": 12, "only 1s": 6})
        counts.update({"print": 10, "photographs": 60})
        rows = gather(scenes(digits, args.photos, 0, 1000, counts), reader)
        content, p, right = fit(rows, reader, digits, DigitConfig.report_threshold)
        print("lines", len(p), "ROC AUC", round(roc_auc_score(right, p), 4), coverage(p, right))
        if args.output:
            args.output.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    else:
        digits = read_digit_dataset(args.folder, "test")
        counts = Counter({"synthetic": 50, "beside print": 8, "mixed sizes": 8, "only 1s": 5})
        counts.update({"print": 6, "photographs": 50})
        report(*evaluate(scenes(digits, args.photos, 1, 200, counts), reader))


if __name__ == "__main__":
    main()
