"""Projects whose training has one fault each."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance.planted_project import Planted, small_lock

HERE = Path(__file__).parent


@pytest.fixture(scope="session", autouse=True)
def cache(built: Path):
    """One cache of environments for these tests, so that none of the user's is touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHIPWORTHY_CACHE", str(built))
        yield


@pytest.fixture(scope="session")
def lock() -> str:
    return small_lock(HERE.parent / "environments" / "requirements.lock")


@pytest.fixture
def project(tmp_path: Path, lock: str):
    made = Planted(tmp_path / "project", lock)
    yield made
    made.state.ledger.close()
