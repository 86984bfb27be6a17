"""The alerts of a project as one file of JSON lines, for people and for log shippers."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from shipworthy import clock
from shipworthy.alerts.records import Alert, Event


class Journal:
    """Appends each alert, and the end of each, once, whole, and on disk before it returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, alert: Alert, event: Event = "opened") -> None:
        """Append what there is to say, unless it is there: a process killed after writing it may not have said so."""
        content = self._path.read_bytes() if self._path.exists() else b""
        if (alert.id, event) in _said(content):
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        torn = content and not content.endswith(b"\n")  # a killed process left half a line: it stays apart
        line = (b"\n" if torn else b"") + msgspec.json.encode({**spoken(alert), "status": event}) + b"\n"
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)


def spoken(alert: Alert) -> dict[str, str | int | None]:
    """An alert as others read it: instants in ISO 8601; `text` holds all of it, as chat programs expect."""
    event_time = None if alert.event_time is None else clock.to_iso(alert.event_time)
    return {
        "id": alert.id,
        "model": alert.model,
        "release": alert.release,
        "cause": alert.cause,
        "title": alert.title,
        "text": f"{alert.title}: {alert.text}",
        "event_time": event_time,
        "severity": alert.severity,
        "at": clock.to_iso(alert.at),
    }


class _Line(msgspec.Struct):
    id: str
    status: str = "opened"


def _said(content: bytes) -> set[tuple[str, str]]:
    found = set()
    for text in content.splitlines():
        try:
            line = msgspec.json.decode(text, type=_Line)
            found.add((line.id, line.status))
        except msgspec.DecodeError:
            continue
    return found
