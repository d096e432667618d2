"""A text generator: a network with its tokenizer, which continues prompts and evaluates texts."""

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
from bowerbird.learning.model_file import (
    REPLACE,
    ModelHeader,
    read_model,
    stored_weights,
    write_model,
)
from bowerbird.learning.sequences.batches import stream_loss
from bowerbird.learning.sequences.dynamic_evaluation import adapted_loss
from bowerbird.learning.sequences.sampling import generate_tokens
from bowerbird.learning.step import Step
from bowerbird.models import model_path
from bowerbird.networks.config import LanguageModelConfig
from bowerbird.networks.language_model import language_model_from
from bowerbird.text.config import GenerateConfig
from bowerbird.text.tokenizer import CharacterTokenizer, TextTokenizer
from bowerbird.text.tokenizer_choice import tokenizer_from

KIND = "text"
TOKENS_PER_STEP = 32  # of ``generate_steps``


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a text."""

    nats_per_char: float
    characters: int

    @property
    def bits_per_char(self) -> float:
        """The loss in bits."""
        return self.nats_per_char / math.log(2)

    @property
    def perplexity(self) -> float:
        """e^(nats per character): the effective number of choices for each character."""
        return math.exp(self.nats_per_char)


class TextGenerator:
    """A trained network that generates text."""

    def __init__(
        self,
        network: Any,
        tokenizer: TextTokenizer,
        config: LanguageModelConfig,
        provenance: dict[str, Any],
    ) -> None:
        """Combine the parts; ``provenance`` describes the corpus and the training."""
        self.network, self.tokenizer, self.config = network, tokenizer, config
        self.provenance = provenance

    def encode_prompt(self, prompt: str) -> tuple[np.ndarray, str]:
        """Return the token ids of a prompt, at least one, and a note if something is unusual.

        Unknown characters are replaced by similar ones where possible.
        """
        note, tokenizer = "", self.tokenizer
        if isinstance(tokenizer, CharacterTokenizer) and (
            unknown := tokenizer.unknown_characters(prompt)
        ):
            note = f"the model doesn't know {' '.join(unknown[:8])}; similar characters are used"
            prompt = tokenizer.replace_unknown(prompt)
        ids = tokenizer.encode(prompt)
        if not len(ids):  # as after the end of a document, or of a line
            several = self.provenance.get("documents", 1) > 1
            ids = np.array([tokenizer.end_token]) if several else tokenizer.encode("\n")
        return ids.astype(np.int64), note

    def unknown_fraction(self, text: str) -> float:
        """Return the fraction of a text's characters that have no token."""
        if not isinstance(self.tokenizer, CharacterTokenizer) or not text:
            return 0.0
        unknown = set(self.tokenizer.unknown_characters(text))
        return sum(c in unknown for c in text) / len(text)

    def generate_steps(
        self, prompt: str, config: GenerateConfig, samples: int = 1
    ) -> Iterator[Step[tuple[str, ...]]]:
        """Yield the continuations of a prompt in parts: the new text of each sample.

        The prompt itself is not repeated. A sample ends with its document, at a stop string or at
        the length; then its parts are empty.
        """
        began = time.perf_counter()
        ids, note = self.encode_prompt(prompt)
        batch = torch.from_numpy(ids)[None].to(_device(self.network))
        drafts = [_Draft(self.tokenizer, config.stop) for _ in range(samples)]
        new = [""] * samples
        generated = generate_tokens(self.network, batch, config.sampling, samples)
        for number, tokens in enumerate(generated, 1):
            last = number == config.length
            for i, (draft, token) in enumerate(zip(drafts, tokens.tolist(), strict=True)):
                new[i] += draft.add(token, last)
            done = last or all(draft.done for draft in drafts)
            if done or number % TOKENS_PER_STEP == 0:
                seconds = time.perf_counter() - began
                yield Step(number, config.length, {}, seconds, tuple(new), note)
                new, note = [""] * samples, ""
            if done:
                return

    def generate(
        self, prompt: str = "", config: GenerateConfig | None = None, samples: int = 1
    ) -> list[str]:
        """Return the continuation of a prompt for each sample."""
        config = config or GenerateConfig()
        texts = [""] * samples
        for step in self.generate_steps(prompt, config, samples):
            assert step.preview is not None
            texts = [text + new for text, new in zip(texts, step.preview, strict=True)]
        return texts

    def evaluate(self, *documents: str, adapt: float = 0.0) -> Evaluation:
        """Return how well the model predicts documents; its state is carried through all of them.

        They are read as in training, with the end token between them. The loss is divided by the
        number of predicted characters: all but those of the very first token. ``adapt`` is the
        learning rate of dynamic evaluation (Krause et al. 2018, arXiv:1709.07432); 0 is off. Raises
        ValueError for documents in which nothing is predicted.
        """
        parts = [self.tokenizer.encode(text) for text in documents]
        end = np.array([self.tokenizer.end_token])
        ids = np.concatenate([array for part in parts for array in (end, part)][1:] or [end])
        characters = sum(map(len, documents))
        predicted = characters - len(self.tokenizer.decoder()(ids[:1]))
        if len(ids) < 2 or predicted < 1:
            raise ValueError("a text of fewer than two characters has nothing to predict")
        device = _device(self.network)
        if adapt:
            loss = adapted_loss(self.network, ids, learning_rate=adapt, device=device)
        else:
            loss = stream_loss(self.network, ids, device=device)
        return Evaluation(loss * (len(ids) - 1) / predicted, characters)

    def save(self, path: Path, *, half: bool = False) -> None:
        """Write the model file atomically; ``half`` precision makes it half as large."""
        shape, tokenizer = self.config.to_dict(), self.tokenizer.to_dict()
        header = ModelHeader(KIND, shape, tokenizer, self.provenance)
        write_model(path, header, stored_weights(self.network, half=half))


def load(path_or_name: str | Path, device: str = "auto") -> TextGenerator:
    """Return the generator in a model file, or the shipped one of this name: shakespeare.

    Raises ModelError for a file that is missing, damaged or of another kind.
    """
    path = model_path(path_or_name)
    header, tensors = read_model(path, KIND)
    try:
        if type(header.provenance.get("documents", 1)) is not int:
            raise ValueError("the number of its documents is not a whole number")
        tokenizer = tokenizer_from(header.tokenizer)
        network, config = language_model_from(header.config, tokenizer.vocab_size, tensors)
    except (ValueError, RuntimeError) as error:
        reason = str(error).split("\n")[0]
        raise ModelError(f"{path} is damaged: {reason}; {REPLACE}") from error
    network.to(select_compute(device, "float32").device).eval()
    return TextGenerator(network, tokenizer, config, dict(header.provenance))


def _device(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device


class _Draft:
    """One sample in progress: tokens in, text out, up to a stop string."""

    def __init__(self, tokenizer: TextTokenizer, stops: Sequence[str]) -> None:
        self.decode, self.end_token, self.stops = tokenizer.decoder(), tokenizer.end_token, stops
        self.done, self.pending = False, ""
        self.longest_stop = max(map(len, stops), default=0)

    def add(self, token: int, last: bool) -> str:
        """Return the text that this token completes; the possible start of a stop is held back."""
        if self.done:
            return ""
        ends = token == self.end_token
        self.pending += self.decode([] if ends else [token], final=ends or last)
        for stop in self.stops:
            if stop and stop in self.pending:
                self.done = True
                text, self.pending = self.pending.partition(stop)[0] + stop, ""
                return text
        self.done = ends or last
        held = 0 if self.done else max(0, self.longest_stop - 1)
        cut = max(0, len(self.pending) - held)
        text, self.pending = self.pending[:cut], self.pending[cut:]
        return text
