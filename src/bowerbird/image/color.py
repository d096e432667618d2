"""Keep the content image's colors while its style changes.

Two ways, both from Gatys, Bethge, Hertzmann and Shechtman, "Preserving Color in Neural Artistic
Style Transfer", arXiv:1606.05897:

    color matching   before the transfer, give the style image the content image's mean and
                     covariance of RGB: x -> S_t^1/2 S_s^-1/2 (x - mu_s) + mu_t, with symmetric
                     roots ("Color histogram matching", the variant of Image Analogies)
    luminance only   transfer between gray images, then restore the content image's chroma
                     ("Luminance-only transfer"). Where the two differ much in brightness or
                     contrast, match first: L -> (sigma_t / sigma_s) (L - mu_s) + mu_t

Departures: both covariances (and variances) get (1/255)^2 on the diagonal, so that a gray or
constant image is unchanged where it has no color to stretch, and rounding noise is not amplified.
Luma is BT.709's Y' = 0.2126 R' + 0.7152 G' + 0.0722 B' instead of the paper's YIQ (BT.601): it
belongs to the primaries of sRGB, which our images have, and 601 to those of NTSC. Colors outside
0..1 lose chroma, not luma or hue.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_LUMA = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709-6, 3.2: luma of R', G', B'
_FLOOR = (1 / 255) ** 2  # variance added, of one 8-bit level; below it are only rounding errors


def match_color(
    source: Float[Tensor, "3 h w"],
    target: Float[Tensor, "3 H W"],
    *,
    target_weights: Float[Tensor, "H W"] | None = None,
) -> Float[Tensor, "3 h w"]:
    """Return ``source`` with the mean color and color covariance of ``target``, clipped to 0..1.

    Weights (>= 0, such as a mask) weigh the pixels of ``target``. Raises ValueError for weights of
    another shape, below 0, not finite, or all zero.
    """
    source_mean, source_covariance = _moments(source, None)
    target_mean, target_covariance = _moments(target, target_weights)
    matrix = _power(target_covariance, 0.5) @ _power(source_covariance, -0.5)
    pixels = source.cpu().to(torch.float64).flatten(1) - source_mean
    matched = (matrix @ pixels + target_mean).clamp(0, 1)
    return matched.to(source).view_as(source)


def luminance(rgb: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    """Return an image in gray: BT.709 luma, 0..1, in each of the three channels."""
    return _luma(rgb).expand(3, -1, -1).clone()


def match_luminance(
    style: Float[Tensor, "3 h w"],
    content: Float[Tensor, "3 H W"],
    *,
    weights: Float[Tensor, "H W"] | None = None,
) -> Float[Tensor, "3 h w"]:
    """Return ``style`` in gray with the mean and std of the content image's luma, in 0..1.

    For luminance-only transfer between images of different brightness; without it the result has
    the style's brightness. Weights weigh the pixels of ``content``; errors as in ``match_color``.
    """
    gray, target = (_luma(rgb.cpu().to(torch.float64)) for rgb in (style, content))
    normalized = _normalized_weights(content, weights)
    mean = (target.flatten() * normalized).sum()
    variance = ((target.flatten() - mean).square() * normalized).sum()
    gain = ((variance + _FLOOR) / (gray.var(correction=0) + _FLOOR)).sqrt()
    matched = (gray - gray.mean()) * gain + mean
    return matched.clamp(0, 1).to(style).expand(3, -1, -1).clone()


def restore_chroma(
    result: Float[Tensor, "3 h w"], content: Float[Tensor, "3 h w"]
) -> Float[Tensor, "3 h w"]:
    """Return the luma of ``result`` with the chroma (R'-Y', G'-Y', B'-Y') of ``content``, in 0..1.

    Raises ValueError if the two differ in size.
    """
    if result.shape != content.shape:
        raise ValueError(
            f"the result is {tuple(result.shape[1:])} px and the content image "
            f"{tuple(content.shape[1:])} px; resize one to the other"
        )
    luma = _luma(result).clamp(0, 1)
    chroma = content - _luma(content)
    # The largest fraction of the chroma that keeps each channel within 0..1 around this luma.
    headroom = torch.where(chroma > 0, 1 - luma, luma)
    fraction = (headroom / chroma.abs().clamp_min(1e-6)).amin(dim=0, keepdim=True).clamp_max(1)
    return (luma + fraction * chroma).clamp(0, 1)


def _luma(rgb: Float[Tensor, "3 h w"]) -> Float[Tensor, "1 h w"]:
    """Return BT.709 luma."""
    weights = torch.tensor(_LUMA, dtype=rgb.dtype, device=rgb.device)
    return torch.einsum("c,chw->hw", weights, rgb)[None]


def _moments(
    rgb: Float[Tensor, "3 h w"], weights: Float[Tensor, "h w"] | None
) -> tuple[Float[Tensor, "3 1"], Float[Tensor, "3 3"]]:
    """Return the weighted mean and covariance (with the floor added) in float64, on the CPU."""
    pixels = rgb.cpu().to(torch.float64).flatten(1)  # Apple's GPU has neither float64 nor eigh
    normalized = _normalized_weights(rgb, weights)
    mean = (pixels * normalized).sum(dim=1, keepdim=True)
    centered = pixels - mean
    covariance = (centered * normalized) @ centered.T
    return mean, covariance + _FLOOR * torch.eye(3, dtype=torch.float64)


def _normalized_weights(
    rgb: Float[Tensor, "3 h w"], weights: Float[Tensor, "h w"] | None
) -> Float[Tensor, " h*w"]:
    """Return the weight of each pixel, with sum 1, in float64 on the CPU."""
    if weights is None:
        weights = torch.ones(rgb.shape[1:])
    if weights.shape != rgb.shape[1:]:
        raise ValueError(
            f"weights must have the image's shape {tuple(rgb.shape[1:])}, "
            f"got {tuple(weights.shape)}"
        )
    flat = weights.cpu().to(torch.float64).flatten()
    total = flat.sum()
    if not (bool(torch.isfinite(total)) and bool(total > 0) and bool((flat >= 0).all())):
        raise ValueError("weights must be finite, at least 0, and positive somewhere")
    return flat / total


def _power(covariance: Float[Tensor, "3 3"], exponent: float) -> Float[Tensor, "3 3"]:
    """Raise a symmetric positive matrix to a power by its eigenvectors."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(_FLOOR) ** exponent) @ vectors.T
