"""The shapes of networks, as frozen dataclasses. Imports no torch, so that ``--help`` is quick."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

Activation = Literal["relu", "tanh", "sigmoid", "gelu", "silu", "sine", "identity"]
Cell = Literal["lstm", "gru", "rnn"]
TreeCell = Literal["child-sum", "n-ary"]
Initialization = Literal["torch", "char-rnn", "torch-rnn", "folk-rnn"]
Positions = Literal["rotary", "learned"]
LanguageModelName = Literal["recurrent", "transformer"]
DigitNetwork = Literal["small", "lenet5"]
MAX_NUMBER = 1e6  # of the float settings in a model file: no network has larger ones


@dataclass(frozen=True)
class MLPConfig:
    """The shape of a multilayer perceptron."""

    widths: tuple[int, ...] = (1, 64, 64, 1)
    """Inputs, units of each hidden layer, outputs."""
    activation: Activation = "relu"
    """relu, tanh, sigmoid, gelu, silu, sine or identity, after each layer but the last."""
    dropout: float = 0.0
    """Probability of dropping a hidden unit in training."""
    members: int = 0
    """Networks of an ensemble, computed together, each with its own weights; 0 is one network."""

    def __post_init__(self) -> None:
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(f"widths must be two or more positive numbers, got {self.widths}")
        _check_choice("activation", self.activation, get_args(Activation))
        _check_dropout("dropout", self.dropout)
        if self.members < 0:
            raise ValueError(f"members must not be negative, got {self.members}")


@dataclass(frozen=True)
class SmallConvNetConfig:
    """The shape of a small convolutional network."""

    channels: tuple[int, ...] = (24, 48, 80)
    """Channels of each pair of convolutions; each pair halves height and width."""
    dropout: float = 0.3
    """Probability of dropping an input of the last layer in training."""
    num_classes: int = 11
    """Classes: ten digits, and none of them."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.channels) <= 4 or not all(1 <= c <= 4096 for c in self.channels):
            raise ValueError(
                f"channels must be one to four numbers in [1, 4096], got {self.channels}"
            )
        _check_dropout("dropout", self.dropout)
        if not 2 <= self.num_classes <= 10000:
            raise ValueError(f"num_classes must be in [2, 10000], got {self.num_classes}")


@dataclass(frozen=True)
class MultiDigitConfig:
    """The shape of the network that finds and reads house numbers."""

    crop_size: int = 64
    """Side of the crop that is read, in px, a multiple of 16 (the paper: 54)."""
    channels: tuple[int, ...] = (32, 64, 96, 96)
    """Channels at strides of 2, 4, 8 and 16 px."""
    hidden_size: int = 128
    """Units between the crop's features and the length and boxes."""
    glimpse_size: int = 64
    """Units between the features of one digit and its class."""

    def __post_init__(self) -> None:
        if self.crop_size < 16 or self.crop_size % 16:
            raise ValueError(f"crop_size must be a multiple of 16, got {self.crop_size}")
        if len(self.channels) != 4:
            raise ValueError(f"channels must be four numbers, got {self.channels}")
        if min(*self.channels, self.hidden_size, self.glimpse_size) < 1:
            raise ValueError("channels, hidden_size and glimpse_size must be at least 1")


@dataclass(frozen=True)
class RecurrentConfig:
    """The shape of a recurrent network."""

    cell: Cell = "lstm"
    """lstm, gru or rnn (a single tanh)."""
    num_layers: int = 1
    """Layers, one above the other."""
    hidden_size: int = 512
    """Units of each layer."""
    embedding_dim: int = 0
    """Size of the token embedding; 0 feeds the first layer one-hot vectors (text: up to 512 tokens,
    more get an embedding of 128)."""
    dropout: float = 0.0
    """Probability of dropping an output of a layer in training."""
    input_dropout: float = 0.0
    """Probability of dropping an entry of the embedding in training."""
    recurrent_dropout: float = 0.0
    """Probability of dropping a recurrent weight in training."""
    variational_dropout: bool = True
    """Use one dropout mask for a whole sequence instead of a new one for each token."""
    tie_weights: bool = False
    """Share the embedding with the output layer; needs embedding_dim = hidden_size."""
    layer_norm: bool = False
    """Normalize the outputs of each layer."""
    residual: bool = False
    """Add the input of each layer but the first to its output."""
    biases: Literal[1, 2] = 1
    """Bias vectors of a layer; two are the same function with twice the step (char-rnn, cuDNN)."""
    forget_bias: float = 1.0
    """Initial bias of the LSTM's forget gates: how much it remembers before training."""
    initialization: Initialization = "torch"
    """Initial weights: uniform within 1/sqrt(hidden_size) (torch), or as that tool draws them."""

    def __post_init__(self) -> None:
        _check_choice("cell", self.cell, get_args(Cell))
        _check_choice("initialization", self.initialization, get_args(Initialization))
        _check_choice("biases", self.biases, (1, 2))
        if self.num_layers < 1 or self.hidden_size < 1 or self.embedding_dim < 0:
            raise ValueError(
                "num_layers and hidden_size must be at least 1, and embedding_dim not negative"
            )
        for name in ("dropout", "input_dropout", "recurrent_dropout"):
            _check_dropout(name, getattr(self, name))
        if self.tie_weights and self.embedding_dim != self.hidden_size:
            raise ValueError(
                f"tie_weights needs embedding_dim = hidden_size = {self.hidden_size}, "
                f"got {self.embedding_dim}"
            )

    @property
    def num_states(self) -> int:
        """The number of tensors in the state: h of each layer, with an LSTM also c."""
        return self.num_layers * (2 if self.cell == "lstm" else 1)


@dataclass(frozen=True)
class TransformerConfig:
    """The shape of a transformer; the defaults are nanoGPT's for a CPU, but for the positions."""

    num_layers: int = 4
    """Layers of attention, one above the other."""
    embedding_dim: int = 128
    """Size of the vector that stands for a token between layers."""
    num_heads: int = 4
    """Attention heads of a layer; each has embedding_dim / num_heads of the channels."""
    context_length: int = 64
    """Tokens that a token attends to at most, itself included."""
    feed_forward: int = 4
    """Hidden units of each feed-forward part, as a multiple of embedding_dim."""
    block_dropout: float = 0.0
    """Probability of dropping an embedding, an attention weight or an output in training."""
    bias: bool = False
    """Add a bias in linear layers and layer norms."""
    positions: Positions = "rotary"
    """rotary (only distances count) or learned (a vector for each position, as in nanoGPT)."""
    init_std: float = 0.02
    """Standard deviation of the initial weights; residual projections start smaller (GPT-2)."""

    def __post_init__(self) -> None:
        _check_choice("positions", self.positions, get_args(Positions))
        for name in ("num_layers", "embedding_dim", "num_heads", "context_length", "feed_forward"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.embedding_dim % self.num_heads:
            raise ValueError(
                f"embedding_dim must be a multiple of num_heads = {self.num_heads}, "
                f"got {self.embedding_dim}"
            )
        head_dim = self.embedding_dim // self.num_heads
        if self.positions == "rotary" and head_dim % 2:
            raise ValueError(
                f"rotary positions rotate pairs, and embedding_dim / num_heads = {head_dim} is odd"
            )
        _check_dropout("block_dropout", self.block_dropout)
        if not 0 < self.init_std < math.inf:
            raise ValueError(f"init_std must be positive, got {self.init_std}")


@dataclass(frozen=True)
class LanguageModelConfig:
    """The kind of network that predicts the next token, and its shape."""

    network: LanguageModelName = "recurrent"
    """recurrent, or transformer for comparison."""
    recurrent: RecurrentConfig = field(default_factory=RecurrentConfig)
    """The shape of a recurrent network."""
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    """The shape of a transformer."""

    def __post_init__(self) -> None:
        _check_choice("network", self.network, get_args(LanguageModelName))

    @property
    def can_be_resized(self) -> bool:
        """Whether ``resized`` applies: to recurrent networks."""
        return self.network == "recurrent"

    def resized(self, hidden_size: int, dropout: float) -> "LanguageModelConfig":
        """Return a recurrent network with another hidden size and another dropout."""
        shape = replace(self.recurrent, hidden_size=hidden_size, dropout=dropout)
        return replace(self, recurrent=shape)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` reads, ready for JSON."""
        shape = self.recurrent if self.network == "recurrent" else self.transformer
        return {"network": self.network, **asdict(shape)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "LanguageModelConfig":
        """Return the configuration in ``to_dict()``; raise ValueError for anything else."""
        shape = {name: value for name, value in data.items() if name != "network"}
        network = data.get("network")
        if network == "transformer":
            _check_types(TransformerConfig, shape)
            return cls("transformer", transformer=TransformerConfig(**shape))
        if network == "recurrent":
            _check_types(RecurrentConfig, shape)
            return cls("recurrent", recurrent=RecurrentConfig(**shape))
        raise ValueError(f"the model's network is {network!r:.40}, which is unknown")


@dataclass(frozen=True)
class TreeLSTMConfig:
    """The shape of a tree-LSTM."""

    tree_cell: TreeCell = "child-sum"
    """child-sum, for which siblings have no order, or n-ary."""
    hidden_size: int = 128
    """Units of a node's state."""
    embedding_dim: int = 64
    """Size of the token embedding."""
    arity: int = 5
    """Largest number of children of a node (n-ary only)."""
    forget_bias: float = 1.0
    """Initial bias of the forget gates: how much it remembers before training."""

    def __post_init__(self) -> None:
        _check_choice("tree_cell", self.tree_cell, get_args(TreeCell))
        for name in ("hidden_size", "embedding_dim", "arity"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


def _check_types(config: type, values: Mapping[str, Any]) -> None:
    """Raise ValueError for values of the wrong type; the configuration checks their ranges."""
    hints = get_type_hints(config)
    for name, value in values.items():
        hint = hints.get(name)
        if hint is None:
            raise ValueError(f"the model's network has the unknown setting {name!r:.40}")
        if get_origin(hint) is Literal:
            good = any(type(value) is type(choice) and value == choice for choice in get_args(hint))
        elif hint is float:
            good = type(value) in (int, float) and abs(value) < MAX_NUMBER
        else:  # not isinstance: a boolean is an int to Python
            good = type(value) is hint
        if not good:
            raise ValueError(f"the model's network can't have {name} = {value!r:.40}")


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}, got {value!r}")


def _check_dropout(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value}")
