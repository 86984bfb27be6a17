"""What was found of an endpoint: its answers' shape, what it takes and refuses, and its SLA."""

from __future__ import annotations

from typing import Literal

import msgspec

from shipworthy.contract.records import Serving
from shipworthy.registry.records import LatencyVerdict

Outcome = Literal["passed", "blocked", "undecided"]
Expected = Literal["accepted", "refused"]


class Finding(msgspec.Struct, frozen=True):
    """One request to which the endpoint did not say what the contract says."""

    feature: str
    case: str  # e.g. "above the range"
    sent: str  # the value as JSON; "" for a key left out
    expected: Expected
    status: int  # 0: no answer came
    said: str  # the beginning of the answer

    def __str__(self) -> str:
        got = "no answer" if not self.status else f"status {self.status}"
        return f"{self.feature}, {self.case}{': ' + self.sent if self.sent else ''}: {got}, to be {self.expected}"


class Part(msgspec.Struct, frozen=True):
    """The verdict on one part."""

    outcome: Outcome
    reason: str


class Schema(msgspec.Struct, frozen=True):
    """The verdict on what the endpoint takes and refuses."""

    outcome: Outcome
    reason: str
    cases: int  # requests made, one deviation from a good row each
    strict: tuple[Finding, ...] = ()  # refused though the contract allows it: callers break
    lenient: tuple[Finding, ...] = ()  # accepted though the contract refuses it: nobody is told
    broken: tuple[Finding, ...] = ()  # neither: a status of 500 and above, or no answer


class Promised(msgspec.Struct, frozen=True):
    """The SLA that was asked about."""

    p99_ms: float
    rate: float
    declared: bool  # False: by nobody; the defaults of a contract
    p999_ms: float | None = None

    @property
    def words(self) -> str:
        """As it is shown."""
        return Serving(p99_ms=self.p99_ms, p999_ms=self.p999_ms, rate=self.rate).promise


class EndpointCheck(msgspec.Struct, frozen=True):
    """What `shipworthy check --url` says."""

    url: str
    dialect: str
    contract: str  # the file, or where it was proposed from
    promised: Promised
    outcome: Outcome
    reason: str
    shape: Part
    schema: Schema | None  # None: no row was answered well, so nothing could be compared
    sla: LatencyVerdict | None  # None: answers were not as they have to be, so nothing was measured
    sla_words: str = ""  # the verdict as one statement
