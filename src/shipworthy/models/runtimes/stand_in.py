"""A stand-in: the contract's signature, a cost of choice and no model, to measure a server before there is one."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import numpy as np

from shipworthy.contract.records import Contract
from shipworthy.errors import NotFound
from shipworthy.models.bundle import VERSION, Bundle, write_description
from shipworthy.models.records import Answers, BundleDescription, Columns, RuntimeName, RuntimeVerdict
from shipworthy.models.runtimes import FILES


class Cost(msgspec.Struct, frozen=True):
    """What a call takes of the processor."""

    version: int
    microseconds: float  # whatever its number of rows
    microseconds_row: float = 0.0  # and for each row


class StandInRuntime:
    """Answers every row alike, after keeping the processor busy as a model would (a sleep would leave it to others)."""

    name: RuntimeName = "stand-in"

    def __init__(self, bundle: Bundle) -> None:
        path = bundle.folder / FILES["stand-in"]
        if not path.is_file():
            raise NotFound(f"{bundle.folder} has no {FILES['stand-in']}: it holds a real model")
        self._cost = msgspec.json.decode(path.read_bytes(), type=Cost)
        classes = len(bundle.description.classes)
        self._row = np.full((1, classes), 1 / classes) if classes else np.zeros((1, 1))

    def predict(self, columns: Columns) -> Answers:
        """Answers to n rows."""
        cost = self._cost
        until = time.perf_counter_ns() + int(1000 * (cost.microseconds + cost.microseconds_row * len(columns[0])))
        values = np.repeat(self._row, len(columns[0]), axis=0)
        while time.perf_counter_ns() < until:
            pass
        return Answers(values)


def stand_in_bundle(
    contract: Contract, folder: Path, microseconds: float = 0.0, *, microseconds_row: float = 0.0
) -> Bundle:
    """Writes a bundle into `folder` that serves the contract with model calls of that cost."""
    path = folder / FILES["stand-in"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(Cost(VERSION, microseconds, microseconds_row)))
    verdict = RuntimeVerdict(
        name="stand-in",
        file=str(FILES["stand-in"]),
        equal=True,
        probes=0,
        largest_difference=0.0,
        microseconds_one=microseconds,
        microseconds_batch=microseconds / 1000,
        reason="",
    )
    source = contract.target_source
    description = BundleDescription(
        version=VERSION,
        model=contract.name,
        task=contract.model.task,
        features=contract.features,
        classes=(0, 1) if contract.model.task == "classification" else (),
        target=source.target or "" if source else "",
        family="stand-in",
        runtimes=(verdict,),
        online="stand-in",
        batch="stand-in",
    )
    write_description(folder, description)
    return Bundle(folder, description)
