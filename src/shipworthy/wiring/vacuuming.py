"""`vacuum`: old data goes, and what released models were built from stays."""

from __future__ import annotations

import msgspec

from shipworthy import clock
from shipworthy.errors import WrongUse
from shipworthy.training import dvc_cache, retention
from shipworthy.training.dvc_cache import CacheClearing
from shipworthy.training.retention import TableVacuum
from shipworthy.training.sources import located
from shipworthy.wiring.project import Project


class Vacuumed(msgspec.Struct, frozen=True):
    """What went, or would go."""

    applied: bool
    tables: tuple[TableVacuum, ...]
    cache: CacheClearing | None  # None: the contract names no dvc: source


def vacuum_project(project: Project, *, older_than: str | None, apply: bool) -> Vacuumed:
    """Vacuum the Delta tables that the contract names, and clear DVC's cache where it names data that DVC tracks."""
    contract, root = project.contract, project.layout.project
    age = None if older_than is None else _age(older_than)
    sources = [(source.kind, source.location) for source in contract.data]
    if contract.labels:
        sources.append((contract.labels.kind, contract.labels.location))
    tables = list(dict.fromkeys(located(root, location) for kind, location in sources if kind == "delta"))
    tracked = any(kind == "dvc" for kind, _ in sources)
    if not tables and not tracked:
        raise WrongUse("the contract names no delta: or dvc: source; what was copied is kept with the runs")
    holding = retention.held(project.ledger)
    pins = [each.pin for each in holding if each.pin.kind == "dvc"]
    return Vacuumed(
        applied=apply,
        tables=tuple(retention.vacuum(table, holding, older_than=age, apply=apply) for table in tables),
        cache=dvc_cache.clear(root, pins, apply=apply) if tracked else None,
    )


def _age(text: str) -> int:
    try:
        return clock.duration(text)
    except ValueError:
        raise WrongUse(f'--older-than {text}: expected a length of time such as "36h" or "30d"') from None
