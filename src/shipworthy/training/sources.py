"""Data sources as the contract names them: read, pinned, and read again from the pin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa

from shipworthy import digest
from shipworthy.contract.records import DataSource
from shipworthy.errors import NotFound, Undecided, WrongUse
from shipworthy.lineage.records import Cut, DataPin
from shipworthy.store.objects import File, Objects
from shipworthy.training import delta, files
from shipworthy.training.content import content_digest


@dataclass(frozen=True, slots=True)
class Reading:
    """A source's rows, and what they were."""

    rows: pa.Table
    pin: DataPin  # without a cut


def read(source: DataSource, project: Path, objects: Objects) -> Reading:
    """A source as it is now: the newest version of a Delta table unless one is named, files snapshotted.

    NotFound where it does not exist; WrongUse for a kind that cannot be trained on.
    """
    if source.kind == "delta":
        found = delta.read(located(project, source.location), source.version, objects if source.keep else None)
        return Reading(found.rows, _pin(source, found.rows, found.digest, found.files, (found.table, found.version)))
    if source.kind == "file":
        kept = files.keep(project / source.location, objects)
        rows = files.read(kept, objects)
        return Reading(rows, _pin(source, rows, _digest_of(kept), kept, (None, None)))
    raise WrongUse(f"data.{source.name} = {source.kind}:{source.location}: expected delta: or file:")


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


def _reread(pin: DataPin, project: Path, objects: Objects) -> tuple[pa.Table, str]:
    if pin.kind == "file":
        return files.read(pin.snapshot, objects), _digest_of(pin.snapshot)
    if pin.snapshot:
        return delta.read_kept(pin.snapshot, objects), pin.digest
    found = delta.read(located(project, pin.location), pin.version)
    return found.rows, found.digest


def _pin(
    source: DataSource, rows: pa.Table, sha: str, kept: tuple[File, ...], table: tuple[str | None, int | None]
) -> DataPin:
    return DataPin(
        name=source.name,
        kind=source.kind,
        location=source.location,
        version=table[1],
        table=table[0],
        digest=sha,
        content_digest=content_digest(rows),
        rows=rows.num_rows,
        columns={field.name: str(field.type) for field in rows.schema},
        snapshot=kept,
        cut=None,
    )


def _digest_of(kept: tuple[File, ...]) -> str:
    return digest.of_value(["files 1", [[file.path, file.digest] for file in kept]])


def _version(pin: DataPin) -> str:
    return f"version {pin.version}" if pin.version is not None else "snapshot"
