"""A composer: a network, its alphabet, and what it learned from; it composes, scores, is kept.

Signs are drawn one after the other, as in text; the alphabet's grammar forbids what would be no
music (`bowerbird.music.grammar`), so bars add up to their meter whatever is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bowerbird.learning.device import choose
from bowerbird.learning.modelfile import (
    MEND,
    Card,
    ModelError,
    read_model,
    stored_weights,
    write_model,
)
from bowerbird.learning.sampling import SamplingConfig, read_prompt, write_signs
from bowerbird.learning.sequence import stream_loss
from bowerbird.music.alphabet import Alphabet
from bowerbird.music.alphabets import MELODIES, alphabet_from
from bowerbird.music.error import MusicError
from bowerbird.music.events import new_tempo
from bowerbird.music.grammar import Grammar
from bowerbird.music.harmony import Harmony
from bowerbird.music.instruments import program_of
from bowerbird.music.key import parse_key
from bowerbird.music.melody import melody
from bowerbird.music.meter import Meter, bars_of, meters_of, usual_tempo
from bowerbird.music.polyphony import Events
from bowerbird.music.repeats import expanded
from bowerbird.networks.predictor import PredictorConfig, predictor_with

if TYPE_CHECKING:
    from symusic.core import ScoreTick as Score

KIND = "music"
EMBEDDED = {"scottish": "scottish.safetensors"}  # composers that come with the package
MOST_SIGNS = 96  # a bar, on average over a piece; then it is cut off
ENDLESS = 64  # bars of a piece that may have any number, at most
GRID = 24  # ticks of a quarter note
METERS: tuple[Meter, ...] = (  # among which one is chosen where none is asked for
    *((4, 4), (2, 2), (2, 4), (3, 4), (6, 8), (9, 8), (12, 8), (3, 2), (3, 8), (6, 4), (5, 4)),
)


@dataclass(frozen=True)
class ComposeConfig:
    """What is composed."""

    bars: int = 32
    """Bars, as played; 0 leaves it to the composer."""
    seconds: float = 0.0
    """Length in s instead of bars, at the tempo; 0 is as many as there are bars."""
    key: str = ""
    """Key: D, Em, A dorian ...; empty leaves it to the composer."""
    meter: str = ""
    """Meter: 4/4, 6/8 ...; empty leaves it to the composer."""
    tempo: float = 0.0
    """Quarter notes a minute; 0 is usual for the meter."""
    instrument: str = ""
    """Instrument of General MIDI: violin, flute, piano ...; empty is as it comes."""
    best_of: int = 1
    """Pieces that are composed for each that is kept, the likeliest one."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    """How the next sign is chosen."""

    def __post_init__(self) -> None:
        if not 0 <= self.bars <= 1024:
            raise ValueError(f"bars are 0 to 1024, not {self.bars}")
        if not 0 <= self.seconds <= 3600:
            raise ValueError(f"seconds are 0 to 3600, not {self.seconds}")
        if self.tempo and not 10 <= self.tempo <= 400:
            raise ValueError(f"tempo is 10 to 400 quarter notes a minute, not {self.tempo}")
        if not 1 <= self.best_of <= 64:
            raise ValueError(f"best_of is 1 to 64, not {self.best_of}")
        if self.key:
            parse_key(self.key)
        if self.meter:
            parse_meter(self.meter)
        if self.instrument:
            program_of(self.instrument)


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


def parse_meter(text: str) -> Meter:
    """Return the meter of a text such as 6/8; raise MusicError for anything else."""
    named = {"C": (4, 4), "C|": (2, 2)}
    beats, _, part = text.strip().partition("/")
    if text.strip() in named:
        return named[text.strip()]
    if beats.isdecimal() and part in ("1", "2", "4", "8", "16", "32") and 1 <= int(beats) <= 64:
        return int(beats), int(part)
    raise MusicError(f"{text!r:.20} is no meter; write 4/4, 3/4 or 6/8")


class Composer:
    """What has learned to compose."""

    def __init__(
        self, network: Any, alphabet: Alphabet, config: PredictorConfig, provenance: dict[str, Any]
    ) -> None:
        """Put the parts together; ``provenance`` tells what it learned from, and how."""
        self.network, self.alphabet, self.config = network, alphabet, config
        self.provenance = provenance

    def compose(
        self, config: ComposeConfig | None = None, pieces: int = 1, primer: "Score | None" = None
    ) -> list[Composition]:
        """Return so many pieces; each goes on with ``primer``, if there is one.

        Raises MusicError for a key, meter or primer that the alphabet can't tell.
        """
        config = config or ComposeConfig()
        opening, bars = self._opening(config, primer)
        rows = pieces * config.best_of
        rules = [self.alphabet.grammar(bars, steady=primer is None) for _ in range(rows)]
        for rule in rules:
            for sign in opening:
                rule.advance(sign)
        drafts = self._drawn(opening, config, rules, MOST_SIGNS * (bars or ENDLESS))
        made = [self._finished([*opening, *draft], config) for draft in drafts]
        return self._likeliest(made, config)

    def harmonize(
        self, line: "Score", config: ComposeConfig | None = None, pieces: int = 1
    ) -> list[Composition]:
        """Return pieces of two voices whose first is the melody of ``line``, note for note.

        Raises MusicError if the alphabet is for melodies, or can't tell this one.
        """
        config = config or ComposeConfig()
        if not isinstance(self.alphabet, Events):
            raise MusicError(
                f"a composer of {self.alphabet.kind} writes one voice; train one with --alphabet "
                "remi, tsd or structured"
            )
        rows = pieces * config.best_of
        rules = [Harmony(self.alphabet, line) for _ in range(rows)]
        drafts = self._drawn([], config, rules, MOST_SIGNS * ENDLESS)
        made = [self._finished(draft, config) for draft in drafts]
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
        card = Card(KIND, self.config.described(), self.alphabet.described(), self.provenance)
        write_model(path, card, stored_weights(self.network, half=half))

    @staticmethod
    def _likeliest(made: Sequence[Composition], config: ComposeConfig) -> list[Composition]:
        several = [made[i : i + config.best_of] for i in range(0, len(made), config.best_of)]
        return [min(some, key=lambda piece: piece.nats_per_sign) for some in several]

    def _told(self, score: "Score") -> "Score":
        return melody(score) if self.alphabet.kind in MELODIES else score

    def _opening(self, config: ComposeConfig, primer: "Score | None") -> tuple[list[int], int]:
        """Return the signs that a piece begins with, and how many bars it shall have."""
        if primer is not None:
            told = self._told(primer)
            signs = self.alphabet.encode(told).tolist()
            played = expanded(told)
            end = -(-played.end() * GRID // played.ticks_per_quarter)
            there = len(bars_of(meters_of(played, GRID), end).starts)
            return signs, there + config.bars if config.bars else 0
        meter = parse_meter(config.meter) if config.meter else None
        if meter is None and (config.key or config.seconds):
            meter = self._likeliest_meter()
        key = parse_key(config.key) if config.key else None
        bars = config.bars
        if config.seconds and meter:
            quarters = config.seconds * (config.tempo or usual_tempo(meter)) / 60
            bars = max(1, round(quarters / (4 * meter[0] / meter[1])))
        return self.alphabet.opening(key, meter), bars

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
        drawn = write_signs(self.network, prompt, config.sampling, len(rules), rules)
        for _, row in zip(range(most), drawn, strict=False):
            for i, sign in enumerate(row.tolist()):
                done[i] = done[i] or sign == end
                if not done[i]:
                    drafts[i].append(sign)
            if all(done):
                break
        return drafts

    def _finished(self, signs: list[int], config: ComposeConfig) -> Composition:
        """Return the piece of signs, at its tempo and for its instrument."""
        end = self.alphabet.end
        stream = np.array([end, *signs, end])
        nats = stream_loss(self.network, stream, device=_device(self.network))
        score = self.alphabet.decode(signs)
        if config.tempo:
            score.tempos.clear()
            score.tempos.append(new_tempo(0, config.tempo))
        if config.instrument:
            for track in score.tracks:
                track.program = program_of(config.instrument)
        return Composition(score, nats)


def model_path(name: str | Path) -> Path:
    """Return the file of a model, also of one that comes with the package."""
    path = Path(name)
    if str(name) in EMBEDDED and not path.exists():
        return Path(str(files("bowerbird.music") / EMBEDDED[str(name)]))
    return path


def open_composer(name: str | Path, device: str = "auto") -> Composer:
    """Return the composer of a model file, or one that comes with the package, by its name.

    Raises ModelError, naming the file and the mend, for what is no such file.
    """
    path = model_path(name)
    card, tensors = read_model(path, KIND)
    try:
        alphabet = alphabet_from(card.alphabet)
        network, config = predictor_with(card.config, alphabet.size, tensors)
    except ValueError as error:
        raise ModelError(f"{path} is damaged: {error}; {MEND}") from error
    network.to(choose(device, "float32").device).eval()
    return Composer(network, alphabet, config, dict(card.provenance))


def _device(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device
