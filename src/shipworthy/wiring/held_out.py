"""The labelled rows held out of a release's training, as the watch asks for them: what live quality is held against."""

from __future__ import annotations

import io
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shipworthy.errors import NotFound
from shipworthy.lineage.records import Run
from shipworthy.models.bundle import DESCRIPTION, HOLDOUT, HOLDOUT_ANSWERS
from shipworthy.models.records import BundleDescription
from shipworthy.registry.records import Release
from shipworthy.training.cut import instants
from shipworthy.wiring.project import Project


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows held out of a training, and the model's answers to them."""

    rows: pa.Table  # features, target, time
    target: NDArray[np.generic]  # (n,) labels as the data has them
    answers: NDArray[np.float64]  # (n, k)
    times: NDArray[np.int64] | None  # (n,) ns; None where the data has none
    description: BundleDescription


def held_out(project: Project, release: Release) -> HeldOut | None:
    """Those of a release; None where it has none, as one that was adopted, or no longer keeps them."""
    files = {file.path: file.digest for file in release.files}
    try:
        description = msgspec.json.decode(project.objects.get(files[DESCRIPTION]), type=BundleDescription)
        rows = pq.read_table(pa.BufferReader(project.objects.get(files[HOLDOUT])))
        answers = np.load(io.BytesIO(project.objects.get(files[HOLDOUT_ANSWERS])), allow_pickle=False)
    except (KeyError, NotFound):
        return None
    if description.target not in rows.column_names or len(answers) != rows.num_rows or not rows.num_rows:
        return None
    return HeldOut(
        rows=rows,
        target=_column(rows, description.target),
        answers=np.asarray(answers, dtype=np.float64).reshape(rows.num_rows, -1),
        times=_times(project, release, rows),
        description=description,
    )


def _times(project: Project, release: Release, rows: pa.Table) -> NDArray[np.int64] | None:
    entry = project.ledger.get(release.run)
    source = entry.decode(Run).contract.target_source if entry.kind == "run" else None
    if source is None or source.time is None or source.time not in rows.column_names:
        return None
    return instants(rows[source.time], source.time)


def _column(table: pa.Table, name: str) -> NDArray[np.generic]:
    found: NDArray[np.generic] = table[name].combine_chunks().to_numpy(zero_copy_only=False)
    return found
