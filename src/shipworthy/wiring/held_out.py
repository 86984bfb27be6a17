"""The labelled rows held out of a release's training, which it keeps: what the watch holds live quality against."""

from __future__ import annotations

import io
from collections.abc import Callable

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shipworthy.contract.records import Feature
from shipworthy.errors import NotFound
from shipworthy.lineage.records import Run
from shipworthy.models.answers import Class
from shipworthy.models.bundle import DESCRIPTION, HOLDOUT, HOLDOUT_ANSWERS
from shipworthy.models.columns import column_of, from_arrow
from shipworthy.models.records import BundleDescription
from shipworthy.monitoring.basis import Basis, HeldRows, based, scale_of
from shipworthy.monitoring.performance import Promised
from shipworthy.registry.records import Release
from shipworthy.registry.releases import Releases
from shipworthy.training.cut import instants
from shipworthy.wiring.project import Project
from shipworthy.wiring.record import reference_reader
from shipworthy.wiring.services import service_of

_ADOPTED = "no labelled rows were held out: somebody else made the model"


def basis_reader(project: Project) -> Callable[[int], Basis]:
    """Gives what a release's quality is held against, or a service's, by number; read once each."""
    known: dict[int, Basis] = {}
    releases, reference_of = Releases(project.ledger, project.objects), reference_reader(project)

    def read(number: int) -> Basis:
        if number not in known:
            service = service_of(project, number)
            if service is not None:
                known[number] = _unfounded(project, service.classes, None)
            else:
                reference = reference_of(number)
                window = project.contract.monitoring.window if reference is None else reference.window
                known[number] = basis_of(project, releases.get(project.contract.name, number), window)
        return known[number]

    return read


def basis_of(project: Project, release: Release, window: int) -> Basis:
    """That of a release, from its rows held out in windows (ns); else the gate's figure on all of them, alone."""
    files = {file.path: file.digest for file in release.files}
    description = msgspec.json.decode(project.objects.get(files[DESCRIPTION]), type=BundleDescription)
    try:
        rows = pq.read_table(pa.BufferReader(project.objects.get(files[HOLDOUT])))
        answers = np.load(io.BytesIO(project.objects.get(files[HOLDOUT_ANSWERS])), allow_pickle=False)
    except (KeyError, NotFound):
        return _unfounded(project, description.classes, _at_gate(release))
    if description.target not in rows.column_names or len(answers) != rows.num_rows:
        return _unfounded(project, description.classes, _at_gate(release))
    features = _nullable(description.features)
    held = HeldRows(
        target=column_of(rows, description.target),
        answers=np.asarray(answers, dtype=np.float64).reshape(rows.num_rows, -1),
        windows=_windows(project, release, rows, window),
        columns=dict(zip((one.name for one in features), from_arrow(rows, features), strict=True)),
    )
    monitoring, metric = project.contract.monitoring, project.contract.gate.metric
    return based(metric, description.classes, features, held, monitoring.slices)


def _unfounded(project: Project, classes: tuple[Class, ...], promised: Promised | None) -> Basis:
    metric, none = project.contract.gate.metric, np.empty((0, max(1, len(classes))))
    return Basis(metric, classes, promised, why=_ADOPTED, loss=scale_of(metric, classes, none[:, 0], none))


def _at_gate(release: Release) -> Promised | None:
    figures = next((verdict.figures for verdict in release.verdicts if verdict.check == "quality"), {})
    value, rows = figures.get("candidate"), figures.get("rows")
    if not isinstance(value, int | float) or not isinstance(rows, int | float):
        return None
    return Promised(float(value), int(rows))


def _windows(project: Project, release: Release, rows: pa.Table, window: int) -> NDArray[np.int64] | None:
    entry = project.ledger.get(release.run)
    source = entry.decode(Run).contract.target_source if entry.kind == "run" else None
    if source is None or source.time is None or source.time not in rows.column_names:
        return None
    return instants(rows[source.time], source.time) // window


def _nullable(features: tuple[Feature, ...]) -> list[Feature]:
    return [msgspec.structs.replace(feature, nullable=True) for feature in features]
