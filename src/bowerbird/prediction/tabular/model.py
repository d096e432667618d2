"""A model of a table in one file: encoding, networks and known scores; nothing is unpickled.

The card (``modelfile``) tells the columns with their medians, means, scales and categories, and the
target; the tensors are the weights of the networks and the scores that intervals are made from.
Where there is a spread, these are relative to it and have another name, so that who knows of none
does not take them for errors.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bowerbird.errors import ModelError
from bowerbird.learning.device import select_compute
from bowerbird.learning.model_file import (
    MEND,
    ModelHeader,
    printable,
    read_model,
    stored_weights,
    write_model,
)
from bowerbird.models import model_path
from bowerbird.networks.config import MLPConfig
from bowerbird.networks.mlp import MLP
from bowerbird.prediction.data.table import Table
from bowerbird.prediction.tabular.conformal import COVERAGE, Conformal
from bowerbird.prediction.tabular.encoding import Encoding, encoding_from
from bowerbird.prediction.tabular.error_scale import Spread
from bowerbird.prediction.tabular.predict import decoded, evaluate
from bowerbird.prediction.tabular.target import Target, target_from

KIND = "table"
OR = " | "  # between the classes of a set
NUMBERS = ("mean", "scale", "power", "low", "high")  # of a spread
SCORES, RELATIVE = "conformal.scores", "conformal.relative"


@dataclass(frozen=True, eq=False)
class Predictions:
    """What is said of some rows."""

    target: Target
    values: Float[np.ndarray, "n ..."]
    """Numbers, or the probability of each class."""
    low: Float[np.ndarray, " n"] | None = None
    """Lower ends of intervals, for numbers; they may be infinite."""
    high: Float[np.ndarray, " n"] | None = None
    sets: Bool[np.ndarray, "n classes"] | None = None
    """Which classes are possible."""

    def frame(self) -> pd.DataFrame:
        """Return a column with the prediction and those that tell how sure it is."""
        name, names = self.target.name, np.array(self.target.classes, object)
        if self.sets is None:
            parts = {
                f"{name} predicted": self.values,
                f"{name} low": self.low,
                f"{name} high": self.high,
            }
            return pd.DataFrame(parts)
        best = self.values.argmax(1)
        return pd.DataFrame(
            {
                f"{name} predicted": names[best],
                f"{name} probability": self.values[np.arange(len(best)), best],
                f"{name} possible": [OR.join(names[row]) for row in self.sets],
            }
        )


@dataclass(frozen=True, eq=False)
class TableModel:
    """What was learned of a table."""

    target: Target
    encoding: Encoding
    network: MLP
    conformal: Conformal
    mean: float = 0.0
    """Of the target's numbers, in its unit."""
    scale: float = 1.0
    """Standard deviation of the target's numbers, in its unit."""
    spread: Spread | None = None
    """How large errors are likely to be in each row; the scores are in its unit."""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, table: Table, coverage: float = COVERAGE) -> Predictions:
        """Return what the networks say of a table's rows, with intervals or sets of a coverage.

        Raises TableError, naming column and row, for a table that does not fit.
        """
        return self.told(table, coverage)[0]

    def told(self, table: Table, coverage: float = COVERAGE) -> tuple[Predictions, list[str]]:
        """Return that, and in sentences what in the rows is of a kind that was never learned."""
        if not 0 < coverage < 1:
            raise ValueError(f"coverage lies between 0 and 1, not at {coverage}")
        values, notes = self.encoding.columns.read(table)
        strange = self.encoding.unfamiliar(values)
        return self.judged(self.encoding(values), coverage), [*notes, *strange]

    def judged(self, x: Float[np.ndarray, "n width"], coverage: float) -> Predictions:
        """Return what the networks say of encoded rows, with intervals or sets of a coverage."""
        raw = evaluate(self.network, x)
        each = decoded(raw, len(self.target.classes), self.mean, self.scale)
        if self.target.classes:
            return Predictions(self.target, each.mean(0), sets=self.conformal.sets(each, coverage))
        spread = None if self.spread is None else self.spread(x)
        low, high = self.conformal.intervals(each, coverage, spread)
        return Predictions(self.target, each.mean(0), low, high)

    def save(self, path: Path) -> None:
        """Write the model file, whole or not at all; raise OSError if it can't be."""
        shape = asdict(self.network.config)
        config: dict[str, Any] = {**shape, "mean": self.mean, "scale": self.scale}
        signs = {"target": self.target.as_json(), "encoding": self.encoding.as_json()}
        tensors = _named("network.", self.network)
        scores = SCORES
        if self.spread is not None:
            found = self.spread
            numbers = {name: getattr(found, name) for name in NUMBERS}
            config["spread"] = {**asdict(found.network.config), **numbers}
            scores = RELATIVE
            tensors |= _named("spread.", found.network)
        tensors[scores] = torch.from_numpy(self.conformal.scores)
        tensors["conformal.parts"] = torch.from_numpy(self.conformal.parts)
        write_model(path, ModelHeader(KIND, config, signs, self.provenance), tensors)


def load_table_model(path: str | Path, device: str = "cpu") -> TableModel:
    """Return the model of a table in a model file.

    Raises ModelError for a file that is missing, damaged or of another kind.
    """
    path = model_path(path)
    where = select_compute(device, "float32").device
    card, tensors = read_model(path, KIND)
    try:
        config = _shape(card.config)
        mean, scale = float(card.config["mean"]), float(card.config["scale"])
        target = target_from(card.tokenizer["target"])
        encoding = encoding_from(card.tokenizer["encoding"])
        network = _network(config, tensors, "network.").to(where)
        spread = _spread(card.config, config, tensors, where)
        conformal = _conformal(tensors, SCORES if spread is None else RELATIVE, config.members)
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ModelError(f"{path} is a damaged model ({printable(error)}); {MEND}") from error
    if config.widths[0] != encoding.width or config.widths[-1] != (len(target.classes) or 1):
        raise ModelError(f"{path} is a damaged model (its columns and weights differ); {MEND}")
    return TableModel(target, encoding, network, conformal, mean, scale, spread, card.provenance)


def _shape(told: Mapping[str, Any]) -> MLPConfig:
    """Return the shape of a network that a card tells of."""
    shape = {name: told[name] for name in ("activation", "dropout", "members")}
    return MLPConfig(tuple(map(int, told["widths"])), **shape)


def _named(own: str, network: MLP) -> dict[str, Tensor]:
    return {f"{own}{name}": weight for name, weight in stored_weights(network).items()}


def _network(config: MLPConfig, tensors: Mapping[str, Tensor], own: str) -> MLP:
    """Return a network with the weights of a file; raise ValueError if they do not fit."""
    with torch.device("meta"):  # whatever the card asks for, only what the file has takes memory
        network = MLP(config)
    wanted = {f"{own}{name}": p.shape for name, p in network.named_parameters()}
    given = {name: t for name, t in tensors.items() if name.startswith(own)}
    for name in wanted.keys() | given.keys():
        if name not in given or name not in wanted or given[name].shape != wanted[name]:
            raise ValueError(f"its weight {name} is missing, unknown or of another shape")
        if not bool(torch.isfinite(given[name]).all()):
            raise ValueError(f"its weight {name} has values that are no numbers")
    weights = {name.removeprefix(own): t.float() for name, t in given.items()}
    network.load_state_dict(weights, assign=True)
    return network.eval()


def _spread(
    told: Mapping[str, Any], beside: MLPConfig, tensors: Mapping[str, Tensor], device: torch.device
) -> Spread | None:
    """Return the spread of a file, None if it has none; raise ValueError if it does not fit."""
    if "spread" not in told:
        return None
    own = told["spread"]
    shape = _shape(own)
    if shape.widths[0] != beside.widths[0] or shape.widths[-1] != 1:
        raise ValueError("its spread does not fit its columns")
    if shape.members != beside.members:
        raise ValueError("its spread does not fit its networks")
    network = _network(shape, tensors, "spread.").to(device)
    return Spread(network, *(float(own[name]) for name in NUMBERS))


def _conformal(tensors: Mapping[str, Tensor], name: str, members: int) -> Conformal:
    """Return the known scores of a file; raise ValueError if they make no sense."""
    scores = tensors[name].double().numpy()
    parts = tensors["conformal.parts"].long().numpy()
    found = Conformal(scores, parts)
    if not np.isfinite(scores).all() or parts.min() < 0 or parts.max() >= members:
        raise ValueError("its known scores do not fit its networks")
    return found
