"""The loss of an image, near a content image and near styles, and its gradient.

``L = alpha L_content + beta sum_l w_l E_l``, plus two small terms on the pixels themselves: total
variation, weighted with the style, and the mean square of values outside [0, 1].

Source: Gatys, Ecker, Bethge 2015 (arXiv:1508.06576), equation 7.

Departures: by default each term is relative, content to the energy of the content image's features
and style to the energy of the style image's, so that weights mean the same at every size and in
every layer (``normalization``). Statistics are of the whole image, or of a region, even where the
image is processed in tiles: moments are summed over the tiles first, the gradient of the loss with
respect to them is one small computation, and each tile then only backpropagates that gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from bowerbird.image.config import ObjectiveConfig, in_depth_order
from bowerbird.image.masks import coverage, mask_at_layer
from bowerbird.image.statistics import Moments, add_moments, moments
from bowerbird.image.style_loss import StyleLoss, StyleTarget, flat
from bowerbird.image.tiles import GRID, Tile, plan_tiles
from bowerbird.networks.vgg import VGG
from bowerbird.networks.vgg_layers import PaddingMode, receptive_radius, stride


@dataclass(frozen=True)
class Evaluation:
    """The loss of an image and its gradient."""

    losses: dict[str, float]
    """``content``, ``style``, ``regularization`` (all weighted) and their sum ``total``."""
    gradient: Float[Tensor, "1 3 h w"]

    @property
    def is_finite(self) -> bool:
        """Whether neither the loss nor its gradient has NaN or infinity."""
        total = torch.tensor(self.losses["total"])
        return bool(total.isfinite()) and bool(self.gradient.isfinite().all())


@torch.no_grad()
def style_statistics(
    network: VGG, image: Float[Tensor, "1 3 h w"], config: ObjectiveConfig, max_px: int
) -> dict[str, Moments]:
    """Return a style image's moments at each style layer, per position.

    ``max_px`` is the largest number of px processed at once.
    """
    # a style image does not continue at its opposite edge, even if the result does
    circular = config.padding_mode == "circular"
    padding_mode: PaddingMode = "replicate" if circular else config.padding_mode

    def tile_moments(tile: Tile) -> dict[str, Moments]:
        features = network(image[(..., *tile.outer)], config.style_layers, padding_mode)
        return {name: moments(tile.crop_core(f, name)) for name, f in features.items()}

    parts = map(tile_moments, _tiles(image, max_px, config.last_layer))
    return {name: m.scaled(1 / m.weight) for name, m in reduce(add_moments, parts).items()}


def _tiles(image: Tensor, max_px: int, last_layer: str) -> list[Tile]:
    """Return the tiles in which an image is processed up to its deepest layer."""
    size = (image.shape[2], image.shape[3])
    return plan_tiles(size, max_px, receptive_radius(last_layer), max(GRID, stride(last_layer)))


class Objective:
    """The loss of images of one size, with its targets."""

    def __init__(
        self,
        network: VGG,
        config: ObjectiveConfig,
        content: Float[Tensor, "1 3 h w"] | None,
        styles: Sequence[StyleTarget],
        max_px: int = 1 << 62,
    ) -> None:
        """Compute the targets; ``max_px`` is the largest number of px processed at once."""
        self.network, self.config, self.max_px = network, config, max_px
        content_weight, style_weight, self.tv_weight = config.effective_weights
        self.content_weight = content_weight if content is not None else 0.0
        self.content_layers = config.content_layers if self.content_weight else ()
        self.style_layers = config.style_layers if style_weight and styles else ()
        self.layers = in_depth_order(tuple({*self.content_layers, *self.style_layers}))
        self.styles = StyleLoss(config, styles, network.mean.device)
        self.layer_masks = [
            None
            if s.mask is None
            else {name: mask_at_layer(s.mask, name) for name in self.style_layers}
            for s in styles
        ]
        masks = [s.mask for s in styles if s.mask is not None]
        self.coverage = coverage(masks) if masks else None
        self.content: dict[str, Tensor] = {}
        self.content_energy: dict[str, float] = {}
        if content is not None and self.content_layers:
            self._store_content(content)

    def _store_content(self, content: Tensor) -> None:
        """Store the content image's features, tile by tile, and their energy."""
        for tile in self._tiles(content):
            with torch.no_grad():
                features = self.network(content[(..., *tile.outer)], self.content_layers)
            for name, f in features.items():
                if name not in self.content:
                    size = [s // stride(name) for s in content.shape[2:]]
                    self.content[name] = f.new_empty((1, f.shape[1], *size)).contiguous(
                        memory_format=torch.channels_last
                    )
                part = tile.crop_core(f, name)
                self.content[name][(..., *tile.core_slices(name))] = part
        for name, f in self.content.items():
            self.content_energy[name] = max(float(f.float().square().mean()), 1e-12)

    def _tiles(self, image: Tensor) -> list[Tile]:
        tiles = _tiles(image, self.max_px, self.layers[-1] if self.layers else "conv1_1")
        if self.config.padding_mode == "circular" and len(tiles) > 1:
            raise ValueError(
                f"a tileable image of {image.shape[3]} x {image.shape[2]} px can't be split to "
                "save memory; raise max_memory or lower the size"
            )
        return tiles

    def evaluate(self, image: Float[Tensor, "1 3 h w"]) -> Evaluation:
        """Return the losses and the gradient with respect to the image."""
        regularization, gradient = self._regularization(image)
        terms = {"regularization": regularization, "content": 0.0, "style": 0.0}
        tiles = self._tiles(image) if self.layers else []
        style_gradients: list[Tensor] | None = None
        if len(tiles) > 1 and self.style_layers:
            totals = self._total_moments(image, tiles)
            terms["style"], style_gradients = self.styles.gradients(totals)
        for tile in tiles:
            self._add_tile(image, tile, style_gradients, gradient, terms)
        terms["total"] = sum(terms.values())
        return Evaluation(terms, gradient)

    def _regularization(self, image: Tensor) -> tuple[float, Tensor]:
        """Return the loss on the pixels themselves and its gradient."""
        config = self.config
        leaf = image.detach().requires_grad_()
        loss = config.range_weight * range_loss(leaf)
        loss.backward()  # one term after the other: half the memory of both together
        total = float(loss.detach())
        if self.tv_weight:
            variation = total_variation(
                leaf, config.tv_power, self.coverage, config.padding_mode == "circular"
            )
            loss = self.tv_weight * variation
            loss.backward()
            total += float(loss.detach())
        assert leaf.grad is not None
        return total, leaf.grad

    @torch.no_grad()
    def _total_moments(self, image: Tensor, tiles: list[Tile]) -> list[dict[str, Moments]]:
        """Return the moments of all tiles, one dict per style."""
        parts = (  # the features of a tile get no name: they are large
            self._tile_moments(self.network(image[(..., *tile.outer)], self.style_layers), tile)
            for tile in tiles
        )
        return reduce(lambda a, b: [add_moments(*pair) for pair in zip(a, b, strict=True)], parts)

    def _add_tile(
        self,
        image: Tensor,
        tile: Tile,
        style_gradients: list[Tensor] | None,
        gradient: Tensor,
        terms: dict[str, float],
    ) -> None:
        """Add one tile's part of the gradient and of the losses.

        ``style_gradients`` are those of all tiles; None if this is the only one.
        """
        leaf = image[(..., *tile.outer)].detach().clone().requires_grad_()
        content, current = self._tile_losses(leaf, tile)
        if style_gradients is None and self.style_layers:
            terms["style"], style_gradients = self.styles.gradients(current)
        _backpropagate(content, current, style_gradients or [])
        assert leaf.grad is not None
        gradient[(..., *tile.outer)] += leaf.grad
        terms["content"] += float(content.detach())

    def _tile_losses(self, leaf: Tensor, tile: Tile) -> tuple[Tensor, list[dict[str, Moments]]]:
        """Return the content loss of a tile's core and its moments, one dict per style."""
        features = self.network(leaf, self.layers)
        return self._tile_content_loss(features, tile), self._tile_moments(features, tile)

    def _tile_content_loss(self, features: dict[str, Tensor], tile: Tile) -> Tensor:
        loss = torch.zeros((), device=self.network.mean.device)
        for name in self.content_layers:
            f = tile.crop_core(features[name], name)
            target = self.content[name][(..., *tile.core_slices(name))]
            loss = loss + self._normalized_content(name, content_loss(f, target))
        return self.content_weight * loss

    def _tile_moments(self, features: dict[str, Tensor], tile: Tile) -> list[dict[str, Moments]]:
        return [
            {
                name: moments(
                    tile.crop_core(features[name], name),
                    masks[name][tile.core_slices(name)] if masks else None,
                )
                for name in self.style_layers
            }
            for masks in self.layer_masks
        ]

    def _normalized_content(self, name: str, loss: Tensor) -> Tensor:
        """Return a layer's content loss normalized as configured and averaged over layers."""
        if self.config.normalization == "paper":
            return loss
        mean = 2 * loss / self.content[name].numel() / len(self.content_layers)
        if self.config.normalization == "mean":
            return mean
        return mean / self.content_energy[name]


def _backpropagate(
    content: Tensor, current: list[dict[str, Moments]], style_gradients: list[Tensor]
) -> None:
    """Backpropagate the content loss and the gradients of the style loss to the pixels."""
    roots, gradients = (flat(current) if style_gradients else []), list(style_gradients)
    if content.requires_grad:
        roots.append(content)
        gradients.append(torch.ones_like(content))
    torch.autograd.backward(roots, gradients)


def content_loss(
    features: Float[Tensor, "1 n h w"], target: Float[Tensor, "1 n h w"]
) -> Float[Tensor, ""]:
    """Return 1/2 sum (F - P)^2 (equation 1 of the paper), in float32."""
    return 0.5 * (features.float() - target.float()).square().sum()


def total_variation(
    images: Float[Tensor, "b 3 h w"],
    power: int = 2,
    weights: Float[Tensor, "h w"] | None = None,
    circular: bool = False,
) -> Float[Tensor, ""]:
    """Return the mean of |difference|^power between neighbors, summed over both directions.

    In units of the image ([0, 1]). An image of one row or column has no neighbors in that
    direction, unless it is ``circular``: then its opposite edges meet. ``weights``, 0 to 1, weigh
    the pixels; a pair of neighbors has the smaller of its two weights.
    """
    means = []
    for axis in (-1, -2):
        first, second = _neighbors(images, axis, circular)
        if not first.numel():
            continue
        difference = second - first
        # abs would keep a copy
        terms = difference.square() if power == 2 else difference.abs().pow(power)
        if weights is not None:
            terms = terms * torch.minimum(*_neighbors(weights, axis, circular)).to(terms)
        means.append(terms.mean())
    return torch.stack(means).sum() if means else images.sum() * 0


def _neighbors(tensor: Tensor, axis: int, circular: bool) -> tuple[Tensor, Tensor]:
    """Return the pixels that have a neighbor along an axis, and these neighbors."""
    if circular:
        return tensor, tensor.roll(-1, axis)
    count = tensor.shape[axis] - 1
    return tensor.narrow(axis, 0, count), tensor.narrow(axis, 1, count)


def range_loss(images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Return the mean square of what is below 0 or above 1 and will be clipped on saving."""
    return (images - images.clamp(0, 1)).square().mean()
