"""Tables, time series and dynamical systems, with prediction intervals.

The public names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from bowerbird.lazy import lazy_exports

if TYPE_CHECKING:
    from bowerbird.prediction.data.table import read_table as read_table
    from bowerbird.prediction.series.backtest import (
        backtest as backtest,
        backtest_steps as backtest_steps,
    )
    from bowerbird.prediction.series.config import (
        BacktestConfig as BacktestConfig,
        ForecasterConfig as ForecasterConfig,
    )
    from bowerbird.prediction.series.file import (
        read_series as read_series,
        sample_series as sample_series,
    )
    from bowerbird.prediction.series.forecaster import (
        Forecaster as Forecaster,
        load_forecaster as load_forecaster,
    )
    from bowerbird.prediction.tabular.config import (
        EnsembleConfig as EnsembleConfig,
        TableConfig as TableConfig,
    )
    from bowerbird.prediction.tabular.cross_validation import (
        TableReport as TableReport,
        cross_validate as cross_validate,
        cross_validate_steps as cross_validate_steps,
    )
    from bowerbird.prediction.tabular.estimators import (
        TableClassifier as TableClassifier,
        TableRegressor as TableRegressor,
    )
    from bowerbird.prediction.tabular.model import load_table_model as load_table_model
    from bowerbird.prediction.tabular.target import read_problem as read_problem
else:
    __getattr__, __dir__, __all__ = lazy_exports(__name__)
