"""Flights that a team has learnt from, without shipworthy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

ROWS = 1500


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
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built environments, shared by these tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def python() -> Path:
    """That of these tests, which has every library that they need."""
    return Path(sys.executable)
