"""What a tracker has not been told yet. The ledger itself is the outbox: nothing is lost while a tracker is away."""

from __future__ import annotations

import msgspec

from shipworthy.store.ledger import Entry, Ledger
from shipworthy.trackers.records import Tracked, Tracker, TrackerName, Unreachable, Unsendable

KIND = "tracked"
ORDER = ("run", "rebuild", "verdict", "release", "alias")  # of what was written down at the same moment
KINDS: dict[TrackerName, tuple[str, ...]] = {"mlflow": ORDER, "wandb": ("run", "release")}


class Sent(msgspec.Struct, frozen=True):
    """How a synchronisation ended."""

    tracker: TrackerName
    place: str
    sent: int  # entries
    waiting: int  # entries
    reason: str  # why some wait; "" where none does


def waiting(ledger: Ledger, model: str, tracker: TrackerName) -> list[Entry]:
    """The entries that a tracker has not been told, oldest first."""
    told = {entry.key for entry in ledger.entries(KIND, model)}
    found = [
        entry for kind in KINDS[tracker] for entry in ledger.entries(kind, model) if _key(tracker, entry) not in told
    ]
    return sorted(found, key=lambda entry: (entry.at, ORDER.index(entry.kind)))


def synchronise(ledger: Ledger, model: str, tracker: Tracker) -> Sent:
    """Tell a tracker what it has not been told. Whatever goes wrong there is a reason in the result, never an error."""
    todo = waiting(ledger, model, tracker.name)
    sent, reason = 0, ""
    for entry in todo:
        try:
            tracked = tracker.send(entry)
        except Unreachable as error:
            reason = str(error)
            break
        except Exception as error:  # Unsendable, or a fault of the client's own: no training may fail of it
            said = str(error) if isinstance(error, Unsendable) else f"{type(error).__name__}: {error}"
            reason = reason or f"{entry.id}: {said}"
            continue
        ledger.append_once(KIND, model, tracked, key=_key(tracker.name, entry), subject=entry.id)
        sent += 1
    return Sent(tracker.name, tracker.place, sent, len(todo) - sent, reason)


def told(ledger: Ledger, tracker: TrackerName, entry_id: str, model: str) -> Tracked | None:
    """What a tracker was told of an entry; None where it has not been."""
    found = ledger.by_key(KIND, model, f"{tracker}:{entry_id}")
    return found.decode(Tracked) if found is not None else None


def _key(tracker: TrackerName, entry: Entry) -> str:
    return f"{tracker}:{entry.id}"
