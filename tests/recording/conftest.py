"""A prepared project a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from recording.logs import Project, opened


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with opened(tmp_path) as project:
        yield project
