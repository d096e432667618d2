"""The sheets of ``inspect``: an overview of five layers, one layer, or one property of it.

Maps have the colors of ``colormap.py``, each by its own largest value, so that weak channels can be
read too; the bar and the number below are the activation.
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
MIN_RATIO, MAX_RATIO = 0.56, 1.4  # height of a box over its width
MIN_FULL_RATIO = 0.1  # the same where the picture hangs beside nothing but itself
EACH = 6  # channels of a layer in an overview
SMALL, TEXT, NAME, TITLE = 20, 26, 44, 92  # px, of letters


@dataclass(frozen=True, eq=False)
class LayerView:
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
    """The filters of the first layer."""
    visualizations: Float[Tensor, "n 3 s s"] | None = None
    """What activates each shown channel most (``activation_maximization.py``)."""
    dream: Float[Tensor, "3 h2 w2"] | None = None
    named: tuple[int, ...] = ()
    """Requested channels; none is the whole layer."""

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
    def pictures(self) -> Sequence[Float[Tensor, "3 s s"]]:
        """A picture of each shown channel: its filter or visualization; empty if there is none."""
        found = self.kernels if self.kernels is not None else self.visualizations
        return [] if found is None else list(found.unbind())

    @property
    def paired(self) -> bool:
        """Whether there is a picture of each channel."""
        return len(self.pictures) > 0

    @property
    def subject(self) -> str:
        """What is active, in words."""
        if not self.named:
            return "the layer"
        return f"channel {self.named[0]}" if len(self.named) == 1 else "its channels below"

    def channel(self, number: int) -> Channel:
        """Return the statistics of one channel."""
        return next(one for one in self.channels if one.channel == number)

    @property
    def summary(self) -> tuple[str, str]:
        """The number of channels, and the size of the receptive field."""
        across = stride(self.layer)
        size = 2 * receptive_radius(self.layer) + (across if across == 1 else 0)
        return f"{num_channels(self.layer)} channels", f"receptive field {size} px"


@dataclass(frozen=True, eq=False)
class Heading:
    """What is on a sheet besides the layers."""

    picture: Float[Tensor, "3 h w"]
    title: str
    show: str
    overview: bool

    @property
    def ratio(self) -> float:
        """Height over width of the boxes in which the picture and its maps hang."""
        return self._ratio(MIN_RATIO)

    @property
    def full_ratio(self) -> float:
        """The same where a whole panorama fits."""
        return self._ratio(MIN_FULL_RATIO)

    def _ratio(self, smallest: float) -> float:
        height, width = self.picture.shape[1:]
        return min(max(height / width, smallest), MAX_RATIO)


def lay_out(heading: Heading, layers: list[LayerView]) -> Float[Tensor, "3 h w"]:
    """Return a sheet as a picture in [0, 1]; what is not computed yet stays empty."""
    if heading.overview:
        return _overview(heading, layers)
    by_show = {"activation": _activation, "maps": _maps, "filters": _filters}
    return by_show.get(heading.show, _layer)(heading, layers[0])


def _overview(heading: Heading, layers: list[LayerView]) -> Tensor:
    """Lay out a row for each layer: where it is active, its strongest channels, a dream."""
    map_height = round(CELL * heading.ratio)
    height = map_height + GAP // 2 + CELL
    panel = round(height / heading.ratio)
    label, gap = 250, 48
    cells = MARGIN + label + panel + gap
    dreams = cells + EACH * (CELL + GAP) - GAP + gap
    right = dreams + panel
    top, step = 400, height + CAPTION + 76
    words = _joined(heading.title, "VGG-19, one layer of each of its five blocks")
    sheet = _sheet(right, top + len(layers) * step + 70, "What the network sees", words)
    for left, text in (
        (MARGIN + label, "where the layer is active"),
        (cells, "its six strongest channels, and below each its feature visualization"),
        (dreams, "what it dreams of"),
    ):
        sheet.words((left, top - 34), text, SMALL + 2, SOFT)
    for number, layer in enumerate(layers):
        y = top + number * step
        if number:
            sheet.line(MARGIN, right, y - 44)
        sheet.words((MARGIN, y + 34), layer.layer, NAME)
        for index, text in enumerate(layer.summary):
            sheet.words((MARGIN, y + 76 + 30 * index), text, SMALL, SOFT)
        sheet.hang(_overlay(heading, layer.heats[0]), (MARGIN + label, y, panel, height))
        _channels(sheet, layer, (cells, y), EACH, map_height)
        if layer.dream is not None:
            sheet.hang(layer.dream, (dreams, y, panel, height))
    _explain_captions(sheet, right)
    return sheet.rgb


def _layer(heading: Heading, layer: LayerView) -> Tensor:
    """Lay out one layer: the picture, where it is active, a dream; then its channels."""
    columns = 8
    right = _right(columns)
    gap = 32
    panel = (right - MARGIN - 2 * gap) // 3
    height = round(panel * heading.ratio)
    top = 370
    map_height = round(CELL * heading.ratio)
    below = top + height + 150
    step = _channel_height(map_height, paired=heading.show == "all" or layer.paired) + 28
    sheet_height = below + -(-len(layer.shown) // columns) * step + 70
    sheet = _sheet(right, sheet_height, layer.layer, _subtitle(heading, layer))
    verb = "are" if len(layer.named) > 1 else "is"
    panels = (
        (heading.picture, "the picture"),
        (_overlay(heading, layer.heats[0]), f"where {layer.subject} {verb} active"),
        (layer.dream, f"a dream: changed to excite {layer.subject}"),
    )
    for index, (picture, text) in enumerate(panels):
        left = MARGIN + index * (panel + gap)
        if picture is not None:
            sheet.hang(picture, (left, top, panel, height))
        sheet.words((left, top + height + 36), text, SMALL + 2, SOFT)
    kind = "its filter" if layer.kernels is not None else "its feature visualization"
    sheet.words((MARGIN, below - 30), f"Channels, and below each {kind}", SMALL + 2, SOFT)
    _channels(sheet, layer, (MARGIN, below), columns, map_height, step)
    _explain_captions(sheet, right)
    return sheet.rgb


def _maps(heading: Heading, layer: LayerView) -> Tensor:
    """Lay out the feature maps of one layer, the strongest first."""
    columns = _columns(len(layer.shown))
    map_height = round(CELL * heading.ratio)
    top, step = 350, _channel_height(map_height, paired=layer.paired) + 20
    height = top + -(-len(layer.shown) // columns) * step + 70
    sheet = _sheet(_right(columns), height, f"Maps of {layer.layer}", _subtitle(heading, layer))
    _channels(sheet, layer, (MARGIN, top), columns, map_height, step)
    _explain_captions(sheet, _right(columns))
    return sheet.rgb


def _filters(heading: Heading, layer: LayerView) -> Tensor:
    """Lay out the filters of the first layer, or the feature visualizations of a deeper one."""
    columns = _columns(len(layer.shown))
    top, step = 380, CELL + 56
    height = top + -(-len(layer.shown) // columns) * step + 40
    is_first = layer.kernels is not None
    if is_first:
        name, words = (
            f"Filters of {layer.layer}",
            "3 x 3 weights for red, green and blue; gray is 0",
        )
    else:
        name = f"Feature visualizations of {layer.layer}"
        words = "optimized from noise: kernels of a deeper layer are not pictures"
    sheet = _sheet(_right(columns), height, name, words)
    for index, (number, picture) in enumerate(zip(layer.shown, layer.pictures, strict=False)):
        left, y = _cell(index, (MARGIN, top), columns, step)
        sheet.hang(picture, (left, y, CELL, CELL), crisp=is_first)
        sheet.words((left, y + CELL + 28), str(number), SMALL + 2)
    return sheet.rgb


def _activation(heading: Heading, layer: LayerView) -> Tensor:
    """Lay out the picture beside where the layer, and each named channel, is active."""
    named = layer.shown if len(layer.heats) > 1 else ()
    together = "these channels together" if named else layer.subject
    texts = [together, *(f"channel {one}" for one in named)]
    return beside(heading, f"Where {layer.layer} is active", layer.heats, texts)


def beside(
    heading: Heading, name: str, maps: Sequence[Float[Tensor, "h w"]], texts: Sequence[str]
) -> Float[Tensor, "3 h2 w2"]:
    """Lay out the picture beside itself under the heat of each map, with a text below each."""
    drawn = [heading.picture, *(_overlay(heading, one) for one in maps)]
    columns = min(3, len(drawn)) if len(drawn) != 4 else 2
    width, gap = 760, 32
    height = round(width * heading.full_ratio)
    top, step = 350, height + 76
    sheet_height = top + -(-len(drawn) // columns) * step + 40
    sheet = _sheet(_right(columns, width, gap), sheet_height, name, heading.title)
    for index, (picture, text) in enumerate(zip(drawn, ("the picture", *texts), strict=True)):
        left, y = _cell(index, (MARGIN, top), columns, step, width + gap)
        sheet.hang(picture, (left, y, width, height))
        sheet.words((left, y + height + 36), text, SMALL + 2, SOFT)
    return sheet.rgb


def _channels(
    sheet: Sheet,
    layer: LayerView,
    corner: tuple[int, int],
    columns: int,
    map_height: int,
    step: int = 0,
) -> None:
    """Hang the maps of the shown channels, with the picture of each below where there is one."""
    strongest = max(layer.channels[0].activation, 1e-12)
    for index, number in enumerate(layer.shown):
        x, y = _cell(index, corner, columns, step)
        sheet.hang(colored(unit(layer.maps[index])), (x, y, CELL, map_height))
        if layer.paired:
            below = (x, y + map_height + GAP // 2, CELL, CELL)
            sheet.hang(layer.pictures[index], below, crisp=layer.kernels is not None)
        y += _channel_height(map_height, paired=layer.paired) - CAPTION
        activation = layer.channel(number).activation
        sheet.bar((x, y + 8), CELL, activation / strongest)
        sheet.words((x, y + 36), str(number), SMALL + 2)
        sheet.words((x + CELL, y + 36), f"{activation:,.0f}", SMALL, SOFT, "rs")


def _channel_height(map_height: int, *, paired: bool) -> int:
    """Return the height, px, of a map with its caption, and with a picture between both."""
    return map_height + (GAP // 2 + CELL if paired else 0) + CAPTION


def _cell(
    index: int, corner: tuple[int, int], columns: int, step: int, across: int = CELL + GAP
) -> tuple[int, int]:
    """Return the left upper corner of a cell of a grid."""
    row, column = divmod(index, columns)
    return corner[0] + column * across, corner[1] + row * step


def _right(columns: int, width: int = CELL, gap: int = GAP) -> int:
    """Return the right side of a grid that begins at the margin."""
    return MARGIN + columns * (width + gap) - gap


def _overlay(heading: Heading, values: Tensor) -> Tensor:
    return overlaid(heading.picture, unit(values, from_min=True))


def _columns(count: int) -> int:
    """Return how many columns make a sheet a little wider than high, its last row full."""
    wanted = (1.5 * count) ** 0.5
    able = range(max(4, round(0.8 * wanted)), max(4, round(1.3 * wanted)) + 1)
    return min(able, key=lambda columns: (-count % columns, abs(columns - wanted)))


def _subtitle(heading: Heading, layer: LayerView) -> str:
    return _joined(heading.title, "VGG-19", *layer.summary)


def _joined(*parts: str) -> str:
    return "   ·   ".join(part for part in parts if part)


def _sheet(right: int, height: int, name: str, words: str) -> Sheet:
    """Return a sheet with a title and a line of words below it."""
    sheet = Sheet(right + MARGIN, height)
    sheet.words((MARGIN - 4, 190), name, TITLE, INK, max_width=right - MARGIN)
    sheet.words((MARGIN, 250), words, TEXT, SOFT, max_width=right - MARGIN)
    sheet.line(MARGIN, right, 288)
    return sheet


def _explain_captions(sheet: Sheet, right: int) -> None:
    words = (
        "Below each map: the number of the channel, and its mean activation; the bar compares it "
        "with the layer's strongest."
    )
    if sheet.image.width < 1500:
        words = "Below each map: its channel, and its mean activation."
    sheet.words((MARGIN, sheet.image.height - 56), words, SMALL, SOFT)
