"""Families whose files differ with each training, made twice by the runner: where on the ladder they meet."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shipworthy import digest
from shipworthy.environments.execution import Job, execute
from shipworthy.models.bundle import MODEL, PROBE_ANSWERS, read_answers
from shipworthy.training import ladder, making

RECIPES = """
import catboost
import pandas as pd
from sklearn.ensemble import RandomForestClassifier


def words(rows: pd.DataFrame, parameters, seed):
    model = catboost.CatBoostClassifier(
        iterations=5, cat_features=["carrier"], random_seed=seed, verbose=0, allow_writing_files=False
    )
    return model.fit(rows[["carrier", "distance"]], rows["late"])


class Numbers(RandomForestClassifier):
    def predict_proba(self, rows):
        return super().predict_proba(rows[["distance"]].to_numpy() if hasattr(rows, "columns") else rows)


def forest(rows: pd.DataFrame, parameters, seed):
    return Numbers(200, n_jobs=4, random_state=seed).fit(rows[["distance"]].to_numpy(), rows["late"])
"""


def made(folder: Path, recipe: str, seed: int) -> ladder.Made:
    """What came of one training; each in a folder of its own."""
    project, output, table = folder / "project", folder / "output", folder / "rows.parquet"
    output.mkdir(parents=True)
    project.mkdir()
    (project / "recipes.py").write_text(RECIPES)
    random = np.random.default_rng(0)
    distance = random.normal(size=400)
    words = random.choice(["AA", "UA", "WN", "DL"], 400)
    late = (distance + (words == "UA") + random.normal(size=400) > 0.5).astype(int)
    pq.write_table(pa.table({"carrier": words, "distance": distance, "late": late}), table)
    job = Job(
        project=str(project),
        train=f"recipes:{recipe}",
        task="classification",
        features=("carrier", "distance"),
        source="rows",
        target="late",
        data={"rows": str(table)},
        parameters={},
        seed=seed,
        threads=1,
        probes=str(table),
        holdout=str(table),
        output=str(output),
        extend=False,
    )
    outcome = execute(Path(sys.executable), job, report=lambda step: None)
    answers = read_answers(output / PROBE_ANSWERS)
    return ladder.Made(
        model_digest=digest.of_file(output / MODEL),
        canonical_digest=outcome.canonical_digest,
        prediction_digest=making.digest_of_answers(answers),
        answers=answers,
        classes=outcome.classes,
        metrics={},
        environment=making.environment_of(outcome, "lock", None, 1),
    )


@pytest.mark.parametrize(("recipe", "rung"), [("words", "canonical-identical"), ("forest", "bit-identical")])
def test_the_same_seed_reaches_its_rung_and_another_does_not(tmp_path, recipe, rung):
    """CatBoost writes an id of its own into each file; a forest's workers would add up in any order."""
    first, again, other = (made(tmp_path / str(turn), recipe, seed) for turn, seed in enumerate((1, 1, 2)))
    assert ladder.compare(first, again, "classification", 1e-9).rung == rung
    assert ladder.compare(first, other, "classification", 1e-9).rung == "different"
    assert other.canonical_digest != first.canonical_digest
