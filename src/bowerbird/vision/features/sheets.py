"""The sheets of `see`: an overview of five layers, one layer, or one way to look at it.

Maps have the colors of ``colormap.py``, each by its own largest value, so that weak channels can be
read too; the bar and the number below say how strong each is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from bowerbird.networks.vgg_layers import num_channels, receptive_radius, stride
from bowerbird.vision.features.colormap import colored, overlaid, unit
from bowerbird.vision.features.layout import INK, SOFT, Sheet
from bowerbird.vision.features.maps import Channel

MARGIN = 104  # px, around a sheet
CELL, GAP = 196, 16  # px, of a channel's map and between two
CAPTION = 50  # px below a map
NARROW, TALL = 0.56, 1.4  # least and most height of a box over its width
FLAT = 0.1  # least, where the picture hangs beside nothing but itself
EACH = 6  # channels of a layer in an overview
SMALL, TEXT, NAME, TITLE = 20, 26, 44, 92  # px, of letters


@dataclass(frozen=True, eq=False)
class LayerSeen:
    """One layer's view of a picture."""

    layer: str
    channels: tuple[Channel, ...]
    """All channels, the most active first."""
    shown: tuple[int, ...]
    """The channels that are on the sheet, in their order."""
    maps: Float[Tensor, "n h w"]
    """Their rectified features."""
    heats: tuple[Float[Tensor, "h w"], ...]
    """Where the layer (or the named channels together) is active; then each named channel."""
    kernels: Float[Tensor, "n 3 3 3"] | None = None
    """The filters themselves, where they can be seen."""
    liked: Float[Tensor, "n 3 s s"] | None = None
    """What each shown channel likes."""
    dream: Float[Tensor, "3 h2 w2"] | None = None
    named: tuple[int, ...] = ()
    """Channels that were asked for; none is the whole layer."""

    def facts(self) -> dict[str, object]:
        """Return the layer and its channels, strongest first, ready for JSON."""
        channels = [
            {
                "channel": one.channel,
                "activation": round(one.activation, 4),
                "peak": round(one.peak, 4),
                "share": round(one.share, 6),
            }
            for one in self.channels
        ]
        return {"layer": self.layer, "shown": list(self.shown), "channels": channels}

    @property
    def who(self) -> str:
        """What is active and dreamt of, in words."""
        if not self.named:
            return "the layer"
        return f"channel {self.named[0]}" if len(self.named) == 1 else "its channels below"

    def channel(self, number: int) -> Channel:
        """Return what is known of one channel."""
        return next(one for one in self.channels if one.channel == number)

    @property
    def words(self) -> tuple[str, str]:
        """How many channels the layer has, and how far it sees."""
        across = stride(self.layer)
        sees = 2 * receptive_radius(self.layer) + (across if across == 1 else 0)
        return f"{num_channels(self.layer)} channels", f"each place sees {sees} px"


@dataclass(frozen=True, eq=False)
class Heading:
    """What is on a sheet besides the layers."""

    picture: Float[Tensor, "3 h w"]
    title: str
    show: str
    overview: bool

    @property
    def ratio(self) -> float:
        """Height over width of the boxes that the picture and its maps are hung in."""
        height, wide = self.picture.shape[1:]
        return min(max(height / wide, NARROW), TALL)

    @property
    def whole(self) -> float:
        """The same where a whole panorama fits."""
        height, wide = self.picture.shape[1:]
        return min(max(height / wide, FLAT), TALL)


def lay_out(heading: Heading, layers: list[LayerSeen]) -> Float[Tensor, "3 h w"]:
    """Return a sheet as a picture in [0, 1]; what is not made yet stays empty."""
    if heading.overview:
        return _overview(heading, layers)
    if heading.show == "activation":
        return _activation(heading, layers[0])
    if heading.show == "maps":
        return _contact(heading, layers[0])
    if heading.show == "filters":
        return _liked(heading, layers[0])
    return _layer(heading, layers[0])


def _overview(heading: Heading, layers: list[LayerSeen]) -> Tensor:
    """Lay out a row for each layer: where, its strongest channels with what they like, a dream."""
    map_height = round(CELL * heading.ratio)
    high = map_height + GAP // 2 + CELL
    panel = round(high / heading.ratio)
    label, gap = 250, 48
    cells = MARGIN + label + panel + gap
    dreams = cells + EACH * (CELL + GAP) - GAP + gap
    right = dreams + panel
    top, step = 400, high + CAPTION + 76
    sheet = Sheet(right + MARGIN, top + len(layers) * step + 70)
    words = "VGG-19, one layer of each of its five blocks"
    _title(sheet, "What the network sees", _joined(heading.title, words), right)
    for left, text in (
        (MARGIN + label, "where the layer is active"),
        (cells, "its six strongest channels here, and below each what it likes most"),
        (dreams, "what it dreams of"),
    ):
        sheet.words((left, top - 34), text, SMALL + 2, SOFT)
    for number, seen in enumerate(layers):
        y = top + number * step
        if number:
            sheet.line(MARGIN, right, y - 44)
        sheet.words((MARGIN, y + 34), seen.layer, NAME)
        for index, text in enumerate(seen.words):
            sheet.words((MARGIN, y + 76 + 30 * index), text, SMALL, SOFT)
        sheet.hang(_hot(heading, seen.heats[0]), (MARGIN + label, y, panel, high))
        _pairs(sheet, seen, (cells, y), EACH, map_height)
        if seen.dream is not None:
            sheet.hang(seen.dream, (dreams, y, panel, high))
    _foot(sheet, right)
    return sheet.rgb


def _layer(heading: Heading, seen: LayerSeen) -> Tensor:
    """Lay out one layer: the picture, where, a dream; then channels with what they like."""
    columns = 8
    right = MARGIN + columns * (CELL + GAP) - GAP
    gap = 32
    panel = (right - MARGIN - 2 * gap) // 3
    high = round(panel * heading.ratio)
    top = 370
    map_height = round(CELL * heading.ratio)
    second = seen.liked is not None or seen.kernels is not None or heading.show == "all"
    step = map_height + (GAP // 2 + CELL if second else 0) + CAPTION + 28
    rows = -(-len(seen.shown) // columns)
    below = top + high + 150
    sheet = Sheet(right + MARGIN, below + rows * step + 70)
    _title(sheet, seen.layer, _subtitle(heading, seen), right)
    pictures = (heading.picture, _hot(heading, seen.heats[0]), seen.dream)
    verb = "are" if len(seen.named) > 1 else "is"
    captions = (
        "the picture",
        f"where {seen.who} {verb} active",
        f"a dream: changed to excite {seen.who}",
    )
    for index, (picture, text) in enumerate(zip(pictures, captions, strict=True)):
        left = MARGIN + index * (panel + gap)
        if picture is not None:
            sheet.hang(picture, (left, top, panel, high))
        sheet.words((left, top + high + 36), text, SMALL + 2, SOFT)
    kind = "its filter" if seen.kernels is not None else "what it likes most"
    sheet.words((MARGIN, below - 30), f"Channels here, and below each {kind}", SMALL + 2, SOFT)
    for row in range(rows):
        _pairs(sheet, seen, (MARGIN, below + row * step), columns, map_height, row * columns)
    _foot(sheet, right)
    return sheet.rgb


def _contact(heading: Heading, seen: LayerSeen) -> Tensor:
    """Lay out the feature maps of one layer, the strongest first."""
    columns = _columns(len(seen.shown))
    high = round(CELL * heading.ratio)
    right = MARGIN + columns * (CELL + GAP) - GAP
    below = 0 if seen.kernels is None and seen.liked is None else GAP // 2 + CELL
    top, step = 350, high + below + CAPTION + 20
    rows = -(-len(seen.shown) // columns)
    sheet = Sheet(right + MARGIN, top + rows * step + 70)
    _title(sheet, f"Maps of {seen.layer}", _subtitle(heading, seen), right)
    for row in range(rows):
        _pairs(sheet, seen, (MARGIN, top + row * step), columns, high, row * columns)
    _foot(sheet, right)
    return sheet.rgb


def _liked(heading: Heading, seen: LayerSeen) -> Tensor:
    """Lay out the filters of the first layer, or what channels of a deeper one like."""
    columns = _columns(len(seen.shown))
    right = MARGIN + columns * (CELL + GAP) - GAP
    top, step = 380, CELL + 56
    rows = -(-len(seen.shown) // columns)
    sheet = Sheet(right + MARGIN, top + rows * step + 40)
    drawn, kernels = seen.liked, seen.kernels is not None
    if kernels:
        name, words = f"Filters of {seen.layer}", "3 x 3 weights for red, green and blue; gray is 0"
        drawn = seen.kernels
    else:
        name = f"What channels of {seen.layer} like"
        words = "grown from noise: kernels of a deeper layer are no pictures"
    _title(sheet, name, words, right)
    for index, number in enumerate(seen.shown if drawn is not None else ()):
        assert drawn is not None
        left = MARGIN + index % columns * (CELL + GAP)
        y = top + index // columns * step
        sheet.hang(drawn[index], (left, y, CELL, CELL), crisp=kernels)
        sheet.words((left, y + CELL + 28), str(number), SMALL + 2)
    return sheet.rgb


def _activation(heading: Heading, seen: LayerSeen) -> Tensor:
    """Lay out the picture beside where the layer, and each named channel, is active."""
    named = seen.shown if len(seen.heats) > 1 else ()
    together = "these channels together" if named else seen.who
    texts = [together, *(f"channel {one}" for one in named)]
    return beside(heading, f"Where {seen.layer} is active", seen.heats, texts)


def beside(
    heading: Heading, name: str, maps: Sequence[Float[Tensor, "h w"]], texts: Sequence[str]
) -> Float[Tensor, "3 h2 w2"]:
    """Lay out the picture beside itself under the heat of each map, with a text below each."""
    drawn = [heading.picture, *(_hot(heading, one) for one in maps)]
    columns = min(3, len(drawn)) if len(drawn) != 4 else 2
    wide, gap = 760, 32
    high = round(wide * heading.whole)
    right = MARGIN + columns * (wide + gap) - gap
    top, step = 350, high + 76
    rows = -(-len(drawn) // columns)
    sheet = Sheet(right + MARGIN, top + rows * step + 40)
    _title(sheet, name, heading.title, right)
    for index, (picture, text) in enumerate(zip(drawn, ("the picture", *texts), strict=True)):
        left = MARGIN + index % columns * (wide + gap)
        y = top + index // columns * step
        sheet.hang(picture, (left, y, wide, high))
        sheet.words((left, y + high + 36), text, SMALL + 2, SOFT)
    return sheet.rgb


def _pairs(
    sheet: Sheet,
    seen: LayerSeen,
    at: tuple[int, int],
    columns: int,
    high: int,
    begin: int = 0,
) -> None:
    """Hang a row of maps, with what each channel likes below where that is known."""
    left, top = at
    second = seen.kernels if seen.kernels is not None else seen.liked
    strongest = max(seen.channels[0].activation, 1e-12)
    for column, number in enumerate(seen.shown[begin : begin + columns]):
        index, x, y = begin + column, left + column * (CELL + GAP), top
        sheet.hang(colored(unit(seen.maps[index])), (x, y, CELL, high))
        y += high
        if second is not None:
            y += GAP // 2
            sheet.hang(second[index], (x, y, CELL, CELL), crisp=seen.kernels is not None)
            y += CELL
        activation = seen.channel(number).activation
        sheet.bar((x, y + 8), CELL, activation / strongest)
        sheet.words((x, y + 36), str(number), SMALL + 2)
        sheet.words((x + CELL, y + 36), f"{activation:,.0f}", SMALL, SOFT, "rs")


def _hot(heading: Heading, values: Tensor) -> Tensor:
    return overlaid(heading.picture, unit(values, from_least=True))


def _columns(count: int) -> int:
    """Return how many columns make a sheet a little wider than high, its last row full."""
    wanted = (1.5 * count) ** 0.5
    able = range(max(4, round(0.8 * wanted)), max(4, round(1.3 * wanted)) + 1)
    return min(able, key=lambda columns: (-count % columns, abs(columns - wanted)))


def _subtitle(heading: Heading, seen: LayerSeen) -> str:
    return _joined(heading.title, "VGG-19", *seen.words)


def _joined(*parts: str) -> str:
    return "   ·   ".join(part for part in parts if part)


def _title(sheet: Sheet, name: str, words: str, right: int) -> None:
    sheet.words((MARGIN - 4, 190), name, TITLE, INK, max_width=right - MARGIN)
    sheet.words((MARGIN, 250), words, TEXT, SOFT, max_width=right - MARGIN)
    sheet.line(MARGIN, right, 288)


def _foot(sheet: Sheet, right: int) -> None:
    """Say what the numbers are."""
    words = (
        "Below each map: the number of the channel, and its mean activation; the bar compares it "
        "with the layer's strongest."
    )
    if sheet.image.width < 1500:
        words = "Below each map: its channel, and its mean activation."
    sheet.words((MARGIN, sheet.image.height - 56), words, SMALL, SOFT)
