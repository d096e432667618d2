"""A composer: a network, its alphabet, and what it learned from; it composes, scores, is kept.

Signs are drawn one after the other, as in text; the alphabet's grammar forbids what would be no
music (`bowerbird.music.tokens.melody_grammar`), so bars add up to their meter whatever is drawn.
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
    MEND,
    ModelHeader,
    read_model,
    stored_weights,
    write_model,
)
from bowerbird.learning.sampling import generate_tokens, read_prompt
from bowerbird.learning.sequence_batches import stream_loss
from bowerbird.models import model_path
from bowerbird.music.config import MAX_TEMPO, MIN_TEMPO, ComposeConfig
from bowerbird.music.score.build import new_tempo
from bowerbird.music.score.instruments import program_of
from bowerbird.music.score.key import parse_key
from bowerbird.music.score.melody import GRID, melody
from bowerbird.music.score.meter import Meter, meters_of, parse_meter, usual_tempo
from bowerbird.music.tokens.events import Events
from bowerbird.music.tokens.harmonize_grammar import Harmony
from bowerbird.music.tokens.kinds import MELODIES, alphabet_from
from bowerbird.music.tokens.melody_grammar import Grammar, NotesGrammar
from bowerbird.music.tokens.vocabulary import Alphabet
from bowerbird.networks.config import LanguageModelConfig
from bowerbird.networks.language_model import language_model_from

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

KIND = "music"
MOST_SIGNS = 96  # a bar, on average over a piece; then it is cut off
ENDLESS = 64  # bars of a piece that may have any number, at most
SUNG = 100.0  # quarter notes a minute of many voices whose corpus told no tempo
METERS: tuple[Meter, ...] = (  # among which one is chosen where none is asked for
    *((4, 4), (2, 2), (2, 4), (3, 4), (6, 8), (9, 8), (12, 8), (3, 2), (3, 8), (6, 4), (5, 4)),
)


@dataclass(frozen=True)
class Composition:
    """One piece."""

    score: "Score"
    """As it is written, with its repeats."""
    nats_per_sign: float
    """How likely the composer itself finds it; less is likelier."""


@dataclass(frozen=True)
class MusicScore:
    """How well a composer foresees pieces."""

    nats_per_note: float
    nats_per_sign: float
    notes: int
    signs: int
    nats_per_note_by_grammar: float | None = None
    """With what the grammar forbids left out, as when it composes; None if not asked for."""


class Composer:
    """What has learned to compose."""

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

    def compose(
        self, config: ComposeConfig | None = None, pieces: int = 1, primer: "Score | None" = None
    ) -> list[Composition]:
        """Return so many pieces; each goes on with ``primer``, if there is one.

        Then bars and seconds are those that are added. Raises MusicError for a key, meter or primer
        that the alphabet can't tell, and for a key or meter besides a primer.
        """
        config = config or ComposeConfig()
        opening, bars = self._opening(config) if primer is None else self._primed(config, primer)
        rules = []
        for _ in range(pieces * config.best_of):
            steady = primer is None  # a primer may change its meter
            rule = self.alphabet.grammar(bars if steady else 0, steady=steady)
            for sign in opening:
                rule.advance(sign)
            if isinstance(rule, NotesGrammar):
                rule.cadence = config.cadence
            if primer is not None:
                rule.go_on(bars)
            rules.append(rule)
        drafts = self._drawn(opening, config, rules, MOST_SIGNS * (bars or ENDLESS))
        made = [self._finished([*opening, *draft], config, primer) for draft in drafts]
        return self._likeliest(made, config)

    def harmonize(
        self, line: "Score", config: ComposeConfig | None = None, pieces: int = 1
    ) -> list[Composition]:
        """Return pieces of two voices whose first is the melody of ``line``, note for note.

        They are as long as the melody, and in its meter and key. Raises MusicError if the alphabet
        is for melodies, or can't tell this one, and for bars, seconds, key or meter besides it.
        """
        config = config or ComposeConfig()
        if not isinstance(self.alphabet, Events):
            raise MusicError(
                f"a composer of {self.alphabet.kind} writes one voice; train one with --tokenizer "
                "remi, tsd or structured"
            )
        _refuse(config, ("bars", "seconds", "key", "meter"), "voices around a melody keep its")
        rules = [Harmony(self.alphabet, line) for _ in range(pieces * config.best_of)]
        drafts = self._drawn([], config, rules, rules[0].signs + MOST_SIGNS * rules[0].bars)
        if any(rule.left for rule in rules):
            raise MusicError(
                "the voices around the melody had no end before it was over; lower the temperature "
                "or take another seed"
            )
        made = [self._finished(draft, config, line) for draft in drafts]
        return self._likeliest(made, config)

    def refusal(self, score: "Score") -> str:
        """Return why a piece can't be told in the alphabet; nothing if it can."""
        try:
            self.alphabet.encode(self._told(score))
        except MusicError as error:
            return str(error)
        return ""

    def score(self, scores: Sequence["Score"], *, grammar: bool = False) -> MusicScore:
        """Return how well pieces are foreseen, with the network's dropping switched off.

        ``grammar`` asks for the loss by the grammar as well, which takes longer. Raises MusicError
        for a piece that the alphabet can't tell.
        """
        end = np.array([self.alphabet.end])
        told = [self._told(score) for score in scores]
        pieces = [np.concatenate([self.alphabet.encode(piece), end]) for piece in told]
        stream = np.concatenate([end, *pieces])
        notes = max(1, sum(piece.note_num() for piece in told))
        nats, signs = stream_loss(self.network, stream, device=_device(self.network)), len(stream)
        ruled = sum(map(self._nats_by_grammar, pieces)) / notes if grammar else None
        return MusicScore(nats * (signs - 1) / notes, nats, notes, signs - 1, ruled)

    def _nats_by_grammar(self, piece: np.ndarray) -> float:
        """Return the nats of a piece, of whose signs the forbidden ones are left out.

        A sign that the grammar itself would not have allowed counts as if it allowed everything.
        """
        signs = torch.from_numpy(piece.astype(np.int64)).to(_device(self.network))
        before = signs.roll(1)  # the last one is the end, which stands before the first as well
        with torch.no_grad():
            scores = self.network(before[None])[0][0].double().cpu()
        rule: Grammar | None = self.alphabet.grammar()
        nats = 0.0
        for number, sign in enumerate(piece.tolist()):
            mask = torch.from_numpy(rule.allowed()) if rule else None
            if mask is None or not mask[sign]:
                rule, mask = None, torch.ones(self.alphabet.size, dtype=torch.bool)
            nats += float(scores[number][mask].logsumexp(0) - scores[number, sign])
            if rule:
                rule.advance(sign)
        return nats

    def save(self, path: Path, *, half: bool = False) -> None:
        """Write the model file, whole or not at all; ``half`` precision makes it half as large."""
        card = ModelHeader(KIND, self.config.to_dict(), self.alphabet.to_dict(), self.provenance)
        write_model(path, card, stored_weights(self.network, half=half))

    @staticmethod
    def _likeliest(made: Sequence[Composition], config: ComposeConfig) -> list[Composition]:
        several = [made[i : i + config.best_of] for i in range(0, len(made), config.best_of)]
        return [min(some, key=lambda piece: piece.nats_per_sign) for some in several]

    def _told(self, score: "Score") -> "Score":
        return melody(score) if self.alphabet.kind in MELODIES else score

    def _opening(self, config: ComposeConfig) -> tuple[list[int], int]:
        """Return the signs that a piece begins with, and how many bars it shall have."""
        meter = parse_meter(config.meter) if config.meter else None
        asked = bool(config.key or config.seconds)
        if meter is None and asked and self.alphabet.kind != "performance":
            meter = self._likeliest_meter()
        key = parse_key(config.key) if config.key else None
        return self.alphabet.opening(key, meter), self._bars(config, meter or (4, 4))

    def _primed(self, config: ComposeConfig, primer: "Score") -> tuple[list[int], int]:
        """Return the signs of a piece to go on from, and how many bars shall be added."""
        _refuse(config, ("key", "meter"), "what goes on from a piece keeps its")
        signs, end = self.alphabet.encode(self._told(primer)).tolist(), self.alphabet.end
        rule = self.alphabet.grammar()
        for place, sign in enumerate(signs):
            try:
                rule.advance(sign)
            except MusicError as error:
                notes = self.alphabet.decode(signs[:place]).note_num()
                raise MusicError(
                    f"after {notes} notes its repeats don't fit its bars; mend them, or take them "
                    "out of the file"
                ) from error
        mask = rule.allowed()
        if mask[end] and mask.sum() == 1:
            signs.pop()  # a bar line that says that all is over
        return signs, self._bars(config, meters_of(primer, GRID)[-1][1], primer)

    def _bars(self, config: ComposeConfig, meter: Meter, given: "Score | None" = None) -> int:
        """Return how many bars are asked for, in a meter; 0 is any number."""
        if not config.seconds:
            return config.bars
        if self.alphabet.kind == "performance":
            meter = (4, 4)
        quarters = config.seconds * (config.tempo or self._tempo(meter, given)) / 60
        return max(1, round(quarters * meter[1] / (4 * meter[0])))

    def _tempo(self, meter: Meter, given: "Score | None" = None) -> float:
        """Return the tempo of a given piece, else of the corpus, else one for the meter.

        What can't be played counts as not told. A performance tells all times itself.
        """
        if self.alphabet.kind == "performance":
            return 120.0
        told = [float(given.tempos[0].qpm)] if given is not None and len(given.tempos) else []
        if isinstance(self.alphabet, Events):
            learned = self.provenance.get("tempo")
            told += [learned] if isinstance(learned, float) else []
            told += [SUNG] if ("voice", 1) in self.alphabet.number else []
        return next((t for t in told if MIN_TEMPO <= t <= MAX_TEMPO), usual_tempo(meter))

    def _likeliest_meter(self) -> Meter:
        """Return the meter that the composer itself would begin with most often."""
        prompt = torch.tensor([[self.alphabet.end]], device=_device(self.network))
        scores = read_prompt(self.network, prompt)[0][0]
        found: dict[float, Meter] = {}
        for meter in METERS:
            try:
                sign = self.alphabet.opening(None, meter)[0]
            except (MusicError, IndexError):  # which it never met, or which has no sign
                continue
            found[float(scores[sign])] = meter
        return found[max(found)] if found else (4, 4)

    def _drawn(
        self, opening: list[int], config: ComposeConfig, rules: Sequence[Any], most: int
    ) -> list[list[int]]:
        """Return the signs of each piece after its opening, without its end."""
        end, device = self.alphabet.end, _device(self.network)
        prompt = torch.tensor([[end, *opening]], device=device)
        drafts: list[list[int]] = [[] for _ in rules]
        done = [False] * len(rules)
        drawn = generate_tokens(self.network, prompt, config.sampling, len(rules), rules)
        for _, row in zip(range(most), drawn, strict=False):
            for i, sign in enumerate(row.tolist()):
                done[i] = done[i] or sign == end
                if not done[i]:
                    drafts[i].append(sign)
            if all(done):
                break
        return drafts

    def _finished(
        self, signs: list[int], config: ComposeConfig, given: "Score | None" = None
    ) -> Composition:
        """Return the piece of signs, at its tempo or that of what was given, for its instrument."""
        end = self.alphabet.end
        stream = np.array([end, *signs, end])
        nats = stream_loss(self.network, stream, device=_device(self.network))
        score = self.alphabet.decode(signs)
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
    card, tensors = read_model(path, KIND)
    try:
        alphabet = alphabet_from(card.tokenizer)
        network, config = language_model_from(card.config, alphabet.size, tensors)
    except ValueError as error:
        raise ModelError(f"{path} is damaged: {error}; {MEND}") from error
    network.to(select_compute(device, "float32").device).eval()
    return Composer(network, alphabet, config, dict(card.provenance))


def _refuse(config: ComposeConfig, names: Sequence[str], why: str) -> None:
    """Raise MusicError if one of these settings, which would have no effect, is asked for."""
    usual = ComposeConfig()
    for name in names:
        asked = getattr(config, name)
        if asked and asked != getattr(usual, name):
            raise MusicError(f"{why} {name}; leave out {name}")


def _device(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device
