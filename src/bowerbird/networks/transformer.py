"""A small causal transformer, for comparison with the recurrent networks.

A layer is ``x = x + A(norm(x)); x = x + W' gelu(W norm(x))``, where A is attention (Vaswani et al.
2017, arXiv:1706.03762): ``softmax(q_n . k_m / sqrt(d)) v_m`` over the tokens m that token n may
attend to, with q, k, v linear in x and each head d numbers wide. Layer norm before each part, GELU,
tied weights and initial weights are those of nanoGPT (Karpathy, model.py), whose networks these can
be.

``rotary`` positions (Su et al. 2021, arXiv:2104.09864, equation 34) rotate the pair (2i, 2i + 1) of
q_n and k_m by n and m times ``10000^(-2i/d)``, so that only n - m counts. In each layer a token
attends to the last ``context_length`` tokens, itself included, whether they are in the same call or
in the carried state (the memory of Transformer-XL, Dai et al. 2019, arXiv:1901.02860); all layers
together reach back ``num_layers (context_length - 1)`` tokens. ``learned`` positions are nanoGPT's:
a vector for each position in a context.

Departures: nanoGPT reads every window without a past, and reads a whole window again for each token
that it generates. With learned positions a token's position is the number of tokens before it
modulo ``context_length``, and it attends only to its own segment of that length: after each segment
the past is forgotten, whatever the lengths of the calls. Training with carried states on sequences
of ``context_length`` is then nanoGPT's training, but for its random order; to generate long texts,
use rotary positions.

Dropout of attention weights uses torch's global generator, whatever ``random`` is. Weights are
float32; with another ``dtype`` they are converted at each use; residual sums, norms and logits are
float32.
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
BASE = (
    10000.0  # the slowest pair rotates by about 1/BASE radians per token (Su et al., section 3.2.2)
)


@dataclass(frozen=True)
class AttentionContext:
    """What the attention of one call needs, the same for every layer."""

    mask: Bool[Tensor, "b 1 t s"] | None
    """Which of the s tokens, past ones first, each of the t attends to; None is causal."""
    rotations: tuple[Float[Tensor, "s 1 d"], Float[Tensor, "s 1 d"]] | None
    """Cosines and sines of the s positions; None without rotary positions."""
    dtype: torch.dtype
    """Precision of the products."""
    dropout: float
    """Probability of dropping an attention weight."""


class TransformerLayer(nn.Module):
    """One layer: ``attend`` mixes the tokens, ``feed_forward`` transforms each by itself."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, bias = config.embedding_dim, config.bias
        self.num_heads, self.context_length = config.num_heads, config.context_length
        self.norm1 = nn.LayerNorm(width, bias=bias)
        self.qkv = nn.Linear(width, 3 * width, bias=bias)  # queries, keys, values
        self.output = nn.Linear(width, width, bias=bias)
        self.norm2 = nn.LayerNorm(width, bias=bias)
        self.expand = nn.Linear(width, config.feed_forward * width, bias=bias)
        self.contract = nn.Linear(config.feed_forward * width, width, bias=bias)

    def attend(
        self, x: Float[Tensor, "b t w"], past: State | None, context: AttentionContext
    ) -> tuple[Float[Tensor, "b t w"], State]:
        """Return what attention adds, and the last keys and values (b, context_length, w).

        ``past`` are such keys (not yet rotated) and values of the tokens before x.
        """
        q, *now = _linear(self.norm1(x).to(context.dtype), self.qkv).chunk(3, -1)
        if past is not None:  # the oldest token is out of reach of the first new one
            now = [torch.cat([p[:, 1:].to(n.dtype), n], 1) for p, n in zip(past, now, strict=True)]
        cache = tuple(_last(n, self.context_length) for n in now)
        q, k, v = (a.unflatten(-1, (self.num_heads, -1)) for a in (q, *now))
        if context.rotations is not None:
            k = _rotated(k, *context.rotations)
            q = _rotated(q, *(part[-q.shape[1] :] for part in context.rotations))
        y = F.scaled_dot_product_attention(
            q.transpose(1, 2),
            k.transpose(1, 2),
            v.transpose(1, 2),
            attn_mask=context.mask,
            dropout_p=context.dropout,
            is_causal=context.mask is None,
        )
        return _linear(y.transpose(1, 2).flatten(2), self.output), cache

    def feed_forward(self, x: Float[Tensor, "b t w"], dtype: torch.dtype) -> Float[Tensor, "b t w"]:
        """Return what the feed-forward part adds, computed in ``dtype``."""
        return _linear(F.gelu(_linear(self.norm2(x).to(dtype), self.expand)), self.contract)


class Transformer(nn.Module):
    """Tokens in, logits of the next token out; computes in ``dtype``.

    The state is a tuple of tensors whose first dimension is the batch: keys and values (batch,
    context_length, embedding_dim) of each layer, oldest token first, and how many of the last of
    them the next token attends to (batch): fewer than ``context_length``, 0 before the first token.
    """

    def __init__(
        self, vocab_size: int, config: TransformerConfig, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.vocab_size, self.config, self.dtype = vocab_size, config, dtype
        self.random: torch.Generator | None = None  # of dropout masks; None is torch's global one
        self.embedding = nn.Embedding(vocab_size, config.embedding_dim)
        learned = config.positions == "learned"
        self.position_embedding = (
            nn.Embedding(config.context_length, config.embedding_dim) if learned else None
        )
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
        self.decoder = nn.Linear(config.embedding_dim, vocab_size, bias=False)
        self.decoder.weight = self.embedding.weight  # tied
        self.initialize()

    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first token: nothing to attend to."""
        weight, config = self.embedding.weight, self.config
        size = batch_size, config.context_length, config.embedding_dim
        zero = weight.new_zeros(size, dtype=self.dtype)
        return *(zero,) * (2 * config.num_layers), weight.new_zeros(batch_size, dtype=torch.long)

    def forward(
        self, tokens: Int[Tensor, "b t"], state: State | None = None
    ) -> tuple[Float[Tensor, "b t v"], State]:
        """Return the logits of the token after each of ``tokens``, and the state after them.

        More than ``context_length`` tokens are read in chunks; gradients pass between them.
        """
        dropout = self.config.block_dropout if self.training else 0.0
        first, *rest = tokens.split(self.config.context_length, 1)
        x, state = self._read(first, state, dropout)
        outputs = [x]
        for chunk in rest:
            x, state = self._read(chunk, state, dropout)
            outputs.append(x)
        return self._decode(torch.cat(outputs, 1)), state

    def step(self, tokens: Int[Tensor, " b"], state: State) -> tuple[Float[Tensor, "b v"], State]:
        """Return the logits after one more token, and the state after it; without dropout.

        The cost grows with ``context_length``, not with the past.
        """
        x, state = self._read(tokens[:, None], state, 0.0)
        return self._decode(x)[:, 0], state

    def fast_step(self) -> Callable[[Tensor, State], tuple[Tensor, State]]:
        """Return ``step``, which has no faster form."""
        return self.step

    def initialize(self, seed: int = 0) -> None:
        """Draw new initial weights."""
        random = torch.Generator().manual_seed(seed)
        small = self.config.init_std / math.sqrt(2 * self.config.num_layers)
        with torch.no_grad():
            for name, p in self.named_parameters():
                if p.ndim == 1:  # norms and biases
                    p.fill_(1.0 if name.endswith("weight") else 0.0)
                elif name.endswith(("output.weight", "contract.weight")):
                    p.normal_(0, small, generator=random)
                else:
                    p.normal_(0, self.config.init_std, generator=random)

    def _read(
        self, tokens: Tensor, state: State | None, dropout: float
    ) -> tuple[Float[Tensor, "b t w"], State]:
        """Return the last layer's output for at most ``context_length`` tokens, and the state."""
        length, context_length = tokens.shape[1], self.config.context_length
        if state is not None and not bool(state[-1].any()):
            state = None  # nothing to attend to: causal attention needs no mask, which is faster
        before = tokens.new_zeros(len(tokens)) if state is None else state[-1]
        x = self.embedding(tokens)
        if self.position_embedding is not None:
            new = torch.arange(length, device=tokens.device)
            x = x + self.position_embedding((before[:, None] + new) % context_length)
        x = self._drop(x, dropout)
        context = self._context(length, None if state is None else before, dropout)
        caches: list[Tensor] = []
        for i, layer in enumerate(self._all_layers()):
            past = None if state is None else state[2 * i : 2 * i + 2]
            y, cache = layer.attend(x, past, context)
            caches += cache
            x = x + self._drop(y, dropout)
            x = x + self._drop(layer.feed_forward(x, self.dtype), dropout)
        count = before + length
        rotary = self.position_embedding is None
        count = count.clamp(max=context_length - 1) if rotary else count % context_length
        return x, (*caches, count)

    def _context(
        self, length: int, before: Int[Tensor, " b"] | None, dropout: float
    ) -> AttentionContext:
        """Return the context of ``length`` new tokens after ``before`` ones within reach."""
        window, mask, total = self.config.context_length, None, length
        rotary = self.position_embedding is None
        if before is not None:
            total = window - 1 + length
            numbers = before[:, None] + torch.arange(1 - window, length, device=before.device)
            new = numbers[:, window - 1 :]
            first = (new - window + 1).clamp(min=0) if rotary else new - new % window
            past, new, first = numbers[:, None, None], new[:, None, :, None], first[:, None]
            mask = (past <= new) & (past >= first[..., None])
        rotations = (self.cosines[:total], self.sines[:total]) if rotary else None
        return AttentionContext(mask, rotations, self.dtype, dropout)

    def _all_layers(self) -> list[TransformerLayer]:
        return [layer for layer in self.layers if isinstance(layer, TransformerLayer)]

    def _decode(self, x: Tensor) -> Tensor:
        return _linear(self.norm(x).to(self.dtype), self.decoder).float()

    def _drop(self, x: Tensor, p: float) -> Tensor:
        if not p:
            return x
        return x * torch.empty_like(x).bernoulli_(1 - p, generator=self.random).div_(1 - p)


def _angles(positions: int, head_dim: int) -> Float[Tensor, "positions 1 pairs"]:
    """Return the rotation of each pair of a head at each position, in radians, as float64."""
    speeds = BASE ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    return torch.outer(torch.arange(positions, dtype=torch.float64), speeds)[:, None]


def _rotated(
    x: Float[Tensor, "b s h d"], cosine: Float[Tensor, "s 1 p"], sine: Float[Tensor, "s 1 p"]
) -> Float[Tensor, "b s h d"]:
    """Return the pairs (2i, 2i + 1) rotated by their angles; computed in float32, dtype as x."""
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    rotated = torch.stack([a * cosine - b * sine, a * sine + b * cosine], -1)
    return rotated.flatten(-2).to(x.dtype)


def _last(x: Float[Tensor, "b s w"], count: int) -> Float[Tensor, "b count w"]:
    """Return the last tokens, with zeros before them where there are too few."""
    return F.pad(x, (0, 0, max(0, count - x.shape[1]), 0))[:, -count:].contiguous()


def _linear(x: Tensor, layer: nn.Linear) -> Tensor:
    """Apply a linear map in the dtype of x."""
    bias = None if layer.bias is None else layer.bias.to(x.dtype)
    return F.linear(x, layer.weight.to(x.dtype), bias)
