"""Load on a server, made by a process of its own, and what it measured."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.errors import Undecided, WrongUse
from shipworthy.rehearsal.plan import Answer, Plan

_SATURATED = 0.9  # cores: above it the generator, one thread, has nothing left to give
_FEWEST, _MOST = 16, 1_024  # connections opened before the start
_USUAL_MS = 20.0  # stands in for a limit where there is none
_START = 30.0  # seconds a generator may take beyond its plan


@dataclass(frozen=True, slots=True)
class Load:
    """What a generator measured."""

    rate: float  # requests a second offered (open loop) or answered (closed loop)
    latencies_ms: NDArray[np.float64]  # (n,) in the order of intended sending; inf where no good answer came
    lateness_ms: NDArray[np.float64]  # (n,) of the generator itself
    errors: dict[str, int]
    seconds: float
    cold_ms: float  # the very first request, connection included; inf where it failed
    alone_ms: float  # median of requests sent one by one; inf where they failed
    busy: float  # cores that the generator used
    connections: int
    capped: bool  # requests waited because no more connections were allowed
    gave_up: bool  # stopped early, because the verdict could not change any more

    @property
    def requests(self) -> int:
        """How many were measured."""
        return len(self.latencies_ms)

    def late(self, limit_ms: float) -> int:
        """How many took longer, errors included."""
        return int((self.latencies_ms > limit_ms).sum())

    def quantile_ms(self, quantile: float) -> float:
        """The smallest latency that a share `quantile` of requests kept; inf where too many failed."""
        return _quantile(self.latencies_ms, quantile)

    @property
    def generator_late_ms(self) -> float:
        """p99 of the generator's own lateness."""
        return _quantile(self.lateness_ms, 0.99)

    @property
    def saturated(self) -> bool:
        """Whether the generator itself may have been the limit."""
        return self.capped or self.busy > _SATURATED


@dataclass(frozen=True, slots=True)
class Target:
    """What is driven: POST requests with these bodies, in turn."""

    url: str  # http://host:port/path
    bodies: Sequence[bytes]  # JSON
    timeout: float = 5.0  # seconds to wait for a last answer
    headers: tuple[tuple[str, str], ...] = ()  # further ones of every request


def open_loop(
    target: Target,
    *,
    rate: float,
    requests: int,
    warm_up: int = 0,
    limit_ms: float = math.inf,
    give_up: int | None = None,
    seed: int = 0,
) -> Load:
    """Poisson load of `rate` requests a second, latency counted from the intended sending; `warm_up` come first.

    Stops early at `give_up` requests over `limit_ms`. Undecided where the generator itself fails.
    """
    plan = _plan(target, "open", _connections(rate, limit_ms), seed)
    plan = msgspec.structs.replace(
        plan, rate=rate, requests=requests, warm_up=warm_up, limit_ms=limit_ms, give_up=give_up
    )
    return _load(_generate(plan, (requests + warm_up) / rate), rate)


def closed_loop(target: Target, *, connections: int, seconds: float) -> Load:
    """As many requests as `connections` callers get answered who each wait for their answer; `rate` is what came."""
    answer = _generate(msgspec.structs.replace(_plan(target, "closed", connections, 0), seconds=seconds), seconds)
    good = int((np.frombuffer(answer.latencies, np.int64) >= 0).sum())
    return _load(answer, good / seconds)


def _connections(rate: float, limit_ms: float) -> int:
    """How many to open beforehand: enough for all requests under way while none is late.

    Servers may accept but one connection in each tick of their loop (libuv does since 1.45), which a caller who keeps
    its connections never feels.
    """
    under_way = rate * (limit_ms if math.isfinite(limit_ms) else _USUAL_MS) / 1000
    return max(_FEWEST, min(_MOST, math.ceil(1.2 * under_way)))


def _plan(target: Target, mode: Literal["open", "closed"], connections: int, seed: int) -> Plan:
    parts = urlsplit(target.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WrongUse(f"{target.url!r} cannot be measured: expected an address such as http://127.0.0.1:8080/predict")
    return Plan(
        mode=mode,
        host=parts.hostname,
        port=parts.port or (443 if parts.scheme == "https" else 80),
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        bodies=tuple(target.bodies),
        connections=connections,
        seed=seed,
        timeout=target.timeout,
        headers=target.headers,
        tls=parts.scheme == "https",
    )


def _generate(plan: Plan, seconds: float) -> Answer:
    command = [sys.executable, "-m", "shipworthy.rehearsal.generator"]
    patience = seconds + 2 * plan.timeout + _START
    try:
        done = subprocess.run(
            command, input=msgspec.msgpack.encode(plan), capture_output=True, check=False, timeout=patience
        )
    except subprocess.TimeoutExpired as error:
        raise Undecided(f"the load generator did not finish within {patience:.0f} s") from error
    said = done.stderr.decode(errors="replace").strip()[-500:]
    if done.returncode != 0:
        raise Undecided(f"the load generator failed: {said}")
    try:
        return msgspec.msgpack.decode(done.stdout, type=Answer)
    except msgspec.DecodeError as error:
        raise Undecided(
            f"the load generator ended without an answer ({len(done.stdout)} bytes: {error}) {said}"
        ) from error


def _load(answer: Answer, rate: float) -> Load:
    latencies = np.frombuffer(answer.latencies, np.int64)
    return Load(
        rate=rate,
        latencies_ms=np.where(latencies < 0, np.inf, latencies / 1e6),
        lateness_ms=np.frombuffer(answer.lateness, np.int64) / 1e6,
        errors=answer.errors,
        seconds=answer.seconds,
        cold_ms=answer.cold / 1e6 if answer.cold >= 0 else math.inf,
        alone_ms=answer.alone / 1e6 if answer.alone >= 0 else math.inf,
        busy=answer.busy,
        connections=answer.connections,
        capped=answer.capped,
        gave_up=answer.gave_up,
    )


def _quantile(values: NDArray[np.float64], quantile: float) -> float:
    if not len(values):
        return math.inf
    rank = max(0, math.ceil(quantile * len(values)) - 1)
    return float(np.partition(values, rank)[rank])
