"""Scoring a table with a release: every row that keeps the contract once into OUT, and once into the logs.

OUT has the input's columns and prediction, score, probabilities (classification), prediction_id, release, job. Rows
that the contract refuses go to OUT.refused instead, with `reason`. A job is these rows, this release and this OUT: run
again it goes on where it stopped, and does nothing once it is done; other rows or another release are another job,
whose scores are added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from shipworthy import clock, digest
from shipworthy.contract.records import Contract
from shipworthy.contract.violations import refuse_violations, violations
from shipworthy.errors import WrongUse
from shipworthy.models.answers import score
from shipworthy.models.columns import from_arrow
from shipworthy.models.records import BundleDescription, Columns
from shipworthy.predictions.columns import lists, predictions
from shipworthy.predictions.log import LogWriter
from shipworthy.scoring.checked import Checked, checked
from shipworthy.scoring.output import Output
from shipworthy.scoring.rows import Rows
from shipworthy.scoring.staging import Staging

pc: Any = pyarrow.compute  # its published types do not know every overload

CHUNK = 131_072  # rows scored, logged and committed together
_RECORD = 8_192  # rows a record of the log, so that finding one does not read them all
_NUMBERS: Any = pa.array(range(_RECORD)).cast(pa.string())  # of rows in a record, as the ids end
ADDED = ("prediction", "score", "probabilities", "prediction_id", "release", "job")


@dataclass(frozen=True, slots=True)
class Scorer:
    """A release, ready to score."""

    contract: Contract
    description: BundleDescription
    release: int
    answer: Callable[[Columns], NDArray[np.float64]]  # (n, k) answers to n rows


class Scored(msgspec.Struct, frozen=True):
    """What a job did."""

    job: str
    release: int
    rows: int  # in OUT
    refused: int
    refused_table: str | None  # None where no row was refused


def score_rows(
    scorer: Scorer,
    source: str,
    target: str,
    logs: Path,
    report: Callable[[str, float | None], None],
    *,
    chunk: int = CHUNK,
) -> Scored:
    """Score `source` (Delta table, Parquet file or folder of such) into the Delta table `target`.

    `logs` is the model's folder of logs. DataViolation, before anything is written, where a column is missing or no
    row of the first chunk keeps the contract; WrongUse, NotFound; InUse where the same job is under way.
    """
    rows = Rows(source)
    _check_columns(scorer, rows)
    target = target if "://" in target else str(Path(target).resolve())
    job = f"score-{digest.of_value([rows.identity, scorer.contract.name, scorer.release, target, chunk])[:16]}"
    output, staging = Output(target, job), Staging(logs, job)
    chunks = -(-rows.count // chunk)
    with staging.held():
        done = output.done()
        staging.publish(done)
        report(f"score {rows.count:,} rows", done / chunks if chunks else 1.0)
        for number, table in enumerate(rows.chunks(chunk, skipped=done), start=done + 1):
            _score_chunk(scorer, rows, table, number, output, staging)
            report(f"score {rows.count:,} rows", number / chunks)
        refused = output.refused_rows()
    return Scored(job, scorer.release, rows.count - refused, refused, output.refused_location if refused else None)


def _score_chunk(scorer: Scorer, rows: Rows, table: pa.Table, number: int, output: Output, staging: Staging) -> None:
    found = checked(scorer.contract, scorer.description.features, table)
    if number == 1 and not found.answered.num_rows:
        refuse_violations(violations(_with_seen(scorer), table), rows.location)
    columns = from_arrow(found.answered, scorer.description.features)
    values = scorer.answer(columns) if found.answered.num_rows else _no_answers(scorer)
    writer = staging.writer(number, scorer.contract.serving.durability)
    ids = _log(scorer, writer, found, columns, values)
    if found.reasons:
        refused = table.filter(pa.array(~found.kept)).append_column("reason", pa.array(found.reasons))
        output.refuse(refused, number)
    kept = table.filter(pa.array(found.kept))
    output.append(_with_scores(scorer, kept, values, ids), number)
    staging.publish(number)


def _log(
    scorer: Scorer, writer: LogWriter, found: Checked, columns: Columns, values: NDArray[np.float64]
) -> pa.ChunkedArray[Any]:
    """Write a chunk's segment; returns the prediction ids of its rows."""
    description, contract = scorer.description, scorer.contract
    writer.open(
        description.model, scorer.release, description.features, description.classes, contract.serving.event_time
    )
    callers, now = _caller_ids(contract, found.answered), clock.now()
    ids: list[Any] = []
    flags: dict[int, list[tuple[int, int]]] = {}
    for row, feature in found.flags:
        flags.setdefault(row // _RECORD, []).append((row % _RECORD, feature))
    for record, start in enumerate(range(0, max(1, len(values)), _RECORD)):
        part = slice(start, min(start + _RECORD, len(values)))
        offset = writer.append(
            now,
            part.stop - part.start,
            [column[part] for column in columns],
            values[part],
            callers[part] if callers is not None else None,
            flags.get(record, ()),
            found.refused if record == 0 else None,
        )
        ids.append(pc.binary_join_element_wise(f"{writer.prefix}{offset}", _NUMBERS[: part.stop - part.start], "-"))
    writer.close()
    return pa.chunked_array(ids)


def _with_scores(scorer: Scorer, table: pa.Table, values: NDArray[np.float64], ids: pa.ChunkedArray[Any]) -> pa.Table:
    """The input's columns and what the model said."""
    description = scorer.description
    table = table.append_column("prediction", predictions(values, description.classes))
    table = table.append_column("score", pa.array(score(values, description)))
    if description.classes:
        table = table.append_column("probabilities", lists(values))
    release: Any = pa.repeat(pa.scalar(scorer.release, pa.int32()), len(values))
    return table.append_column("prediction_id", ids).append_column("release", release)


def _caller_ids(contract: Contract, table: pa.Table) -> list[str | None] | None:
    """The column that labels come back by, where the rows have it."""
    if contract.labels is None or contract.labels.key not in table.column_names:
        return None
    found: list[str | None] = table[contract.labels.key].cast(pa.string()).to_pylist()
    return found


def _check_columns(scorer: Scorer, rows: Rows) -> None:
    refuse_violations(
        [
            found
            for found in violations(_with_seen(scorer), rows.schema.empty_table())
            if found.kind == "missing column"
        ],
        rows.location,
    )
    taken = [name for name in (*ADDED, "reason") if name in rows.schema.names]
    if taken:
        raise WrongUse(f"{rows.location} has columns that scoring adds: {', '.join(taken)}; rename or leave them out")


def _with_seen(scorer: Scorer) -> Contract:
    return msgspec.structs.replace(scorer.contract, features=scorer.description.features)


def _no_answers(scorer: Scorer) -> NDArray[np.float64]:
    return np.empty((0, len(scorer.description.classes) or 1))
