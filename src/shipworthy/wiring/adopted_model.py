"""A model that is adopted, as it was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from shipworthy.adoption.records import Tracked
from shipworthy.models.adopting import Given


@dataclass(frozen=True, slots=True)
class Source:
    """A model as it was found."""

    given: Given
    name: str  # a first name for it
    tracked: Tracked | None
    sample: pa.Table | None  # that came with it
    inputs: Sequence[str]  # names that came with it; () where none did


def own_modules(folder: Path, *more: Path) -> tuple[Path, ...]:
    """Folders that a user's own modules are imported from."""
    found = (folder, folder / "src", *more)
    return tuple(dict.fromkeys(each.resolve() for each in found if each.is_dir()))
