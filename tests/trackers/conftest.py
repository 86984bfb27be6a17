"""Projects whose runs a real MLflow server is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trackers.mlflow_server import Server
from training.conftest import Project

from shipworthy.environments import builder

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def cache(built: Path) -> Path:
    return built


@pytest.fixture(scope="session", autouse=True)
def _cache(cache: Path) -> Iterator[None]:
    """One cache of environments for these tests, so that none of the user's is touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHIPWORTHY_CACHE", str(cache))
        yield


@pytest.fixture(scope="session")
def server(mlflow_server: Server) -> Server:
    return mlflow_server


@pytest.fixture(scope="session")
def lock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the teams of these tests train with: the usual, and the trackers' own clients."""
    folder = tmp_path_factory.mktemp("lock")
    usual = HERE.parent / "environments" / "requirements.lock"
    return builder.lock_with(usual, ("mlflow-skinny", "wandb"), near=folder)


@pytest.fixture
def project(tmp_path: Path, lock: Path) -> Iterator[Project]:
    made = Project(tmp_path / "project", lock)
    yield made
    made.state.ledger.close()
