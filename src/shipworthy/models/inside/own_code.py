"""The user's own modules, imported from the folder beside a model just as their sources stand.

Python would write bytecode into that folder, which a signature covers, and would believe bytecode that lies there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from pathlib import Path
from typing import Any


class _FromSource(SourceFileLoader):
    """Neither reads nor writes bytecode, for it cannot say how old the source is."""

    def path_stats(self, path: Any) -> Any:
        raise OSError(f"{path} is compiled anew each time")


def importable(folder: Path) -> None:
    """Make the modules in a folder importable, before all others."""
    place = str(folder)
    if place not in sys.path:
        sys.path_hooks.insert(0, _hook(place))
        sys.path.insert(0, place)


def _hook(place: str) -> Callable[[str], Any]:
    finder = FileFinder.path_hook((ExtensionFileLoader, EXTENSION_SUFFIXES), (_FromSource, SOURCE_SUFFIXES))

    def found(path: str) -> Any:
        if path != place and not path.startswith(place + os.sep):
            raise ImportError(f"{path} is not below {place}")
        return finder(path)

    return found
