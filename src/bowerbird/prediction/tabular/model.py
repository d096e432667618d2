"""A model of a table: it reads, encodes and predicts new rows, and is saved as one file.

The header of the file has the target, and the columns with their medians, means, scales and
categories; its tensors are the weights of the networks, the trees and linear models blended with
them, and the scores that intervals are made from.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bowerbird.errors import ModelError
from bowerbird.learning.device import select_compute
from bowerbird.learning.model_file import REPLACE, ModelHeader, printable, read_model, write_model
from bowerbird.models import model_path
from bowerbird.prediction.data.table import Table
from bowerbird.prediction.tabular.config import COVERAGE
from bowerbird.prediction.tabular.conformal import Calibration, ConformalEnsemble, Predictions
from bowerbird.prediction.tabular.encoding import Encoding
from bowerbird.prediction.tabular.error_scale import ErrorScale
from bowerbird.prediction.tabular.learners.blend import Blend
from bowerbird.prediction.tabular.target import Target

KIND = "table"
OR = " | "  # between the classes of a set


@dataclass(frozen=True, eq=False)
class TableModel:
    """A trained model of a table."""

    target: Target
    encoding: Encoding
    predictor: ConformalEnsemble
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, table: Table, coverage: float = COVERAGE) -> tuple[Predictions, list[str]]:
        """Return predictions for a table's rows, and notes on what was not in the training table.

        Raises TableError, naming column and line, for a table that does not fit.
        """
        values, notes = self.encoding.columns.parse(table)
        predictions = self.predictor.predict(self.encoding(values), coverage).within(self.target)
        return predictions, [*notes, *self.encoding.unknown(values)]

    def save(self, path: Path) -> None:
        """Write the model file atomically; raise OSError if that fails."""
        predictor = self.predictor
        config: dict[str, Any] = {
            "target": asdict(self.target),
            "encoding": self.encoding.to_dict(),
            "ensemble": predictor.ensemble.to_dict(),
        }
        tensors = predictor.ensemble.tensors()
        if predictor.error_scale is not None:
            config["error_scale"] = predictor.error_scale.to_dict()
            tensors |= predictor.error_scale.ensemble.tensors("error_scale.")
        tensors["calibration.scores"] = torch.from_numpy(predictor.calibration.scores)
        tensors["calibration.members"] = torch.from_numpy(predictor.calibration.members)
        if predictor.calibration.classes is not None:
            tensors["calibration.classes"] = torch.from_numpy(predictor.calibration.classes)
        write_model(path, ModelHeader(KIND, config, provenance=self.provenance), tensors)


def load_table_model(path: str | Path, device: str = "cpu") -> TableModel:
    """Return the model in a file; raise ModelError if it is missing, damaged or of another kind."""
    path = model_path(path)
    where = str(select_compute(device, "float32").device)
    header, tensors = read_model(path, KIND)
    try:
        target = Target.from_dict(header.config["target"])
        encoding = Encoding.from_dict(header.config["encoding"])
        predictor = _predictor(header.config, tensors, where)
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise ModelError(f"{path} is a damaged model ({printable(error)}); {REPLACE}") from error
    ensemble = predictor.ensemble
    same_width = ensemble.networks.network.config.widths[0] == encoding.width
    if not same_width or ensemble.num_classes != len(target.classes):
        raise ModelError(
            f"{path} is a damaged model (its columns do not fit its weights); {REPLACE}"
        )
    return TableModel(target, encoding, predictor, header.provenance)


def _predictor(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor], device: str
) -> ConformalEnsemble:
    """Return the networks of a file with their calibration; raise ValueError if they do not fit."""
    ensemble = Blend.from_dict(config["ensemble"], tensors, device)
    shape = ensemble.networks.network.config
    error_scale = None
    if "error_scale" in config:
        error_scale = ErrorScale.from_dict(config["error_scale"], tensors, "error_scale.", device)
        other = error_scale.ensemble.network.config
        if (other.widths[0], other.members) != (shape.widths[0], shape.members):
            raise ValueError("its error scale does not fit its networks")
    elif any(name.startswith("error_scale.") for name in tensors):
        raise ValueError("its error scale has no configuration")
    scores = tensors["calibration.scores"].double().numpy()
    members = tensors["calibration.members"].long().numpy()
    classes = None
    if ensemble.num_classes:
        classes = tensors["calibration.classes"].long().numpy()
        if classes.min() < 0 or classes.max() >= ensemble.num_classes:
            raise ValueError("its calibration does not fit its classes")
    calibration = Calibration(scores, members, classes)
    if not np.isfinite(scores).all() or members.min() < 0 or members.max() >= shape.members:
        raise ValueError("its calibration does not fit its networks")
    return ConformalEnsemble(ensemble, calibration, error_scale)


def predictions_frame(target: Target, predictions: Predictions) -> pd.DataFrame:
    """Return predictions as columns: numbers with intervals, or classes with the possible ones."""
    name, classes = target.name, np.array(target.classes, object)
    values = predictions.values
    if predictions.sets is None:
        ends = {f"{name} low": predictions.low, f"{name} high": predictions.high}
        return pd.DataFrame({f"{name} predicted": values, **ends})
    best = values.argmax(1)
    return pd.DataFrame(
        {
            f"{name} predicted": classes[best],
            f"{name} probability": values[np.arange(len(best)), best],
            f"{name} possible": [OR.join(classes[row]) for row in predictions.sets],
        }
    )
