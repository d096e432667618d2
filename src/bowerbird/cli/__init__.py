"""The command line: ``bowerbird NOUN VERB``.

The commands are those of ``registry.py``. Help imports the module of the verb, which imports only
settings; everything else, torch included, is imported when the verb runs.
"""

import io
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cyclopts import App, Parameter

from bowerbird.cli.errors import exit_code, picture_warnings
from bowerbird.cli.flags import default_text, fill, flag, overridden_defaults
from bowerbird.domain import Noun, Verb
from bowerbird.registry import DEMO, NOUNS, find_verb

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

BUSY = 0.3  # fraction of the processor time, of all cores, that other programs use
LAST = ("--device", "--json", "--quiet", "--force")  # of the flags in a help page


class _VerbHelp:
    """Help without the fields that a verb sets itself, and with its own defaults."""

    def __init__(self, verb: Verb) -> None:
        self.verb = verb

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        from cyclopts.help import DefaultFormatter

        hidden = {flag(name) for name in self.verb.hidden}
        defaults = overridden_defaults(self.verb)
        own = {flag(name): default_text(value) for name, value in defaults.items()}
        entries = []
        for entry in panel.entries:
            names = {*entry.positive_names}
            if not names & hidden:
                changed = [own[name] for name in names & own.keys()]
                entries.append(entry.copy(default=changed[0]) if changed else entry)
        # shared options are first in their class, and least interesting
        panel.entries = sorted(entries, key=lambda e: bool({*e.positive_names}.intersection(LAST)))
        DefaultFormatter()(console, options, panel)


class _NounHelp:
    """Help that lists verbs with the first lines of their docstrings."""

    def __init__(self, verbs: Sequence[Verb]) -> None:
        self.verbs = {verb.name: verb for verb in verbs}

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        from cyclopts.help import DefaultFormatter
        from cyclopts.help.inline_text import InlineText

        panel.entries = [
            entry.copy(description=InlineText.from_format(self.verbs[name].help, "plaintext"))
            if (name := "".join(entry.positive_names)) in self.verbs
            else entry
            for entry in panel.entries
        ]
        DefaultFormatter()(console, options, panel)


def _version() -> str:
    from importlib.metadata import version

    return version("bowerbird")


def _add(app: App, verb: Verb, noun: str = "") -> None:
    """Add a verb, whose module is imported when it is needed."""
    example = f"For example: bowerbird {verb.example}" if verb.example else ""
    app.command(
        verb.function,
        name=verb.name,
        usage=f"Usage: bowerbird {noun} {verb.name} {verb.arguments}".replace("  ", " "),
        help_epilogue="\n\n".join(part for part in (example, verb.note) if part),
        help_formatter=_VerbHelp(verb),
    )


def _noun(noun: Noun) -> App:
    app = App(
        name=noun.name,
        help=noun.help,
        usage=f"Usage: bowerbird {noun.name} COMMAND",
        help_formatter=_NounHelp(noun.verbs),
    )
    for verb in noun.verbs:
        _add(app, verb, noun.name)
    return app


app = App(
    name="bowerbird",
    help=(
        "Train on examples and make new pictures, text and music in their style, offline, on a "
        "laptop."
    ),
    usage="Usage: bowerbird COMMAND",
    version=_version,
    config=fill,
    suppress_keyboard_interrupt=False,  # errors.py has a message for it
    # of a flag that is given twice the last value counts, as in most programs
    default_parameter=Parameter(
        negative_iterable=(), show_default=default_text, allow_repeating=True
    ),
    help_formatter=_NounHelp([DEMO]),
)
_add(app, DEMO)
for _each in NOUNS:
    app.command(_noun(_each))


def run(words: Sequence[str]) -> int:
    """Run one command, given as the words after ``bowerbird``, and return its exit code.

    0: done. 1: an internal error, or a damaged file was found. 2: bad input. 130: interrupted.
    """
    _set_up_libraries(words)
    try:
        with picture_warnings():
            code = app(
                list(words), exit_on_error=False, print_error=False, result_action="return_value"
            )
        if sys.stdout is not None:  # as with >&-
            sys.stdout.flush()  # here, where a closed pipe can still be handled
    except BaseException as error:
        return exit_code(error, words[0] if words else "")
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the words of the command line and exit with its code."""
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None if it is closed
            # a character that the terminal doesn't have must not cut the text short
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def _terminate(number: int, frame: object) -> None:
    """Treat SIGTERM as Ctrl-C: the result so far is kept."""
    raise KeyboardInterrupt("terminated; nothing more was saved")


def _set_up_libraries(words: Sequence[str]) -> None:
    """Set what libraries read when they are imported."""
    # Decoders print to standard error about files that we refuse, or read anyway, ourselves.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    # NumPy multiplies matrices by vectors here, which one thread does fastest
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    verb = find_verb(words)
    works_long = verb is not None and verb.long_running and not {"--help", "-h"}.intersection(words)
    if works_long and _busy():
        os.environ.setdefault("GOMP_SPINCOUNT", "0")


def _busy() -> bool:
    """Return whether other programs use this machine's processors now.

    Threads that wait for each other spin. On an idle machine that is four times as fast as
    sleeping, but a thousand times slower where others need the cores (docs/experiment-log.md).
    """
    from psutil import cpu_percent

    return cpu_percent(interval=0.1) > 100 * BUSY
