"""What all tests share."""

from pathlib import Path

import pytest
from once import together

# Beside the rules of all tests, what several folders share: a user who has shipped, a container engine, a tracking
# server. Made when first asked for.
pytest_plugins = ["pytester", "needs", "spread", "trackers.mlflow_server", "wiring.containers", "wiring.shipping_user"]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where environments are built, once for all tests: the first job in each compiles all that it imports."""
    folder = together(tmp_path_factory) / "built"
    folder.mkdir(exist_ok=True)
    return folder
