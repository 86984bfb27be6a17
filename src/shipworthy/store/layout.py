"""Where state lies. Everything of one project is under its `.shipworthy/`, keyed by model."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

FOLDER = ".shipworthy"
CONTRACT = "shipworthy.toml"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files of one project's state."""

    project: Path  # the folder of shipworthy.toml

    @property
    def state(self) -> Path:
        """`.shipworthy/`."""
        return self.project / FOLDER

    @property
    def ledger_url(self) -> str:
        """SHIPWORTHY_DATABASE_URL, else SQLite inside the state folder."""
        return os.environ.get("SHIPWORTHY_DATABASE_URL") or self.own_ledger_url

    @property
    def own_ledger_url(self) -> str:
        """SQLite inside the state folder, whatever the environment says."""
        return f"sqlite:///{self.state / 'ledger.db'}"

    @property
    def objects(self) -> str:
        """SHIPWORTHY_STORE, else a folder inside the state folder."""
        return os.environ.get("SHIPWORTHY_STORE") or str(self.state / "objects")

    def logs(self, model: str) -> Path:
        """Folder of a model's prediction logs: one folder a source, one file a segment."""
        return self.state / "models" / model / "log"

    def predictions(self, model: str) -> Path:
        """The Delta table of a model's predictions."""
        return self.state / "models" / model / "predictions"

    def labels(self, model: str) -> Path:
        """What the watch knows of a model's labels: a file that it replaces."""
        return self.state / "models" / model / "labels.json"

    def serving(self, model: str) -> Path:
        """What the server of a model leaves: its workers' figures and output."""
        return self.state / "models" / model / "serving"

    def shadow(self, model: str, release: int) -> Path:
        """The Delta table of what a release said as a shadow."""
        return self.state / "models" / model / "shadows" / str(release)

    def release(self, model: str, number: int) -> Path:
        """A release's files, materialised for the servers of this machine."""
        return self.state / "models" / model / "releases" / str(number)

    def work(self) -> Path:
        """Scratch space of trainings, rebuilds and rehearsals."""
        return self.state / "work"


def environments() -> Path:
    """Cache of built environments, shared by all projects of a user: SHIPWORTHY_CACHE, else ~/.cache/shipworthy."""
    root = os.environ.get("SHIPWORTHY_CACHE") or os.environ.get("XDG_CACHE_HOME")
    base = Path(root) if root else Path.home() / ".cache"
    return base / "shipworthy" / "environments"


def configuration() -> Path:
    """The user's configuration folder, where keys lie: SHIPWORTHY_CONFIG, else ~/.config/shipworthy."""
    own = os.environ.get("SHIPWORTHY_CONFIG")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "shipworthy"
