"""The tools that networks are compared with."""

import numpy as np
import pandas as pd
import pytest

from bowerbird.prediction.data.columns import Columns
from bowerbird.prediction.tabular.baselines import WORDS, fitted, pipeline, said
from bowerbird.prediction.tabular.ensemble import MembersConfig

QUICK = MembersConfig(hidden=(4,), members=2, epochs=2)


@pytest.mark.parametrize("tool", list(WORDS))
@pytest.mark.parametrize("classes", [0, 3])
def test_each_tool_says_numbers_or_probabilities(tool, classes):
    random = np.random.default_rng(0)
    values = pd.DataFrame({"a": random.normal(size=60)})
    wanted = np.arange(60) % 3 if classes else values["a"].to_numpy() * 2
    found = said(
        fitted(pipeline(tool, Columns({"a": "number"}), classes, QUICK), values, wanted), values
    )
    assert found.shape == ((60, 3) if classes else (60,))
    if classes:
        np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)


def test_boosting_learns_from_many_rows_of_which_a_class_has_one():
    random = np.random.default_rng(0)
    values = pd.DataFrame({"a": random.normal(size=10_002)})
    wanted = np.r_[np.arange(10_001) % 2, 2]
    config = MembersConfig(hidden=(4,), members=2, epochs=2)
    tool = fitted(pipeline("boosting", Columns({"a": "number"}), 3, config), values, wanted)
    assert said(tool, values).shape == (10_002, 3)
