"""Where a text is written: shown as it comes, kept whatever ends it, compared with a corpus."""

import json as jsonlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from bowerbird.cli.options import RUN, CommonOptions, Device, Output, Switch
from bowerbird.cli.progress import Work, follow
from bowerbird.cli.report import notify
from bowerbird.learning.atomic_write import atomic_write, check_output
from bowerbird.learning.copied_passages import copied_share, copies_of_each
from bowerbird.learning.step import Step
from bowerbird.text.config import GenerateConfig
from bowerbird.text.corpus import Corpus
from bowerbird.text.generator import Writer
from bowerbird.text.tokenizer import Characters

HALF = re.compile("[\ud800-\udfff]")  # half surrogates
LEAST_COPY = 40  # characters; shorter passages are turns of phrase


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class WriteRun(CommonOptions):
    """What writing can be told besides its configuration."""

    prompt: str = ""
    """Text to go on from."""
    prompt_file: Annotated[Path | None, Parameter(show_default=False)] = None
    """File with the text to go on from."""
    output: Output = None
    """File to write; else standard output."""
    interactive: Switch = False
    """The writer proposes ways to go on, you pick one or write."""
    novelty: Annotated[tuple[str, ...], Parameter(show_default=False)] = ()
    """Corpus to compare with: reports the longest passages that were copied from it."""
    device: Device = "auto"
    samples: Annotated[int, Parameter(name=("--samples", "-n"))] = 1
    """Samples, written side by side."""

    def __post_init__(self) -> None:
        if self.prompt and self.prompt_file:
            raise ValueError("give --prompt or --prompt-file, not both")
        if self.samples < 1:
            raise ValueError(f"samples are at least 1, not {self.samples}")
        if self.interactive and self.json:
            raise ValueError("--interactive talks with a person; leave --json out")

    @property
    def streams(self) -> bool:
        """Whether the text appears on standard output as it is written."""
        return self.samples == 1 and not self.json and self.output is None

    def materials(self) -> tuple[str, Corpus | None]:
        """Return the text to go on from and the corpus to compare with; check the output."""
        if self.output is not None:
            check_output(self.output, force=self.force)
        corpus = Corpus(self.novelty) if self.novelty else None
        if self.prompt_file is None:
            return readable(self.prompt), corpus
        try:
            return self.prompt_file.read_text(encoding="utf-8"), corpus
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.prompt_file} is not UTF-8: {error.reason}") from error


def readable(text: str) -> str:
    """Return a text in which bytes that the terminal could not read are U+FFFD."""
    return HALF.sub("\ufffd", text)


def ask(prompt: str) -> str:
    """Return a line that somebody types."""
    return readable(input(prompt))


def written(
    writer: Writer, opening: str, config: GenerateConfig, run: WriteRun
) -> tuple[list[str], Work[tuple[str, ...]]]:
    """Write to the end, or to Ctrl-C; return the texts, and how it went."""
    texts = [opening] * run.samples

    def look(step: Step[tuple[str, ...]]) -> str:
        assert step.preview is not None
        texts[:] = [text + new for text, new in zip(texts, step.preview, strict=True)]
        if run.streams:
            if step.note and not run.quiet:
                notify(step.note)
            sys.stdout.write(step.preview[0])
            sys.stdout.flush()
        return ""

    if run.streams:
        sys.stdout.write(opening)
    steps = writer.write_steps(opening, config, run.samples)
    work = follow(steps, (), look, quiet=run.quiet or run.streams)
    if isinstance(work.error, BrokenPipeError):  # nobody reads on
        raise work.error
    if run.streams:
        sys.stdout.write("\n")
    if work.ended:
        notify(
            f"{work.ended} at sign {work.last.number} of {work.last.total}; the text so far is kept"
        )
    return texts, work


def keep_writing(
    texts: list[str], opening: str, work: Work[Any] | None, run: WriteRun, corpus: Corpus | None
) -> None:
    """Save or print what was written; then report what was copied, if that can be told.

    The opening is the person's own, and not looked at.
    """
    if run.output is not None:
        with atomic_write(run.output) as part:
            part.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    elif not run.json and (len(texts) > 1 or run.interactive):
        for text in texts:
            print(text, end="\n\n")  # noqa: T201
    copied: list[dict[str, Any]] = []
    try:
        new = [text.removeprefix(opening) for text in texts]
        copied = _copied(new, corpus) if corpus else []
    finally:  # a corpus that can't be read costs nothing of the text
        if run.json:
            facts: dict[str, Any] = {"text": texts[0], "texts": texts, "copied": copied}
            facts["seconds"] = round(work.last.seconds, 3) if work else 0.0
            facts["characters"] = sum(map(len, texts))
            print(jsonlib.dumps(facts))  # noqa: T201
    for report in copied:
        notify(
            f"{report['share']:.0%} lies in passages of {LEAST_COPY} characters or more that stand "
            "in the corpus too" + "".join(f"; {p!r}" for p in report["longest"])
        )


def _copied(texts: list[str], corpus: Corpus) -> list[dict[str, Any]]:
    """Return how much of each text was copied, and its longest copied passages."""
    signs = Characters("".join(texts) or " ")
    found = copies_of_each([signs.encode(t) for t in texts], corpus.encoded(signs), LEAST_COPY)
    return [
        {
            "share": round(copied_share(copies, len(text)), 4),
            "longest": [text[c.start : c.start + c.length] for c in copies[:3]],
        }
        for text, copies in zip(texts, found, strict=True)
    ]
