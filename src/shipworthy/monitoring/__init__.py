"""Monitoring: is the world still the one the model was trained on? Evidence, alarms, and quality from labels.

For notebooks and jobs, without a server (docs/how-to/watch-without-a-server.md):

    profile    bins and counts of a reference table         -> Profile
    count      what each window of a table holds            -> {start: Counts}
    merge      counts of several tables, jobs or machines   -> {start: Counts}
    evidence   what the windows say against the reference   -> Replayed
    assess     each window's quality by its labels, and estimated without them -> (Quality, …)
    encode     a profile as bytes; `decode` reads them

They are loaded when they are first asked for, so that importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shipworthy.monitoring.quality_tables import assess
    from shipworthy.monitoring.replaying import Replayed
    from shipworthy.monitoring.tables import Profile, count, decode, encode, evidence, merge, profile

_HOMES = {
    "Profile": "tables",
    "Replayed": "replaying",
    "assess": "quality_tables",
    "count": "tables",
    "decode": "tables",
    "encode": "tables",
    "evidence": "tables",
    "merge": "tables",
    "profile": "tables",
}

__all__ = ["Profile", "Replayed", "assess", "count", "decode", "encode", "evidence", "merge", "profile"]


def __getattr__(name: str) -> Any:
    """A public name, loaded when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - start-up time

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
