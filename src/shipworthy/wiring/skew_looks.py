"""The training source as the watch looks at it, for what callers send under an id."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pyarrow as pa

from shipworthy.contract.records import DataSource
from shipworthy.contract.violations import with_defaults
from shipworthy.errors import ShipworthyError
from shipworthy.monitoring.skew_watch import SkewFacts, SkewWatch, Training
from shipworthy.monitoring.watch import Watch
from shipworthy.store.ledger import Entry
from shipworthy.training.looking_up import look_up, state
from shipworthy.wiring.project import Project
from shipworthy.wiring.services import answering

_logger = logging.getLogger(__name__)


class TrainingSource:
    """What the contract's data with the target say now."""

    def __init__(self, project: Project, source: DataSource) -> None:
        self._project, self._source = project, source

    def state(self) -> str | None:
        """Something that changes with its rows; None where only reading them tells."""
        return state(self._source, self._project.layout.project)

    def rows(self, ids: pa.StringArray) -> Training:
        """Those of the ids, defaults of the contract put in. ShipworthyError where they cannot be read."""
        project, contract = self._project, self._project.contract
        names = [feature.name for feature in contract.features]
        before = self.state()
        rows = look_up(self._source, project.layout.project, project.objects, names, ids)
        return Training(with_defaults(contract, rows), before or "as it is now")


class SkewLooks:
    """Looks that never stop the watch: a source that cannot be read is said once, until it can be again."""

    def __init__(self, watch: SkewWatch) -> None:
        self._watch, self._said = watch, ""

    def step(self) -> list[Entry]:
        """The alarm that is new."""
        try:
            found = self._watch.step()
        except ShipworthyError as error:
            if str(error) != self._said:
                self._said = str(error)
                _logger.warning("served rows cannot be held against the training source: %s", error)
            return []
        self._said = ""
        return found

    @property
    def over(self) -> Callable[[str], str]:
        """Why an alarm is so no longer."""
        return self._watch.over


def skew_looks(project: Project, watch: Watch) -> SkewLooks | None:
    """None where the contract names no column of ids to look rows up by."""
    found = skew_watch_of(project, watch, lambda: answering(project))
    return None if found is None else SkewLooks(found)


def skew_watch_of(project: Project, watch: Watch, release: Callable[[], int | None]) -> SkewWatch | None:
    """The same, with what tells the release that answers."""
    contract = project.contract
    source = contract.target_source
    if source is None or source.id is None:
        return None
    facts = SkewFacts(
        source=TrainingSource(project, source.newest),
        event_time=watch.event_time,
        release=release,
        watched=watch.sharing,
        with_effect=watch.with_effect,
    )
    return SkewWatch(project.ledger, contract, project.layout.predictions(contract.name), facts)
