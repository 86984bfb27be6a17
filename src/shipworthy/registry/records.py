"""Verdicts, rehearsals, waivers, releases and alias changes as they stand in the ledger."""

from __future__ import annotations

from typing import Literal

import msgspec

from shipworthy.store.objects import File

Outcome = Literal["passed", "blocked", "undecided", "waived"]
Alias = Literal["live", "previous", "canary", "shadow"]


class LatencyVerdict(msgspec.Struct, frozen=True):
    """What was measured of a server in open loop, and what follows with how much confidence."""

    outcome: Outcome
    reason: str  # one sentence with the figures
    rate: float  # requests a second offered, Poisson
    requests: int
    late: int  # over p99_ms, errors included
    errors: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    limit_ms: float
    confidence: float
    generator_late_ms: float  # p99 of the load generator's own lateness
    throttled_ms: float | None  # CPU time withheld by the control group meanwhile; None: this system does not tell
    foreign_load: float | None  # cores that other processes used meanwhile; None: this system does not tell
    cold_ms: float | None = None  # the very first request, before the warm-up; None: it was not answered
    ready_ms: float | None = None  # from the server's start to its being ready; None: somebody else started it
    limit_p999_ms: float | None = None  # what p99.9 was held to; None: to nothing


class Rehearsal(msgspec.Struct, frozen=True):
    """Ledger kind "rehearsal": the serving stack measured before a model exists."""

    version: int
    contract: str  # digest
    serving: str  # digest of [features] and [serving]: a rehearsal stays good while these do
    platform_ms: float  # p99 with a model that costs nothing
    highest_rate: float  # requests a second that keep the SLA, with a model that costs nothing
    budget_ms: float  # what a model call may cost at the declared rate
    verdict: LatencyVerdict
    seconds: float
    highest_rate_at_least: bool = False  # the load generator was the limit: the server may do more
    model_ms: float | None = None  # what a call of the stand-in took in `with_model`; None: not asked for
    with_model: LatencyVerdict | None = None  # the SLA with a model of that cost
    model_rate: float | None = None  # requests a second that keep the SLA with it


class Verdict(msgspec.Struct, frozen=True):
    """Ledger kind "verdict", subject the run: one check of the gate."""

    check: str  # data, quality, rebuild, latency, runtime, rehearsal, reference, …
    outcome: Outcome
    reason: str  # one sentence with the figure
    figures: dict[str, float | str | None] = {}
    evidence: tuple[str, ...] = ()  # ids of records it rests on


class Waiver(msgspec.Struct, frozen=True):
    """Ledger kind "waiver": a person lets a check pass for a time. Signed."""

    check: str
    until: int  # ns since 1970, UTC
    because: str
    by: str
    envelope: str  # DSSE, JSON


class Release(msgspec.Struct, frozen=True):
    """Ledger kind "release", key the number: what may answer real traffic."""

    version: int  # of this format: 1
    model: str
    number: int
    run: str  # id
    rebuild: str | None  # id; None: unproven
    proven: bool
    contract: str  # digest
    reference: str  # digest of reference.json
    verdicts: tuple[Verdict, ...]
    files: tuple[File, ...]  # everything a server needs, manifest and envelope included
    statement: str  # object digest of the DSSE envelope
    key: str  # id of the key that signed
    at: int
    shadow: bool = False  # checks stand open: it may run beside the live release, and never answer


class AliasChange(msgspec.Struct, frozen=True):
    """Ledger kind "alias", key "<alias>:<n>": who is it from now on."""

    alias: Alias
    release: int | None
    before: int | None
    because: str  # "released", "rolled back", …
    by: str


class Attachment(msgspec.Struct, frozen=True):
    """Ledger kind "attachment", key NUMBER: the training of an adopted release was found to make the same model."""

    version: int  # of this format: 1
    release: int
    rebuild: str  # id
    envelope: str  # DSSE: SLSA verification summary over the release's files
    key: str  # id of the key that signed


class Retirement(msgspec.Struct, frozen=True):
    """Ledger kind "retirement", key the number: a release that answers no more, for good. Signed."""

    number: int
    because: str
    by: str
    envelope: str  # DSSE, JSON
    key: str  # id of the key that signed


class Attested(msgspec.Struct, frozen=True):
    """Ledger kind "statement", key and subject the id of a run or a rebuild: what was signed the moment it was made."""

    version: int  # of this format: 1
    predicate: str  # type
    envelope: str  # DSSE around an in-toto statement, JSON
    key: str  # id of the key that signed
