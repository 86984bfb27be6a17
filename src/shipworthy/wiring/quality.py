"""The training data once more, for the checks of data and quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shipworthy.contract.records import Contract
from shipworthy.contract.violations import Violation, violations
from shipworthy.errors import ShipworthyError, Undecided
from shipworthy.gate import baseline
from shipworthy.gate.checks import data, quality
from shipworthy.lineage.records import Run
from shipworthy.models.answers import Class
from shipworthy.models.bundle import Bundle
from shipworthy.models.columns import column_of
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.records import Verdict
from shipworthy.training import cut, sources
from shipworthy.wiring.answering import answers
from shipworthy.wiring.project import Project
from shipworthy.wiring.workers import served


@dataclass(frozen=True, slots=True)
class Rows:
    """A run's labelled rows, cut as they were, and what in them breaks the contract."""

    history: pa.Table
    holdout: pa.Table
    found: tuple[Violation, ...]


def read_rows(project: Project, run: Run) -> Rows | None:
    """The rows of the source with the target; None where they are gone."""
    source = run.contract.target_source
    pin = next((pin for pin in run.data if pin.cut is not None), None)
    if source is None or pin is None or pin.cut is None:
        return None
    try:
        parts = cut.again(sources.reread(pin, project.layout.project, project.objects), source, pin.cut)
    except Undecided:
        return None
    return Rows(
        parts.history, parts.holdout, violations(run.contract, pa.concat_tables([parts.history, parts.holdout]))
    )


def data_verdict(run: Run, rows: Rows | None) -> Verdict:
    """Training data against the contract."""
    if rows is None:
        return data.data(None, 0)
    return data.data(rows.found, rows.history.num_rows + rows.holdout.num_rows)


def quality_verdict(
    project: Project, run: Run, bundle: Bundle, rows: Rows | None, work: Path, command: Sequence[str]
) -> Verdict:
    """Candidate, live release and baseline on the same rows held out."""
    contract = run.contract
    if rows is None:
        return quality.quality(contract.gate, None, contract.purpose.baseline)
    try:
        held = _held_out(project, run, bundle, rows, work, command)
    except ShipworthyError as error:
        return Verdict(quality.CHECK, "undecided", str(error))
    return quality.quality(contract.gate, held, contract.purpose.baseline)


def _held_out(
    project: Project, run: Run, bundle: Bundle, rows: Rows, work: Path, command: Sequence[str]
) -> quality.HeldOut:
    held, classes = bundle.holdout(), bundle.description.classes
    target = column_of(held, bundle.description.target)
    live, live_classes = answers_of_live(project, run.contract, held, work)
    return quality.HeldOut(
        target=target,
        classes=classes,
        candidate=answers(bundle, run.contract, held, work, command),
        baseline=answers_of_baseline(
            run.contract.purpose.baseline, classes, column_of(rows.history, bundle.description.target), target, held
        ),
        live=live,
        live_classes=live_classes,
    )


def answers_of_live(
    project: Project, contract: Contract, held: pa.Table, work: Path
) -> tuple[NDArray[np.float64] | None, Sequence[Class]]:
    """What the live release says to the same rows, and the order of its classes; None where nothing is live."""
    number = Aliases(project.ledger).current(contract.name, "live")
    if number is None:
        return None, ()
    release = served(replace(project, contract=contract), number)
    said = answers(release.bundle, release.contract, held, work, release.command)
    return said, release.bundle.description.classes


def answers_of_baseline(
    name: str,
    classes: tuple[Class, ...],
    history: NDArray[np.generic],
    target: NDArray[np.generic],
    held: pa.Table,
) -> NDArray[np.float64]:
    """What the contract's baseline says to n rows held out, (n, k).

    history: labels that it is learnt from; target: (n,) labels of the rows held out, which come after them.
    """
    if name == baseline.PRIOR:
        return baseline.prior(history, classes, len(target))
    if name == baseline.LAST_VALUE:
        return baseline.last_value(history, target, classes)
    return baseline.feature(name, column_of(held, name), classes)
