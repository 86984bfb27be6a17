"""`init`: a contract from a sample, code to start from, and a lock of what the user has installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shipworthy.contract.sample import refuse_existing, write_project
from shipworthy.environments.freezing import freeze
from shipworthy.environments.installed import find_python, look
from shipworthy.wiring.sampling import sample_of

LOCK = "requirements.lock"
NEEDED = {"polars": ("polars", "scikit-learn"), "pandas": ("pandas", "pyarrow", "scikit-learn")}


@dataclass(frozen=True, slots=True)
class Started:
    """What was written, and what the user should know."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]  # were there, and were left as they are
    said: tuple[str, ...]


def start_project(folder: Path, sample: str, *, target: str | None, name: str | None) -> Started:
    """Write whatever a project lacks; nothing that is there is changed."""
    refuse_existing(folder)
    found = sample_of(sample, folder)
    installed = look(find_python(folder))
    frame = "polars" if installed.has("polars") and not installed.has("pandas") else "pandas"
    folder.mkdir(parents=True, exist_ok=True)
    made = write_project(found, folder, target=target, name=name, frame="polars" if frame == "polars" else "pandas")
    lock = folder / LOCK
    if lock.exists():
        return Started(made.files, (*made.kept, lock), made.said)
    frozen = freeze(installed, lock, needed=NEEDED[frame])
    said = list(made.said)
    if frozen.added:
        said.append(f"{LOCK} also pins {', '.join(frozen.added)}: needed to train, and not installed.")
    return Started((*made.files, lock), made.kept, tuple(said))
