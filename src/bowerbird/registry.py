"""All commands: one record per domain, the nouns and verbs beside them.

A new verb is a function in ``cli``, its settings in the config module of its domain, and a record
here; ``domain.py`` describes the fields.
"""

from collections.abc import Sequence

from bowerbird.domain import Domain, ModelKind, Noun, Verb

_COMMAS = "Several values are written with commas: --style-scale 1,0.5"
_LOGIN = "Your account is that of `hf auth login`, or of HF_TOKEN."

IMAGE = Domain(
    "image",
    "Make pictures in the style of other pictures.",
    (
        Verb(
            "transfer",
            "bowerbird.cli.image.optimize:transfer",
            "CONTENT STYLE... -o OUT [OPTIONS]",
            "image transfer photo.jpg painting.jpg -o out.jpg --size 1024 --strength 0.6",
            _COMMAS,
            long_running=True,
        ),
        Verb(
            "texture",
            "bowerbird.cli.image.optimize:texture",
            "STYLE -o OUT [OPTIONS]",
            note=_COMMAS,
            hidden=("strength", "content_layers", "content_weight"),
            long_running=True,
        ),
        Verb(
            "reconstruct",
            "bowerbird.cli.image.optimize:reconstruct",
            "IMAGE -o OUT [--layer NAME] [OPTIONS]",
            note=_COMMAS,
            hidden=("strength", "content_layers", "style_layers", "style_layer_weights"),
            long_running=True,
        ),
    ),
    demo="bowerbird.demo.image:image_section",
    output="out.png",
    presets="bowerbird.image.presets:PRESETS",
    memory_advice="give a smaller --size, or set --max-memory",
)

TEXT = Domain(
    "text",
    "Write text in the style of any corpus.",
    (
        Verb(
            "train",
            "bowerbird.cli.text.train:train",
            "CORPUS... -o MODEL.safetensors [OPTIONS]",
            "text train my-notes/ --minutes 5 -o me.safetensors",
            long_running=True,
        ),
        Verb(
            "write",
            "bowerbird.cli.text.write:write",
            "MODEL [--prompt TEXT] [OPTIONS]",
            'text write shakespeare --prompt "Second Witch:"',
        ),
        Verb("evaluate", "bowerbird.cli.text.evaluate:evaluate", "MODEL FILE [OPTIONS]"),
    ),
    demo="bowerbird.demo.text:text_section",
    output="model.safetensors",
    presets="bowerbird.text.presets:PRESETS",
    models=(
        ModelKind(
            "text",
            "bowerbird text write {}",
            "bowerbird.text.generator:load",
            (("shakespeare", "text/shakespeare.safetensors"),),
            "bowerbird.text.tokenizer_choice:tokenizer_from",
        ),
    ),
    memory_advice=(
        "give smaller --batch-size, --sequence-length or --hidden-size, or fewer --samples"
    ),
)

MUSIC = Domain(
    "music",
    "Compose tunes in the style of any corpus; play, print and convert music.",
    (
        Verb(
            "train",
            "bowerbird.cli.music.train:train",
            "CORPUS... -o MODEL.safetensors [OPTIONS]",
            "music train my-tunes/ --minutes 5 -o me.safetensors",
            long_running=True,
        ),
        Verb(
            "compose",
            "bowerbird.cli.music.compose:compose",
            "MODEL -o OUT.mid [OPTIONS]",
            "music compose scottish -o reel.mid --meter 4/4 --key D --audio --sheet",
        ),
        Verb(
            "render",
            "bowerbird.cli.music.render:render",
            "FILE -o OUT.{wav,mp3,svg,png,html,mid,abc,musicxml}",
        ),
        Verb("evaluate", "bowerbird.cli.music.evaluate:evaluate", "MODEL FILE... [OPTIONS]"),
    ),
    demo="bowerbird.demo.music:music_section",
    output="tune.mid",
    presets="bowerbird.music.presets:PRESETS",
    models=(
        ModelKind(
            "music",
            "bowerbird music compose {} -o tune.mid",
            "bowerbird.music.composer:load",
            (("scottish", "music/scottish.safetensors"),),
            "bowerbird.music.tokens.kinds:tokenizer_from",
        ),
    ),
)

VISION = Domain(
    "vision",
    "Recognize what is in pictures, and where; show what the network responds to.",
    (
        Verb(
            "classify",
            "bowerbird.cli.vision.objects:classify",
            "IMAGE... [OPTIONS]",
            "vision classify cat.jpg --top 3",
        ),
        Verb(
            "localize",
            "bowerbird.cli.vision.objects:localize",
            "IMAGE... [-o OUT] [OPTIONS]",
            "vision localize cat.jpg -o where.png",
        ),
        Verb(
            "detect",
            "bowerbird.cli.vision.objects:detect",
            "IMAGE... [-o OUT] [OPTIONS]",
            "vision detect street.jpg -o boxes.png --threshold 0.5",
        ),
        Verb(
            "segment",
            "bowerbird.cli.vision.objects:segment",
            "IMAGE... [-o OUT] [OPTIONS]",
            "vision segment cat.jpg -o masks.png",
        ),
        Verb(
            "inspect",
            "bowerbird.cli.vision.inspect:inspect",
            "IMAGE [-o OUT.png] [--layer NAME] [--show WHAT]",
            "vision inspect cat.jpg --layer conv4_3 --show dream -o dream.png",
            "What a layer keeps of a picture: `bowerbird image reconstruct`",
            long_running=True,
        ),
        Verb(
            "digits",
            "bowerbird.cli.vision.digits:digits",
            "PHOTO... [-o OUT] [OPTIONS]",
            "vision digits page.jpg -o read.png",
        ),
        Verb(
            "train-digits",
            "bowerbird.cli.vision.digits:train_digits",
            "FOLDER -o MODEL.safetensors [OPTIONS]",
            "vision train-digits mnist -o mine.safetensors --minutes 4 --test",
            long_running=True,
        ),
        Verb(
            "house-numbers",
            "bowerbird.cli.vision.house_numbers:house_numbers",
            "PHOTO... [-o OUT] [OPTIONS]",
            "vision house-numbers street.jpg -o found.png",
        ),
        Verb(
            "train-house-numbers",
            "bowerbird.cli.vision.house_numbers:train_house_numbers",
            "-o MODEL.safetensors [OPTIONS]",
            "vision train-house-numbers --minutes 30 --fonts /usr/share/fonts --photos photos/ "
            "-o house_numbers.safetensors",
            long_running=True,
        ),
    ),
    demo="bowerbird.demo.vision:vision_section",
    models=(
        ModelKind(
            "digits",
            "bowerbird vision digits page.jpg --model {}",
            "bowerbird.vision.digits.reader:load_digit_reader",
            (("digits", "vision/digits/digits.safetensors"),),
        ),
        ModelKind(
            "house-numbers",
            "bowerbird vision house-numbers photo.jpg --model {}",
            "bowerbird.vision.house_numbers.reader:load_house_number_reader",
            (("house-numbers", "vision/house_numbers/house_numbers.safetensors"),),
        ),
    ),
    memory_advice="make the picture smaller",
)

PREDICTION = Domain(
    "predict",
    "Predict tables and time series, with prediction intervals.",
    (
        Verb(
            "table",
            "bowerbird.cli.predict.table:table",
            "FILE.csv --target COLUMN [-o OUT]... [OPTIONS]",
            "predict table iris -o iris.safetensors -o iris.png",
            "New rows: bowerbird predict table iris.safetensors --predict new.csv -o out.csv",
        ),
        Verb(
            "series",
            "bowerbird.cli.predict.series:series",
            "FILE.csv|NAME --target COLUMN --horizon N [OPTIONS]",
            "predict series co2 --horizon 24 -o co2.png",
            "NAME is sunspots, co2 or electricity: series that are installed with Bowerbird.",
        ),
        Verb(
            "dynamics",
            "bowerbird.cli.predict.dynamics:dynamics",
            "lorenz|pendulum [OPTIONS]",
            "predict dynamics lorenz -o lorenz.png",
        ),
        Verb(
            "expressions",
            "bowerbird.cli.predict.expressions:expressions",
            "[EXPRESSION...] [OPTIONS]",
            'predict expressions "[MAX 2 9 [MIN 4 7] 0]" -o depth.png',
        ),
    ),
    demo="bowerbird.demo.prediction:prediction_section",
    models=(
        ModelKind(
            "table",
            "bowerbird predict table {} --predict new.csv",
            "bowerbird.prediction.tabular.model:load_table_model",
        ),
        ModelKind(
            "series",
            "bowerbird predict series new.csv --model {}",
            "bowerbird.prediction.series.forecaster:load_forecaster",
        ),
    ),
)

DOMAINS = (IMAGE, TEXT, MUSIC, VISION, PREDICTION)

MODELS = Noun(
    "models",
    "List, check and share pretrained weights and model files.",
    (
        Verb("list", "bowerbird.cli.models:list_models", "[OPTIONS]"),
        Verb("info", "bowerbird.cli.models:info", "NAME|FILE [OPTIONS]"),
        Verb("verify", "bowerbird.cli.models:verify", "[NAME] [OPTIONS]"),
        Verb("push", "bowerbird.cli.models:push", "FILE USER/NAME [OPTIONS]", note=_LOGIN),
        Verb("pull", "bowerbird.cli.models:pull", "USER/NAME [FILE] [OPTIONS]", note=_LOGIN),
    ),
)

DEMO = Verb("demo", "bowerbird.cli.demo:demo", "[OPTIONS]", long_running=True)

NOUNS: tuple[Noun, ...] = (*DOMAINS, MODELS)


def find_verb(words: Sequence[str]) -> Verb | None:
    """Return the verb that a command line begins with, if there is one."""
    if list(words[:1]) == [DEMO.name]:
        return DEMO
    verbs = (
        verb for noun in NOUNS for verb in noun.verbs if [noun.name, verb.name] == [*words[:2]]
    )
    return next(verbs, None)


def find_domain(name: str) -> Domain | None:
    """Return a domain by the first word of its commands, if there is one."""
    return next((domain for domain in DOMAINS if domain.name == name), None)
