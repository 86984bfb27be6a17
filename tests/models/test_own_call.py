"""The library's own call gets the kind of table that training got."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from shipworthy.models.inside.own_call import as_table, own_call

TABLE = pa.table({"rain": pa.array([True, None, False]), "carrier": pa.array(["UA", None, "AA"])})


class _Booster:
    """As LightGBM's and XGBoost's: no predict_proba, one probability a row or one a class."""

    def __init__(self, said):
        self._said = np.array(said)

    def predict(self, _table):
        return self._said


@pytest.mark.parametrize(("kind", "of"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table)])
def test_tables_are_of_the_kind_asked_for(kind, of):
    """With the same columns in the same order."""
    table = as_table(TABLE, kind)
    assert isinstance(table, of)
    assert list(table.columns if kind != "pyarrow" else table.column_names) == ["rain", "carrier"]


def test_a_boolean_with_gaps_is_a_number_in_pandas():
    """A column of objects is what no estimator takes."""
    frame = as_table(TABLE, "pandas")
    assert frame["rain"].dtype == np.float64
    assert frame["rain"].fillna(-1).tolist() == [1.0, -1.0, 0.0]
    assert as_table(TABLE.slice(0, 1), "pandas")["rain"].dtype == np.bool_


def test_a_booster_without_predict_proba_gives_probabilities_all_the_same():
    """Of two classes it says the second; of more, all; of a regression, the prediction."""
    assert own_call(_Booster([0.25, 1.0]), "classification")(None).tolist() == [[0.75, 0.25], [0.0, 1.0]]
    assert own_call(_Booster([[0.2, 0.3, 0.5]]), "classification")(None).tolist() == [[0.2, 0.3, 0.5]]
    assert own_call(_Booster([7.0]), "regression")(None).tolist() == [7.0]
