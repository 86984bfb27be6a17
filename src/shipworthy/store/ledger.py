"""The ledger: append-only records, each with its own digest, and transactions over the counting tables."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Select, insert, or_, select
from sqlalchemy.exc import IntegrityError

from shipworthy import clock, digest
from shipworthy.errors import InUse, NotFound, Tampered
from shipworthy.store.database import open_engine, reading, require_schema, writing
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
    """Append-only records and exact counters on one database. Safe for several processes and threads.

    Opening it raises NotFound where `store.preparation.prepare` has not made it, WrongUse where its schema is older
    or newer than this code.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = open_engine(url)
        try:
            require_schema(self.engine)
        except BaseException:
            self.engine.dispose()
            raise

    def transaction(self) -> AbstractContextManager[Connection]:
        """One transaction: all of it is kept, or nothing. Writers wait for each other."""
        return writing(self.engine)

    def reading(self) -> AbstractContextManager[Connection]:
        """One consistent view for reading, which waits for no writer and holds none up."""
        return reading(self.engine)

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
        """Add a record (a msgspec struct or builtins). With a `key` that is taken: InUse, naming the entry.

        Without a key, the very same record with the very same `at` is one record, however often it is added.
        """
        entry = _entry(kind, model, record, subject, key, clock.now() if at is None else at)
        try:
            if connection is not None:
                with connection.begin_nested():
                    connection.execute(insert(entries).values(_row(entry)))
            else:
                with self.transaction() as own:
                    own.execute(insert(entries).values(_row(entry)))
        except IntegrityError as error:
            if key is None:
                return entry  # its id, the only thing unique about it, stands for its content
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
        return self._select(query)

    def newest(self, kind: str, model: str, *, subject: str | None = None) -> Entry | None:
        """The newest record of a kind, or None."""
        found = self.entries(kind, model, subject=subject, limit=1)
        return found[0] if found else None

    def by_key(self, kind: str, model: str, key: str) -> Entry | None:
        """The record with a key, or None."""
        query = select(entries).where(entries.c.kind == kind, entries.c.model == model, entries.c.key == key)
        found = self._select(query)
        return found[0] if found else None

    def get(self, id_: str) -> Entry:
        """The record with an id, whole. NotFound."""
        found = self._select(select(entries).where(entries.c.id == id_))
        if not found:
            raise NotFound(f"there is no record {id_} in the ledger")
        return found[0]

    def matching(self, beginning: str, *, limit: int = 10) -> list[Entry]:
        """Records whose id, with or without its kind, begins so: "run-3f" and "3f". Newest first."""
        query = select(entries).where(
            or_(
                entries.c.id.startswith(beginning, autoescape=True),
                entries.c.id.like("%-" + _escaped(beginning) + "%", escape="/"),
            )
        )
        return self._select(query.order_by(entries.c.sequence.desc()).limit(limit))

    def about(self, subject: str, kind: str | None = None) -> list[Entry]:
        """Records about another one, of any model, newest first."""
        query = select(entries).where(entries.c.subject == subject).order_by(entries.c.sequence.desc())
        return self._select(query if kind is None else query.where(entries.c.kind == kind))

    def _select(self, query: Select[Any]) -> list[Entry]:
        with self.reading() as connection:
            return [verified(row) for row in connection.execute(query).mappings()]

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def _entry(kind: str, model: str, record: Any, subject: str, key: str | None, at: int) -> Entry:
    body = digest.canonical_json(record)
    sha = _digest(kind, model, subject, key, at, body)
    return Entry(_id(kind, sha), kind, model, subject, key, at, sha, body)


def _id(kind: str, sha: str) -> str:
    return f"{kind}-{sha[:16]}"


def _escaped(text: str) -> str:
    """For LIKE with "/" as its escape."""
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")


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


def verified(row: Any) -> Entry:
    """An entry from its row in the ledger's table, held against its own digest. Tampered."""
    body = row["body"].encode()
    sha = _digest(row["kind"], row["model"], row["subject"], row["key"], row["at"], body)
    if sha != row["digest"] or row["id"] != _id(row["kind"], sha):
        raise Tampered(
            f"{row['id']} in the ledger was changed after it was written: its digest is {sha}, "
            f"recorded was {row['digest']}; restore the ledger from a backup"
        )
    return Entry(row["id"], row["kind"], row["model"], row["subject"], row["key"], row["at"], sha, body)
