"""The team's own service, once for all tests, and a contract for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CONTRACT = """
[features]
age = { type = "integer", min = 0, max = 120 }
weight = { type = "float", min = 1, max = 400 }
sex = { type = "category", values = ["f", "m"], unknown = "refuse" }
smoker = { type = "boolean" }
pressure = { type = "float", nullable = true }

[serving]
p99_ms = 2000
rate = 300
"""


@pytest.fixture(scope="session")
def service() -> Iterator[str]:
    """Its address; see service.py for what stands where."""
    command = [sys.executable, str(Path(__file__).with_name("service.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.terminate()


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The contract as a file of its own: no model, no purpose, no project."""
    path = tmp_path / "contract.toml"
    path.write_text(CONTRACT)
    return path
