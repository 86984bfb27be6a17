"""Forward: which predictions a data version, a commit, a lock or a version of a package has reached."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from shipworthy import clock
from shipworthy.errors import NotFound
from shipworthy.lineage.records import Run
from shipworthy.registry.lineage import (
    COMMIT,
    SHORTEST,
    AliasLineage,
    DataLineage,
    RunLineage,
    lineage_of_release,
    lineage_of_run,
    lineage_of_version,
)
from shipworthy.store.ledger import Entry
from shipworthy.wiring.project import Project

_PACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+)")
SHOWN = 10  # ids of predictions a release, if nobody says how many


class Reached(msgspec.Struct, frozen=True):
    """A release that something came into, and what it has answered."""

    release: int
    run: str
    proven: bool
    aliases: tuple[AliasLineage, ...]  # when it was live
    predictions: int  # that are recorded
    first: str | None  # arrival of the first of them, ISO 8601; None where there is none
    last: str | None
    ids: tuple[str, ...]  # of the newest predictions, as many as were asked for


class Forward(msgspec.Struct, frozen=True):
    """What came of something."""

    kind: str  # "data", "commit", "code", "lock" or "package"
    what: str
    data: DataLineage | None  # of a data version
    runs: tuple[RunLineage, ...]  # newest first
    reached: tuple[Reached, ...]  # releases of these runs, by number
    predictions: int  # of all of them


def forward(project: Project, name: str, limit: int = SHOWN) -> Forward:
    """What came of a data version, a commit, a lock or code by the beginning of its digest, or PACKAGE==VERSION.

    `limit` is how many ids of predictions are given for a release. NotFound where no run was made from it, WrongUse
    where the name could mean several data versions.
    """
    kind, what, data, runs = _made_from(project, name)
    numbers = sorted({number for run in runs for number in run.releases})
    counted = _counted(project, numbers)
    reached = tuple(_reached(project, number, counted.get(number), limit) for number in numbers)
    return Forward(kind, what, data, runs, reached, sum(each.predictions for each in reached))


def _made_from(project: Project, name: str) -> tuple[str, str, DataLineage | None, tuple[RunLineage, ...]]:
    package = _PACKAGE.fullmatch(name)
    if package is not None:
        return "package", name, None, _runs(project, name, lambda run: _has(run, package[1], package[2]))
    try:
        found = lineage_of_version(project.ledger, name, model=project.contract.name)
    except NotFound:
        return _by_digest(project, name)
    return "data", found.data.version, found.data, found.runs


def _by_digest(project: Project, name: str) -> tuple[str, str, None, tuple[RunLineage, ...]]:
    """A commit, a lock or a snapshot of code, by its beginning."""
    ways: tuple[tuple[str, Callable[[Run], str | None]], ...] = (
        ("commit", lambda run: run.code.commit),
        ("lock", lambda run: run.environment.lock),
        ("code", lambda run: run.code.digest),
    )
    if len(name) >= SHORTEST:
        for kind, of in ways:
            entries = [entry for entry in _entries(project) if (of(entry.decode(Run)) or "").startswith(name)]
            if entries:
                whole = of(entries[0].decode(Run)) or name
                made = tuple(lineage_of_run(project.ledger, entry) for entry in entries)
                return kind, whole[:COMMIT] if kind == "commit" else whole, None, made
    raise NotFound(
        f"no run was made from {name!r}: expected a data version (flights@12), a commit, a digest of a lock or of code "
        f"({SHORTEST} characters at least), or PACKAGE==VERSION"
    )


def _runs(project: Project, name: str, fits: Callable[[Run], bool]) -> tuple[RunLineage, ...]:
    found = [entry for entry in _entries(project) if fits(entry.decode(Run))]
    if not found:
        raise NotFound(f"no run was made with {name}; `shipworthy lineage RUN --json` lists what a run had installed")
    return tuple(lineage_of_run(project.ledger, entry) for entry in found)


def _entries(project: Project) -> list[Entry]:
    return project.ledger.entries("run", project.contract.name)


def _has(run: Run, package: str, version: str) -> bool:
    wanted = _plain(package)
    return any(_plain(name) == wanted and found == version for name, found in run.environment.distributions.items())


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _counted(project: Project, numbers: Sequence[int]) -> dict[int, tuple[int, str, str]]:
    """Release -> recorded predictions, arrival of the first and of the last."""
    if not numbers:
        return {}
    listed = ", ".join(map(str, numbers))
    rows = _asked(
        project,
        "SELECT release, count(*) AS n, min(arrived) AS first, max(arrived) AS last FROM predictions "  # noqa: S608
        f"WHERE release IN ({listed}) GROUP BY release",
    )
    iso = {row["release"]: [clock.to_iso(clock.from_datetime(row[name])) for name in ("first", "last")] for row in rows}
    return {row["release"]: (row["n"], *iso[row["release"]]) for row in rows}


def _reached(project: Project, number: int, counted: tuple[int, str, str] | None, limit: int) -> Reached:
    release = lineage_of_release(project.ledger, project.contract.name, number)
    count, first, last = counted or (0, None, None)
    query = f"SELECT prediction_id FROM predictions WHERE release = {number} ORDER BY arrived DESC LIMIT {limit:d}"  # noqa: S608
    ids = tuple(row["prediction_id"] for row in _asked(project, query)) if count and limit else ()
    return Reached(number, release.run.id, release.proven, release.aliases, count, first, last, ids)


def _asked(project: Project, query: str) -> list[dict[str, Any]]:
    """Rows of the table of predictions; none where nothing was recorded yet."""
    path = str(project.layout.predictions(project.contract.name))
    if not DeltaTable.is_deltatable(path):
        return []
    rows: list[dict[str, Any]] = pa.table(
        QueryBuilder().register("predictions", DeltaTable(path)).execute(query)
    ).to_pylist()
    return rows
