"""A composer: a network and its tokenizer, which compose, continue, harmonize and evaluate pieces.

Tokens are sampled one after the other, as in text. A grammar (`bowerbird.music.tokens.grammar`)
masks those that would not be valid music, so that bars add up to their meter in any case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bowerbird.errors import ModelError, MusicError
from bowerbird.learning.device import select_compute
from bowerbird.learning.model_file import (
    REPLACE,
    ModelHeader,
    read_model,
    stored_weights,
    write_model,
)
from bowerbird.learning.sequences.batches import stream_loss
from bowerbird.learning.sequences.sampling import generate_tokens, read_prompt
from bowerbird.models import model_path
from bowerbird.music.config import MAX_TEMPO, MELODY_KINDS, MIN_TEMPO, ComposeConfig
from bowerbird.music.score.build import new_tempo
from bowerbird.music.score.instruments import program_of
from bowerbird.music.score.key import parse_key
from bowerbird.music.score.melody import GRID, melody, snapped
from bowerbird.music.score.meter import Meter, meters_of, parse_meter, usual_tempo
from bowerbird.music.tokens.grammar import Grammar
from bowerbird.music.tokens.harmonize_grammar import HARMONIZING, HarmonizeGrammar
from bowerbird.music.tokens.kinds import tokenizer_from
from bowerbird.music.tokens.tokenizer import MusicTokenizer
from bowerbird.networks.config import LanguageModelConfig
from bowerbird.networks.language_model import language_model_from

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

KIND = "music"
MAX_TOKENS_PER_BAR = 96  # on average over a piece, which is cut off there
PRIMER_STEPS = (6, 12)  # ticks of the grid: sixteenths, eighths
MAX_BARS = 64  # of a piece of any length
POLYPHONIC_TEMPO = 100.0  # quarter notes per minute, if the corpus has no tempo
METERS: tuple[Meter, ...] = (  # of which the most likely one is chosen if none is asked for
    *((4, 4), (2, 2), (2, 4), (3, 4), (6, 8), (9, 8), (12, 8), (3, 2), (3, 8), (6, 4), (5, 4)),
)


@dataclass(frozen=True)
class Composition:
    """One piece."""

    score: "Score"
    """The notes as written, with repeat symbols."""
    nats_per_token: float
    """Loss of the model on its own piece; lower is more likely."""


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts pieces."""

    nats_per_note: float
    nats_per_token: float
    notes: int
    tokens: int
    nats_per_note_with_grammar: float | None = None
    """With the tokens masked that the grammar forbids, as in composing; None if not computed."""


class Composer:
    """A trained model of music."""

    def __init__(
        self,
        network: Any,
        tokenizer: MusicTokenizer,
        config: LanguageModelConfig,
        provenance: dict[str, Any],
    ) -> None:
        """Combine the parts; ``provenance`` says what it was trained on, and how."""
        self.network, self.tokenizer, self.config = network, tokenizer, config
        self.provenance = provenance

    def compose(
        self, config: ComposeConfig | None = None, pieces: int = 1, primer: "Score | None" = None
    ) -> list[Composition]:
        """Return new pieces, or continuations of ``primer``, to which bars or seconds are added.

        Raises MusicError for a key, meter or primer that the vocabulary can't represent, and for a
        key or meter together with a primer.
        """
        config = config or ComposeConfig()
        prompt, bars = self._prompt(config) if primer is None else self._continue(config, primer)
        grammars: list[Grammar] = []
        for _ in range(pieces * config.best_of):
            new = primer is None  # a primer may change its meter
            grammar = self.tokenizer.grammar(
                bars if new else 0, single_meter=new, cadence=config.cadence
            )
            grammar.scale = _scale(config)
            for token in prompt:
                grammar.advance(token)
            if not new:
                grammar.extend(bars)
            grammars.append(grammar)
        samples = self._sample(prompt, config, grammars, MAX_TOKENS_PER_BAR * (bars or MAX_BARS))
        return self._best(
            [self._decode([*prompt, *ids], config, primer) for ids in samples], config
        )

    def harmonize(
        self, line: "Score", config: ComposeConfig | None = None, pieces: int = 1
    ) -> list[Composition]:
        """Return pieces of two voices, of which the first is the melody of ``line``.

        They have its length, meter and key. Raises MusicError if the tokenizer is for one voice or
        can't represent the melody, and for bars, seconds, key or meter.
        """
        config = config or ComposeConfig()
        kind, vocabulary = self.tokenizer.kind, self.tokenizer.vocabulary
        if kind in MELODY_KINDS:
            raise MusicError(
                f"a model with {kind} tokens composes one voice; train one with --tokenizer "
                f"{' or '.join(HARMONIZING)}"
            )
        _forbid(config, ("bars", "seconds", "key", "meter"), "a harmonization keeps the melody's")
        count = pieces * config.best_of
        grammars = [HarmonizeGrammar(vocabulary, line) for _ in range(count)]
        length = grammars[0].num_tokens + MAX_TOKENS_PER_BAR * grammars[0].bars
        samples = self._sample([], config, grammars, length)
        if any(grammar.notes_left for grammar in grammars):
            raise MusicError(
                "the other voices became too long before the melody ended; lower the temperature "
                "or change the seed"
            )
        return self._best([self._decode(ids, config, line) for ids in samples], config)

    def why_not(self, score: "Score") -> str:
        """Return why the tokenizer can't encode a piece; empty if it can."""
        try:
            self.tokenizer.encode(self._reduced(score))
        except MusicError as error:
            return str(error)
        return ""

    def evaluate(self, scores: Sequence["Score"], *, grammar: bool = False) -> Evaluation:
        """Return how well the model predicts pieces.

        ``grammar`` also computes the loss under the grammar, which takes longer. Raises MusicError
        for a piece that the vocabulary can't represent.
        """
        end = np.array([self.tokenizer.end_token])
        reduced = [self._reduced(score) for score in scores]
        pieces = [np.concatenate([self.tokenizer.encode(score), end]) for score in reduced]
        stream = np.concatenate([end, *pieces])
        notes, tokens = max(1, sum(score.note_num() for score in reduced)), len(stream) - 1
        nats = stream_loss(self.network, stream, device=_device(self.network))
        masked = sum(map(self._nats_with_grammar, pieces)) / notes if grammar else None
        return Evaluation(nats * tokens / notes, nats, notes, tokens, masked)

    def _nats_with_grammar(self, piece: np.ndarray) -> float:
        """Return the nats of a piece with the forbidden tokens masked.

        From the first token on that the grammar forbids itself, nothing is masked.
        """
        ids = torch.from_numpy(piece.astype(np.int64)).to(_device(self.network))
        before = ids.roll(1)  # the last one is the end, which also comes before the first
        with torch.no_grad():
            logits = self.network(before[None])[0][0].double().cpu()
        grammar: Grammar | None = self.tokenizer.grammar()
        nats = 0.0
        for place, token in enumerate(piece.tolist()):
            if grammar and grammar.allowed()[token]:
                mask = torch.from_numpy(grammar.allowed())
                grammar.advance(token)
            else:
                grammar, mask = None, torch.ones(self.tokenizer.vocab_size, dtype=torch.bool)
            nats += float(logits[place][mask].logsumexp(0) - logits[place, token])
        return nats

    def save(self, path: Path, *, half: bool = False) -> None:
        """Write the model file atomically; ``half`` stores float16 weights, half the size."""
        header = ModelHeader(KIND, self.config.to_dict(), self.tokenizer.to_dict(), self.provenance)
        write_model(path, header, stored_weights(self.network, half=half))

    @staticmethod
    def _best(made: Sequence[Composition], config: ComposeConfig) -> list[Composition]:
        """Return the most likely one of each ``best_of`` candidates."""
        groups = [made[i : i + config.best_of] for i in range(0, len(made), config.best_of)]
        return [min(group, key=lambda piece: piece.nats_per_token) for group in groups]

    def _reduced(self, score: "Score") -> "Score":
        """Return what the tokenizer can encode of a score: its melody, or all of it."""
        return melody(score) if self.tokenizer.kind in MELODY_KINDS else score

    def _prompt(self, config: ComposeConfig) -> tuple[list[int], int]:
        """Return the token ids that a new piece begins with, and its number of bars."""
        meter = parse_meter(config.meter) if config.meter else None
        needed = bool(config.key or config.seconds)
        if meter is None and needed and self.tokenizer.kind != "performance":
            meter = self._most_likely_meter()
        key = parse_key(config.key) if config.key else None
        return self.tokenizer.prompt(key, meter), self._num_bars(config, meter or (4, 4))

    def _continue(self, config: ComposeConfig, primer: "Score") -> tuple[list[int], int]:
        """Return the token ids of a piece to continue, and how many bars to add."""
        _forbid(config, ("key", "meter"), "a continuation keeps the primer's")
        ids, grammar = self._encode_primer(primer), self.tokenizer.grammar()
        for place, token in enumerate(ids):
            try:
                grammar.advance(token)
            except MusicError as error:
                notes = self.tokenizer.decode(ids[:place]).note_num()
                raise MusicError(
                    f"after {notes} notes its repeats don't fit its bars; correct them, or remove "
                    "them from the file"
                ) from error
        mask = grammar.allowed()
        if mask[self.tokenizer.end_token] and mask.sum() == 1:
            ids.pop()  # a final bar line
        return ids, self._num_bars(config, meters_of(primer, GRID)[-1][1], primer)

    def _encode_primer(self, primer: "Score") -> list[int]:
        """Return the token ids of a primer; played and swung ones are quantized."""
        failed: MusicError | None = None
        for step in (0, *PRIMER_STEPS):
            given = snapped(primer, step) if step else primer
            try:
                return self.tokenizer.encode(self._reduced(given)).tolist()
            except MusicError as error:
                failed = failed or error
        assert failed is not None
        raise failed

    def _num_bars(self, config: ComposeConfig, meter: Meter, given: "Score | None" = None) -> int:
        """Return how many bars are asked for, in a meter; 0 for any number."""
        if not config.seconds:
            return config.bars
        if self.tokenizer.kind == "performance":
            meter = (4, 4)
        quarters = config.seconds * (config.tempo or self._tempo(meter, given)) / 60
        return max(1, round(quarters * meter[1] / (4 * meter[0])))

    def _tempo(self, meter: Meter, given: "Score | None" = None) -> float:
        """Return the tempo of a given piece, else of the corpus, else one for the meter.

        Tempos out of range are ignored. A performance, whose tokens are in seconds, has 120.
        """
        if self.tokenizer.kind == "performance":
            return 120.0
        tempos = [float(given.tempos[0].qpm)] if given is not None and len(given.tempos) else []
        if self.tokenizer.kind not in MELODY_KINDS:
            corpus = self.provenance.get("tempo")
            tempos += [corpus] if isinstance(corpus, float) else []
            tempos += [POLYPHONIC_TEMPO] if ("voice", 1) in self.tokenizer.vocabulary.ids else []
        return next((t for t in tempos if MIN_TEMPO <= t <= MAX_TEMPO), usual_tempo(meter))

    def _most_likely_meter(self) -> Meter:
        """Return the meter that the model most likely begins a piece with."""
        prompt = torch.tensor([[self.tokenizer.end_token]], device=_device(self.network))
        logits = read_prompt(self.network, prompt)[0][0]
        meters: dict[float, Meter] = {}
        for meter in METERS:
            try:
                token = self.tokenizer.prompt(None, meter)[0]
            except MusicError:  # it is not in the vocabulary
                continue
            meters[float(logits[token])] = meter
        return meters[max(meters)] if meters else (4, 4)

    def _sample(
        self, prompt: list[int], config: ComposeConfig, grammars: Sequence[Grammar], length: int
    ) -> list[list[int]]:
        """Return the token ids of each piece after its prompt, without its end."""
        end, device = self.tokenizer.end_token, _device(self.network)
        start = torch.tensor([[end, *prompt]], device=device)
        samples: list[list[int]] = [[] for _ in grammars]
        done = [False] * len(grammars)
        rows = generate_tokens(self.network, start, config.sampling, len(grammars), grammars)
        for _, row in zip(range(length), rows, strict=False):
            for i, token in enumerate(row.tolist()):
                done[i] = done[i] or token == end
                if not done[i]:
                    samples[i].append(token)
            if all(done):
                break
        return samples

    def _decode(
        self, ids: list[int], config: ComposeConfig, given: "Score | None" = None
    ) -> Composition:
        """Return the piece of token ids, with its tempo and instrument."""
        end = self.tokenizer.end_token
        stream = np.array([end, *ids, end])
        nats = stream_loss(self.network, stream, device=_device(self.network))
        score = self.tokenizer.decode(ids)
        score.tempos.clear()
        meter = meters_of(score, GRID)[0][1]
        score.tempos.append(new_tempo(0, config.tempo or self._tempo(meter, given)))
        if config.instrument:
            for track in score.tracks:
                track.program = program_of(config.instrument)
        return Composition(score, nats)


def load(path_or_name: str | Path, device: str = "auto") -> Composer:
    """Return the composer in a model file, or the shipped one of this name: scottish.

    Raises ModelError for a file that is missing, damaged or of another kind.
    """
    path = model_path(path_or_name)
    header, tensors = read_model(path, KIND)
    try:
        tokenizer = tokenizer_from(header.tokenizer)
        network, config = language_model_from(header.config, tokenizer.vocab_size, tensors)
    except ValueError as error:
        raise ModelError(f"{path} is damaged: {error}; {REPLACE}") from error
    network.to(select_compute(device, "float32").device).eval()
    return Composer(network, tokenizer, config, dict(header.provenance))


def _scale(config: ComposeConfig) -> frozenset[int]:
    """Return the degrees of a rare mode that is asked for, which a model knows from few tunes.

    In major and minor it composes by itself, with their usual alterations.
    """
    key = parse_key(config.key) if config.key else None
    return key.scale if key and key.mode not in ("major", "minor") else frozenset()


def _forbid(config: ComposeConfig, names: Sequence[str], why: str) -> None:
    """Raise MusicError if one of these settings, which would have no effect, is given."""
    defaults = ComposeConfig()
    for name in names:
        value = getattr(config, name)
        if value and value != getattr(defaults, name):
            raise MusicError(f"{why} {name}; leave out {name}")


def _device(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device
