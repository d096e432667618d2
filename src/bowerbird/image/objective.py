"""The loss of a picture: near a photograph in content, near paintings in style; and its gradient.

``L = alpha L_content + beta sum_l w_l E_l``, plus two small terms on the pixels themselves: their
variation, in step with the style, and what lies outside [0, 1].

Source: Gatys, Ecker, Bethge 2015 (arXiv:1508.06576), equation 7.

Departures: by default each term is relative, content to the energy of the photograph's features
and style to the energy of the painting's, so that weights mean the same at every size and in every
layer (``units``). Statistics are of the whole picture, or of a region, also where the picture is
seen in tiles: moments are summed over the tiles first, the slope of the loss with respect to them
is one small computation, and each tile then only follows that slope.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.image import statistics as perception
from bowerbird.image.masks import at_layer, covered
from bowerbird.image.statistics import Moments
from bowerbird.image.tiles import GRID, Tile, plan
from bowerbird.learning.validate import check_choice
from bowerbird.networks.vgg import VGG
from bowerbird.networks.vgg_layers import Edge, Pooling, check_layers, layer_names, reach, stride

Statistic = Literal["wasserstein", "gram", "mean-deviation"]
Units = Literal["relative", "paper", "mean"]

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@dataclass(frozen=True)
class ObjectiveConfig:
    """What a good picture is."""

    strength: float = 0.5
    """How strong the style is, 0 to 1: 0 is the photograph, 1 only begins with it."""
    content_layers: tuple[str, ...] = ("relu4_2",)
    """Layers whose features are kept (arXiv:1508.06576: conv4_2)."""
    style_layers: tuple[str, ...] = STYLE_LAYERS
    """Layers whose statistics are matched (arXiv:1508.06576: conv1_1 to conv5_1)."""
    style_layer_weights: tuple[float, ...] = (1.0,)
    """Weight of each style layer; one number serves all. They are divided by their sum."""
    statistic: Statistic = "wasserstein"
    """Statistics that make a style: gaussian (wasserstein), gram (the paper), mean-deviation."""
    units: Units = "relative"
    """relative: to the energy of the targets; paper: sums as in the paper; mean: per feature."""
    content_weight: float = 0.08
    """Weight of content at strength 0.5 (alpha in the paper)."""
    style_weight: float = 1.0
    """Weight of style at strength 0.5 (beta in the paper)."""
    variation_weight: float = 1.0
    """Weight of total variation at strength 0.5, on pixels in [0, 1]: against grain."""
    variation_power: Literal[1, 2] = 2
    """Absolute (1) or squared (2) differences in the total variation."""
    range_weight: float = 100.0
    """Weight of the mean square of what lies outside [0, 1] and would be cut off on saving."""
    pooling: Pooling = "max"
    """How the network pools: max, average or l2 (arXiv:1508.06576 finds average smoother)."""
    edge: Edge = "replicate"
    """What lies beyond the picture's edge: zeros, replicate, reflect, or circular (tileable)."""

    def __post_init__(self) -> None:
        for name in ("content_layers", "style_layers"):
            _check_names(name, getattr(self, name))
        if not 0 <= self.strength <= 1:
            raise ValueError(f"strength lies between 0 and 1, not at {self.strength}")
        if len(self.style_layer_weights) not in (1, len(self.style_layers)):
            raise ValueError(
                f"style_layer_weights has {len(self.style_layer_weights)} numbers for "
                f"{len(self.style_layers)} style layers; give one number, or one a layer"
            )
        weights = (self.content_weight, self.style_weight, self.variation_weight)
        for weight in (*weights, self.range_weight, *self.style_layer_weights):
            if not 0 <= weight < math.inf:
                raise ValueError(f"weights are numbers from 0 on, not {weight}")
        for value, kind in (
            (self.statistic, Statistic),
            (self.units, Units),
            (self.pooling, Pooling),
            (self.edge, Edge),
            (self.variation_power, Literal[1, 2]),
        ):
            check_choice(value, get_args(kind))

    @property
    def layer_weights(self) -> dict[str, float]:
        """The weight of each style layer; they sum to 1."""
        weights = self.style_layer_weights
        if len(weights) == 1:
            weights = weights * len(self.style_layers)
        whole = sum(weights) or 1.0
        return {n: w / whole for n, w in zip(self.style_layers, weights, strict=True)}

    @property
    def balance(self) -> tuple[float, float]:
        """The weights of content and of style after the dial ``strength`` has been turned."""
        return 2 * (1 - self.strength) * self.content_weight, 2 * self.strength * self.style_weight

    @property
    def last_layer(self) -> str:
        """The deepest layer that is looked at."""
        names = in_depth_order((*self.content_layers, *self.style_layers))
        return names[-1] if names else "relu1_1"


def _check_names(setting: str, layers: tuple[str, ...]) -> None:
    """Raise ValueError for a layer that is none, has no name, or is there twice."""
    if "" in layers:
        raise ValueError(f"{setting} has an empty name; write them like relu1_1,relu2_1")
    check_layers(layers)
    twice = [layer for layer in layers if layers.count(layer) > 1]
    if twice:
        raise ValueError(f"{setting} has {twice[0]} more than once; give its weight instead")


def in_depth_order(layers: Sequence[str]) -> list[str]:
    """Return layers from the shallowest to the deepest."""
    return sorted(layers, key=layer_names().index)


@dataclass(frozen=True)
class Manner:
    """A style to reach in a part of the picture."""

    targets: Mapping[str, Moments]
    """Moments to reach at each style layer, per position (weight 1)."""
    mask: Float[Tensor, "h w"] | None = None
    """Where, 0 to 1, at the picture's size; None is everywhere."""
    weight: float = 1.0
    """How much this manner counts beside the others."""


@dataclass(frozen=True)
class Evaluation:
    """The loss of a picture and its slope."""

    losses: dict[str, float]
    """``content``, ``style``, ``pixels`` (weighted) and their sum ``total``."""
    gradient: Float[Tensor, "1 3 h w"]


def see(
    network: VGG,
    picture: Float[Tensor, "1 3 h w"],
    config: ObjectiveConfig,
    most: int,
) -> dict[str, Moments]:
    """Return a style picture's moments at each style layer, per position, in tiles if it is large.

    ``most`` is the number of px seen at once.
    """
    totals: dict[str, Moments] = {}
    # a painting does not continue on its other side, whatever the picture to be made does
    edge: Edge = "replicate" if config.edge == "circular" else config.edge
    for tile in _tiles(picture, most, config.last_layer):
        with torch.no_grad():
            features = network(picture[(..., *tile.outer)], config.style_layers, edge)
            for name, f in features.items():
                part = perception.moments(tile.core(f, name))
                totals[name] = totals[name] + part if name in totals else part
    return {name: m.scaled(1 / m.weight) for name, m in totals.items()}


def _tiles(picture: Tensor, most: int, deepest: str) -> list[Tile]:
    """Return the tiles in which a picture is seen up to its deepest layer."""
    size = (picture.shape[2], picture.shape[3])
    return plan(size, most, reach(deepest), max(GRID, stride(deepest)))


class Objective:
    """The loss of pictures of one size, with its targets."""

    def __init__(
        self,
        network: VGG,
        config: ObjectiveConfig,
        content: Float[Tensor, "1 3 h w"] | None,
        manners: Sequence[Manner],
        most: int = 1 << 62,
    ) -> None:
        """Prepare the targets; ``most`` is the number of px that the network sees at once."""
        self.network, self.config = network, config
        content_weight, self.style_weight = config.balance
        self.content_weight = content_weight if content is not None else 0.0
        wanted = config.content_layers if self.content_weight else ()
        styled = config.style_layers if self.style_weight and manners else ()
        self.variation_weight = 2 * config.strength * config.variation_weight
        self.layers = in_depth_order(tuple({*wanted, *styled}))
        self.content_layers, self.style_layers = wanted, styled
        self.most = most
        # Apple's GPU has no eigenvectors: there the small matrices go to the processor
        device = network.mean.device
        self.algebra = torch.device("cpu") if device.type == "mps" else device
        self.manners = tuple(self._settled(manner) for manner in manners)
        self.roots = [self._roots(manner) for manner in self.manners]
        self.positions = [
            None if m.mask is None else {name: at_layer(m.mask, name) for name in styled}
            for m in self.manners
        ]
        masks = [m.mask for m in self.manners if m.mask is not None]
        self.covered = covered(masks) if masks else None
        self.content: dict[str, Tensor] = {}
        self.energy: dict[str, float] = {}
        if content is not None and wanted:
            self._keep(content)

    def _settled(self, manner: Manner) -> Manner:
        targets = {name: m.to(self.algebra) for name, m in manner.targets.items()}
        return replace(manner, targets=targets)

    def _roots(self, manner: Manner) -> dict[str, Tensor]:
        if self.config.statistic != "wasserstein":
            return {}
        return {
            name: perception.symmetric_root(perception.raised(m.covariance, m))
            for name, m in manner.targets.items()
        }

    def _keep(self, content: Tensor) -> None:
        """Remember the photograph's features, tile by tile, and their energy."""
        for tile in self._tiles(content):
            with torch.no_grad():
                features = self.network(content[(..., *tile.outer)], self.content_layers)
            for name, f in features.items():
                if name not in self.content:
                    size = [s // stride(name) for s in content.shape[2:]]
                    self.content[name] = f.new_empty((1, f.shape[1], *size)).contiguous(
                        memory_format=torch.channels_last
                    )
                part = tile.core(f, name)
                self.content[name][(..., *tile.whole_positions(name))] = part
        for name, f in self.content.items():
            self.energy[name] = max(float(f.float().square().mean()), 1e-12)

    def _tiles(self, picture: Tensor) -> list[Tile]:
        tiles = _tiles(picture, self.most, self.layers[-1] if self.layers else "conv1_1")
        if self.config.edge == "circular" and len(tiles) > 1:
            raise ValueError(
                f"a picture of {picture.shape[3]} x {picture.shape[2]} px that meets itself at its "
                "edges has to be seen whole; raise the memory or lower the size"
            )
        return tiles

    def evaluate(self, picture: Float[Tensor, "1 3 h w"]) -> Evaluation:
        """Return the losses and the gradient with respect to the picture."""
        gradient, losses = self._pixels(picture)
        losses |= {"content": 0.0, "style": 0.0}
        tiles = self._tiles(picture)
        if self.layers and len(tiles) == 1:
            self._whole(picture, tiles[0], gradient, losses)
        elif self.layers:
            slopes = self._survey(picture, tiles, losses)
            for tile in tiles:
                self._follow(picture, tile, slopes, gradient, losses)
        losses["total"] = sum(losses.values())
        return Evaluation(losses, gradient)

    def _pixels(self, picture: Tensor) -> tuple[Tensor, dict[str, float]]:
        config = self.config
        leaf = picture.detach().requires_grad_()
        loss = config.range_weight * perception.out_of_range(leaf)
        loss.backward()  # one term after the other: half the memory of both together
        total = float(loss.detach())
        if self.variation_weight:
            variation = perception.total_variation(
                leaf, config.variation_power, self.covered, config.edge == "circular"
            )
            loss = self.variation_weight * variation
            loss.backward()
            total += float(loss.detach())
        assert leaf.grad is not None
        return leaf.grad, {"pixels": total}

    def _look(self, leaf: Tensor, tile: Tile) -> tuple[Tensor, list[dict[str, Moments]]]:
        """Return the content loss of a tile's core and its moments, one dict a manner."""
        features = self.network(leaf, self.layers)
        return self._content_of(features, tile), self._moments_of(features, tile)

    def _content_of(self, features: dict[str, Tensor], tile: Tile) -> Tensor:
        """Return the weighted content loss of a tile's core."""
        loss = torch.zeros((), device=self.network.mean.device)
        for name in self.content_layers:
            f = tile.core(features[name], name)
            target = self.content[name][(..., *tile.whole_positions(name))]
            loss = loss + self._content(name, perception.content_loss(f, target))
        return self.content_weight * loss

    def _moments_of(self, features: dict[str, Tensor], tile: Tile) -> list[dict[str, Moments]]:
        """Return the moments of a tile's core, one dict a manner."""
        return [
            {
                name: perception.moments(
                    tile.core(features[name], name),
                    weights[name][tile.whole_positions(name)] if weights else None,
                )
                for name in self.style_layers
            }
            for weights in self.positions
        ]

    def _content(self, name: str, halves: Tensor) -> Tensor:
        """Bring half a sum of squares into the units of the objective, averaged over layers."""
        if self.config.units == "paper":
            return halves
        mean = 2 * halves / self.content[name].numel() / len(self.content_layers)
        return mean / self.energy[name] if self.config.units == "relative" else mean

    def _style(self, seen: list[dict[str, Moments]]) -> Tensor:
        """Return the weighted style loss of the whole picture's moments."""
        config, losses = self.config, []
        for manner, roots, made in zip(self.manners, self.roots, seen, strict=True):
            area = manner.weight * (1.0 if manner.mask is None else float(manner.mask.mean()))
            for name, weight in config.layer_weights.items():
                if not float(made[name].weight) > 0:  # a region with no position at this layer
                    continue
                loss = self._distance(made[name], manner.targets[name], roots.get(name))
                losses.append(loss * (weight * area * self.style_weight))
        return torch.stack(losses).sum() if losses else torch.zeros((), requires_grad=True)

    def _distance(self, made: Moments, target: Moments, root: Tensor | None) -> Tensor:
        units, channels = self.config.units, len(target.first)
        if self.config.statistic == "gram":
            loss = perception.gram_loss(made, target)
            if units == "relative":
                return loss * 4 / target.gram.square().mean()
            return loss * 4 / channels**2 if units == "mean" else loss
        if root is not None:
            loss = perception.wasserstein_loss(made, target, root)
        else:
            loss = perception.mean_deviation_loss(made, target)
        return loss / target.energy if units == "relative" else loss / channels

    def _slopes(self, seen: list[dict[str, Moments]]) -> tuple[float, list[Tensor]]:
        """Return the style loss and its slope with respect to the sums in ``seen``."""
        leaves = [
            {
                name: Moments(
                    m.weight, m.first.detach().requires_grad_(), m.second.detach().requires_grad_()
                )
                for name, m in ((name, m.to(self.algebra)) for name, m in region.items())
            }
            for region in seen
        ]
        loss = self._style(leaves)
        flat = [t for region in leaves for m in region.values() for t in (m.first, m.second)]
        slopes = torch.autograd.grad(loss, flat, allow_unused=True)
        return float(loss.detach()), [
            (torch.zeros_like(t) if s is None else s).to(self.network.mean.device)
            for t, s in zip(flat, slopes, strict=True)
        ]

    def _whole(
        self, picture: Tensor, tile: Tile, gradient: Tensor, losses: dict[str, float]
    ) -> None:
        leaf = picture.detach().requires_grad_()
        content, seen = self._look(leaf, tile)
        slopes: list[Tensor] = []
        if self.style_layers:
            losses["style"], slopes = self._slopes(seen)
        self._descend(content, seen, slopes)
        assert leaf.grad is not None
        gradient += leaf.grad
        losses["content"] = float(content.detach())

    def _survey(self, picture: Tensor, tiles: list[Tile], losses: dict[str, float]) -> list[Tensor]:
        """Sum the moments over all tiles and return the slope there."""
        totals: list[dict[str, Moments]] = []
        if not self.style_layers:
            return []
        for tile in tiles:
            with torch.no_grad():
                outer = picture[(..., *tile.outer)]  # no name for its features: they are large
                seen = self._moments_of(self.network(outer, self.style_layers), tile)
            totals = (
                [{n: old[n] + new[n] for n in new} for old, new in zip(totals, seen, strict=True)]
                if totals
                else seen
            )
        losses["style"], slopes = self._slopes(totals)
        return slopes

    def _follow(
        self,
        picture: Tensor,
        tile: Tile,
        slopes: list[Tensor],
        gradient: Tensor,
        losses: dict[str, float],
    ) -> None:
        """Add one tile's part of the gradient."""
        leaf = picture[(..., *tile.outer)].detach().clone().requires_grad_()
        content, seen = self._look(leaf, tile)
        self._descend(content, seen, slopes)
        assert leaf.grad is not None
        gradient[(..., *tile.outer)] += leaf.grad
        losses["content"] += float(content.detach())

    def _descend(
        self, content: Tensor, seen: list[dict[str, Moments]], slopes: list[Tensor]
    ) -> None:
        flat = [t for region in seen for m in region.values() for t in (m.first, m.second)]
        roots, grads = list(flat) if slopes else [], list(slopes)
        if content.requires_grad:
            roots.append(content)
            grads.append(torch.ones_like(content))
        torch.autograd.backward(roots, grads)
