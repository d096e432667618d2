"""Nested lists with one right value, in the manner of ListOps: [MAX 2 9 [MIN 4 7] 0] is 9.

Nangia and Bowman 2018 (arXiv:1804.06028): the operators MAX, MIN, MED (median, rounded down) and
SM (sum modulo 10) take two to five arguments, each a digit or a list; every list has a value of
0 to 9. The depth of an expression is the number of lists around its innermost digits.

Departures: expressions are drawn with an exact depth (the paper's have whatever depth comes), and
an argument beside the one that carries the depth is a list with a probability that is told, so
that what is deeper need not be much longer.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

from bowerbird.errors import ExpressionError
from bowerbird.networks.tree_lstm import Tree

DIGITS = 10
OPERATORS = ("MAX", "MIN", "MED", "SM")
CLOSE = DIGITS + len(OPERATORS)  # the sign of a closing bracket
VOCABULARY = CLOSE + 1
NESTED = 0.25  # how often a free argument is a list, unless told otherwise
MOST_DEPTH = 200
_WORD = re.compile(r"\[\s*(?:MAX|MIN|MED|SM)|\d+|\]|\S")


@dataclass(frozen=True)
class Expression:
    """One expression: its signs, each after the operator that it stands under."""

    signs: tuple[int, ...]
    """Digits 0 to 9, operators from 10 on, in the order in which they are read."""
    parents: tuple[int, ...]
    """The number of each sign's operator; -1 for the first."""

    def tree(self) -> tuple[Tree, list[int]]:
        """Return the expression as a tree, and the node at which each sign's value is known.

        A closing bracket is a node too: the parent of its operator, and the list's value is its.
        """
        signs: list[int] = []
        parents: list[int] = []
        known: list[int] = []
        under: list[int] = []  # the node of each sign itself
        for sign, parent in zip(self.signs, self.parents, strict=True):
            known.append(len(signs))
            parents.append(under[parent] if parent >= 0 else -1)
            if sign >= DIGITS:
                signs.append(CLOSE)
                parents.append(len(signs) - 1)
            under.append(len(signs))
            signs.append(sign)
        return Tree(signs, parents), known

    @property
    def arguments(self) -> int:
        """Most arguments of a list; 0 for a lone digit."""
        counts = Counter(parent for parent in self.parents if parent >= 0)
        return max(counts.values(), default=0)

    @property
    def depth(self) -> int:
        """Lists around the innermost digits; 0 for a lone digit."""
        depths: list[int] = []
        for sign, parent in zip(self.signs, self.parents, strict=True):
            above = depths[parent] if parent >= 0 else 0
            depths.append(above + (sign >= DIGITS))
        return max(depths)

    def values(self) -> list[int]:
        """Return the value of every sign: a digit's own, and of an operator its list's."""
        arguments: list[list[int]] = [[] for _ in self.signs]
        values = [0] * len(self.signs)
        for node in range(len(self.signs) - 1, -1, -1):
            sign = self.signs[node]
            values[node] = sign if sign < DIGITS else applied(sign, arguments[node])
            if self.parents[node] >= 0:
                arguments[self.parents[node]].append(values[node])
        return values

    def string(self) -> tuple[list[int], list[int]]:
        """Return the signs as they are read, with closing brackets, and where each node ends.

        A digit ends at itself, an operator at its closing bracket.
        """
        signs: list[int] = []
        ends = [0] * len(self.signs)
        open_: list[int] = []

        def close() -> None:
            ends[open_.pop()] = len(signs)
            signs.append(CLOSE)

        for node, (sign, parent) in enumerate(zip(self.signs, self.parents, strict=True)):
            while open_ and open_[-1] != parent:
                close()
            ends[node] = len(signs)
            signs.append(sign)
            if sign >= DIGITS:
                open_.append(node)
        while open_:
            close()
        return signs, ends

    def __str__(self) -> str:
        words = []
        for sign in self.string()[0]:
            if sign == CLOSE:
                words.append("]")
            else:
                words.append(str(sign) if sign < DIGITS else f"[{OPERATORS[sign - DIGITS]}")
        return " ".join(words)


def applied(sign: int, values: Sequence[int]) -> int:
    """Return what an operator makes of its arguments, 0 to 9."""
    match OPERATORS[sign - DIGITS]:
        case "MAX":
            return max(values)
        case "MIN":
            return min(values)
        case "MED":
            return int(median(values))
        case _:
            return sum(values) % DIGITS


def draw_expression(
    random: Random, depth: int, *, most: int = 5, nested: float = NESTED
) -> Expression:
    """Draw an expression of exactly this depth, with 2 to ``most`` arguments in each list."""
    if not 1 <= depth <= MOST_DEPTH:
        raise ValueError(f"an expression is 1 to {MOST_DEPTH} deep, not {depth}")
    signs: list[int] = []
    parents: list[int] = []
    waiting = [(-1, depth)]  # (operator above, depth that is owed; 0 is a digit)
    while waiting:
        parent, owed = waiting.pop()
        node = len(signs)
        parents.append(parent)
        if owed == 0:
            signs.append(random.randrange(DIGITS))
            continue
        signs.append(DIGITS + random.randrange(len(OPERATORS)))
        count = random.randint(2, most)
        deepest = random.randrange(count)
        for place in reversed(range(count)):  # the first argument comes next
            below = owed - 1 if place == deepest else 0
            if place != deepest and owed > 1 and random.random() < nested:
                below = random.randrange(1, owed)
            waiting.append((node, below))
    return Expression(tuple(signs), tuple(parents))


def read_expression(text: str) -> Expression:
    """Return the expression that a text like ``[MAX 2 9 [MIN 4 7] 0]`` writes.

    Raises ExpressionError, saying what is wrong and where.
    """
    signs: list[int] = []
    parents: list[int] = []
    above: list[int] = []
    for found in _WORD.finditer(text):
        word, where = found[0], f"at character {found.start() + 1}"
        if word == "]":
            if not above:
                raise ExpressionError(f"a bracket is closed that was not opened, {where}")
            if above.pop() == len(signs) - 1:
                raise ExpressionError(f"a list without an argument is closed, {where}")
            continue
        sign = _sign(word, where)
        if signs and not above:
            raise ExpressionError(f"something stands after the end, {where}")
        parents.append(above[-1] if above else -1)
        if sign >= DIGITS:
            above.append(len(signs))
        signs.append(sign)
    if not signs:
        raise ExpressionError("there is no expression; write one like [MAX 2 9 [MIN 4 7] 0]")
    if above:
        raise ExpressionError(f"{len(above)} brackets are not closed")
    return Expression(tuple(signs), tuple(parents))


def _sign(word: str, where: str) -> int:
    """Return the sign of a digit or of a list's beginning; raise ExpressionError."""
    if word == "[":
        raise ExpressionError(
            f"a list begins with one of {', '.join(OPERATORS)}, {where} it does not"
        )
    if word.startswith("["):
        return DIGITS + OPERATORS.index(word[1:].strip())
    if word.isdecimal() and word.isascii():
        if len(word) > 1:
            raise ExpressionError(f"{word} {where} is no digit; values are 0 to 9")
        return int(word)
    raise ExpressionError(
        f"{word!r} {where} is neither a digit nor a list like [MAX 2 9]; the operators "
        f"are {', '.join(OPERATORS)}"
    )
