"""A small lock, cut out of the large one."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipworthy.environments.requirements import names, without

LOCK = Path(__file__).parent / "requirements.lock"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock of one small package."""
    text = LOCK.read_text()
    path = tmp_path / "requirements.lock"
    path.write_text(without(text, [name for name in names(text) if name != "threadpoolctl"]))
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"
