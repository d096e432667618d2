"""A small causal transformer, to compare the recurrent networks with: signs in, scores out.

A layer is ``x = x + A(norm(x)); x = x + W' gelu(W norm(x))``, where A is attention (Vaswani et al.
2017, arXiv:1706.03762): ``softmax(q_n . k_m / sqrt(d)) v_m`` over the signs m that sign n may see,
with q, k, v linear in x and each head d numbers wide. Layer norm before each part, GELU, tied
weights and first weights are those of nanoGPT (Karpathy, model.py), whose networks these can be.

``rotary`` positions (Su et al. 2021, arXiv:2104.09864, equation 34) turn the pair (2i, 2i + 1) of
q_n and k_m by n and m times ``10000^(-2i/d)``, so that only n - m counts. In each layer a sign sees
the last ``span`` signs, itself included, whether they lie in the same call or in the carried
state (the memory of Transformer-XL, Dai et al. 2019, arXiv:1901.02860); through all layers it is
reached from ``blocks (span - 1)`` signs before. ``learned`` positions are nanoGPT's: a vector for
each place in a span.

Departures: nanoGPT reads every window without a past, and rereads a whole window for each sign it
writes. With learned positions a sign's place is the number of signs before it modulo ``span``,
and it sees its own stretch of ``span`` signs only: after each such stretch the past is forgotten,
whatever the lengths of the calls. Training with carried states on windows as long as ``span`` is
then nanoGPT's training, but for its random order; for writing long pieces, rotary is the better.

Dropped attention weights are drawn from torch's own generator, whatever ``random`` is. Weights are
float32; with another ``dtype`` they are converted at each use; sums over layers, norms and logits
are float32.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from bowerbird.networks.config import TransformerConfig

State = tuple[Tensor, ...]
BASE = 10000.0  # the slowest pair turns by nearly 1/BASE radians a sign (Su et al., section 3.2.2)


@dataclass(frozen=True)
class Sight:
    """What the signs of one reading may see, the same for every layer."""

    seen: Bool[Tensor, "b 1 t s"] | None
    """Which of the s signs, past ones first, each of the t sees; None is all before it."""
    turns: tuple[Float[Tensor, "s 1 d"], Float[Tensor, "s 1 d"]] | None
    """Cosines and sines that turn pairs by the s places; None without rotary positions."""
    dtype: torch.dtype
    """What it computes in."""
    dropped: float
    """Share of the attention weights that is dropped."""


class TransformerLayer(nn.Module):
    """One layer: ``attend`` looks at other signs, ``transform`` at each sign alone."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, bias = config.embedding_dim, config.bias
        self.heads, self.window = config.num_heads, config.context_length
        self.norm1 = nn.LayerNorm(width, bias=bias)
        self.inward = nn.Linear(width, 3 * width, bias=bias)  # queries, keys, values
        self.outward = nn.Linear(width, width, bias=bias)
        self.norm2 = nn.LayerNorm(width, bias=bias)
        self.widen = nn.Linear(width, config.feed_forward * width, bias=bias)
        self.narrow = nn.Linear(config.feed_forward * width, width, bias=bias)

    def attend(
        self, x: Float[Tensor, "b t w"], past: State | None, sight: Sight
    ) -> tuple[Float[Tensor, "b t w"], State]:
        """Return what attention adds, and the keys and values (b, span, w) of the last signs.

        ``past`` is such keys (not yet turned) and values of signs before the first.
        """
        q, *now = _linear(self.norm1(x).to(sight.dtype), self.inward).chunk(3, -1)
        if past is not None:  # the oldest sign is out of sight of the first new one
            now = [torch.cat([p[:, 1:].to(n.dtype), n], 1) for p, n in zip(past, now, strict=True)]
        after = tuple(_last(n, self.window) for n in now)
        q, k, v = (a.unflatten(-1, (self.heads, -1)) for a in (q, *now))
        if sight.turns is not None:
            k = _turned(k, *sight.turns)
            q = _turned(q, *(turn[-q.shape[1] :] for turn in sight.turns))
        y = F.scaled_dot_product_attention(
            q.transpose(1, 2),
            k.transpose(1, 2),
            v.transpose(1, 2),
            attn_mask=sight.seen,
            dropout_p=sight.dropped,
            is_causal=sight.seen is None,
        )
        return _linear(y.transpose(1, 2).flatten(2), self.outward), after

    def transform(self, x: Float[Tensor, "b t w"], dtype: torch.dtype) -> Float[Tensor, "b t w"]:
        """Return what the feed-forward part adds, computed in ``dtype``."""
        return _linear(F.gelu(_linear(self.norm2(x).to(dtype), self.widen)), self.narrow)


class Transformer(nn.Module):
    """Signs in, a score for each possible next sign out.

    ``vocabulary`` is the number of signs; ``dtype`` what it computes in. A state is a tuple of
    tensors whose first dimension is the batch: keys and values (batch, span, channels) of each
    layer, oldest sign first, and how many of the last of them the next sign may see (batch): fewer
    than ``span``, and 0 before the first sign.
    """

    def __init__(
        self, vocabulary: int, config: TransformerConfig, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.vocabulary, self.config, self.dtype = vocabulary, config, dtype
        self.random: torch.Generator | None = None  # whose masks are drawn; None is torch's own
        self.embedding = nn.Embedding(vocabulary, config.embedding_dim)
        learned = config.positions == "learned"
        self.places = nn.Embedding(config.context_length, config.embedding_dim) if learned else None
        angles = _angles(
            0 if learned else 2 * config.context_length - 1,
            config.embedding_dim // config.num_heads,
        )
        self.cosines: Tensor
        self.sines: Tensor
        self.register_buffer("cosines", angles.cos().float(), persistent=False)
        self.register_buffer("sines", angles.sin().float(), persistent=False)
        self.layers = nn.ModuleList(TransformerLayer(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.embedding_dim, bias=config.bias)
        self.decoder = nn.Linear(config.embedding_dim, vocabulary, bias=False)
        self.decoder.weight = self.embedding.weight  # tied
        self.initialize()

    def start(self, batch: int) -> State:
        """Return the state before the first sign: nothing to see."""
        weight, config = self.embedding.weight, self.config
        zero = weight.new_zeros(
            batch, config.context_length, config.embedding_dim, dtype=self.dtype
        )
        return *(zero,) * (2 * config.num_layers), weight.new_zeros(batch, dtype=torch.long)

    def forward(
        self, signs: Int[Tensor, "b t"], state: State | None = None
    ) -> tuple[Float[Tensor, "b t v"], State]:
        """Return the scores (logits) of what follows each sign, and the state after the last.

        More than ``span`` signs are read piece by piece; gradients pass between the pieces.
        """
        dropped = self.config.block_dropout if self.training else 0.0
        first, *rest = signs.split(self.config.context_length, 1)
        x, after = self._read(first, state, dropped)
        outputs = [x]
        for piece in rest:
            x, after = self._read(piece, after, dropped)
            outputs.append(x)
        return self._decode(torch.cat(outputs, 1)), after

    def step(self, signs: Int[Tensor, " b"], state: State) -> tuple[Float[Tensor, "b v"], State]:
        """Return the scores of what follows one more sign, and the state after it.

        The cost grows with ``span``, not with the past. Nothing is dropped: this is the form for
        writing, not for learning.
        """
        x, state = self._read(signs[:, None], state, 0.0)
        return self._decode(x)[:, 0], state

    def fast_step(self) -> Callable[[Tensor, State], tuple[Tensor, State]]:
        """Return ``step``, which has no quicker form."""
        return self.step

    def initialize(self, seed: int = 0) -> None:
        """Draw the first weights anew."""
        random = torch.Generator().manual_seed(seed)
        small = self.config.init_std / math.sqrt(2 * self.config.num_layers)
        with torch.no_grad():
            for name, p in self.named_parameters():
                if p.ndim == 1:  # norms and biases
                    p.fill_(1.0 if name.endswith("weight") else 0.0)
                elif name.endswith(("outward.weight", "narrow.weight")):
                    p.normal_(0, small, generator=random)
                else:
                    p.normal_(0, self.config.init_std, generator=random)

    def _read(
        self, signs: Tensor, state: State | None, dropped: float
    ) -> tuple[Float[Tensor, "b t w"], State]:
        """Return the last layer's sums at up to ``span`` signs, and the state after them."""
        length, window = signs.shape[1], self.config.context_length
        if state is not None and not bool(state[-1].any()):
            state = None  # nothing to see: the fast form without a mask serves
        before = signs.new_zeros(len(signs)) if state is None else state[-1]
        x = self.embedding(signs)
        if self.places is not None:
            new = torch.arange(length, device=signs.device)
            x = x + self.places((before[:, None] + new) % window)
        x = self._drop(x, dropped)
        sight = self._sight(length, None if state is None else before, dropped)
        after: list[Tensor] = []
        for i, layer in enumerate(self._all_layers()):
            past = None if state is None else state[2 * i : 2 * i + 2]
            y, own = layer.attend(x, past, sight)
            after += own
            x = x + self._drop(y, dropped)
            x = x + self._drop(layer.transform(x, self.dtype), dropped)
        count = before + length
        count = count.clamp(max=window - 1) if self.places is None else count % window
        return x, (*after, count)

    def _sight(self, length: int, before: Int[Tensor, " b"] | None, dropped: float) -> Sight:
        """Return what so many new signs see; ``before`` counts the past ones in sight."""
        window, seen, there = self.config.context_length, None, length
        if before is not None:
            there = window - 1 + length
            numbers = before[:, None] + torch.arange(1 - window, length, device=before.device)
            new = numbers[:, window - 1 :]
            first = (new - window + 1).clamp(min=0) if self.places is None else new - new % window
            past, new, first = numbers[:, None, None], new[:, None, :, None], first[:, None]
            seen = (past <= new) & (past >= first[..., None])
        turns = (self.cosines[:there], self.sines[:there]) if self.places is None else None
        return Sight(seen, turns, self.dtype, dropped)

    def _all_layers(self) -> list[TransformerLayer]:
        return [layer for layer in self.layers if isinstance(layer, TransformerLayer)]

    def _decode(self, x: Tensor) -> Tensor:
        return _linear(self.norm(x).to(self.dtype), self.decoder).float()

    def _drop(self, x: Tensor, share: float) -> Tensor:
        if not share:
            return x
        return x * torch.empty_like(x).bernoulli_(1 - share, generator=self.random).div_(1 - share)


def _angles(places: int, width: int) -> Float[Tensor, "places 1 pairs"]:
    """Return by how much each pair of a head is turned at each place, in radians, as float64."""
    turn = BASE ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.outer(torch.arange(places, dtype=torch.float64), turn)[:, None]


def _turned(
    x: Float[Tensor, "b s h d"], cosine: Float[Tensor, "s 1 p"], sine: Float[Tensor, "s 1 p"]
) -> Float[Tensor, "b s h d"]:
    """Return the pairs (2i, 2i + 1) turned by their angles; computed in float32, type as x."""
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([a * cosine - b * sine, a * sine + b * cosine], -1)
    return turned.flatten(-2).to(x.dtype)


def _last(x: Float[Tensor, "b s w"], count: int) -> Float[Tensor, "b count w"]:
    """Return the last signs, with zeros before them where there are too few."""
    return F.pad(x, (0, 0, max(0, count - x.shape[1]), 0))[:, -count:].contiguous()


def _linear(x: Tensor, layer: nn.Linear) -> Tensor:
    """Apply a linear map in the type of x."""
    bias = None if layer.bias is None else layer.bias.to(x.dtype)
    return F.linear(x, layer.weight.to(x.dtype), bias)
