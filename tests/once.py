"""What is expensive to make is made once for all the processes that the tests run in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shipworthy.environments.locking import locked

SAID = "made-once.json"  # written last, in the folder itself: without it what stands there is half of it


def once(paths: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> tuple[Path, Any]:
    """A new folder that `make` filled, and what `make` returned, as JSON has it.

    Whichever process comes first makes it, any other waits for that one. Where it failed the next one tries again,
    so that the tests of both say why.
    """
    folder = together(paths) / name
    with locked(folder.with_name(f"{name}.lock")):
        if not (folder / SAID).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            (folder / SAID).write_text(json.dumps(make(folder)))
    return folder, json.loads((folder / SAID).read_text())


def together(paths: pytest.TempPathFactory) -> Path:
    """A folder that every process of this run of the tests has in common."""
    folder = paths.getbasetemp()
    if folder.name.startswith("popen-"):  # a worker's own, in that of the run
        folder = folder.parent
    common = folder / "together"
    common.mkdir(exist_ok=True)
    return common
