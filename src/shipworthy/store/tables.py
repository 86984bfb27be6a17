"""The ledger's tables. `entries` is append-only and holds every record; the others hold what must be counted exactly.

Only types and clauses that SQLite and PostgreSQL share. Migrations (store/migrations) create them; this file is what
queries are written against, and a test holds the two together.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
_serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only INTEGER PRIMARY KEY by itself

entries = Table(
    "entries",
    metadata,
    Column("sequence", _serial, primary_key=True, autoincrement=True),
    Column("id", String(80), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("model", String(100), nullable=False),
    Column("subject", String(100), nullable=False),  # id of what the record is about; "" for none
    Column("key", String(200)),  # unique within kind and model: makes a step idempotent; NULL for none
    Column("at", BigInteger, nullable=False),  # ns since 1970, UTC
    Column("digest", String(64), nullable=False),  # of kind, model, subject, key, at and body
    Column("body", Text, nullable=False),  # canonical JSON
    UniqueConstraint("kind", "model", "key", name="entries_key"),
    Index("entries_about", "kind", "model", "subject"),
    Index("entries_subject", "subject"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("until", BigInteger, nullable=False),  # ns since 1970, UTC
)

# The recorder plans a batch here before it appends rows to Delta; `done` and the counts change in one transaction.
batches = Table(
    "batches",
    metadata,
    Column("model", String(100), primary_key=True),
    Column("source", String(100), primary_key=True),  # who wrote the log: a worker's or a scoring job's name
    Column("number", BigInteger, primary_key=True),  # 1, 2, 3, … within a source: the Delta app transaction's version
    Column("segment", BigInteger, nullable=False),
    Column("start", BigInteger, nullable=False),  # byte offsets in the segment; end is exclusive
    Column("end", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("done", Integer, nullable=False),  # 0 planned, 1 counted
)

# Counts of one source in one window, for the release that answered. Adding sources up is adding integers.
window_counts = Table(
    "window_counts",
    metadata,
    Column("model", String(100), primary_key=True),
    Column("release", Integer, primary_key=True),
    Column("source", String(100), primary_key=True),
    Column("window", BigInteger, primary_key=True),  # start of the window, ns since 1970, UTC
    Column("rows", BigInteger, nullable=False),
    Column("counts", LargeBinary, nullable=False),  # msgpack of counts.windows.Counts
)

# How a shadow's answers to one source's rows in one window compare with those of the release that answered.
shadow_counts = Table(
    "shadow_counts",
    metadata,
    Column("model", String(100), primary_key=True),
    Column("shadow", Integer, primary_key=True),  # release
    Column("release", Integer, primary_key=True),  # that answered
    Column("source", String(100), primary_key=True),
    Column("window", BigInteger, primary_key=True),  # start of the window, ns since 1970, UTC
    Column("counts", LargeBinary, nullable=False),  # msgpack of recording.comparison.Comparison
)

# How far event time has come, by source: the newest event time seen.
progress = Table(
    "progress",
    metadata,
    Column("model", String(100), primary_key=True),
    Column("source", String(100), primary_key=True),
    Column("newest", BigInteger, nullable=False),
)
