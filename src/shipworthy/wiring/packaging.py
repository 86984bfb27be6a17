"""Converting a trained model, in an environment of the user's lock and our pinned converters."""

from __future__ import annotations

from pathlib import Path

from shipworthy.environments import builder
from shipworthy.errors import Unbuildable
from shipworthy.models import packaging
from shipworthy.models.converting import Facts, requirements
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
    python, reason = _converters(trained.lock)
    packaging.package(trained.bundle, facts, tolerance=contract.gate.tolerance, python=python, reason=reason)


def _converters(lock: Path) -> tuple[Path | None, str]:
    """The Python to convert with, or why there is none: the model is then served by the library's own call."""
    try:
        return builder.interpreter(builder.build_with(lock, requirements())), ""
    except Unbuildable as error:
        return None, str(error)
