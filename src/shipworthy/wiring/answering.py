"""What a bundle says to rows: by its own runtime here, or, for a Python model, by a server in its own environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shipworthy.contract.records import Contract
from shipworthy.errors import Undecided
from shipworthy.models.bundle import Bundle
from shipworthy.models.columns import from_arrow
from shipworthy.models.records import Columns
from shipworthy.models.runtimes import load
from shipworthy.rehearsal.payloads import of_rows
from shipworthy.serving.launch import rehearse_server

ROWS = 500  # a request


Answer = Callable[[Columns], NDArray[np.float64]]  # (n, k) answers to n rows


@contextmanager
def answering(bundle: Bundle, contract: Contract, work: Path, command: Sequence[str]) -> Iterator[Answer]:
    """A bundle ready to be asked. Undecided, from the answer, where the model's server refuses rows."""
    if bundle.description.batch != "python":
        runtime = load(bundle, bundle.description.batch)
        yield lambda columns: runtime.predict(columns).values
        return
    with rehearse_server(bundle.folder, contract, work, command=command) as url:
        yield lambda columns: _in_parts(url, bundle, columns)


def answers(
    bundle: Bundle, contract: Contract, table: pa.Table, work: Path, command: Sequence[str]
) -> NDArray[np.float64]:
    """Answers (n, k) to a table of n rows."""
    with answering(bundle, contract, work, command) as answer:
        return answer(from_arrow(table, bundle.description.features))


def _in_parts(url: str, bundle: Bundle, columns: Columns) -> NDArray[np.float64]:
    rows = len(columns[0])
    return np.vstack([_ask(url, bundle, [column[at : at + ROWS] for column in columns]) for at in range(0, rows, ROWS)])


def _ask(url: str, bundle: Bundle, columns: Columns) -> NDArray[np.float64]:
    features, classes = bundle.description.features, bundle.description.classes
    rows = len(columns[0])
    answer = httpx.post(f"{url}/predict", content=of_rows(features, columns), timeout=60.0)
    said = msgspec.json.decode(answer.content)
    if answer.status_code != httpx.codes.OK or len(said["predictions"]) != rows:
        raise Undecided(f"{rows} rows held out could not be asked: {said.get('error', 'some break the contract')}")
    if not classes:
        return np.array([[one["prediction"]] for one in said["predictions"]], dtype=np.float64)
    return np.array([list(one["probabilities"].values()) for one in said["predictions"]], dtype=np.float64)
