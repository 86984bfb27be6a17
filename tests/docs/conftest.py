"""One project for all pages: made by following the tutorial, and copied for whoever needs one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from docs.documents import DOCS
from docs.following import Reader
from projects import copy_project

TUTORIAL = DOCS / "tutorial" / "first-model.md"


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration folder, so that none of the user's is touched."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="session")
def cache(built: Path) -> Path:
    """Built environments, shared by all pages."""
    return built


@pytest.fixture(scope="session")
def tutorial(tmp_path_factory: pytest.TempPathFactory, keys: Path, cache: Path) -> Reader:
    """The reader who has followed the tutorial to its end."""
    reader = Reader(tmp_path_factory.mktemp("tutorial"), keys, cache)
    reader.follow(TUTORIAL)
    return reader


@pytest.fixture
def reader(tutorial: Reader, tmp_path: Path, keys: Path, cache: Path) -> Callable[[], Reader]:
    """Makes a reader who begins where the tutorial ends, in a folder of their own."""

    def make() -> Reader:
        folder = tmp_path / "project"
        copy_project(tutorial.folder, folder, without=("work", ".venv"))
        (folder / ".venv").symlink_to(tutorial.folder / ".venv")
        return Reader(folder, keys, cache, port=tutorial.port)  # another port would be another promise

    return make


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SHIPWORTHY_")]:
        monkeypatch.delenv(name)
