"""Data sources as the contract names them: read, pinned, and read again from the pin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa

from shipworthy.contract.records import DataSource
from shipworthy.errors import NotFound, Undecided
from shipworthy.lineage.records import Cut, DataPin
from shipworthy.store.objects import File, Objects
from shipworthy.training import delta, dvc, files, sql
from shipworthy.training.content import content_digest, digests


@dataclass(frozen=True, slots=True)
class Reading:
    """A source's rows, and what they were."""

    rows: pa.Table
    pin: DataPin  # without a cut


@dataclass(frozen=True, slots=True)
class _Found:
    """What each kind of source tells."""

    rows: pa.Table
    digest: str
    kept: tuple[File, ...]
    table: str | None = None
    version: int | None = None
    commit: str | None = None
    md5: str | None = None


def read(source: DataSource, project: Path, objects: Objects) -> Reading:
    """A source as it is now, or as the version that it is pinned to: what can change unseen is kept as it is read.

    NotFound where it does not exist or its bytes cannot be had any more; WrongUse where it cannot be read.
    """
    found = _READERS[source.kind](source, project, objects)
    rows, sequence = digests(found.rows)
    pin = DataPin(
        name=source.name,
        kind=source.kind,
        location=source.location,
        version=found.version,
        table=found.table,
        digest=found.digest,
        content_digest=rows,
        rows=found.rows.num_rows,
        columns={field.name: str(field.type) for field in found.rows.schema},
        snapshot=found.kept,
        cut=None,
        commit=found.commit,
        md5=found.md5,
        query=source.query,
        sequence=sequence,
    )
    return Reading(found.rows, pin)


def reread(pin: DataPin, project: Path, objects: Objects) -> pa.Table:
    """The rows that a pin stands for. Undecided where they are gone, or are not those that were pinned any more."""
    try:
        rows, found = _reread(pin, project, objects)
    except NotFound as error:
        raise Undecided(f"could not decide: the data is gone: {error}") from error
    # A log entry that was cleaned away changes the digest of the bytes, but not that of the rows.
    if found != pin.digest and content_digest(rows) != pin.content_digest:
        raise Undecided(
            f"could not decide: the data is gone: {pin.kind}:{pin.location} holds other rows than those of run's "
            f"{_version(pin)}; restore them, or train anew with keep = true"
        )
    return rows


def located(project: Path, location: str) -> str:
    """A location as a URL or a path that does not depend on the working directory."""
    return location if "://" in location else str(project / location)


def with_cut(pin: DataPin, cut: Cut) -> DataPin:
    """The pin of the source that holds the target."""
    return msgspec.structs.replace(pin, cut=cut)


def same(pin: DataPin, other: DataPin) -> bool:
    """Whether two pins stand for the same rows.

    The bytes of a table that was compacted or vacuumed, or of a query's answer, differ where its rows do not.
    """
    if pin.kind == "file" or other.kind == "file":
        return pin.digest == other.digest
    return pin.digest == other.digest or pin.content_digest == other.content_digest


def _reread(pin: DataPin, project: Path, objects: Objects) -> tuple[pa.Table, str]:
    """The rows, and the digest of what they were read from."""
    if pin.snapshot:
        # The kept rows of a Delta table are not its files.
        kept = pin.digest if pin.kind == "delta" else files.digest_of(pin.snapshot)
        return files.read(pin.snapshot, objects), kept
    if pin.kind == "dvc":
        tracked = dvc.read(project, pin.location, pin.commit, objects)
        return tracked.rows, tracked.digest
    version = delta.read(located(project, pin.location), pin.version)
    return version.rows, version.digest


def _read_file(source: DataSource, project: Path, objects: Objects) -> _Found:
    kept = files.keep(project / source.location, objects)
    return _Found(files.read(kept, objects), files.digest_of(kept), kept)


def _read_delta(source: DataSource, project: Path, objects: Objects) -> _Found:
    found = delta.read(located(project, source.location), source.version, objects if source.keep else None)
    return _Found(found.rows, found.digest, found.files, table=found.table, version=found.version)


def _read_dvc(source: DataSource, project: Path, objects: Objects) -> _Found:
    found = dvc.read(project, source.location, source.revision, objects, copy=source.keep)
    return _Found(found.rows, found.digest, found.files, commit=found.commit, md5=found.md5)


def _read_sql(source: DataSource, project: Path, objects: Objects) -> _Found:
    kept = (sql.keep(source.location, str(source.query), project, objects),)
    return _Found(files.read(kept, objects), files.digest_of(kept), kept)


_READERS = {"file": _read_file, "delta": _read_delta, "dvc": _read_dvc, "sql": _read_sql}


def _version(pin: DataPin) -> str:
    if pin.commit is not None:
        return f"commit {pin.commit}"
    return f"version {pin.version}" if pin.version is not None else "snapshot"
