"""Settings of music: training, composing, drawing, sound. Imports neither torch nor symusic."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from bowerbird.errors import MusicError
from bowerbird.learning.config import SamplingConfig, SequenceConfig, TrainingConfig
from bowerbird.learning.validate import check_choice, check_range
from bowerbird.music.score.instruments import program_of
from bowerbird.music.score.key import parse_key
from bowerbird.music.score.meter import parse_meter
from bowerbird.networks.config import LanguageModelConfig

EventKind = Literal["remi", "tsd", "midi-like", "structured", "performance"]
TokenizerKind = Literal["melody", "abc", "remi", "tsd", "midi-like", "structured", "performance"]
MELODY_KINDS: tuple[TokenizerKind, ...] = ("melody", "abc")
"""Tokenizers for one voice: other pieces are reduced to their melody."""
Accompaniment = Literal["auto", "names", "staff"]
Paper = Literal["fit", "a4", "letter", "scroll", "phone"]
AudioSuffix = Literal[".wav", ".flac", ".mp3", ".ogg"]

MIN_TEMPO, MAX_TEMPO = 10.0, 400.0  # quarter notes per minute


@dataclass(frozen=True)
class AugmentConfig:
    """Which variations of each piece to train on."""

    semitones: tuple[int, ...] = (0,)
    """Transpositions, in semitones; those outside MIDI's range are skipped."""
    tempo_factors: tuple[float, ...] = (1.0,)
    """Factors for the tempo."""

    def __post_init__(self) -> None:
        if not self.semitones or not self.tempo_factors:
            raise MusicError(
                "semitones and tempo_factors need at least one value each; give 0 and 1.0"
            )
        if max(map(abs, self.semitones)) > 48:
            raise MusicError(f"semitones must be in [-48, 48], got {self.semitones}")
        if not all(0.1 <= factor <= 10 for factor in self.tempo_factors):
            raise MusicError(f"tempo_factors must be in [0.1, 10], got {self.tempo_factors}")


@dataclass(frozen=True)
class TrainConfig(TrainingConfig):
    """How to train a composer."""

    tokenizer: TokenizerKind = "melody"
    """Tokens: melody and abc for one voice, the others for several voices."""
    test: float = 0.05
    """Fraction of the pieces that is used neither to train nor to validate."""
    split_seed: int = 0
    """Seed of the split into training, validation and test pieces."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """Data augmentation."""
    model: LanguageModelConfig = field(default_factory=LanguageModelConfig)
    """The network."""
    sequence: SequenceConfig = field(default_factory=lambda: SequenceConfig(validation=0.05))
    """Batches."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.test < 1:
            raise ValueError(f"test must be in (0, 1), got {self.test}")
        check_choice(self.tokenizer, get_args(TokenizerKind))


@dataclass(frozen=True)
class ComposeConfig:
    """What to compose."""

    bars: int = 32
    """Bars with repeats played, or added to a primer; 0 for any. A performance has bars of 2 s."""
    seconds: float = 0.0
    """Length in seconds at the tempo, instead of bars; 0 uses bars."""
    key: str = ""
    """Key: D, Em, A dorian ...; empty for any."""
    meter: str = ""
    """Meter: 4/4, 6/8 ...; empty for any."""
    tempo: float = 0.0
    """Quarter notes per minute; 0 uses the corpus's tempo, or the meter's usual one."""
    instrument: str = ""
    """General MIDI instrument: violin, flute, piano ...; empty keeps the composed one."""
    cadence: bool = True
    """End on the tonic (melody tokenizer, with a given number of bars)."""
    best_of: int = 1
    """Candidates per piece; the most likely one is kept."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    """How to sample the next token."""

    def __post_init__(self) -> None:
        check_range(self, 0, 1024, "bars")
        if self.seconds and self.bars != type(self).bars:
            raise ValueError("give bars or seconds, not both")
        check_range(self, 0, 3600, "seconds")
        if self.tempo:
            check_range(self, MIN_TEMPO, MAX_TEMPO, "tempo")
        check_range(self, 1, 64, "best_of")
        if self.key:
            parse_key(self.key)
        if self.meter:
            parse_meter(self.meter)
        if self.instrument:
            program_of(self.instrument)


@dataclass(frozen=True)
class OutputConfig:
    """How to write a score to a file."""

    title: str = ""
    """Title on sheet, piano roll and page; empty uses the piece's own."""
    roll: bool = False
    """Draw a piano roll instead of sheet music."""
    instrument: str = ""
    """General MIDI instrument for everything but drums; empty keeps the score's own."""
    soundfont: Path | None = field(default=None)
    """SoundFont 2 file to use instead of the installed one."""
    leading_silence: bool = False
    """Keep the silence before the first note in audio, so that it lines up with the MIDI file."""

    def __post_init__(self) -> None:
        if self.instrument:
            program_of(self.instrument)


@dataclass(frozen=True)
class SoundConfig:
    """How to synthesize a score."""

    sample_rate: int = 44100
    """Hz, 8000 to 96000."""
    program: int | None = None
    """General MIDI program, 0 to 127, for all tracks but drums; None keeps the score's own."""
    reverb: float = 0.25
    """Reverb level, 0 (dry) to 1."""
    duck_chords: bool = True
    """Play chords more softly than a melody beside them."""
    leading_silence: bool = False
    """Keep the silence before the first note, as in the MIDI file."""
    soundfont: Path | None = None
    """SoundFont 2 file to use instead of the installed one."""

    def __post_init__(self) -> None:
        check_range(self, 8000, 96000, "sample_rate")
        if self.program is not None:
            check_range(self, 0, 127, "program")
        check_range(self, 0, 1, "reverb")


@dataclass(frozen=True)
class SheetConfig:
    """How to engrave sheet music."""

    title: str = ""
    """Title; empty uses the score's own."""
    composer: str = ""
    """Name on the right below the title."""
    accompaniment: Accompaniment = "auto"
    """Chords beside a melody: names, or a staff of their own."""
    paper: Paper = "fit"
    """fit crops a single page to the music, else a4 pages; scroll and phone are one long page."""
    scale: float = 100.0
    """Percent of a staff 7.2 mm high, 40 to 200."""

    def __post_init__(self) -> None:
        check_range(self, 40, 200, "scale")


@dataclass(frozen=True)
class RollConfig:
    """How to draw a piano roll."""

    width: int = 1600
    """Pixels."""
    bars_per_row: int = 0
    """Bars in each row; 0 chooses rows about four times as wide as high."""
    semitone_height: float = 7.0
    """Pixels of one semitone."""
    title: str = ""
    """Title; empty for none."""


@dataclass(frozen=True)
class PageConfig:
    """How a web page of music sounds and looks."""

    sound: SoundConfig = field(default_factory=SoundConfig)
    """The sound, from the first note on."""
    sheet: SheetConfig = field(default_factory=SheetConfig)
    """The sheet music."""
    audio: AudioSuffix = ".mp3"
    """Audio format; every browser plays MP3 (8 kB per second)."""
