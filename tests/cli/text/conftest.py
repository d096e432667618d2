"""A small corpus, a model that was trained on it, and the command that trains one."""

import pytest

from bowerbird.cli import progress, run

VERSE = "The owl and the pussycat went to sea in a beautiful pea-green boat.\n"
SMALL = [
    "--hidden-size=32",
    "--batch-size=8",
    "--sequence-length=32",
    "--warmup-steps=5",
    "--precision=float32",
    "--device=cpu",
]


@pytest.fixture
def verse(tmp_path):
    (tmp_path / "verse.txt").write_text(VERSE * 60, encoding="utf-8")
    return str(tmp_path / "verse.txt")


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    (folder / "verse.txt").write_text(VERSE * 60, encoding="utf-8")
    words = ["text", "train", str(folder / "verse.txt"), "-o", str(folder / "m.safetensors")]
    assert run([*words, *SMALL, "--iterations", "60", "--learning-rate", "0.02", "--quiet"]) == 0
    return folder / "m.safetensors"


@pytest.fixture
def train():
    """Return the words of a command that trains a small model."""

    def words(corpus, output, *more):
        return ["text", "train", *corpus.split(), "-o", str(output), *SMALL, *more]

    return words


@pytest.fixture
def ctrl_c(monkeypatch):
    """Interrupt a command after a number of steps."""

    def at(number):
        real = progress._Display.show

        def show(self, step, preview):
            real(self, step, preview)
            if step.number >= number:
                raise KeyboardInterrupt

        monkeypatch.setattr(progress._Display, "show", show)

    return at
