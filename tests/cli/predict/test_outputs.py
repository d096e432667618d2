"""A job of prediction that ends early has no result, and its error is not hidden."""

from types import SimpleNamespace

import pytest

from bowerbird.cli.predict.outputs import final_result
from bowerbird.errors import TrainingError


def work(preview=None, error=None):
    return SimpleNamespace(last=SimpleNamespace(preview=preview), error=error)


def test_the_last_preview_is_the_result():
    assert final_result(work("report", KeyboardInterrupt())) == "report"


def test_the_error_that_ended_it_is_raised():
    with pytest.raises(TrainingError, match="diverged"):
        final_result(work(error=TrainingError("the loss diverged")))


def test_an_interruption_before_there_are_results_is_reported():
    with pytest.raises(KeyboardInterrupt, match="there are no results yet, and nothing was saved"):
        final_result(work())
