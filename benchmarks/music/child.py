"""One measurement in a process of its own; prints one JSON object."""

import json
import sys
import time
from pathlib import Path

TUNES = 20
MELODY_AND_CHORDS = "*.mid"


def files(spec: dict) -> list[Path]:
    """Return the files of the collection."""
    return sorted(Path(spec["folder"]).glob(MELODY_AND_CHORDS))


def read(spec: dict) -> dict:
    """Read the collection as `music train` does, and encode its melodies."""
    from bowerbird.music.corpus import Corpus  # noqa: PLC0415
    from bowerbird.music.tokens.kinds import encode_pieces, tokenizer_for  # noqa: PLC0415

    began = time.perf_counter()
    corpus = Corpus(spec["folder"], melodies=True)
    tokenizer = tokenizer_for("melody", [score for _, score in corpus.pieces])
    tokens = sum(len(part) for part in encode_pieces(corpus.pieces, tokenizer, corpus.skipped))
    return {"seconds": time.perf_counter() - began, "tokens": tokens}


def read_events(spec: dict) -> dict:
    """Read the files and encode all voices as our REMI tokens."""
    from bowerbird.music.formats.files import read_score  # noqa: PLC0415
    from bowerbird.music.tokens.kinds import new_tokenizer  # noqa: PLC0415

    began = time.perf_counter()
    tokenizer = new_tokenizer("remi")
    tokens = sum(len(tokenizer.encode(read_score(path))) for path in files(spec))
    return {"seconds": time.perf_counter() - began, "tokens": tokens}


def read_miditok(spec: dict) -> dict:
    """Read the files and encode all voices as miditok's REMI tokens."""
    from miditok import REMI, TokenizerConfig  # noqa: PLC0415
    from symusic import Score  # noqa: PLC0415

    began = time.perf_counter()
    tokenizer = REMI(TokenizerConfig(use_programs=True, one_token_stream_for_programs=True))
    tokens = sum(len(tokenizer(Score(path)).ids) for path in files(spec))
    return {"seconds": time.perf_counter() - began, "tokens": tokens}


def render(spec: dict) -> dict:
    """Render the first tunes as `music render` does, without start-up."""
    from bowerbird.music.formats.files import read_score  # noqa: PLC0415
    from bowerbird.music.render.output import write_output  # noqa: PLC0415

    scores = [read_score(path) for path in files(spec)[: TUNES + 1]]
    out = Path(spec["to"]) / f"tune{spec['suffix']}"
    write_output(out, scores.pop())  # opens the soundfont
    began = time.perf_counter()
    for score in scores:
        write_output(out, score)
    seconds = time.perf_counter() - began
    return {"ratio": sum(score.to("second").end() for score in scores) / seconds}


def render_symusic(spec: dict) -> dict:
    """Render the same tunes with symusic's synthesizer, with the same soundfont, to memory."""
    from symusic import Score, Synthesizer  # noqa: PLC0415

    from bowerbird.music.render.soundfont import default_soundfont  # noqa: PLC0415

    player = Synthesizer(str(default_soundfont()), 44100)
    scores = [Score(path).to("second") for path in files(spec)[: TUNES + 1]]
    player.render(scores.pop())
    began = time.perf_counter()
    for score in scores:
        player.render(score)
    return {"ratio": sum(score.end() for score in scores) / (time.perf_counter() - began)}


if __name__ == "__main__":
    spec = json.loads(sys.argv[1])
    print(json.dumps(globals()[spec["job"]](spec)))
