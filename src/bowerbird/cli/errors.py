"""From an exception to one sentence on standard error, and an exit code.

Bad input (a ValueError, a file that the system refuses, a wrong word on the command line) is 2, an
internal error 1, an interruption 130 (128 + SIGINT, the shells' convention). A traceback is shown
only when the environment has BOWERBIRD_DEBUG=1.
"""

import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cyclopts import CycloptsError

from bowerbird.cli.report import notify
from bowerbird.domain import Domain
from bowerbird.errors import OptimizationError, TrainingError
from bowerbird.pictures.warning import PictureWarning
from bowerbird.registry import find_domain

BAD_INPUT, INTERNAL_ERROR, INTERRUPTED = 2, 1, 130


@contextmanager
def about(path: Path, *kinds: type[ValueError]) -> Iterator[None]:
    """Put a file's name before the message of a plain ValueError, or of one of ``kinds``.

    Other kinds name their file.
    """
    try:
        yield
    except ValueError as error:
        if type(error) not in (ValueError, *kinds) or str(path) in str(error):
            raise
        raise ValueError(f"{path}: {error}") from error


@contextmanager
def picture_warnings() -> Iterator[None]:
    """Print warnings about picture files as one sentence each, all others as usual."""
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
        if issubclass(category, PictureWarning):
            notify(str(message))
        else:
            usual(message, category, *rest, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = usual


def is_divergence(error: BaseException) -> bool:
    """Return whether an error reports a loss that isn't finite."""
    return isinstance(error, (OptimizationError, TrainingError))


def exit_code(error: BaseException, noun: str = "") -> int:
    """Print one sentence on standard error that says what went wrong; return the exit code.

    ``noun`` is the first word of the command: each domain needs less memory in its own way.
    """
    if isinstance(error, SystemExit):  # from --help and --version
        return error.code if isinstance(error.code, int) else INTERNAL_ERROR
    if isinstance(error, BrokenPipeError):  # as with `bowerbird ... | head`
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - else Python complains when it exits
        return BAD_INPUT
    if os.environ.get("BOWERBIRD_DEBUG") == "1":
        traceback.print_exception(error)
    code, sentence = _explain(error, noun)
    notify(sentence)
    return code


def _explain(error: BaseException, noun: str) -> tuple[int, str]:
    message = str(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, message or "interrupted; nothing more was saved"
    if _out_of_memory(error):
        domain = find_domain(noun)
        advice = Domain.memory_advice if domain is None else domain.memory_advice
        return BAD_INPUT, f"there is not enough memory; {advice}"
    if isinstance(error, OSError) and error.filename is not None:
        return BAD_INPUT, f"{error.filename} can't be used: {error.strerror}"
    if isinstance(error, (CycloptsError, ValueError, OSError)):
        return BAD_INPUT, message or type(error).__name__
    return INTERNAL_ERROR, (
        f"an unexpected {type(error).__name__} ({message[:200]}); this is an error in Bowerbird: "
        "please report it with the output of BOWERBIRD_DEBUG=1"
    )


def _out_of_memory(error: BaseException) -> bool:
    """Return whether memory is full; torch's errors are recognized without importing torch."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    messages = ("can't allocate memory", "out of memory")  # on the processor, and on Apple's GPU
    return isinstance(error, RuntimeError) and any(part in str(error) for part in messages)
