"""``bowerbird text write``: stream the text, save it, and compare it with a corpus."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from bowerbird.cli.options import RUN, CommonOptions, Device, Output, Switch
from bowerbird.cli.report import notify, report, show
from bowerbird.files.atomic_write import atomic_write, check_output
from bowerbird.learning.config import SamplingConfig
from bowerbird.text.config import GenerateConfig

if TYPE_CHECKING:
    from bowerbird.cli.progress import Work
    from bowerbird.learning.step import Step
    from bowerbird.text.corpus import Corpus
    from bowerbird.text.generator import TextGenerator

GENERATION = Group("Generation", sort_key=2)
Parameter(name="*", group=GENERATION)(SamplingConfig)  # its fields are flags like all others
SURROGATE = re.compile("[\ud800-\udfff]")
MIN_COPY = 40  # characters; shorter passages are common phrases


@Parameter(name="*", group=RUN)
@dataclass(frozen=True, kw_only=True)
class WriteOptions(CommonOptions):
    """Options of ``text write`` besides its configuration."""

    prompt: str = ""
    """Text to continue."""
    prompt_file: Annotated[Path | None, Parameter(show_default=False)] = None
    """File with the text to continue."""
    output: Output = None
    """File to write; by default, standard output."""
    interactive: Switch = False
    """Write together: the model proposes continuations, you pick one or type."""
    novelty: Annotated[tuple[str, ...], Parameter(show_default=False)] = ()
    """Corpus to compare with: reports the longest passages that are copied from it."""
    device: Device = "auto"
    samples: Annotated[int, Parameter(name=("--samples", "-n"))] = 1
    """Number of samples."""

    def __post_init__(self) -> None:
        if self.prompt and self.prompt_file:
            raise ValueError("give --prompt or --prompt-file, not both")
        if self.samples < 1:
            raise ValueError(f"--samples must be at least 1, got {self.samples}")
        if self.interactive and self.json:
            raise ValueError("--interactive has no JSON output; leave out --json")

    @property
    def streams(self) -> bool:
        """Whether the text appears on standard output while it is generated."""
        return self.samples == 1 and not self.json and self.output is None

    def read(self) -> tuple[str, "Corpus | None"]:
        """Return the prompt and the corpus to compare with; check the output."""
        from bowerbird.text.corpus import Corpus

        if self.output is not None:
            check_output(self.output, force=self.force)
        corpus = Corpus(self.novelty) if self.novelty else None
        if self.prompt_file is None:
            return _replace_surrogates(self.prompt), corpus
        try:
            return self.prompt_file.read_text(encoding="utf-8"), corpus
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.prompt_file} is not UTF-8: {error.reason}") from error


def write(
    model: str,
    /,
    *,
    run: WriteOptions = WriteOptions(),
    config: Annotated[GenerateConfig, Parameter(name="*", group=GENERATION)] = GenerateConfig(),
) -> int:
    """Write a text with a trained model, as the continuation of a prompt.

    Parameters
    ----------
    model
        Model file, or shakespeare.
    """
    from bowerbird.cli.text.interactive import write_together
    from bowerbird.text.generator import load

    prompt, corpus = run.read()
    generator = load(model, run.device)

    if run.interactive:
        texts, work = [write_together(generator, prompt, config, _ask, show)], None
    else:
        texts, work = _generate(generator, prompt, config, run)

    _save_texts(texts, prompt, work, run, corpus)
    return 0 if work is None else work.exit_code("text")


def _replace_surrogates(text: str) -> str:
    """Return a text with U+FFFD for bytes that the terminal could not decode."""
    return SURROGATE.sub("\ufffd", text)


def _ask(prompt: str) -> str:
    """Return a line that the user types."""
    return _replace_surrogates(input(prompt))


def _generate(
    generator: "TextGenerator", prompt: str, config: GenerateConfig, run: WriteOptions
) -> tuple[list[str], "Work[tuple[str, ...]]"]:
    """Generate to the end, or to Ctrl-C; return the texts with the prompt, and the progress."""
    from bowerbird.cli.progress import follow

    texts = [prompt] * run.samples

    def on_step(step: "Step[tuple[str, ...]]") -> str:
        assert step.preview is not None
        texts[:] = [text + new for text, new in zip(texts, step.preview, strict=True)]
        if run.streams:
            if step.note and not run.quiet:
                notify(step.note)
            sys.stdout.write(step.preview[0])
            sys.stdout.flush()
        return ""

    if run.streams:
        sys.stdout.write(prompt)
    steps = generator.generate_steps(prompt, config, run.samples)
    work = follow(steps, (), on_step, quiet=run.quiet or run.streams)
    if isinstance(work.error, BrokenPipeError):  # the reader is gone
        raise work.error
    if run.streams:
        sys.stdout.write("\n")
    if work.ended:
        number, total = work.last.number, work.last.total
        notify(f"{work.ended} at token {number} of {total}; the text so far is kept")
    return texts, work


def _save_texts(
    texts: list[str],
    prompt: str,
    work: "Work[Any] | None",
    run: WriteOptions,
    corpus: "Corpus | None",
) -> None:
    """Save or print the texts; then report what is copied from the corpus, the prompt aside."""
    if run.output is not None:
        with atomic_write(run.output) as part:
            part.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    elif not run.json and (len(texts) > 1 or run.interactive):
        show(*(text + "\n" for text in texts))
    copied: list[dict[str, Any]] = []
    try:
        new = [text.removeprefix(prompt) for text in texts]
        copied = _copied(new, corpus) if corpus else []
    finally:  # if the corpus can't be read, the text is still printed
        facts: dict[str, Any] = {"text": texts[0], "texts": texts, "copied": copied}
        facts["seconds"] = round(work.last.seconds, 3) if work else 0.0
        facts["characters"] = sum(map(len, texts))
        report(facts, json=run.json)
    for copy in copied:
        notify(
            f"{copy['fraction']:.0%} is in passages of {MIN_COPY} characters or more that are also "
            "in the corpus" + "".join(f"; {passage!r}" for passage in copy["longest"])
        )


def _copied(texts: list[str], corpus: "Corpus") -> list[dict[str, Any]]:
    """Return the copied fraction of each text, and its longest copied passages."""
    from bowerbird.learning.sequences.copied_passages import copied_fraction, copies_of_each
    from bowerbird.text.tokenizer import CharacterTokenizer

    tokenizer = CharacterTokenizer("".join(texts) or " ")
    ids = [tokenizer.encode(text) for text in texts]
    found = copies_of_each(ids, corpus.encode(tokenizer), MIN_COPY)
    return [
        {
            "fraction": round(copied_fraction(copies, len(text)), 4),
            "longest": [text[c.start : c.start + c.length] for c in copies[:3]],
        }
        for text, copies in zip(texts, found, strict=True)
    ]
