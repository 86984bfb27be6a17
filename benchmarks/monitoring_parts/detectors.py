"""What a peer says of every window of every job: run by `drift.py`, in the peer's environment.

    python detectors.py WHO FOLDER

FOLDER holds jobs.json and, for each job, N.npz with `reference` (rows,) and `windows` (windows, rows); category values
are ranks. For each job said/WHO-N.npz is written: `statistic` (windows,), larger is more drift, and `fires` (windows,),
whether the peer's documented default says that this column drifted. NaN: it says nothing.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Said = tuple[np.ndarray, np.ndarray]
Says = Callable[[dict[str, Any], np.ndarray, np.ndarray], Said]


def texts(values: np.ndarray) -> np.ndarray:
    """Categories as texts, None where null."""
    return np.array([None if np.isnan(value) else f"c{value:.0f}" for value in values], dtype=object)


def evidently(job: dict[str, Any], reference: np.ndarray, windows: np.ndarray) -> Said:
    """The test that its presets choose for a column, by its type and the rows of the reference."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    kind = ColumnType.Categorical if job["category"] else ColumnType.Numerical

    def series(values: np.ndarray) -> pd.Series:  # its calculation drops what is missing
        return pd.Series(texts(values) if job["category"] else values).dropna()

    before = series(reference)
    test = get_stattest(before, before, kind, None)
    found = [test(before, series(window), kind, None) for window in windows]
    by_p = "p_value" in test.name or test.name in ("ks", "chisquare", "z")
    scores = np.array([one.drift_score for one in found], dtype=np.float64)
    return (-np.log(np.maximum(scores, 1e-300)) if by_p else scores), np.array([one.drifted for one in found])


def nannyml(job: dict[str, Any], reference: np.ndarray, windows: np.ndarray) -> Said:
    """Its univariate drift: Jensen-Shannon, beyond three standard deviations of the reference's chunks."""
    import pandas as pd
    from nannyml import UnivariateDriftCalculator

    def frame(values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({"x": texts(values) if job["category"] else values})

    calculator = UnivariateDriftCalculator(
        column_names=["x"], treat_as_categorical=["x"] if job["category"] else [], chunk_size=windows.shape[1]
    )
    found = calculator.fit(frame(reference)).calculate(frame(windows.ravel())).filter(period="analysis").to_df()
    said = found[("x", "jensen_shannon")]
    return said["value"].to_numpy(np.float64), said["alert"].to_numpy(bool)


def cbpe(job: dict[str, Any], reference: np.ndarray, windows: np.ndarray) -> Said:
    """NannyML's estimate of the AUC without labels, from the score; other columns say nothing."""
    import pandas as pd
    from nannyml import CBPE

    if job["column"] != "score":
        return np.full(len(windows), np.nan), np.zeros(len(windows), dtype=bool)

    def frame(scores: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({"score": scores, "predicted": (scores >= 0.5).astype(int)})

    estimator = CBPE(
        metrics=["roc_auc"],
        y_pred="predicted",
        y_pred_proba="score",
        y_true="label",
        problem_type="classification_binary",
        chunk_size=windows.shape[1],
    )
    estimator.fit(frame(reference).assign(label=job["labels"].astype(int)))
    said = estimator.estimate(frame(windows.ravel())).filter(period="analysis").to_df()["roc_auc"]
    return -said["value"].to_numpy(np.float64), said["alert"].to_numpy(bool)


def whylogs(job: dict[str, Any], reference: np.ndarray, windows: np.ndarray) -> Said:
    """Its drift scores of two profiles: p-values of KS and of chi-squared."""
    import pandas as pd
    import whylogs as why
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    def view(values: np.ndarray) -> Any:
        return why.log(pd.DataFrame({"x": texts(values) if job["category"] else values})).view()

    before, scores, fires = view(reference), [], []
    for window in windows:
        found = calculate_drift_scores(view(window), before, with_thresholds=True)["x"] or {}
        p = found.get("pvalue")
        scores.append(np.nan if p is None else -np.log(max(p, 1e-300)))
        fires.append(found.get("drift_category") == "DRIFT")
    return np.array(scores), np.array(fires)


def alibi_detect(job: dict[str, Any], reference: np.ndarray, windows: np.ndarray) -> Said:
    """TabularDrift: KS and chi-squared at .05, with Bonferroni's correction for the columns of the stream."""
    from alibi_detect.cd import TabularDrift

    def rows(values: np.ndarray) -> np.ndarray:  # it takes no nulls
        return values[~np.isnan(values)][:, None]

    detector = TabularDrift(rows(reference), p_val=0.05, categories_per_feature={0: None} if job["category"] else None)
    p = np.array([detector.predict(rows(window))["data"]["p_val"][0] for window in windows], dtype=np.float64)
    return -np.log(np.maximum(p, 1e-300)), p < 0.05 / job["watched"]


def river(job: dict[str, Any], reference: np.ndarray, windows: np.ndarray) -> Said:
    """ADWIN, row by row, that has seen the reference; of categories, the ranks."""
    from river.drift import ADWIN

    detector = ADWIN()
    for value in reference[~np.isnan(reference)]:
        detector.update(float(value))
    fires = []
    for window in windows:
        fired = False
        for value in window[~np.isnan(window)]:
            detector.update(float(value))
            fired = fired or detector.drift_detected
        fires.append(fired)
    return np.full(len(windows), np.nan), np.array(fires)


PEERS: dict[str, Says] = {
    "evidently": evidently, "nannyml": nannyml, "whylogs": whylogs, "alibi-detect": alibi_detect, "river": river,
}  # fmt: skip
WITH_LABELS: dict[str, Says] = {"cbpe": cbpe}
HOMES = {"cbpe": "nannyml"}  # whose environment it runs in


def main() -> None:
    """Every job of the folder."""
    who, folder = sys.argv[1], Path(sys.argv[2])
    warnings.simplefilter("ignore")
    for number, job in enumerate(json.loads((folder / "jobs.json").read_text())):
        with np.load(folder / f"{number}.npz") as found:
            reference, windows = found["reference"].ravel(), found["windows"]
            if who in WITH_LABELS:
                job["labels"] = found["labels"].ravel()[: len(reference)]
        statistic, fires = (PEERS | WITH_LABELS)[who](job, reference, windows)
        np.savez(folder / "said" / f"{who}-{number}.npz", statistic=statistic, fires=fires)


if __name__ == "__main__":
    main()
