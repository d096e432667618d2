"""Write together: the writer proposes ways to go on, and the person picks one or writes."""

from collections.abc import Callable
from dataclasses import replace

from bowerbird.text.config import GenerateConfig
from bowerbird.text.generator import Writer

PROPOSALS, SIGNS = 4, 60
HELP = (
    "a number takes a proposal, /r other ones, /u undoes, /q ends; anything else is added as text"
)


def together(
    writer: Writer,
    text: str,
    config: GenerateConfig,
    ask: Callable[[str], str],
    tell: Callable[[str], None],
) -> str:
    """Return the text that a person and a writer have made of ``text``.

    ``ask`` returns a line that the person typed (EOFError and Ctrl-C end), ``tell`` shows a line.
    """
    before: list[str] = []
    sampling = config.sampling
    tell(HELP)
    while True:
        wanted = replace(config, length=min(config.length, SIGNS), sampling=sampling)
        try:
            proposals = [_cut(p) for p in writer.write(text, wanted, PROPOSALS)]
            tell(f"\n{text}")
            for place, proposal in enumerate(proposals, 1):
                tell(f"  {place}  {proposal!r}")
            said = ask("> ")
        except (EOFError, KeyboardInterrupt):
            return text
        sampling = replace(sampling, seed=sampling.seed + 1)
        match said.strip():
            case "/q":
                return text
            case "/u":
                text = before.pop() if before else text
            case "/r":
                pass
            case pick if pick in map(str, range(1, PROPOSALS + 1)):
                before.append(text)
                text += proposals[int(pick) - 1]
            case _:
                before.append(text)
                text += said


def _cut(proposal: str) -> str:
    """Return a proposal up to its last whole word."""
    if len(proposal) < SIGNS:
        return proposal
    head = proposal.rstrip()
    place = max(head.rfind(" "), head.rfind("\n"))
    return head[: place + 1] if place > 0 else proposal
