"""The ledger: append-only records, each with its own digest, and transactions over the counting tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.exc import IntegrityError

from shipworthy import clock, digest
from shipworthy.errors import InUse, Tampered
from shipworthy.store.tables import entries

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as it stands in the ledger."""

    id: str  # "<kind>-<first 16 of the digest>"
    kind: str
    model: str
    subject: str  # id of what the record is about
    key: str | None  # unique within kind and model
    at: int  # ns since 1970, UTC
    digest: str
    body: bytes  # canonical JSON

    def decode(self, type_: type[T]) -> T:
        """The record itself."""
        return msgspec.json.decode(self.body, type=type_)


class Ledger:
    """Append-only records and exact counters on one database. Safe for several processes and threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: all of it is kept, or nothing."""
        with self.engine.begin() as connection:
            yield connection

    def append(
        self,
        kind: str,
        model: str,
        record: Any,
        *,
        subject: str = "",
        key: str | None = None,
        at: int | None = None,
        connection: Connection | None = None,
    ) -> Entry:
        """Add a record (a msgspec struct or builtins). With a `key` that is taken: InUse, naming the entry."""
        entry = _entry(kind, model, record, subject, key, clock.now() if at is None else at)
        try:
            if connection is not None:
                with connection.begin_nested():
                    connection.execute(insert(entries).values(_row(entry)))
            else:
                with self.transaction() as own:
                    own.execute(insert(entries).values(_row(entry)))
        except IntegrityError as error:
            raise InUse(f"{kind} {key!r} of {model} is already recorded; records are never overwritten") from error
        return entry

    def append_once(self, kind: str, model: str, record: Any, *, key: str, subject: str = "") -> Entry:
        """Add a record unless its key is taken; returns the one that stands. A repeated step calls this."""
        standing = self.by_key(kind, model, key)
        if standing is not None:
            return standing
        try:
            return self.append(kind, model, record, subject=subject, key=key)
        except InUse:
            standing = self.by_key(kind, model, key)
            if standing is None:
                raise
            return standing

    def entries(
        self,
        kind: str,
        model: str | None = None,
        *,
        subject: str | None = None,
        prefix: str | None = None,
        limit: int | None = None,
    ) -> list[Entry]:
        """Records of a kind, newest first. `prefix` is the beginning of an id."""
        query = select(entries).where(entries.c.kind == kind).order_by(entries.c.sequence.desc())
        if model is not None:
            query = query.where(entries.c.model == model)
        if subject is not None:
            query = query.where(entries.c.subject == subject)
        if prefix is not None:
            query = query.where(entries.c.id.startswith(prefix, autoescape=True))
        if limit is not None:
            query = query.limit(limit)
        with self.engine.connect() as connection:
            return [_verified(row) for row in connection.execute(query).mappings()]

    def newest(self, kind: str, model: str, *, subject: str | None = None) -> Entry | None:
        """The newest record of a kind, or None."""
        found = self.entries(kind, model, subject=subject, limit=1)
        return found[0] if found else None

    def by_key(self, kind: str, model: str, key: str) -> Entry | None:
        """The record with a key, or None."""
        query = select(entries).where(entries.c.kind == kind, entries.c.model == model, entries.c.key == key)
        with self.engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        return _verified(row) if row is not None else None

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if url.startswith("sqlite"):
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's own begin below, so that a writer waits instead of failing midway
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write", True) else "BEGIN")


def _entry(kind: str, model: str, record: Any, subject: str, key: str | None, at: int) -> Entry:
    body = digest.canonical_json(record)
    sha = _digest(kind, model, subject, key, at, body)
    return Entry(f"{kind}-{sha[:16]}", kind, model, subject, key, at, sha, body)


def _digest(kind: str, model: str, subject: str, key: str | None, at: int, body: bytes) -> str:
    return digest.of_value([kind, model, subject, key, at, digest.of_bytes(body)])


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "model": entry.model,
        "subject": entry.subject,
        "key": entry.key,
        "at": entry.at,
        "digest": entry.digest,
        "body": entry.body.decode(),
    }


def _verified(row: Any) -> Entry:
    body = row["body"].encode()
    sha = _digest(row["kind"], row["model"], row["subject"], row["key"], row["at"], body)
    if sha != row["digest"]:
        raise Tampered(f"{row['id']} in the ledger was changed after it was written: digest {sha}, recorded {row['digest']}")
    return Entry(row["id"], row["kind"], row["model"], row["subject"], row["key"], row["at"], sha, body)
