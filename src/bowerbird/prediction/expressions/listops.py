"""Nested lists in the style of ListOps: [MAX 2 9 [MIN 4 7] 0] has the value 9.

Nangia and Bowman 2018 (arXiv:1804.06028): the operators MAX, MIN, MED (median, rounded down) and
SM (sum modulo 10) take two to five arguments, each a digit or a list; every list has a value of
0 to 9. The depth of an expression is the number of lists around its innermost digits.

Departures: expressions are drawn with an exact depth (in the paper it is random), and every
argument but the deepest is a list with a fixed probability, so that deeper expressions aren't much
longer.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

from bowerbird.errors import ExpressionError
from bowerbird.networks.tree_lstm import Tree

DIGITS = 10
_FUNCTIONS: dict[str, Callable[[Sequence[int]], int]] = {
    "MAX": max,
    "MIN": min,
    "MED": lambda values: int(median(values)),
    "SM": lambda values: sum(values) % DIGITS,
}
OPERATORS = tuple(_FUNCTIONS)
CLOSE = DIGITS + len(OPERATORS)  # the token of a closing bracket
VOCAB_SIZE = CLOSE + 1
LIST_PROBABILITY = 0.25  # of an argument, except for the deepest one
MAX_DEPTH = 200
_WORD = re.compile(r"\[\s*(?:MAX|MIN|MED|SM)|\d+|\]|\S")


@dataclass(frozen=True)
class Expression:
    """An expression as a tree of tokens, each after its operator."""

    tokens: tuple[int, ...]
    """Digits 0 to 9 and operators from 10 on, in reading order."""
    parents: tuple[int, ...]
    """The index of each token's operator; -1 for the first."""

    def tree(self) -> tuple[Tree, list[int]]:
        """Return the tree that the network reads, and the node of each token's value.

        A closing bracket is a node too: the parent of its operator, and it has the list's value.
        """
        tokens: list[int] = []
        parents: list[int] = []
        value_nodes: list[int] = []
        nodes: list[int] = []  # of each token
        for token, parent in zip(self.tokens, self.parents, strict=True):
            value_nodes.append(len(tokens))
            parents.append(nodes[parent] if parent >= 0 else -1)
            if token >= DIGITS:
                tokens.append(CLOSE)
                parents.append(len(tokens) - 1)
            nodes.append(len(tokens))
            tokens.append(token)
        return Tree(tokens, parents), value_nodes

    @property
    def max_arguments(self) -> int:
        """Length of the longest list; 0 for a single digit."""
        counts = Counter(parent for parent in self.parents if parent >= 0)
        return max(counts.values(), default=0)

    def values(self) -> list[int]:
        """Return the value of every token: that of a digit, or of an operator's list."""
        arguments: list[list[int]] = [[] for _ in self.tokens]
        values = list(self.tokens)
        for node in range(len(self.tokens) - 1, -1, -1):
            if values[node] >= DIGITS:
                values[node] = _FUNCTIONS[OPERATORS[values[node] - DIGITS]](arguments[node])
            if self.parents[node] >= 0:
                arguments[self.parents[node]].append(values[node])
        return values

    def sequence(self) -> tuple[list[int], list[int]]:
        """Return the tokens with closing brackets, and the position at which each token ends.

        A digit ends at itself, an operator at its closing bracket.
        """
        tokens: list[int] = []
        ends = [0] * len(self.tokens)
        open_: list[int] = []

        def close() -> None:
            ends[open_.pop()] = len(tokens)
            tokens.append(CLOSE)

        for node, (token, parent) in enumerate(zip(self.tokens, self.parents, strict=True)):
            while open_ and open_[-1] != parent:
                close()
            ends[node] = len(tokens)
            tokens.append(token)
            if token >= DIGITS:
                open_.append(node)
        while open_:
            close()
        return tokens, ends

    def __str__(self) -> str:
        words = []
        for token in self.sequence()[0]:
            if token == CLOSE:
                words.append("]")
            else:
                words.append(str(token) if token < DIGITS else f"[{OPERATORS[token - DIGITS]}")
        return " ".join(words)


def draw_expression(random: Random, depth: int, *, max_arguments: int = 5) -> Expression:
    """Draw an expression of exactly this depth, with 2 to ``max_arguments`` in each list."""
    if not 1 <= depth <= MAX_DEPTH:
        raise ValueError(f"the depth of an expression must be in 1..{MAX_DEPTH}, got {depth}")
    tokens: list[int] = []
    parents: list[int] = []
    pending = [(-1, depth)]  # (operator, depth of its argument; 0 is a digit)
    while pending:
        parent, remaining = pending.pop()
        node = len(tokens)
        parents.append(parent)
        if remaining == 0:
            tokens.append(random.randrange(DIGITS))
            continue
        tokens.append(DIGITS + random.randrange(len(OPERATORS)))
        count = random.randint(2, max_arguments)
        deepest = random.randrange(count)
        for place in reversed(range(count)):  # the first argument is popped next
            below = remaining - 1 if place == deepest else 0
            if place != deepest and remaining > 1 and random.random() < LIST_PROBABILITY:
                below = random.randrange(1, remaining)
            pending.append((node, below))
    return Expression(tuple(tokens), tuple(parents))


def parse_expression(text: str) -> Expression:
    """Parse an expression like ``[MAX 2 9 [MIN 4 7] 0]``.

    Raises ExpressionError, saying what is wrong and where.
    """
    tokens: list[int] = []
    parents: list[int] = []
    open_: list[int] = []
    for match in _WORD.finditer(text):
        word, where = match[0], f"at character {match.start() + 1}"
        if word == "]":
            if not open_:
                raise ExpressionError(f"there is a closing bracket too many {where}")
            if open_.pop() == len(tokens) - 1:
                raise ExpressionError(f"there is a list without arguments {where}")
            continue
        token = _token(word, where)
        if tokens and not open_:
            raise ExpressionError(f"{word!r} {where} is after the end of the expression")
        parents.append(open_[-1] if open_ else -1)
        if token >= DIGITS:
            open_.append(len(tokens))
        tokens.append(token)
    if not tokens:
        raise ExpressionError("the expression is empty; write one like [MAX 2 9 [MIN 4 7] 0]")
    if open_:
        raise ExpressionError(f"{len(open_)} brackets are not closed")
    return Expression(tuple(tokens), tuple(parents))


def _token(word: str, where: str) -> int:
    """Return the token of a digit or of a list's beginning; raise ExpressionError."""
    if word == "[":
        raise ExpressionError(f"the list {where} must begin with one of {', '.join(OPERATORS)}")
    if word.startswith("["):
        return DIGITS + OPERATORS.index(word[1:].strip())
    if word.isdecimal() and word.isascii():
        if len(word) > 1:
            raise ExpressionError(f"{word} {where} is not a digit; values are 0 to 9")
        return int(word)
    raise ExpressionError(
        f"{word!r} {where} is neither a digit nor a list like [MAX 2 9]; the operators "
        f"are {', '.join(OPERATORS)}"
    )
