"""Converting a trained model, in an environment of the user's lock and our pinned converters."""

from __future__ import annotations

from pathlib import Path

from shipworthy.environments import builder
from shipworthy.environments.requirements import names
from shipworthy.errors import Unbuildable
from shipworthy.models import packaging
from shipworthy.models.converting import Facts, requirements
from shipworthy.models.inside.convention import CONVERTED, EXACT
from shipworthy.training.trainer import Trained


def package(trained: Trained) -> None:
    """Write the bundle's description, with every runtime that answers as the model itself does."""
    contract, outcome = trained.contract, trained.outcome
    source = contract.target_source
    facts = Facts(
        model=contract.name,
        task=contract.model.task,
        features=trained.features,
        classes=outcome.classes,
        target=str(source.target) if source is not None else "",
        family=outcome.family,
        table=outcome.table,
    )
    how, python, reason = _converters(trained.lock)
    tolerance = contract.gate.tolerance
    packaging.package(trained.bundle, facts, tolerance=tolerance, python=python, reason=reason, how=how)


def _converters(lock: Path) -> tuple[tuple[str, ...], Path | None, str]:
    """The ways to convert, the Python to do it with, or why there is none: then the library's own call serves.

    Graphs of our own need less beside the lock than the converters do, and so go together with more locks.
    """
    reason, locked = "", names(lock.read_text(encoding="utf-8"))
    for how in ((EXACT, CONVERTED), (EXACT,)):
        try:
            return how, builder.interpreter(builder.build_with(lock, requirements(how, locked))), ""
        except Unbuildable as error:
            reason = reason or str(error)
    return (EXACT, CONVERTED), None, reason
