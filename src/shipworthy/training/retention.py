"""What released models were built from, and Delta's vacuum that leaves it alone.

Held is what every release of any model in the ledger was built from, unless it was retired, and the newest run of each,
which may be released yet. A version that was copied (`keep = true`) needs its table no more, and is not held.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

import msgspec
import obstore
from deltalake import PostCommitHookProperties
from deltalake.exceptions import DeltaError
from obstore.store import ObjectStore

from shipworthy import clock
from shipworthy.errors import NotFound, Refused, WrongUse
from shipworthy.lineage.records import DataPin, Run
from shipworthy.registry.records import Release
from shipworthy.registry.retirements import retired
from shipworthy.store.ledger import Entry, Ledger
from shipworthy.training import delta

HOUR = 3600 * clock.SECOND


@dataclass(frozen=True, slots=True)
class Held:
    """A data version, and what was built from it."""

    pin: DataPin
    builders: tuple[str, ...]  # "flight-delay@3", or a run's id


class KeptVersion(msgspec.Struct, frozen=True):
    """A version of a table that a model was built from."""

    version: int
    builders: tuple[str, ...]
    readable: bool  # False: its log or a file of it was gone before


class TableVacuum(msgspec.Struct, frozen=True):
    """What goes from a table, or went."""

    location: str
    newest: int  # version
    files: int
    bytes: int
    kept: tuple[KeptVersion, ...]


def held(ledger: Ledger) -> tuple[Held, ...]:
    """The data versions that may not go, each once, without those that were copied."""
    builders: dict[str, list[str]] = {}
    runs: dict[str, Entry] = {}
    gone = retired(ledger)
    for entry in ledger.entries("release"):
        release = entry.decode(Release)
        if (release.model, release.number) in gone:
            continue
        builders.setdefault(release.run, []).append(f"{release.model}@{release.number}")
    newest: dict[str, Entry] = {}
    for entry in ledger.entries("run"):  # newest first
        runs[entry.id] = entry
        newest.setdefault(entry.model, entry)
    for entry in newest.values():
        builders.setdefault(entry.id, [entry.id])
    pinned = [(pin, names) for id_, names in builders.items() for pin in runs[id_].decode(Run).data if not pin.snapshot]
    return _merged(pinned)


def _told(error: DeltaError) -> str:
    """The library's own words, and how to be let do it all the same where the table's retention forbids it."""
    said = " ".join(str(error).split())
    if "retention period" not in said:
        return said
    return (
        f"{said}. Expected --older-than not below what the table itself promises its readers (168 hours, unless its "
        "property delta.deletedFileRetentionDuration says otherwise); to remove more, set that property of the table"
    )


def vacuum(location: str, holding: Iterable[Held], *, older_than: int | None, apply: bool) -> TableVacuum:
    """Remove files that only old versions of a table need, those of `holding` excepted; told only, unless `apply`.

    `older_than` (ns) is how long ago a file must have been replaced, the table's own retention by default. WrongUse
    where it is shorter than that. Refused, before anything is removed, where a file of a held version would go.
    """
    table = delta.opened(location, None)
    id_ = str(table.metadata().id)
    kept: dict[int, tuple[KeptVersion, frozenset[str]]] = {}
    for each in holding:
        if each.pin.table == id_ and each.pin.version is not None:
            kept[each.pin.version] = _version(location, each.pin.version, each.builders)
    versions = [found.version for found, _ in kept.values() if found.readable]
    hours = None if older_than is None else -(-older_than // HOUR)
    store = delta.store_of(location)

    def run(*, dry: bool) -> list[str]:
        try:
            # Vacuuming is not to clean the log up as well: versions are read by it.
            return table.vacuum(
                retention_hours=hours,
                dry_run=dry,
                keep_versions=versions or None,
                post_commithook_properties=PostCommitHookProperties(
                    create_checkpoint=False, cleanup_expired_logs=False
                ),
            )
        except DeltaError as error:
            raise WrongUse(f"{location} cannot be vacuumed: {_told(error)}") from None

    planned = run(dry=True)
    needed = frozenset(path for _, paths in kept.values() for path in paths)
    _refuse_held(location, planned, needed, kept.values())
    sizes = [size for path in planned if (size := _size(store, path)) is not None]  # it names those of before again
    newest = table.version()
    if apply and sizes:
        run(dry=False)
    return TableVacuum(location, newest, len(sizes), sum(sizes), tuple(found for found, _ in kept.values()))


def _merged(pinned: list[tuple[DataPin, list[str]]]) -> tuple[Held, ...]:
    by_version: dict[object, tuple[DataPin, list[str]]] = {}
    for pin, names in pinned:
        key = (pin.kind, pin.table, pin.version, pin.commit, pin.md5, pin.location)
        by_version.setdefault(key, (pin, []))[1].extend(names)
    return tuple(Held(pin, tuple(sorted(set(names)))) for pin, names in by_version.values())


def _version(location: str, version: int, builders: tuple[str, ...]) -> tuple[KeptVersion, frozenset[str]]:
    """A version that can no longer be read has nothing left to hold: its files cannot be told from others."""
    try:
        paths = frozenset(delta.paths(delta.opened(location, version)))
    except NotFound:
        return KeptVersion(version, builders, readable=False), frozenset()
    store = delta.store_of(location)
    readable = all(_size(store, path) is not None for path in paths)
    return KeptVersion(version, builders, readable), paths


def _refuse_held(
    location: str,
    planned: list[str],
    needed: frozenset[str],
    kept: Iterable[tuple[KeptVersion, frozenset[str]]],
) -> None:
    """The library was told what to keep; this is to see that it listened."""
    plain = {unquote(path) for path in planned}
    for version, paths in kept:
        going = sorted(path for path in paths if unquote(path) in plain)
        if going and version.readable:
            raise Refused(
                f"{location}: vacuum would remove {PurePosixPath(going[0]).name} of version {version.version}, which "
                f"{', '.join(version.builders)} was built from; nothing was removed"
            )


def _size(store: ObjectStore, path: str) -> int | None:
    """Bytes; None where there is no such file."""
    for name in (path, unquote(path)):
        try:
            return int(obstore.head(store, name)["size"])
        except FileNotFoundError:
            continue
    return None
