"""What a worker is told at its start, as JSON."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller may ask of a connection. Times in seconds, sizes in bytes."""

    body: int = 16 * 2**20
    head: int = 64 * 2**10
    request: float = 30.0  # for a whole request to arrive
    idle: float = 75.0  # between requests
    unread: float = 30.0  # for a caller to take its answers
    connections: int = 10_000
    drain: float = 10.0  # for requests under way when the worker stops
    load: float = 120.0  # for a worker to load a release; then it is ended and started again
    hung: float = 60.0  # that the event loop may stand still, a model call included; then it is killed


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One worker. Descriptors are inherited."""

    name: str  # "w0"; the log's source adds the time of the start
    folder: str  # of the release; in a rehearsal of a bundle; where there are many models, the file that lists them
    logs: str
    metrics: str  # folder
    socket: int  # listening
    control: int  # the supervisor's line
    trusted: str = ""  # folder of the public keys that are believed
    many: bool = False
    rehearsal: str | None = None  # a contract's file: serve an unsigned bundle, its log never recorded
    access_log: str = ""  # a file; "" for none
    traces: bool = False
    limits: Limits = Limits()
