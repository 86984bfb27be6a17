"""The refresher's process: looks whether a refresh is due, and carries it through."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select

from shipworthy import clock
from shipworthy.errors import InUse, ShipworthyError
from shipworthy.monitoring.closing import newest_event_time
from shipworthy.monitoring.records import Alarm
from shipworthy.refresh.policy import AlarmSeen, Standing, due
from shipworthy.refresh.records import Refresh, Trigger
from shipworthy.refresh.workflow import Refresher
from shipworthy.registry.aliases import Aliases
from shipworthy.store.database import AWAY
from shipworthy.store.layout import Layout
from shipworthy.store.leases import Leases
from shipworthy.store.ledger import Entry
from shipworthy.store.tables import window_counts
from shipworthy.wiring.processes import Stop, carry_out
from shipworthy.wiring.project import Project, in_production, live_release, open_project
from shipworthy.wiring.refresh_steps import RefreshSteps, record_end
from shipworthy.wiring.role_standing import Pulse

PAUSE = 0.3  # seconds between looks
LEASE = 10 * clock.SECOND  # after so long another refresher goes on where a killed one stopped

_logger = logging.getLogger(__name__)


def ask_refresh(folder: Path) -> str:
    """Ask for a refresh of what is live; the refresher begins it. Returns its id. WrongUse where nothing is."""
    project = open_project(folder)
    live_release(project)
    id_ = f"refresh-asked-{clock.now()}"
    project.ledger.append("refresh-asked", project.contract.name, {"id": id_}, key=id_)
    return id_


def run_refresh(folder: Path, *, once: bool, stop: Stop | None = None) -> tuple[Refresh, ...]:
    """Carry through what is due, and, unless `once`, what becomes due; how each refresh ended.

    Where another refresher works, or was killed a moment ago: InUse with `once`, else it is waited for.
    """
    project = open_project(folder)
    ended: list[Refresh] = []
    ending = Stop() if stop is None else stop
    with _Lease(project, None if once else ending) as lease:
        refresher = Refresher(database_url(project.layout), RefreshSteps(project))
        refresher.start()
        try:
            while not ending.asked and not lease.lost:
                trigger = next_trigger(project)
                if trigger is not None:
                    ended.append(_carry_through(project, refresher, trigger))
                elif once or ending.wait(PAUSE):
                    break
        finally:
            refresher.stop()
    return tuple(ended)


def database_url(layout: Layout) -> str:
    """Where the workflow's own state lies: beside the ledger, in a database of its own where that is SQLite."""
    if layout.ledger_url.startswith("sqlite"):
        return f"sqlite:///{layout.state / 'refresh.db'}"
    return layout.ledger_url


def next_trigger(project: Project) -> Trigger | None:
    """The refresh that a killed refresher left under way, else the one that is due now."""
    ledger, model = project.ledger, project.contract.name
    ended = {entry.key for entry in ledger.entries("refresh", model)}
    for entry in reversed(ledger.entries("refresh-begun", model)):
        if entry.key not in ended:
            return entry.decode(Trigger)
    standing = read_standing(project)
    trigger = due(in_production(project).contract.retraining, standing) if standing is not None else None
    if trigger is None:
        return None
    return ledger.append_once("refresh-begun", model, trigger, key=trigger.id).decode(Trigger)


def read_standing(project: Project) -> Standing | None:
    """Where the model stands; None before anything is live, or answered unless a refresh was asked for."""
    ledger, model = project.ledger, project.contract.name
    ended = {entry.key for entry in ledger.entries("refresh", model)}
    asked = [entry.key for entry in reversed(ledger.entries("refresh-asked", model)) if entry.key not in ended]
    live, newest = Aliases(ledger).current(model, "live"), newest_event_time(ledger, model)
    if live is None or (newest is None and not asked):
        return None
    now = 0 if newest is None else newest
    return Standing(
        live=live,
        live_since=_first_window(project, live) or now,
        now=now,
        alarms=_seen(ledger.entries("alarm", model)),
        refreshes=tuple(entry.decode(Refresh) for entry in ledger.entries("refresh", model)),
        asked=tuple(key for key in asked if key is not None),
    )


def _carry_through(project: Project, refresher: Refresher, trigger: Trigger) -> Refresh:
    _logger.info("%s begins: %s", trigger.id, trigger.because)
    try:
        refresh = refresher.run(trigger)
    except ShipworthyError:
        raise
    except Exception as error:  # a step's own failure: it ends the refresh, and is told like any other ending
        _logger.exception("%s failed", trigger.id)
        refresh = _failed(project, trigger, error)
        record_end(project, refresh)
    _logger.info("%s: %s, %s", trigger.id, refresh.ending, refresh.reason)
    return refresh


def _failed(project: Project, trigger: Trigger, error: Exception) -> Refresh:
    now = newest_event_time(project.ledger, project.contract.name)
    return Refresh(
        version=1,
        trigger=trigger,
        ending="failed",
        reason=f"{type(error).__name__}: {error}",
        run=None,
        rebuild=None,
        release=None,
        event_time=trigger.event_time if now is None else now,
        started=clock.now(),
        finished=clock.now(),
    )


def _seen(entries: Sequence[Entry]) -> tuple[AlarmSeen, ...]:
    """Alarms that training anew may answer: no request gets faster by it, no two programs one."""
    alarms = ((entry.id, entry.decode(Alarm)) for entry in entries)
    return tuple(
        AlarmSeen(id_, alarm.cause, alarm.release, alarm.event_time, alarm.words)
        for id_, alarm in alarms
        if alarm.cause == "drift" or alarm.cause == "performance"
    )


def _first_window(project: Project, release: int) -> int | None:
    query = select(func.min(window_counts.c.window)).where(
        window_counts.c.model == project.contract.name, window_counts.c.release == release
    )
    with project.ledger.reading() as connection:
        return connection.execute(query).scalar()


class _Lease:
    """One refresher a model: two would each repeat the other's step."""

    def __init__(self, project: Project, patience: Stop | None) -> None:
        """Without `patience` (a wish to stop that ends it) a lease that another has is not waited for."""
        self._leases = Leases(project.ledger)
        self._patience = patience
        self._name = f"refresh:{project.contract.name}"
        self._holder = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._done = threading.Event()
        self._pulse = Pulse(project.ledger, project.contract.name, "refresh")
        self.lost = False

    def __enter__(self) -> _Lease:
        while not self._leases.acquire(self._name, self._holder, LEASE):
            if self._patience is None or self._patience.wait(PAUSE):
                raise InUse(f"another refresher works: {self._leases.holder(self._name)}; one at a time may")
        self._pulse()
        threading.Thread(target=self._renew, name="lease", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._pulse.end("once" if self._patience is None else "ended")
        self._leases.release(self._name, self._holder)

    def _renew(self) -> None:
        while not self._done.wait(LEASE / clock.SECOND / 4):
            try:
                held = self._leases.renew(self._name, self._holder, LEASE)
            except AWAY:  # nobody else can take it either, and it may be back any moment
                continue
            if not held:
                self.lost = True
                return
            self._pulse()


def main() -> None:
    """A child of `up`: FOLDER."""
    logging.basicConfig(format="%(asctime)s refresh %(levelname)s %(message)s", level=logging.INFO)
    stop = Stop()
    stop.follow_parent()
    carry_out(lambda: run_refresh(Path(sys.argv[1]), once=False, stop=stop))


if __name__ == "__main__":
    main()
