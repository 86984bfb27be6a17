"""What a tracker was told, as it stands in the ledger."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from shipworthy.store.ledger import Entry

TrackerName = Literal["mlflow", "wandb"]


class Tracked(msgspec.Struct, frozen=True):
    """Ledger kind "tracked", key "TRACKER:ID": an entry of the ledger has arrived at a tracker."""

    tracker: TrackerName
    place: str  # of the tracker: an address, or a folder
    run: str | None  # the tracker's own id of the run that it was told to
    version: str | None  # of the registered model; None where the tracker has none


class Unreachable(Exception):
    """The tracker does not answer: everything waits."""


class Unsendable(Exception):
    """One entry cannot be told now; others may."""


class Tracker(Protocol):
    """Somewhere that runs and releases are told to."""

    name: TrackerName
    place: str

    def send(self, entry: Entry) -> Tracked:
        """Tell it one entry; telling it again changes nothing. Unreachable, Unsendable."""
        ...
