"""The command line: ``bowerbird NOUN VERB``.

This table is all that is read for ``--help``: each verb's module, and torch with it, is imported
when the verb runs. What a verb prints: its result on standard output, everything else on standard
error.
"""

import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cyclopts import App, Parameter

from bowerbird.cli.errors import exit_code
from bowerbird.cli.settings import WITHOUT, fill, own_defaults, shown

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions


def _version() -> str:
    from importlib.metadata import version

    return version("bowerbird")


class _OfVerb:
    """The usual help, without the fields that a verb settles itself, and with its own defaults."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        from cyclopts.help import DefaultFormatter

        hidden = {_flag(name) for name in WITHOUT.get(self.command, ())}
        own = {_flag(name): shown(value) for name, value in own_defaults(self.command).items()}
        entries = []
        for entry in panel.entries:
            names = {*entry.positive_names}
            if not names & hidden:
                changed = [own[name] for name in names & own.keys()]
                entries.append(entry.copy(default=changed[0]) if changed else entry)
        panel.entries = entries
        DefaultFormatter()(console, options, panel)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


_TOKEN = "Who you are is known from `hf auth login`, or from HF_TOKEN."
LONG = {
    "train",
    "transfer",
    "texture",
    "reconstruct",
    "inspect",
    "train-digits",
    "train-numbers",
    "demo",
}  # verbs that work long
BUSY = 0.3  # share of all cores that others use
_MANY = "Several values are written with commas: --style-scale 1,0.5"

app = App(
    name="bowerbird",
    help="Learn a manner from examples and make new things in it, offline, on a laptop.",
    version=_version,
    config=fill,
    suppress_keyboard_interrupt=False,  # it has its sentence in failure.py
    # a flag that is given twice has the last value, as everywhere
    default_parameter=Parameter(negative_iterable=(), show_default=shown, allow_repeating=True),
)
app.command(
    "bowerbird.cli.demo:demo",
    name="demo",
    help="Take the tour: everything, on built-in material, into one folder with a page.",
)

image = App(name="image", help="Make pictures in the manner of other pictures.")
image.command(
    "bowerbird.cli.image:transfer",
    name="transfer",
    help="Paint a photograph in the manner of one or several paintings.",
    usage="Usage: bowerbird image transfer CONTENT STYLE... -o OUT [OPTIONS]",
    help_epilogue=(
        "For example: bowerbird image transfer photo.jpg painting.jpg -o out.jpg --size 1024 "
        f"--strength 0.6\n\n{_MANY}"
    ),
)
image.command(
    "bowerbird.cli.image:texture",
    name="texture",
    help="Grow a texture in the manner of a painting, without a photograph.",
    usage="Usage: bowerbird image texture STYLE -o OUT [OPTIONS]",
    help_epilogue=_MANY,
    help_formatter=_OfVerb("image texture"),
)
image.command(
    "bowerbird.cli.image:reconstruct",
    name="reconstruct",
    help="Show what one layer of the network knows of a picture.",
    usage="Usage: bowerbird image reconstruct IMAGE -o OUT [--layer NAME] [OPTIONS]",
    help_epilogue=_MANY,
    help_formatter=_OfVerb("image reconstruct"),
)
app.command(image)

text = App(name="text", help="Write in the manner of any corpus.")
text.command(
    "bowerbird.cli.text:train",
    name="train",
    help="Learn to write in the manner of a corpus.",
    usage="Usage: bowerbird text train CORPUS... -o MODEL.safetensors [OPTIONS]",
    help_epilogue="For example: bowerbird text train my-notes/ --minutes 5 -o me.safetensors",
)
text.command(
    "bowerbird.cli.text:write",
    name="write",
    help="Write on from a prompt, in the manner that a model has learned.",
    usage="Usage: bowerbird text write MODEL [--prompt TEXT] [OPTIONS]",
    help_epilogue='For example: bowerbird text write shakespeare --prompt "Second Witch:"',
)
text.command(
    "bowerbird.cli.text:score",
    name="score",
    help="Tell how well a model foresees a text, and whether that is normal.",
    usage="Usage: bowerbird text score MODEL FILE [OPTIONS]",
)
app.command(text)

music = App(name="music", help="Compose in the manner of any corpus of tunes, hear it, read it.")
music.command(
    "bowerbird.cli.music:train",
    name="train",
    help="Learn to compose in the manner of a corpus.",
    usage="Usage: bowerbird music train CORPUS... -o MODEL.safetensors [OPTIONS]",
    help_epilogue="For example: bowerbird music train my-tunes/ --minutes 5 -o me.safetensors",
    help_formatter=_OfVerb("music train"),
)
music.command(
    "bowerbird.cli.music:compose",
    name="compose",
    help="Compose a piece, to play, to hear and to read.",
    usage="Usage: bowerbird music compose MODEL -o OUT.mid [OPTIONS]",
    help_epilogue=(
        "For example: bowerbird music compose scottish -o reel.mid --meter 4/4 --key D --audio "
        "--score"
    ),
)
music.command(
    "bowerbird.cli.music:render",
    name="render",
    help="Write any file of music as sound, sheet music, piano roll, page, MIDI, ABC, MusicXML.",
    usage="Usage: bowerbird music render FILE -o OUT.{wav,mp3,svg,png,html,mid,abc,musicxml}",
)
music.command(
    "bowerbird.cli.music:score",
    name="score",
    help="Tell how well a model foresees pieces.",
    usage="Usage: bowerbird music score MODEL FILE... [OPTIONS]",
)
app.command(music)

vision = App(name="vision", help="See what is in pictures, where it is, and what the network saw.")
vision.command(
    "bowerbird.cli.vision.objects:classify",
    name="classify",
    help="Tell which of ImageNet's 1000 classes each picture belongs to.",
    usage="Usage: bowerbird vision classify IMAGE... [OPTIONS]",
    help_epilogue="For example: bowerbird vision classify cat.jpg --top 3",
)
vision.command(
    "bowerbird.cli.vision.objects:localize",
    name="localize",
    help="Tell the one thing that each picture shows, and where it is.",
    usage="Usage: bowerbird vision localize IMAGE... [-o OUT] [OPTIONS]",
    help_epilogue="For example: bowerbird vision localize cat.jpg -o where.png",
)
vision.command(
    "bowerbird.cli.vision.objects:detect",
    name="detect",
    help="Find the things in each picture and draw boxes around them.",
    usage="Usage: bowerbird vision detect IMAGE... [-o OUT] [OPTIONS]",
    help_epilogue="For example: bowerbird vision detect street.jpg -o boxes.png --threshold 0.5",
)
vision.command(
    "bowerbird.cli.vision.objects:segment",
    name="segment",
    help="Find the things in each picture and cut them out of it.",
    usage="Usage: bowerbird vision segment IMAGE... [-o OUT] [OPTIONS]",
    help_epilogue="For example: bowerbird vision segment cat.jpg -o masks.png",
)
vision.command(
    "bowerbird.cli.vision.inspect:inspect",
    name="inspect",
    help="Show what the network sees: filters, feature maps, where it looks, dreams.",
    usage="Usage: bowerbird vision inspect IMAGE [-o OUT.png] [--layer NAME] [--show WHAT]",
    help_epilogue=(
        "For example: bowerbird vision inspect cat.jpg --layer conv4_3 --show dream -o dream.png"
        "\n\n"
        "What a layer keeps of a picture: `bowerbird image reconstruct`"
    ),
)
vision.command(
    "bowerbird.cli.vision.digits:digits",
    name="digits",
    help="Find and read handwritten digits on photographed pages.",
    usage="Usage: bowerbird vision digits PHOTO... [-o OUT] [OPTIONS]",
    help_epilogue="For example: bowerbird vision digits page.jpg -o read.png",
)
vision.command(
    "bowerbird.cli.vision.digits:train_digits",
    name="train-digits",
    help="Learn to read handwritten digits.",
    usage="Usage: bowerbird vision train-digits FOLDER -o MODEL.safetensors [OPTIONS]",
    help_epilogue=(
        "For example: bowerbird vision train-digits mnist -o mine.safetensors --minutes 4 --test"
    ),
)
vision.command(
    "bowerbird.cli.vision.house_numbers:numbers",
    name="numbers",
    help="Find the house numbers in photographs, and read them.",
    usage="Usage: bowerbird vision numbers PHOTO... [-o OUT] [OPTIONS]",
    help_epilogue="For example: bowerbird vision numbers street.jpg -o found.png",
)
vision.command(
    "bowerbird.cli.vision.house_numbers:train_numbers",
    name="train-numbers",
    help="Learn to find and read numbers, from generated scenes of streets.",
    usage="Usage: bowerbird vision train-numbers -o MODEL.safetensors [OPTIONS]",
    help_epilogue=(
        "For example: bowerbird vision train-numbers --minutes 30 --fonts /usr/share/fonts "
        "--photos photos/ -o numbers.safetensors"
    ),
    help_formatter=_OfVerb("vision train-numbers"),
)
app.command(vision)

predict = App(name="predict", help="Predict tables and series, with error bars.")
predict.command(
    "bowerbird.cli.predict.table:table",
    name="table",
    help="Predict a column of a table from the others, with error bars.",
    usage="Usage: bowerbird predict table FILE.csv --target COLUMN [-o OUT]... [OPTIONS]",
    help_epilogue=(
        "For example: bowerbird predict table iris -o iris.safetensors -o iris.png\n\n"
        "New rows: bowerbird predict table iris.safetensors --predict new.csv -o out.csv"
    ),
)
predict.command(
    "bowerbird.cli.predict.series:series",
    name="series",
    help="Foresee a series, with error bars that were measured.",
    usage="Usage: bowerbird predict series FILE.csv|NAME --target COLUMN --horizon N [OPTIONS]",
    help_epilogue=(
        "For example: bowerbird predict series co2 --horizon 24 -o co2.png\n\n"
        "NAME is sunspots, co2 or electricity: series that come with the installation."
    ),
)
predict.command(
    "bowerbird.cli.predict.dynamics:dynamics",
    name="dynamics",
    help="Learn how a pendulum or the Lorenz system moves, then run free.",
    usage="Usage: bowerbird predict dynamics lorenz|pendulum [OPTIONS]",
    help_epilogue="For example: bowerbird predict dynamics lorenz -o lorenz.png",
)
predict.command(
    "bowerbird.cli.predict.expressions:expressions",
    name="expressions",
    help="Learn what nested lists are worth, from the tree and from the string.",
    usage="Usage: bowerbird predict expressions [EXPRESSION...] [OPTIONS]",
    help_epilogue=(
        'For example: bowerbird predict expressions "[MAX 2 9 [MIN 4 7] 0]" -o depth.png'
    ),
)
app.command(predict)

models = App(name="models", help="Look after pretrained weights and model files.")
models.command(
    "bowerbird.cli.models:list_models",
    name="list",
    help="List the weights that have a name, and which of them are here.",
)
models.command(
    "bowerbird.cli.models:info",
    name="info",
    help="Tell all that is known of some weights, or of a model file.",
    usage="Usage: bowerbird models info NAME|FILE [OPTIONS]",
)
models.command(
    "bowerbird.cli.models:verify",
    name="verify",
    help="Check the files that are here against their SHA-256; exit code 1 if one is damaged.",
)
models.command(
    "bowerbird.cli.models:push",
    name="push",
    help="Send a model file to the Hugging Face hub, with a page that tells what it learned from.",
    usage="Usage: bowerbird models push FILE USER/NAME [OPTIONS]",
    help_epilogue=_TOKEN,
)
models.command(
    "bowerbird.cli.models:pull",
    name="pull",
    help="Bring a model file from the Hugging Face hub.",
    usage="Usage: bowerbird models pull USER/NAME [FILE] [OPTIONS]",
    help_epilogue=_TOKEN,
)
app.command(models)


def run(words: Sequence[str]) -> int:
    """Run one command, given as the words after ``bowerbird``, and return its exit code.

    0: done. 1: our mistake, or something found damaged. 2: bad input. 130: interrupted.
    """
    _calm(words)
    try:
        code = app(
            list(words), exit_on_error=False, print_error=False, result_action="return_value"
        )
        if sys.stdout is not None:  # as with >&-
            sys.stdout.flush()  # here, where a reader that has gone can be told
    except BaseException as error:
        return exit_code(error, words[0] if words else "")
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the words of the command line and leave with the exit code."""
    sys.exit(run(sys.argv[1:]))


def _calm(words: Sequence[str]) -> None:
    """Set what libraries read when they are imported."""
    # Decoders print to standard error about files that we refuse, or read anyway, ourselves.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    # NumPy's products are of a matrix and a vector, for one thread
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if LONG.intersection(words[:2]) and _busy():
        os.environ.setdefault("GOMP_SPINCOUNT", "0")


def _busy() -> bool:
    """Tell whether others use this machine's processors now.

    Threads that wait for each other spin: alone, that is four times as fast as sleeping, but where
    others need the cores a thousand times slower (docs/log.md).
    """
    from psutil import cpu_percent

    return cpu_percent(interval=0.1) > 100 * BUSY
