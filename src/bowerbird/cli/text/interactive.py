"""Write together with a model: it proposes continuations, and the user picks one or types."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from bowerbird.text.config import GenerateConfig

if TYPE_CHECKING:
    from bowerbird.text.generator import TextGenerator

PROPOSALS, LENGTH = 4, 60  # of them, in tokens
HELP = (
    "type the number of a proposal, /r for others, /u to undo, /q to quit; "
    "anything else is added to the text (a number, with a space before it)"
)


def write_together(
    generator: "TextGenerator",
    text: str,
    config: GenerateConfig,
    ask: Callable[[str], str],
    show: Callable[[str], None],
) -> str:
    """Return a text with what the user and the model have added to it.

    ``ask`` returns a line that the user typed (EOFError and Ctrl-C end), ``show`` prints a line.
    """
    history: list[str] = []
    sampling = config.sampling
    show(HELP)
    while True:
        short = replace(config, length=min(config.length, LENGTH), sampling=sampling)
        try:
            proposals = [_whole_words(p) for p in generator.generate(text, short, PROPOSALS)]
            show(f"\n{text}")
            for number, proposal in enumerate(proposals, 1):
                show(f"  {number}  {proposal!r}")
            while (answer := ask("> ")).isdecimal() and not 1 <= int(answer) <= PROPOSALS:
                show(f"there is no proposal {answer}; type 1 to {PROPOSALS}")
        except (EOFError, KeyboardInterrupt):
            return text
        sampling = replace(sampling, seed=sampling.seed + 1)
        match answer.strip():
            case "/q":
                return text
            case "/u":
                text = history.pop() if history else text
            case "/r":
                pass
            case _ if answer.isdecimal():
                history.append(text)
                text += proposals[int(answer) - 1]
            case _:
                history.append(text)
                text += answer


def _whole_words(proposal: str) -> str:
    """Return a proposal up to its last whole word."""
    if len(proposal) < LENGTH:
        return proposal
    stripped = proposal.rstrip()
    end = max(stripped.rfind(" "), stripped.rfind("\n"))
    return stripped[: end + 1] if end > 0 else proposal
