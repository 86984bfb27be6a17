"""What is wrong around the model rather than with it, looked at by the watch: noted when it begins and when it ends.

A role that gives no sign, a disk that is nearly full, labels that stopped coming: each would otherwise be found out
when somebody misses what it should have done. The decisions are pure; each condition that is noted is one alert.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from shipworthy import clock
from shipworthy.alerts.records import Alert
from shipworthy.alerts.rules import NEARLY_FULL
from shipworthy.contract.records import Contract
from shipworthy.dashboard.view import DiskView, RoleView
from shipworthy.monitoring.label_standing import LabelStanding
from shipworthy.store.ledger import Entry, Ledger

KIND = "condition"
SILENT = " silent"  # after the role's name
DISK = "disk nearly full"
LABELS = "labels stopped"
ENOUGH = 10e9  # bytes: nearly full is below this, and below its share of the disk
QUIET = 14  # windows of answers after the newest label


class Condition(msgspec.Struct, frozen=True):
    """Ledger kind "condition", subject its name, key "NAME:n": it holds from now on, or no longer."""

    version: int  # 1
    name: str
    holds: bool
    words: str


def disk_of(folder: Path) -> DiskView:
    """How much room the disk of a folder has left."""
    usage = shutil.disk_usage(folder)
    nearly = usage.free < NEARLY_FULL * usage.total and usage.free < ENOUGH
    words = f"{usage.free / 1e9:,.1f} GB of {usage.total / 1e9:,.1f} GB are left on the disk of {folder}"
    return DiskView(usage.free, usage.total, nearly, words)


def conditions(
    roles: Sequence[RoleView], disk: DiskView, labels: LabelStanding, contract: Contract, newest: int | None
) -> dict[str, str]:
    """What holds now, by name, in words. newest: how far the model's own time has come, ns. Pure."""
    return dict(_holding(roles, disk, labels, contract, newest))


def _holding(
    roles: Sequence[RoleView], disk: DiskView, labels: LabelStanding, contract: Contract, newest: int | None
) -> Iterator[tuple[str, str]]:
    for role in roles:
        if role.wrong:
            yield f"{role.role}{SILENT}", role.words
    if disk.nearly_full:
        yield DISK, f"{disk.words}: when it is full, requests are refused because they cannot be logged; make room"
    quiet = QUIET * contract.monitoring.window
    if labels.newest is not None and newest is not None and newest - labels.newest > quiet:
        since, now = (clock.to_iso(instant)[:16].replace("T", " ") for instant in (labels.newest, newest))
        words = (
            f"the newest label became known at {since} UTC, and answers have come until {now} UTC: for "
            f"{clock.spoken(newest - labels.newest)} nobody knows how good the model is; look whether whoever sends "
            "labels, or the table of [labels], still works"
        )
        yield LABELS, words


def note(ledger: Ledger, model: str, holding: Mapping[str, str]) -> list[Entry]:
    """Note what has begun or ended since. Of two who look at once, one notes it."""
    newest: dict[str, tuple[int, Condition]] = {}
    for entry in reversed(ledger.entries(KIND, model)):
        one = entry.decode(Condition)
        newest[one.name] = (int((entry.key or "").rpartition(":")[2]), one)
    noted = []
    for name in sorted(holding.keys() | newest.keys()):
        number, before = newest.get(name, (0, None))
        holds = name in holding
        if holds == (before is not None and before.holds):
            continue
        record = Condition(1, name, holds, holding.get(name, ""))
        noted.append(ledger.append_once(KIND, model, record, key=f"{name}:{number + 1}", subject=name))
    return noted


def alerts_of(ledger: Ledger, model: str) -> list[Alert]:
    """An alert for each time that a condition began to hold."""
    found = []
    for entry in ledger.entries(KIND, model):
        one = entry.decode(Condition)
        if one.holds:
            found.append(
                Alert(entry.id, model, one.name, f"{model}: {one.name}", one.words, None, None, entry.at, lasting=True)
            )
    return found


def over(ledger: Ledger, model: str, alert: Alert) -> str:
    """Why a condition's alert is so no longer; "" while it is."""
    newest = ledger.newest(KIND, model, subject=alert.cause)
    return "" if newest is not None and newest.id == alert.id else f"it is not so any more: {alert.cause}"


def is_condition(cause: str) -> bool:
    """Whether an alert's cause is one of these."""
    return cause in (DISK, LABELS) or cause.endswith(SILENT)
