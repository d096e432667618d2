"""What a network sees in a picture, as one sheet: maps, heat, feature visualizations, dreams.

For one layer, or an overview of one layer of each block of VGG-19. What is shown is made in
``maps.py`` (feature maps, heat, filters), ``activation_maximization.py`` and ``dream.py``
(DeepDream), whose heads have formulas and sources; ``sheets.py`` lays it out.
After Zeiler and Fergus 2013 (arXiv:1311.2901), whose figures show what activates a channel beside
where it is active. For what a layer keeps of a picture see ``image reconstruct``.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from jaxtyping import Float
from torch import Tensor

from bowerbird.learning.device import select_compute
from bowerbird.learning.step import Step, run_to_end
from bowerbird.vision.classification import open_classifier
from bowerbird.vision.config import FIRST_LAYER, ClassifyConfig, DreamConfig, InspectConfig
from bowerbird.vision.features.activation_maximization import VisualizationConfig, visualize_steps
from bowerbird.vision.features.class_maps import class_activation
from bowerbird.vision.features.dream import at_size, dream_steps
from bowerbird.vision.features.maps import (
    Channel,
    activation_heatmap,
    feature_maps,
    filters,
    rank,
)
from bowerbird.vision.features.network import check_picture, deepest, open_network
from bowerbird.vision.features.sheets import Heading, LayerView, lay_out
from bowerbird.vision.results import Label, VisionResult

OVERVIEW_CHANNELS = 6  # strongest channels of each layer in an overview
SMALL_DREAM = (320, 3)  # long side in px, and octaves, of a dream in an overview
MAX_SIDE = 768  # px, long side for maps: with more, memory grows, not the sheet
MOST_CLASSES = 5  # on a sheet


@dataclass(frozen=True, eq=False)
class View:
    """The layers or classes of a picture, and the sheet that shows them."""

    sheet: Float[Tensor, "3 h w"]
    layers: tuple[LayerView, ...] = ()
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
    check_picture(picture, deepest(config.layers))
    small = at_size(picture, MAX_SIDE)
    layers = _views(small, config)
    jobs = _jobs(picture, config, layers)
    total = 1 + sum(job.total for job in jobs)
    number = 1
    heading = Heading(small, title, config.show, config.overview)
    shown: View | None = _view(heading, layers)
    yield Step(1, total, {}, time.perf_counter() - began, shown, "feature maps")
    for job in jobs:
        for step in job.steps:
            number += 1
            if step.preview is not None:
                changes: dict[str, Any] = {job.field: step.preview}
                layers[job.index] = replace(layers[job.index], **changes)
            drawn = step.number == job.total or config.show == "dream"
            shown = _view(heading, layers) if drawn else None
            seconds = time.perf_counter() - began
            note = job.note if step.number == 1 else ""
            yield Step(number, total, step.losses, seconds, shown, note)


def _classes(picture: Tensor, config: InspectConfig, title: str) -> View:
    """Return where the likeliest classes are found."""
    classifier = open_classifier(ClassifyConfig(precision=config.precision), config.device)
    most = min(config.max_channels or MOST_CLASSES, MOST_CLASSES)
    found = class_activation(at_size(picture, MAX_SIDE), classifier, most, title)
    return View(found.sheet, labels=found.labels)


def _view(heading: Heading, layers: list[LayerView]) -> View:
    """Return the sheet as far as it is done; a dream alone is a picture and has no sheet."""
    if heading.show == "dream":
        dream = layers[0].dream
        return View(heading.picture if dream is None else dream, tuple(layers))
    return View(lay_out(heading, layers), tuple(layers))


def _views(picture: Tensor, config: InspectConfig) -> list[LayerView]:
    """Return each layer with its feature maps, the channels to be shown first chosen."""
    compute = select_compute(config.device, config.precision)
    network = open_network(config.weights, deepest(config.layers), compute)
    views = []
    for layer, maps in feature_maps(picture, network, config.layers).items():
        ranking = rank(maps)
        shown = _shown(layer, ranking, config)
        kernels = filters(network)[list(shown)] if layer == FIRST_LAYER else None
        where = [activation_heatmap(maps, (channel,)) for channel in config.channels]
        views.append(
            LayerView(
                layer,
                tuple(ranking),
                shown,
                maps[list(shown)],
                (activation_heatmap(maps, config.channels), *(where if len(where) > 1 else ())),
                kernels,
                named=config.channels,
            )
        )
    return views


def _shown(layer: str, ranking: list[Channel], config: InspectConfig) -> tuple[int, ...]:
    """Return the channels that are shown, in their order on the sheet."""
    if config.channels:
        return config.channels
    if config.show == "filters" and layer == FIRST_LAYER:
        return tuple(range(len(ranking)))
    limit = OVERVIEW_CHANNELS if config.overview else config.max_channels or len(ranking)
    return tuple(one.channel for one in ranking[:limit])


@dataclass(frozen=True, eq=False)
class _Job:
    """A long part of the work on one layer."""

    index: int
    """Which of the layers."""
    field: str
    """The field of the layer's view that its previews become."""
    total: int
    """Its number of steps, the last of which has a preview."""
    note: str
    steps: Iterator[Step[Tensor]]


def _jobs(picture: Tensor, config: InspectConfig, layers: list[LayerView]) -> list[_Job]:
    """Return the long parts that this sheet needs, layer by layer."""
    jobs = []
    for index, layer in enumerate(layers):
        if config.show in ("all", "dream"):
            jobs.append(_dream_job(picture, config, index, layer.layer))
        if config.show in ("all", "filters") and layer.kernels is None:
            jobs.append(_visualization_job(config, index, layer))
    return jobs


def _dream_job(picture: Tensor, config: InspectConfig, index: int, layer: str) -> _Job:
    settings = {field.name: getattr(config, field.name) for field in fields(DreamConfig)}
    dream = DreamConfig(**settings | {"layer": layer})
    if config.overview:
        size, octaves = SMALL_DREAM
        dream = replace(dream, octaves=min(octaves, config.octaves))
        picture = at_size(picture, size)
    total = len(dream.octave_sizes((picture.shape[1], picture.shape[2]))) * dream.steps
    return _Job(index, "dream", total, f"dreaming of {layer}", dream_steps(picture, dream))


def _visualization_job(config: InspectConfig, index: int, layer: LayerView) -> _Job:
    settings = VisualizationConfig(
        layer.layer,
        layer.shown,
        steps=config.visualization_steps,
        seed=config.seed,
        weights=config.weights,
        device=config.device,
        precision=config.precision,
    )

    def steps() -> Iterator[Step[Tensor]]:
        for step in visualize_steps(settings):
            pictures = step.preview.pictures if step.preview is not None else None
            yield Step(step.number, step.total, step.losses, step.seconds, pictures)

    note = f"visualizing channels of {layer.layer}"
    return _Job(index, "visualizations", settings.total, note, steps())
