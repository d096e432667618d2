"""What a network sees in a picture, as one sheet: maps, heat, what channels like, and dreams.

For one layer, or an overview of one layer of each block of VGG-19. What is shown is made in
``maps.py`` (feature maps, heat), ``filters.py`` (conv1_1), ``units.py`` (activation maximisation)
and ``dream.py`` (DeepDream), whose heads have formulas and sources; ``sheets.py`` lays it out.
After Zeiler and Fergus 2013 (arXiv:1311.2901), whose figures set what a channel likes beside where
it answers. What a layer keeps of a picture is another question: see ``image reconstruct``.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.device import select_compute
from bowerbird.learning.step import Step, run_to_end
from bowerbird.pictures.pixels import fit_long_side, resize
from bowerbird.vision.classification import open_classifier
from bowerbird.vision.config import FIRST_LAYER, ClassifyConfig, DreamConfig, InspectConfig
from bowerbird.vision.features import filters as first
from bowerbird.vision.features.activation_maximization import UnitsConfig, grow_steps
from bowerbird.vision.features.class_maps import class_activation
from bowerbird.vision.features.dream import at_size, dream_steps
from bowerbird.vision.features.maps import Channel, activation_heatmap, feature_maps, rank
from bowerbird.vision.features.network import check_seen, deepest, open_sight
from bowerbird.vision.features.sheets import Heading, LayerSeen, lay_out
from bowerbird.vision.results import Label, VisionResult

LIKED = 6  # strongest channels of each layer in an overview
SMALL_DREAM = (320, 3)  # long side in px, and octaves, of a dream in an overview
LOOKED = 768  # px; the long side at which maps are taken: with more, memory grows, not the sheet
MOST_CLASSES = 5  # on a sheet


@dataclass(frozen=True, eq=False)
class View:
    """What was seen, and the sheet that shows it."""

    sheet: Float[Tensor, "3 h w"]
    layers: tuple[LayerSeen, ...] = ()
    labels: tuple[Label, ...] | None = None

    def facts(self) -> dict[str, object]:
        """Return the layers with their channels, or the classes, strongest first, for JSON."""
        if self.labels is not None:
            return VisionResult(labels=self.labels).facts()
        return {"layers": [layer.facts() for layer in self.layers]}


def inspect(
    picture: Float[Tensor, "3 h w"], config: InspectConfig | None = None, title: str = ""
) -> View:
    """Return what the network sees in a picture, sRGB in [0, 1]; errors as ``inspect_steps``."""
    return run_to_end(inspect_steps(picture, config, title))


def inspect_steps(
    picture: Float[Tensor, "3 h w"], config: InspectConfig | None = None, title: str = ""
) -> Iterator[Step[View]]:
    """Yield every step of the work; a step with a preview has the sheet as far as it is done.

    ``title`` is written on the sheet. Raises ValueError for a picture that is none or too small
    for the layer, and DownloadError.
    """
    config = config or InspectConfig()
    began = time.perf_counter()
    picture = at_size(picture, config.size)
    if config.show == "class":
        view = _classes(picture, config, title)
        yield Step(1, 1, {}, time.perf_counter() - began, view)
        return
    check_seen(picture, deepest(config.layers))
    layers = _look(_small(picture, LOOKED), config)
    jobs = _jobs(picture, config, layers)
    total = 1 + sum(job.steps for job in jobs)
    number = 1
    heading = Heading(_small(picture, LOOKED), title, config.show, config.overview)
    shown: View | None = _view(heading, layers)
    yield Step(1, total, {}, time.perf_counter() - began, shown, "feature maps")
    for job in jobs:
        for step, changed in job.run(layers):
            number += 1
            drawn = changed or config.show == "dream"
            shown = _view(heading, layers) if drawn else None
            seconds = time.perf_counter() - began
            note = job.note if step.number == 1 else ""
            yield Step(number, total, step.losses, seconds, shown, note)


def _classes(picture: Tensor, config: InspectConfig, title: str) -> View:
    """Return where the likeliest classes are found."""
    classifier = open_classifier(ClassifyConfig(precision=config.precision), config.device)
    most = min(config.max_channels or MOST_CLASSES, MOST_CLASSES)
    found = class_activation(_small(picture, LOOKED), classifier, most, title)
    return View(found.sheet, labels=found.labels)


def _small(picture: Tensor, side: int) -> Tensor:
    """Return a picture with a long side of at most so many px."""
    height, width = picture.shape[1:]
    if max(height, width) <= side:
        return picture
    return resize(picture, fit_long_side(height, width, side))


def _view(heading: Heading, layers: list[LayerSeen]) -> View:
    """Return the sheet as far as it is done; a dream alone is a picture and has no sheet."""
    if heading.show == "dream":
        dreamt = layers[0].dream
        return View(heading.picture if dreamt is None else dreamt, tuple(layers))
    return View(lay_out(heading, layers), tuple(layers))


def _look(picture: Tensor, config: InspectConfig) -> list[LayerSeen]:
    """Return each layer with its feature maps, the channels to be shown first chosen."""
    compute = select_compute(config.device, config.precision)
    network = open_sight(config.weights, deepest(config.layers), compute)
    seen = []
    for layer, maps in feature_maps(picture, network, config.layers).items():
        ranking = rank(maps)
        shown = _shown(layer, ranking, config)
        kernels = first.filters(network)[list(shown)] if layer == FIRST_LAYER else None
        where = [activation_heatmap(maps, (channel,)) for channel in config.channels]
        seen.append(
            LayerSeen(
                layer,
                tuple(ranking),
                shown,
                maps[list(shown)],
                (activation_heatmap(maps, config.channels), *(where if len(where) > 1 else ())),
                kernels,
                named=config.channels,
            )
        )
    return seen


def _shown(layer: str, ranking: list[Channel], config: InspectConfig) -> tuple[int, ...]:
    """Return the channels that are shown, in their order on the sheet."""
    if config.channels:
        return config.channels
    if config.show == "filters" and layer == FIRST_LAYER:
        return tuple(range(len(ranking)))
    most = LIKED if config.overview else config.max_channels or len(ranking)
    return tuple(one.channel for one in ranking[:most])


@dataclass(frozen=True, eq=False)
class _Job:
    """A long part of the work on one layer."""

    at: int
    """Which of the layers."""
    steps: int
    note: str
    grown: UnitsConfig | None = None
    dreamt: tuple[Tensor, DreamConfig] | None = None

    def run(self, layers: list[LayerSeen]) -> Iterator[tuple[Step[object], bool]]:
        """Yield each step, and whether the layer has changed."""
        if self.grown is not None:
            for grown in grow_steps(self.grown):
                if grown.preview is not None:
                    layers[self.at] = replace(layers[self.at], liked=grown.preview.pictures)
                yield Step(grown.number, 0, grown.losses, 0.0), grown.preview is not None
        elif self.dreamt is not None:
            for step in dream_steps(*self.dreamt):
                layers[self.at] = replace(layers[self.at], dream=step.preview)
                yield Step(step.number, 0, step.losses, 0.0), step.number == step.total


def _jobs(picture: Tensor, config: InspectConfig, layers: list[LayerSeen]) -> list[_Job]:
    """Return the long parts that this sheet needs, layer by layer."""
    jobs = []
    for at, seen in enumerate(layers):
        if config.show in ("all", "dream"):
            jobs.append(_dream_job(picture, config, at, seen.layer))
        if config.show in ("all", "filters") and seen.kernels is None:
            jobs.append(_grow_job(config, at, seen))
    return jobs


def _dream_job(picture: Tensor, config: InspectConfig, at: int, layer: str) -> _Job:
    names = DreamConfig.__dataclass_fields__
    wanted = DreamConfig(**{name: getattr(config, name) for name in names} | {"layer": layer})
    if config.overview:
        size, octaves = SMALL_DREAM
        wanted = replace(wanted, octaves=min(octaves, config.octaves))
        picture = _small(picture, size)
    sizes = wanted.octave_sizes((picture.shape[1], picture.shape[2]))
    return _Job(at, len(sizes) * wanted.steps, f"dreaming of {layer}", dreamt=(picture, wanted))


def _grow_job(config: InspectConfig, at: int, seen: LayerSeen) -> _Job:
    wanted = UnitsConfig(
        seen.layer,
        seen.shown,
        steps=config.visualization_steps,
        seed=config.seed,
        weights=config.weights,
        device=config.device,
        precision=config.precision,
    )
    return _Job(at, wanted.total, f"what channels of {seen.layer} like", grown=wanted)
