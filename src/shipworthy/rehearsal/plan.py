"""What a load generator is asked and what it answers: the two messages between it and the process that started it."""

from __future__ import annotations

from typing import Literal

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement. In open loop requests leave when a schedule says so; in closed loop, when an answer came."""

    mode: Literal["open", "closed"]
    host: str
    port: int
    path: str
    bodies: tuple[bytes, ...]  # JSON, sent in turn
    headers: tuple[tuple[str, str], ...] = ()  # further ones of every request
    tls: bool = False
    rate: float = 0.0  # open: requests a second, Poisson
    warm_up: int = 0  # open: requests of the schedule that are sent first and not measured
    requests: int = 0  # open: measured ones
    seconds: float = 0.0  # closed: how long
    seed: int = 0
    connections: int = 16  # opened before the start
    most_connections: int = 4_096  # open: more are opened where all are busy, up to this
    alone: int = 20  # requests sent one by one before anything else
    limit_ms: float = float("inf")  # a request that takes longer is late
    give_up: int | None = None  # open: stop at so many late ones, the answer cannot change any more
    timeout: float = 5.0  # seconds to wait for the last answers


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured. Times in nanoseconds, as the bytes of int64 arrays."""

    latencies: bytes  # a request, in the order of intended sending; -1 where no good answer came
    lateness: bytes  # open: how late the generator itself looked at each request
    errors: dict[str, int]  # what went wrong and how often
    seconds: float  # from the first measured request's intended sending to the last answer
    cold: int  # ns of the very first request, connection included
    alone: int  # ns, median of the requests sent one by one
    busy: float  # cores that the generator used
    connections: int  # open at the end
    capped: bool  # requests waited because most_connections were busy
    gave_up: bool
