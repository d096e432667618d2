"""Two programs can't make the same output at the same time."""

import subprocess
import sys

import pytest

from bowerbird.cli import run
from bowerbird.files.lock import locked

HOLD = """
import sys
from pathlib import Path
from bowerbird.files.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_an_output_has_one_writer_and_the_lock_leaves_nothing(tmp_path):
    path = tmp_path / "m.safetensors"
    with locked(path):
        with pytest.raises(ValueError, match=r"another training is writing .*m\.safetensors"):
            locked(path).__enter__()
        with locked(tmp_path / "other.safetensors"):
            pass
    assert not list(tmp_path.iterdir())
    with pytest.raises(KeyError), locked(path):
        raise KeyError
    with locked(path):
        pass


def test_a_folder_that_does_not_exist_is_not_made(tmp_path):
    with locked(tmp_path / "no" / "m.safetensors"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_killed_process_holds_nothing(tmp_path):
    path = tmp_path / "m.safetensors"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(ValueError, match="another training"):
            locked(path).__enter__()
        child.kill()
        child.wait()
        with locked(path):
            pass


def test_a_second_training_into_one_file_is_refused(tmp_path, capsys):
    (tmp_path / "verse.txt").write_text("The owl and the pussycat went to sea.\n" * 60)
    path = tmp_path / "m.safetensors"
    words = ["text", "train", str(tmp_path / "verse.txt"), "-o", str(path), "--iterations", "2"]
    with locked(path):
        assert run([*words, "--quiet", "--force"]) == 2
    assert "another training is writing" in capsys.readouterr().err
    assert not path.exists()
    assert run([*words, "--quiet", "--device", "cpu"]) == 0
