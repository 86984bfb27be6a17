"""The steps of a refresh: what the command line calls too, with the live release's own code and contract."""

from __future__ import annotations

import logging

from shipworthy.contract.violations import violations
from shipworthy.errors import ShipworthyError, Undecided
from shipworthy.lineage.records import Run
from shipworthy.monitoring.closing import newest_event_time
from shipworthy.refresh.records import Refresh
from shipworthy.refresh.workflow import Decision
from shipworthy.registry.aliases import Aliases
from shipworthy.store.ledger import Entry
from shipworthy.training import cut, sources
from shipworthy.wiring import tracking
from shipworthy.wiring.checking import check_run
from shipworthy.wiring.project import Project, run_behind
from shipworthy.wiring.releasing import release_run
from shipworthy.wiring.shipping import prove
from shipworthy.wiring.training import train_again

_logger = logging.getLogger(__name__)


class RefreshSteps:
    """What the durable workflow calls; each step may be called twice with the same refresh."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def broken_input(self, refresh: str) -> str:
        """Why the newest data may not be learnt from; "" if it may."""
        run = self._live().decode(Run)
        source = run.contract.target_source
        if source is None:
            return "the live release's contract names no data with a target"
        rows = sources.read(source.newest, self._project.layout.project, self._project.objects).rows
        parts = cut.cut(rows, source, run.contract.retraining)
        found = [*violations(run.contract, parts.history), *violations(run.contract, parts.holdout)]
        return "; ".join(str(violation) for violation in found if not violation.tolerated)

    def train(self, refresh: str) -> str:
        """Train the live release's recipe on the newest data; the run's id."""
        return train_again(self._project, self._live(), _told, refresh).id

    def rebuild(self, run: str) -> str:
        """Rebuild it; the rebuild's id, "" where the contract switches that off."""
        made = prove(self._project, self._project.ledger.get(run), _told)
        return made.id if made is not None else ""

    def check(self, run: str, rebuild: str) -> Decision:
        """Hold it against the gate."""
        checked = check_run(self._project, run, _told)
        quality = next((verdict.reason for verdict in checked.verdicts if verdict.check == "quality"), "")
        return Decision(checked.outcome == "passed", quality if checked.outcome == "passed" else checked.reason)

    def release(self, run: str) -> int:
        """Release it; the server follows the alias."""
        return release_run(self._project, run, because="refreshed").number

    def event_time(self) -> int:
        """How far the model's own time has come."""
        return newest_event_time(self._project.ledger, self._project.contract.name) or 0

    def finish(self, refresh: Refresh) -> None:
        """Keep how it ended, and tell the trackers; what they do not take waits for the next command."""
        record_end(self._project, refresh)
        try:
            for sent in tracking.synchronise(self._project):
                _logger.info("%s: %s told, %s wait %s", sent.tracker, sent.sent, sent.waiting, sent.reason)
        except ShipworthyError as error:
            _logger.warning("the trackers were not told: %s", error)

    def _live(self) -> Entry:
        model = self._project.contract.name
        live = Aliases(self._project.ledger).current(model, "live")
        if live is None:
            raise Undecided(f"nothing of {model} is live, so that there is nothing to refresh")
        return run_behind(self._project, live)


def record_end(project: Project, refresh: Refresh) -> None:
    """Keep how a refresh ended, once; the watch tells whoever has to know."""
    project.ledger.append_once("refresh", project.contract.name, refresh, key=refresh.trigger.id)


def _told(step: str, done: float | None) -> None:
    _logger.info("%s%s", step, f" ({done:.0%})" if done is not None else "")
