"""The options of commands that read texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from bowerbird.cli.options import RUN

if TYPE_CHECKING:
    from bowerbird.text.corpus import Corpus

Source = Annotated[str, Parameter(allow_leading_hyphen=True)]  # - is standard input


@Parameter(name="*", group=RUN)
@dataclass(frozen=True)
class CorpusOptions:
    """How to read texts."""

    encoding: str = "utf-8"
    """Encoding of the files."""
    column: Annotated[str | None, Parameter(show_default=False)] = None
    """Column of a table with the text."""

    def corpus(self, sources: Sequence[str]) -> "Corpus":
        """Return the sources as one corpus."""
        from bowerbird.text.corpus import Corpus

        if not sources:
            raise ValueError("give a corpus: files, a folder, - or shakespeare")
        for name in sources:
            if name.startswith("-") and name != "-":
                raise ValueError(f"there is no option {name}; write ./{name} for a file")
        return Corpus(sources, encoding=self.encoding, column=self.column)
