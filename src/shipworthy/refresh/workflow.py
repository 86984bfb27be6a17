"""The refresh as a durable workflow (DBOS): killed anywhere, it goes on at its last finished step.

DBOS repeats the step that was killed, so a step may begin twice; what it leaves in the ledger carries the refresh's id
as its key, and is left once. The workflow's code runs in the refresher process alone, under a fixed application
version: an edited workflow would otherwise leave the old one pending for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec
from dbos import DBOS, DBOSConfig, SetWorkflowID

from shipworthy import clock
from shipworthy.errors import ShipworthyError
from shipworthy.refresh.records import Ending, Refresh, Trigger
from shipworthy.store.database import AWAY

T = TypeVar("T")

PATIENCE = 3600.0  # seconds that a step waits for a ledger that is away
LONGEST_PAUSE = 30.0  # seconds between two tries
APPLICATION_VERSION = "1"  # raised when the order or the meaning of the steps changes


class Decision(msgspec.Struct, frozen=True):
    """What the gate said to a run."""

    ships: bool
    reason: str


class Steps(Protocol):
    """What a refresh does, given by whoever wires it. Each may be called twice with the same refresh."""

    def broken_input(self, refresh: str) -> str:
        """Why the new data may not be learnt from, in plain words; "" if it may."""
        ...

    def train(self, refresh: str) -> str:
        """Train from the newest data; returns the run's id."""
        ...

    def rebuild(self, run: str) -> str:
        """Rebuild the run; returns the rebuild's id."""
        ...

    def check(self, run: str, rebuild: str) -> Decision:
        """Hold the run against the gate."""
        ...

    def release(self, run: str) -> int:
        """Release the run and make it live; returns its number."""
        ...

    def event_time(self) -> int:
        """How far the model's own time has come, ns."""
        ...

    def finish(self, refresh: Refresh) -> None:
        """Keep the outcome and tell whoever has to know."""
        ...


class Refresher:
    """Runs refreshes one at a time. One per state, which its lease (taken by the caller) sees to."""

    def __init__(self, database: str, steps: Steps) -> None:
        self._steps = steps
        config: DBOSConfig = {
            "name": "shipworthy-refresh",
            "system_database_url": database,
            "application_version": APPLICATION_VERSION,
            "executor_id": "refresher",
            "log_level": "ERROR",
            "enable_otlp": False,
        }
        DBOS(config=config)

        @DBOS.workflow(name="refresh")  # a bound method cannot be registered, a closure can
        def refresh(trigger_json: str) -> str:
            return self._refresh(trigger_json)

        self._workflow = refresh

    def start(self) -> None:
        """Begin; whatever a killed refresher left unfinished goes on."""
        DBOS.launch()

    def run(self, trigger: Trigger) -> Refresh:
        """Carry a refresh through to its end; the same trigger twice gives the same refresh."""
        with SetWorkflowID(trigger.id):
            handle = DBOS.start_workflow(self._workflow, msgspec.json.encode(trigger).decode())
        return msgspec.json.decode(handle.get_result(), type=Refresh)

    def unfinished(self) -> int:
        """How many refreshes are under way, recovered ones included."""
        return len(DBOS.list_workflows(status=["PENDING", "ENQUEUED"], name="refresh"))

    def stop(self) -> None:
        """End; a refresh under way goes on at the next start."""
        DBOS.destroy()

    def _refresh(self, trigger_json: str) -> str:
        trigger = msgspec.json.decode(trigger_json, type=Trigger)
        started = _step("begin", clock.now)
        made = _Made()
        try:
            ending, reason = self._carry_through(trigger, made)
        except ShipworthyError as error:
            ending, reason = "failed", str(error)
        refresh = Refresh(
            version=1,
            trigger=trigger,
            ending=ending,
            reason=reason,
            run=made.run,
            rebuild=made.rebuild,
            release=made.release,
            event_time=_step("time", self._steps.event_time),
            started=started,
            finished=_step("end", clock.now),
        )
        _step("finish", lambda: self._steps.finish(refresh))
        return msgspec.json.encode(refresh).decode()

    def _carry_through(self, trigger: Trigger, made: _Made) -> tuple[Ending, str]:
        broken = _step("broken_input", lambda: self._steps.broken_input(trigger.id))
        if broken:
            return "broken input", broken
        run = made.run = _step("train", lambda: self._steps.train(trigger.id))
        rebuild = made.rebuild = _step("rebuild", lambda: self._steps.rebuild(run))
        decision = _step("check", lambda: _as_pair(self._steps.check(run, rebuild)))
        if not decision[0]:
            return "held", decision[1]
        made.release = _step("release", lambda: self._steps.release(run))
        return "released", decision[1]


class _Made:
    """What a refresh has made so far."""

    run: str | None = None
    rebuild: str | None = None
    release: int | None = None


def _as_pair(decision: Decision) -> tuple[bool, str]:
    return decision.ships, decision.reason


def _step(name: str, call: Callable[[], T]) -> T:
    return DBOS.run_step({"name": name}, lambda: _patiently(call))


def _patiently(call: Callable[[], T]) -> T:
    """A step, begun again for as long as the ledger is away: it may be, and hours of training may hang on it."""
    until, pause = time.monotonic() + PATIENCE, 1.0
    while True:
        try:
            return call()
        except AWAY:
            if time.monotonic() > until:
                raise
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
