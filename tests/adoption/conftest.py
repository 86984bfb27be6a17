"""Flights that a team has learnt from, without shipworthy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from once import once
from threadpoolctl import threadpool_limits
from wiring.user import User, settings

ROWS = 1500
HISTORY = 1200  # of them: the newest fifth is held out by a training of ours


def flights() -> pd.DataFrame:
    """Two numbers, one of them with gaps, a category, and whether the flight was late."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "distance": random.gamma(2, 500, ROWS),
            "wind": np.where(random.random(ROWS) < 0.1, np.nan, random.normal(10, 4, ROWS)),
            "hour": random.integers(0, 24, ROWS),
            "carrier": random.choice(["AA", "UA", "WN"], ROWS),
        }
    )
    frame["late"] = (frame.distance / 1000 + frame.hour / 24 + random.normal(size=ROWS) > 1.5).astype(int)
    return frame


NUMBERS = ["distance", "wind", "hour"]


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def cache(built: Path) -> Path:
    """Built environments, shared by these tests."""
    return built


@pytest.fixture
def python() -> Path:
    """That of these tests, which has every library that they need."""
    return Path(sys.executable)


@pytest.fixture
def user(tmp_path: Path, cache: Path) -> User:
    """A user whose active environment is that of these tests."""
    return _user(tmp_path, cache)


@pytest.fixture(scope="session")
def adopted(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[User, Any]:
    """Who has adopted a pipeline in a file and had a contract written, and what was said; for copies to go on from."""
    home, said = once(tmp_path_factory, "adopted", lambda home: _adopt(home, cache))
    return _user(home, cache), said


def _adopt(home: Path, cache: Path) -> Any:
    """What `adopt` said."""
    from adoption.team_program import trained  # noqa: PLC0415 - imports this file

    made = _user(home, cache)
    joblib.dump(trained(flights()[:HISTORY]), made.folder / "late.joblib")
    flights().to_parquet(made.folder / "sample.parquet")
    return made.json("adopt", "late.joblib", "--sample", "sample.parquet", "--write")


def _user(home: Path, cache: Path) -> User:
    return User(home / "project", settings(home, cache, VIRTUAL_ENV=sys.prefix))
