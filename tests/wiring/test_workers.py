"""How a worker is started: in our own Python where the runtime is ours, else in the lock's with the server added."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipworthy.lineage.records import Run
from shipworthy.models.bundle import Bundle
from shipworthy.wiring.workers import OWN, worker_command


@pytest.fixture
def releases(shipped, cache: Path, monkeypatch: pytest.MonkeyPatch):
    """Description, lock and code of release 1 (ONNX Runtime) and 2 (Python)."""
    monkeypatch.setenv("SHIPWORTHY_CACHE", str(cache))
    runs = reversed([entry.decode(Run) for entry in shipped.entries("run")])
    return [
        (
            Bundle.open(shipped.layout.release("patients", number)).description,
            run.environment.lock,
            run.code.digest,
        )
        for number, run in enumerate(runs, start=1)
    ]


def test_a_model_of_our_own_runtimes_needs_no_environment(shipped, releases):
    description, lock, code = releases[0]
    assert worker_command(description, lock, code, shipped.objects) == OWN


def test_a_release_with_other_code_of_its_own_needs_another_process(shipped, releases):
    """A process imports a module once, so that workers are replaced where nothing but the user's code has changed."""
    description, lock, code = releases[1]
    command = worker_command(description, lock, code, shipped.objects)
    assert command == worker_command(description, lock, code, shipped.objects)
    other = worker_command(description, lock, "f" * 64, shipped.objects)
    assert command[0] == other[0] != OWN[0]
    assert command != other
