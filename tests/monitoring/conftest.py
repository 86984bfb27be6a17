"""A world a test."""

import pytest
from monitoring.world import opened


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.delenv("SHIPWORTHY_DATABASE_URL", raising=False)
    with opened(tmp_path) as found:
        yield found
