"""A user who brings a model from a sample into production, once a session, for any folder's tests (a pytest plugin)."""

from __future__ import annotations

from pathlib import Path

import pytest
from once import once
from wiring.user import User, settings

from shipworthy.environments import builder

LOCK = Path(__file__).parents[2] / "examples" / "diabetes" / "requirements.lock"
WRITTEN = {"shipworthy.toml", "train.py", "requirements.lock"}  # by `init`

# A model that only its own library can answer for: part of it is the user's code.
CLIPPED = '''"""Keeps answers within what was ever seen."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


class Clipped(RegressorMixin, BaseEstimator):
    """Another model, clipped to the range of its labels."""

    def __init__(self, model):
        self.model = model

    def fit(self, rows, labels):
        """Fit the other model, and remember the range."""
        self.low_, self.high_ = np.min(labels), np.max(labels)
        self.model.fit(rows, labels)
        return self

    def predict(self, rows):
        """Predictions (n,)."""
        return np.clip(self.model.predict(rows), self.low_, self.high_)
'''


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory, built: Path) -> User:
    """What `init` makes of a sample, with what only a person can know put in. Nothing is trained yet."""
    home, own = once(tmp_path_factory, "begun", lambda home: _begin(home, built))
    return User(home / "project", own)


def _begin(home: Path, built: Path) -> dict[str, str]:
    """The user's environment variables."""
    from sklearn.datasets import load_diabetes  # noqa: PLC0415 - read at the start of every run of tests

    environment = builder.build(LOCK, cache=built / "of-the-user")
    user = User(home / "project", settings(home, built, VIRTUAL_ENV=str(environment)))
    patients = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"target": "progression"})
    patients["sex"] = patients["sex"].map({1.0: "1", 2.0: "2"})
    (user.folder / "data").mkdir()
    patients.to_parquet(user.folder / "data" / "patients.parquet", index=False)
    written = user.json("init", "data/patients.parquet")["written"]
    assert {Path(path).name for path in written} == WRITTEN
    user.edit(
        "shipworthy.toml",
        ("not written down yet: what is decided on these answers?", "whom to invite to a check-up"),
        ("not written down yet: who answers for it?", "clinic@example.com"),
        ("p99_ms = 10 ", "p99_ms = 500 "),  # so that a busy machine does not decide a test,
        ("rate = 100 ", "rate = 500 "),  # nor a slow rate take its time
    )
    return user.settings


@pytest.fixture(scope="session")
def shipped(begun: User, tmp_path_factory: pytest.TempPathFactory) -> User:
    """Release 1 is answered for by ONNX Runtime; 2, with another parameter and code of the user's own, by Python."""
    home, _ = once(tmp_path_factory, "shipped", lambda home: _ship(begun.copy(home / "project")))
    return User(home / "project", begun.settings)


def _ship(user: User) -> None:
    user.run("rehearse", "--quick")
    assert user.json("ship")["release"] == 1
    user.write("clipped.py", CLIPPED)
    user.edit("shipworthy.toml", ("learning_rate = 0.1", "learning_rate = 0.05"))
    user.edit(
        "train.py",
        ("import pandas as pd\n", "import pandas as pd\nfrom clipped import Clipped\n"),
        ("model = Pipeline([", "model = Clipped(Pipeline(["),
        ('("trees", trees)])', '("trees", trees)]))'),
    )
    assert user.json("ship")["release"] == 2
