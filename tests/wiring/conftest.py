"""Tests go on from copies of the project of a user who has shipped twice."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from wiring.user import User


@pytest.fixture(scope="session")
def cache(built: Path) -> Path:
    """Where environments are built, once for all tests."""
    return built


@pytest.fixture
def user(shipped: User, tmp_path: Path) -> User:
    """Both releases are there, the second is live, and nothing runs."""
    return shipped.copy(tmp_path / "project")


@pytest.fixture
def row(shipped: User) -> dict[str, object]:
    """A patient, as a caller sends one."""
    patient = pq.read_table(shipped.folder / "data" / "patients.parquet").slice(0, 1).to_pylist()[0]
    del patient["progression"]
    return patient
