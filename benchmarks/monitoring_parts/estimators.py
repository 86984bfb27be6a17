"""What NannyML estimates of every window without labels: run by `degradation.py`, in NannyML's environment.

    python estimators.py FOLDER

FOLDER holds cases.json and, for each case, N-reference.npz and N-after.npz, both with `answer`, `label` and features,
(rows,) each; windows are as many rows each. N-said.json gets `value` and `alert`, one a window: CBPE of the AUC for a
classification, DLE of the mean absolute error for a regression, at their defaults.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PARTS = ("reference", "after")


def estimated(case: dict[str, Any], reference: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Value and alert of every window."""
    from nannyml import CBPE, DLE

    if case["task"] == "regression":
        estimator = DLE(
            feature_column_names=case["features"],
            y_pred="answer",
            y_true="label",
            metrics=["mae"],
            chunk_size=case["rows"],
        )
    else:
        for part in (reference, after):
            part["predicted"] = (part["answer"] >= 0.5).astype(int)
        estimator = CBPE(
            metrics=["roc_auc"],
            y_pred="predicted",
            y_pred_proba="answer",
            y_true="label",
            problem_type="classification_binary",
            chunk_size=case["rows"],
        )
    estimator.fit(reference)
    metric = "mae" if case["task"] == "regression" else "roc_auc"
    return estimator.estimate(after).filter(period="analysis").to_df()[metric]


def main() -> None:
    """Every case of the folder."""
    folder = Path(sys.argv[1])
    warnings.simplefilter("ignore")
    for number, case in enumerate(json.loads((folder / "cases.json").read_text())):
        reference, after = (pd.DataFrame(dict(np.load(folder / f"{number}-{part}.npz"))) for part in PARTS)
        said = estimated(case, reference, after.drop(columns="label"))
        found = {"value": said["value"].tolist(), "alert": said["alert"].astype(bool).tolist()}
        (folder / f"{number}-said.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
