"""A writer: a network, its alphabet, and what it learned from; it continues, scores, is kept."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bowerbird.errors import ModelError
from bowerbird.learning.device import select_compute
from bowerbird.learning.dynamic_evaluation import adapted_loss
from bowerbird.learning.model_file import (
    MEND,
    ModelHeader,
    read_model,
    stored_weights,
    write_model,
)
from bowerbird.learning.sampling import generate_tokens
from bowerbird.learning.sequence_batches import stream_loss
from bowerbird.learning.step import Step
from bowerbird.models import model_path
from bowerbird.networks.config import LanguageModelConfig
from bowerbird.networks.language_model import language_model_from
from bowerbird.text.config import GenerateConfig
from bowerbird.text.tokenizer import Alphabet, Characters, alphabet_from

KIND = "text"
CHUNK = 32  # signs between two steps of writing


@dataclass(frozen=True)
class Score:
    """How well a writer foresees a text."""

    nats_per_char: float
    characters: int

    @property
    def bits_per_char(self) -> float:
        """The same in bits."""
        return self.nats_per_char / math.log(2)

    @property
    def perplexity(self) -> float:
        """e^(nats/char): among how many equally likely characters it hesitates."""
        return math.exp(self.nats_per_char)


class Writer:
    """What has learned to write."""

    def __init__(
        self,
        network: Any,
        alphabet: Alphabet,
        config: LanguageModelConfig,
        provenance: dict[str, Any],
    ) -> None:
        """Put the parts together; ``provenance`` tells what it learned from, and how."""
        self.network, self.alphabet, self.config = network, alphabet, config
        self.provenance = provenance

    def prompt_signs(self, prompt: str) -> tuple[np.ndarray, str]:
        """Return the signs of a prompt, at least one, and what was unusual about it.

        Characters that the writer does not know are spelled in others where that can be done.
        """
        note = ""
        if isinstance(self.alphabet, Characters) and (strange := self.alphabet.unknown_in(prompt)):
            shown = " ".join(strange[:8])
            note = f"the writer has never seen {shown}; nearest spellings are taken"
            prompt = self.alphabet.nearest(prompt)
        signs = self.alphabet.encode(prompt)
        if not len(signs):  # as if a document had just ended, or a line
            several = self.provenance.get("documents", 1) > 1
            line = self.alphabet.encode("\n")
            signs = np.array([self.alphabet.end]) if several else line
        return signs.astype(np.int64), note

    def unknown_share(self, text: str) -> float:
        """Return the share of a text's characters that the writer has no sign for."""
        if not isinstance(self.alphabet, Characters) or not text:
            return 0.0
        strange = set(self.alphabet.unknown_in(text))
        return sum(c in strange for c in text) / len(text)

    def write_steps(
        self, prompt: str, config: GenerateConfig, samples: int = 1
    ) -> Iterator[Step[tuple[str, ...]]]:
        """Yield what each sample goes on with, some signs at a time; a finished one adds nothing.

        The prompt itself is not repeated. A sample ends with its document, at a stop text or at
        the length.
        """
        began = time.perf_counter()
        signs, note = self.prompt_signs(prompt)
        batch = torch.from_numpy(signs)[None].to(_device(self.network))
        drafts = [_Draft(self.alphabet, config.stop) for _ in range(samples)]
        new = [""] * samples
        written = generate_tokens(self.network, batch, config.sampling, samples)
        for number, row in enumerate(written, 1):
            last = number == config.length
            for i, (draft, sign) in enumerate(zip(drafts, row.tolist(), strict=True)):
                new[i] += draft.add(sign, last)
            done = last or all(draft.done for draft in drafts)
            if done or number % CHUNK == 0:
                seconds = time.perf_counter() - began
                yield Step(number, config.length, {}, seconds, tuple(new), note)
                new, note = [""] * samples, ""
            if done:
                return

    def write(
        self, prompt: str = "", config: GenerateConfig | None = None, samples: int = 1
    ) -> list[str]:
        """Return what each sample goes on with after the prompt."""
        config = config or GenerateConfig()
        texts = [""] * samples
        for step in self.write_steps(prompt, config, samples):
            assert step.preview is not None
            texts = [text + new for text, new in zip(texts, step.preview, strict=True)]
        return texts

    def score(self, *documents: str, adapt: float = 0.0) -> Score:
        """Return how well documents are foreseen; the state is carried through all of them.

        They are read as when it learned: with the sign that ends a document between them. The loss
        is shared by the characters that are foreseen, all but those of the very first sign.
        ``adapt`` is the rate at which the writer goes on learning from what it has read (dynamic
        evaluation, Krause et al. 2018, arXiv:1709.07432); 0 is not at all. Raises ValueError for
        documents in which nothing is foreseen.
        """
        parts = [self.alphabet.encode(text) for text in documents]
        end = np.array([self.alphabet.end])
        signs = np.concatenate([sign for part in parts for sign in (end, part)][1:] or [end])
        characters = sum(map(len, documents))
        foreseen = characters - len(self.alphabet.decoder()(signs[:1]))
        if len(signs) < 2 or foreseen < 1:
            raise ValueError("a text of fewer than two characters has nothing to foresee")
        device = _device(self.network)
        if adapt:
            loss = adapted_loss(self.network, signs, rate=adapt, device=device)
        else:
            loss = stream_loss(self.network, signs, device=device)
        return Score(loss * (len(signs) - 1) / foreseen, characters)

    def save(self, path: Path, *, half: bool = False) -> None:
        """Write the model file, whole or not at all; ``half`` precision makes it half as large."""
        card = ModelHeader(KIND, self.config.to_dict(), self.alphabet.to_dict(), self.provenance)
        write_model(path, card, stored_weights(self.network, half=half))


def load(path_or_name: str | Path, device: str = "auto") -> Writer:
    """Return the generator in a model file, or the shipped one of this name: shakespeare.

    Raises ModelError for a file that is missing, damaged or of another kind.
    """
    path = model_path(path_or_name)
    card, tensors = read_model(path, KIND)
    try:
        if type(card.provenance.get("documents", 1)) is not int:
            raise ValueError("its documents are no number")
        alphabet = alphabet_from(card.tokenizer)
        network, config = language_model_from(card.config, alphabet.size, tensors)
    except (ValueError, RuntimeError) as error:
        reason = str(error).split("\n")[0]
        raise ModelError(f"{path} is damaged: {reason}; {MEND}") from error
    network.to(select_compute(device, "float32").device).eval()
    return Writer(network, alphabet, config, dict(card.provenance))


def _device(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device


class _Draft:
    """One sample in the making: signs in, text out, up to a stop."""

    def __init__(self, alphabet: Alphabet, stops: Sequence[str]) -> None:
        self.decode, self.end, self.stops = alphabet.decoder(), alphabet.end, stops
        self.done, self.held = False, ""
        self.longest = max(map(len, stops), default=0)

    def add(self, sign: int, last: bool) -> str:
        """Return the text that this sign makes certain; what may begin a stop is held back."""
        if self.done:
            return ""
        ends = sign == self.end
        self.held += self.decode([] if ends else [sign], final=ends or last)
        for stop in self.stops:
            if stop and stop in self.held:
                self.done = True
                text, self.held = self.held.partition(stop)[0] + stop, ""
                return text
        self.done = ends or last
        keep = 0 if self.done else max(0, self.longest - 1)
        cut = max(0, len(self.held) - keep)
        text, self.held = self.held[:cut], self.held[cut:]
        return text
