"""Keep the photograph's colours while its manner changes.

Two ways, both from Gatys, Bethge, Hertzmann and Shechtman, "Preserving Color in Neural Artistic
Style Transfer", arXiv:1606.05897:

    colour matching  before the transfer, give the style picture the photograph's mean and
                     covariance of RGB: x -> S_t^1/2 S_s^-1/2 (x - mu_s) + mu_t, with symmetric
                     roots ("Color histogram matching", the variant of Image Analogies)
    luminance only   transfer between gray pictures, then put the photograph's chroma back
                     ("Luminance-only transfer"). Where the two differ much in brightness or
                     contrast, match first: L -> (sigma_t / sigma_s) (L - mu_s) + mu_t

Departures: both covariances (and variances) get (1/255)^2 on the diagonal, so that a gray or
constant picture is left as it is where it has no colour to stretch, and rounding noise is not
blown up. Luma is BT.709's Y' = 0.2126 R' + 0.7152 G' + 0.0722 B' instead of the paper's YIQ
(BT.601): it belongs to the primaries of sRGB, which our pictures have, and 601 to those of NTSC.
Colours that would leave 0..1 lose chroma, not luma or hue.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_LUMA = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709-6, 3.2: luma of R', G', B'
_FLOOR = (1 / 255) ** 2  # variance added: one 8-bit level; below it a picture holds only rounding


def match_color(
    source: Float[Tensor, "3 h w"],
    target: Float[Tensor, "3 H W"],
    *,
    target_weights: Float[Tensor, "H W"] | None = None,
) -> Float[Tensor, "3 h w"]:
    """Give `source` the mean colour and colour covariance of `target`, clipped to 0..1.

    Weights (>= 0, e.g. a mask) say which pixels of `target` are measured. Raises `ValueError` for
    weights of another shape, below 0, not finite, or all zero.
    """
    source_mean, source_covariance = _moments(source, None)
    target_mean, target_covariance = _moments(target, target_weights)
    matrix = _power(target_covariance, 0.5) @ _power(source_covariance, -0.5)
    pixels = source.cpu().to(torch.float64).flatten(1) - source_mean
    matched = (matrix @ pixels + target_mean).clamp(0, 1)
    return matched.to(source).view_as(source)


def luminance(rgb: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    """Return the picture in gray: BT.709 luma, 0..1, in each of the three channels."""
    return _luma(rgb).expand(3, -1, -1).clone()


def match_luminance(
    style: Float[Tensor, "3 h w"],
    photograph: Float[Tensor, "3 H W"],
    *,
    weights: Float[Tensor, "H W"] | None = None,
) -> Float[Tensor, "3 h w"]:
    """Return `style` in gray with the mean and spread of the photograph's luma, clipped to 0..1.

    For luminance-only transfer between pictures of unlike brightness: else the style's own
    brightness comes with its manner. Weights say which pixels of the photograph are measured;
    errors as in `match_color`.
    """
    gray, wanted = (_luma(rgb.cpu().to(torch.float64)) for rgb in (style, photograph))
    share = _shares(photograph, weights)
    mean = (wanted.flatten() * share).sum()
    spread = ((wanted.flatten() - mean).square() * share).sum()
    gain = ((spread + _FLOOR) / (gray.var(correction=0) + _FLOOR)).sqrt()
    matched = (gray - gray.mean()) * gain + mean
    return matched.clamp(0, 1).to(style).expand(3, -1, -1).clone()


def keep_luminance(
    result: Float[Tensor, "3 h w"], photograph: Float[Tensor, "3 h w"]
) -> Float[Tensor, "3 h w"]:
    """Join the luma of `result` with the chroma (R'-Y', G'-Y', B'-Y') of `photograph`, in 0..1.

    Raises `ValueError` if the two differ in size.
    """
    if result.shape != photograph.shape:
        raise ValueError(
            f"the result is {tuple(result.shape[1:])} and the photograph "
            f"{tuple(photograph.shape[1:])} px; resize one to the other"
        )
    luma = _luma(result).clamp(0, 1)
    chroma = photograph - _luma(photograph)
    # The largest share of the chroma that keeps each channel within 0..1 around this luma.
    room = torch.where(chroma > 0, 1 - luma, luma)
    share = (room / chroma.abs().clamp_min(1e-6)).amin(dim=0, keepdim=True).clamp_max(1)
    return (luma + share * chroma).clamp(0, 1)


def _luma(rgb: Float[Tensor, "3 h w"]) -> Float[Tensor, "1 h w"]:
    """Return BT.709 luma."""
    weights = torch.tensor(_LUMA, dtype=rgb.dtype, device=rgb.device)
    return torch.einsum("c,chw->hw", weights, rgb)[None]


def _moments(
    rgb: Float[Tensor, "3 h w"], weights: Float[Tensor, "h w"] | None
) -> tuple[Float[Tensor, "3 1"], Float[Tensor, "3 3"]]:
    """Return the weighted mean and covariance (with the floor added) in float64, on the CPU."""
    pixels = rgb.cpu().to(torch.float64).flatten(1)  # Apple's GPU has neither float64 nor eigh
    share = _shares(rgb, weights)
    mean = (pixels * share).sum(dim=1, keepdim=True)
    centred = pixels - mean
    covariance = (centred * share) @ centred.T
    return mean, covariance + _FLOOR * torch.eye(3, dtype=torch.float64)


def _shares(
    rgb: Float[Tensor, "3 h w"], weights: Float[Tensor, "h w"] | None
) -> Float[Tensor, " h*w"]:
    """Return how much each pixel counts, in all 1, in float64 on the CPU."""
    if weights is None:
        weights = torch.ones(rgb.shape[1:])
    if weights.shape != rgb.shape[1:]:
        raise ValueError(f"weights are {tuple(weights.shape)}, the picture {tuple(rgb.shape[1:])}")
    share = weights.cpu().to(torch.float64).flatten()
    total = share.sum()
    if not (bool(torch.isfinite(total)) and bool(total > 0) and bool((share >= 0).all())):
        raise ValueError("weights must be finite, at least 0, and above 0 somewhere")
    return share / total


def _power(covariance: Float[Tensor, "3 3"], exponent: float) -> Float[Tensor, "3 3"]:
    """Raise a symmetric positive matrix to a power by its eigenvectors."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(_FLOOR) ** exponent) @ vectors.T
