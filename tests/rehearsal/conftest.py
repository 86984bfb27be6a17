"""Servers that behave in known ways, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def serving() -> Iterator[Callable[[str], str]]:
    """`serving(mode)` starts a server (see server.py) and gives its address."""
    started: list[subprocess.Popen[bytes]] = []

    def start(mode: str) -> str:
        command = [sys.executable, str(Path(__file__).with_name("server.py")), mode]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        return f"http://127.0.0.1:{int(process.stdout.readline())}/predict"

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
