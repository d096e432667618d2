"""From an exception to one sentence on standard error, and an exit code.

Bad input (a ValueError, a file that the system refuses, a wrong word on the command line) is 2;
our own mistake is 1; an interruption is 130 (128 + SIGINT, as shells count). A traceback is shown
only when the environment has BOWERBIRD_DEBUG=1.
"""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cyclopts import CycloptsError

BAD_INPUT, OUR_MISTAKE, INTERRUPTED = 2, 1, 130
SMALLER = {  # what takes less memory, by craft
    "image": "give a smaller --size, or set --max-memory",
    "vision": "make the picture smaller",
    "text": "give smaller --batch-size, --sequence-length or --hidden-size, or fewer -n",
}


@contextmanager
def about(path: Path, *kinds: type[ValueError]) -> Iterator[None]:
    """Put a file's name before a plain complaint about input, or one of ``kinds``.

    Other kinds name their thing.
    """
    try:
        yield
    except ValueError as error:
        if type(error) not in (ValueError, *kinds) or str(path) in str(error):
            raise
        raise ValueError(f"{path}: {error}") from error


def is_no_number(error: BaseException) -> bool:
    """Tell a loss that is no number, whose error says all, from an arithmetic mistake of ours."""
    ours = (ZeroDivisionError, OverflowError, FloatingPointError)
    return isinstance(error, ArithmeticError) and not isinstance(error, ours)


def exit_code(error: BaseException, craft: str = "") -> int:
    """Say in one sentence on standard error what went wrong; return the exit code.

    ``craft`` is the first word of the command, which knows what would take less memory.
    """
    if isinstance(error, SystemExit):  # from --help and --version
        return error.code if isinstance(error.code, int) else OUR_MISTAKE
    if isinstance(error, BrokenPipeError):  # `bowerbird ... | head`: nobody reads on
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - else Python complains at its end
        return BAD_INPUT
    if os.environ.get("BOWERBIRD_DEBUG") == "1":
        traceback.print_exception(error)
    code, sentence = _judge(error, craft)
    say(sentence)
    return code


def say(sentence: str) -> None:
    """Print one line on standard error, if there is one (not with 2>&-)."""
    if sys.stderr is not None:  # else it would go to standard output
        print("bowerbird: " + " ".join(sentence.split()), file=sys.stderr)  # noqa: T201


def _judge(error: BaseException, craft: str) -> tuple[int, str]:
    words = str(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, words or "interrupted; nothing more was saved"
    if _out_of_memory(error):
        mend = SMALLER.get(craft, "close other programs, or ask for less")
        return BAD_INPUT, f"there is not enough memory; {mend}"
    if isinstance(error, OSError) and error.filename is not None:
        return BAD_INPUT, f"{error.filename} can't be used: {error.strerror}"
    if isinstance(error, (CycloptsError, ValueError, OSError)) or is_no_number(error):
        return BAD_INPUT, words or type(error).__name__
    return OUR_MISTAKE, (
        f"an unexpected {type(error).__name__} ({words[:200]}); this is a mistake of ours: please "
        "report it with what BOWERBIRD_DEBUG=1 shows"
    )


def _out_of_memory(error: BaseException) -> bool:
    """Tell torch's complaints of full memory, without importing torch."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    words = ("can't allocate memory", "out of memory")  # the processor's, and Apple's GPU's
    return isinstance(error, RuntimeError) and any(part in str(error) for part in words)
