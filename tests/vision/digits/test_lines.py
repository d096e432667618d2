"""Lines are read from the top and from the left, also on a slope."""

import numpy as np

from bowerbird.vision.digits.lines import group_lines, line_text


def test_lines_are_read_from_the_top_and_the_left_also_on_a_slope():
    rows, names = [], []
    for line, text in enumerate(("123 45", "6", "78 9")):
        for column, digit in enumerate(text):
            if digit == " ":
                continue
            x, y = 40 + 40 * column, 60 + 70 * line + 0.15 * (40 + 40 * column)
            rows.append((x, y, x + 22, y + 40))
            names.append(digit)
    order = np.random.default_rng(0).permutation(len(rows))
    boxes, names = np.array(rows)[order], [names[i] for i in order]
    lines = group_lines(boxes)
    assert [line_text(line, names, boxes) for line in lines] == ["123 45", "6", "78 9"]
    assert group_lines(np.zeros((0, 4))) == []
