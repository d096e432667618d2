"""The command itself: help pages, exit codes, what goes to which stream."""

import json
import shlex
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image
from rich.console import Console

from bowerbird.cli import app
from bowerbird.cli.errors import exit_code
from bowerbird.registry import NOUNS

SHALLOW = "--style-loss gram --style-layers relu1_1,relu2_1 --content-layers relu2_1"
COMMAND = [sys.executable, "-W", "error", "-m", "bowerbird"]
LIGHT = """
import sys
from bowerbird.cli import run
code = run(sys.argv[1:])
heavy = {"torch", "PIL", "cv2", "bowerbird.image"} & set(sys.modules)
many = len(sys.modules) > 500
sys.exit(f"imported {heavy} and {len(sys.modules)} modules" if heavy or many else code)
"""


@pytest.mark.parametrize(
    "words", ["--help", "--version", "", "image --help", "image", "vision --help", "models --help"]
)
def test_help_imports_nothing_heavy(words):
    # 330 modules of the command line's own, in 0.2 s on an idle core (2026); seconds would depend
    # on what else the machine does
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIGHT, *words.split()],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert ("0.1.0" if words == "--version" else "Usage: bowerbird") in done.stdout


VERB_HELP = """
import sys
from bowerbird.cli import run
from bowerbird.registry import NOUNS
heavy = {"torch", "jaxtyping", "scipy", "pandas", "symusic", "cv2", "PIL", "sklearn"}
heavy |= {"matplotlib", "statsmodels", "skimage", "accelerate", "rich.progress"}
for verb in next(noun.verbs for noun in NOUNS if noun.name == sys.argv[1]):
    assert run([sys.argv[1], verb.name, "--help"]) == 0
    if found := heavy & set(sys.modules):
        sys.exit(f"the help of {verb.name} imports {found}")
"""


@pytest.mark.parametrize("noun", [noun.name for noun in NOUNS])
def test_help_of_a_verb_imports_settings_only(noun):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", VERB_HELP, noun],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize(("words", "code"), [("--version", 0), ("nonsense", 2)])
def test_a_closed_stream_is_no_error(words, code, closed):
    line = f"{shlex.join(COMMAND)} {words} {closed}"
    done = subprocess.run(line, shell=True, check=False, capture_output=True, text=True)
    assert done.returncode == code
    assert "mistake" not in done.stderr
    assert done.stdout == ("0.1.0\n" if (words, closed) == ("--version", "2>&-") else "")


@pytest.mark.parametrize(
    "words", ["demo", *(f"{noun.name} {verb.name}" for noun in NOUNS for verb in noun.verbs)]
)
def test_every_help_page(bowerbird, words):
    done = bowerbird(f"{words} --help")
    assert done.code == 0
    assert f"Usage: bowerbird {words}" in done.out
    assert "--json" in done.out
    assert done.err == ""


@pytest.fixture
def wide(monkeypatch):
    """Give help lines of 300 columns: cyclopts keeps the console of the first help of a process."""
    monkeypatch.setattr(app, "_console", Console(width=300))


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.name)
@pytest.mark.usefixtures("wide")
def test_a_noun_lists_its_verbs(bowerbird, noun):
    page = bowerbird(f"{noun.name} --help").out
    assert noun.help in page
    for verb in noun.verbs:
        assert any(verb.name in line and verb.help in line for line in page.splitlines())


@pytest.mark.usefixtures("wide")
def test_fields_are_flags_with_their_own_words(bowerbird):
    page = bowerbird("image transfer --help").out
    for words in (
        "--strength",
        "Long side of the result, in px.",
        "relu1_1,relu2_1",
        "content, noise, gray",
        "written with commas",
    ):
        assert words in page


@pytest.mark.usefixtures("wide")
def test_a_verb_shows_its_own_defaults(bowerbird):
    for verb, flag, default in (
        ("image texture", "--pooling", "average"),
        ("image transfer", "--pooling", "max"),
        ("music train", "--validation", "0.05"),
        ("text train", "--validation", "0.1"),
        ("vision train-house-numbers", "--learning-rate", "0.004"),
        ("vision train-digits", "--learning-rate", "0.004"),
    ):
        page = bowerbird(f"{verb} --help").out
        line = next(line for line in page.splitlines() if f"{flag} " in line)
        assert f"[default: {default}]" in line


@pytest.mark.parametrize("verb", ["texture", "reconstruct"])
def test_what_changes_nothing_is_not_shown(bowerbird, verb):
    page = bowerbird(f"image {verb} --help").out
    assert "--strength" not in page
    assert "--content-layers" not in page
    assert "--pooling" in page


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", "nonsense"),
        ("image nonsense", "nonsense"),
        ("image transfer", "CONTENT"),
        ("image transfer photo.png", "-o out.png"),
        ("image transfer photo.png swirls.png -o out.png --size 64.9", "--size must be a whole"),
        (
            "image transfer photo.png swirls.png -o out.png --iterations 1.7",
            "--iterations must be a whole",
        ),
        ("image transfer photo.png swirls.png -o out.png --size nan", "nan"),
        ("image transfer photo.png swirls.png -o out.png --size 64 --size 0", "got 0"),
        ("image texture swirls.png -o out.png --strength 0.3", "--strength has no effect"),
        ("image texture swirls.png -o out.png --content-layers relu4_2", "--content-layers"),
        ("image texture swirls.png -o out.png --init content", "noise"),
        ("image reconstruct photo.png -o out.png --style-layers relu1_1", "--style-layers"),
        ("image transfer photo.png swirls.png -o out.png --colr x", "--color"),
        ("image transfer photo.png swirls.png -o out.png --size large", "large"),
        ("image transfer photo.png swirls.png -o out.png --strength 2", "strength"),
        ("image transfer photo.png swirls.png -o out.png --preset monet", "pastiche"),
        ("image transfer photo.png swirls.png -o out.png --color red", "luminance"),
        ("image transfer photo.png swirls.png -o out.png --keep-previews", "--preview-every"),
        ("models info nonsense", "vgg19-codebook"),
    ],
)
def test_wrong_words_are_refused(refuses, line, words):
    refuses(line, words)


def test_an_unexpected_error_is_one_sentence(bowerbird, monkeypatch):
    monkeypatch.setattr("bowerbird.learning.pretrained_weights.list_weights", lambda: [].nonsense)
    done = bowerbird("models list")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "AttributeError" in done.err
    assert "BOWERBIRD_DEBUG" in done.err


def test_debug_shows_the_traceback(bowerbird, monkeypatch):
    monkeypatch.setenv("BOWERBIRD_DEBUG", "1")
    done = bowerbird("image transfer nothing.png swirls.png -o out.png")
    assert done.code == 2
    assert "Traceback" in done.err


def start(line, command=COMMAND, **streams):
    """Start the real command; where a shell had Ctrl-C ignored, it is heard again."""
    return subprocess.Popen(
        [*command, *line.split()],
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        **streams,
    )


def wait_for(path):
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


def test_the_real_command(here):
    line = "image transfer photo.png swirls.png -o out.png --size 32 --iterations 2 --num-scales 1"
    with start(f"{line} {SHALLOW} --json", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as job:
        out, err = job.communicate(timeout=120)
    assert job.returncode == 0, err
    assert json.loads(out)["output"] == "out.png"
    with Image.open("out.png") as picture:
        assert picture.size == (32, 21)


def test_a_traceback_is_never_printed(here):
    (here / "cut.png").write_bytes((here / "photo.png").read_bytes()[:900])
    with start(
        "image transfer cut.png swirls.png -o out.png",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as job:
        out, err = job.communicate(timeout=120)
    assert (job.returncode, out) == (2, "")
    assert err.startswith("bowerbird: cut.png is damaged")
    assert err.count("\n") == 1
    assert not (here / "out.png").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_interruption_saves_the_picture(here, number):
    line = "image transfer photo.png swirls.png -o out.png --size 32 --num-scales 1"
    flags = "--iterations 100000 --preview-every 1 --keep-previews --optimizer adam"
    # a signal between open() and its `with` leaves a file to the garbage collector, which warns
    command = [*COMMAND[:3], "-W", "ignore::ResourceWarning", *COMMAND[3:]]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start(f"{line} {flags} {SHALLOW} --json", command, **pipes) as job:
        wait_for(here / "out-0002.png")
        job.send_signal(number)
        out, err = job.communicate(timeout=60)
    assert job.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted" in err
    record = json.loads((here / "out.json").read_text())
    assert record["interrupted"] is True
    assert json.loads(out)["interrupted"] is True
    done = record["iterations"]
    assert 2 <= done < record["planned_iterations"] == 100000
    assert len(record["steps"]) == done
    previews = [path.read_bytes() for path in sorted(here.glob("out-*.png"))]
    assert len(previews) in (done - 1, done)  # it may come while the last step's picture is written
    assert [(here / "out.png").read_bytes()] == previews[done - 1 :] or len(previews) == done - 1
    assert list(here.glob(".bowerbird*")) == []


def test_interruption_before_the_first_step(here, bowerbird, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bowerbird.image.optimize.open_network", interrupted)
    done = bowerbird("image transfer photo.png swirls.png -o out.png")
    assert done.code == 130
    assert "nothing to save" in done.err
    assert done.err.count("\n") == 1
    assert not (here / "out.png").exists()


def test_a_second_interruption_quits(here, bowerbird, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bowerbird.cli.image.image_run.write_picture", interrupted)
    flags = "--size 32 --iterations 2 --num-scales 1"
    done = bowerbird(f"image transfer photo.png swirls.png -o out.png {flags} {SHALLOW}")
    assert done.code == 130
    assert "nothing more was saved" in done.err
    assert not (here / "out.png").exists()


def test_with_debugging_on_the_traceback_is_printed_too(bowerbird, monkeypatch):
    monkeypatch.setenv("BOWERBIRD_DEBUG", "1")
    done = bowerbird("image transfer missing.png swirls.png -o out.png")
    assert done.code == 2
    assert done.err.startswith("Traceback (most recent call last):")
    assert done.err.endswith("bowerbird: missing.png does not exist; check the name\n")


def test_a_reader_that_is_gone_is_no_error(monkeypatch, capsys):
    with monkeypatch.context() as patch:  # it replaces standard output
        patch.setattr(sys, "stdout", sys.stdout)
        assert exit_code(BrokenPipeError()) == 2
        sys.stdout.close()
    assert capsys.readouterr().err == ""
