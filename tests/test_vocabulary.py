"""The package and its documentation use the field's words: none of the retired ones comes back.

Each retired word has the word to use instead. The patterns match whole words, also as parts of
identifiers (``told_rows``, ``--room``, ``Shelf``); what is allowed has its reason beside it.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SEARCHED = ("src", "docs", "recipes", "examples", "tools", "benchmarks")
FILES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"] + [
    path
    for folder in SEARCHED
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".md", ".toml", ".js", ".html", ".css"}
]
RETIRED = {  # pattern of a word, and what to say instead
    r"signs?": "token, character or symbol",
    r"alphabets?": "tokenizer or vocabulary",
    r"fore(see|sees|seen|saw|seeing)": "predict, forecast",
    r"told|tell|tells": "report, metrics, message, print",
    r"mend|mends|mended|mending": "fix, or what to do instead",
    r"rooms?": "work_dir, or reverb",
    r"strangers?|decoys?": "negatives, hard negatives",
    r"sureness": "calibration, confidence",
    r"manners?": "style",
    r"crafts?": "domain",
    r"house": "project (or house number)",
    r"doors?": "command line, studio",
    r"tales?|tours?|chapters?": "demo, section",
    r"easels?|desks?|shelf|shelves": "ImageRun, TextOutput, CheckpointStore",
    r"warm_up|final_rate|most_validation": "warmup_steps, final_lr_ratio, max_validation_tokens",
}
ALLOWED = (  # phrases that are taken out of a line before it is searched
    r"house[ _-]?numbers?",
    r"(torch|np|math)\.(copy)?sign(bit)?\b",
    r"(minus|either) sign",
    r"tells? (\S+ ){1,6}apart",  # to distinguish
    r"\.tell\(\)",  # of a Python file
    r"initial_alphabet",  # of the tokenizers package
    r"chapters? (\d|on )",  # of a book
    r"</?sign>",  # an element of MusicXML
)
WORD = {word: re.compile(rf"(?<![a-zA-Z])({word})(?![a-z])", re.IGNORECASE) for word in RETIRED}
NUMBERS = (  # where a sign is + or -
    "src/bowerbird/prediction/data/numbers.py",
    "src/bowerbird/prediction/data/units.py",
    "src/bowerbird/prediction/tabular/metrics.py",
    "tools/paint_plates/",
)
FOUND = re.compile("|".join(f"(?:{phrase})" for phrase in ALLOWED), re.IGNORECASE)


def retired_words(text):
    """Return (line number, word) of every retired word of a text."""
    return [
        (number, match[1])
        for number, line in enumerate(text.splitlines(), 1)
        for word in WORD.values()
        for match in word.finditer(FOUND.sub(" ", line))
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_retired_word(path):
    words = retired_words(path.read_text(encoding="utf-8"))
    if str(path.relative_to(ROOT)).startswith(NUMBERS):
        words = [(number, word) for number, word in words if "sign" not in word.lower()]
    assert words == []


@pytest.mark.parametrize(
    "line",
    [
        "def told(self): ...",
        "x = told_rows",
        "every sign of the alphabet",
        "in the manner of a painting",
        "--room 3",
        "self.work_room",
        "a Shelf",
    ],
)
def test_a_retired_word_is_found(line):
    assert retired_words(line)


@pytest.mark.parametrize(
    "line",
    ["torch.sign(x)", "the house number 12", "house_numbers.py", "it tells a 1 from a 7 apart"],
)
def test_other_words_are_allowed(line):
    assert not retired_words(line)
