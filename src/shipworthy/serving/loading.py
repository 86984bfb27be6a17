"""From a folder to a release in memory: verified, loaded, and heard to say what it said when it was released."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from shipworthy.contract.records import Contract, Feature
from shipworthy.errors import Refused, Tampered
from shipworthy.models.bundle import PROBES, Bundle
from shipworthy.models.records import Columns, Runtime
from shipworthy.models.runtimes import load as load_runtime
from shipworthy.predictions.log import LogWriter
from shipworthy.registry.trust import read_trusted
from shipworthy.registry.verification import verify_release
from shipworthy.serving.admission import Cost
from shipworthy.serving.live import Live, live
from shipworthy.serving.rows import RowFormat
from shipworthy.serving.settings import WorkerSettings

WARM_UP = 3  # calls of one row, and of some
SOME = 16  # rows


@dataclass(frozen=True, slots=True)
class Loaded:
    """A release in memory, and what it took to get it there."""

    live: Live
    seconds: float  # to verify, load and warm up
    size: int  # bytes that the process grew by meanwhile, at least those of the runtime's files


def load(folder: Path, settings: WorkerSettings) -> Loaded:
    """What a worker with these settings may serve from a folder."""
    began, before = time.perf_counter(), _resident()
    if settings.rehearsal is not None:
        live = load_rehearsal(folder, Path(settings.rehearsal))
    else:
        live = load_release(folder, Path(settings.trusted))
    return Loaded(live, time.perf_counter() - began, max(_resident() - before, size_of_files(folder)))


def size_of_files(folder: Path) -> int:
    """Bytes of the files that the runtimes load: the least that a release takes in memory."""
    return sum(path.stat().st_size for path in (folder / "runtimes").rglob("*") if path.is_file())


def open_log(log: LogWriter, live: Live) -> None:
    """Begin a log segment of a release. OSError."""
    log.open(
        live.model,
        live.number,
        live.description.features,
        live.description.classes,
        live.contract.serving.event_time,
    )


def _resident() -> int:
    """Bytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def load_release(folder: Path, trusted: Path) -> Live:
    """A signed release, ready to answer. Tampered, Refused, NotFound. `trusted` is the folder of public keys."""
    verified = verify_release(folder, read_trusted(trusted))
    if verified.shadow:
        raise Refused(
            f"{verified.model}@{verified.number} was signed as a shadow, with checks open, and never answers: "
            f"`shipworthy check {verified.run}`, then `shipworthy release {verified.run}` make one that may"
        )
    bundle = Bundle.open(folder)
    if bundle.description.online == "stand-in":
        raise Refused(f"{folder} holds a stand-in: it can be rehearsed with, never served")
    return _ready(verified.number, verified.contract, bundle)


def load_rehearsal(folder: Path, contract: Path) -> Live:
    """A bundle that nobody signed, or a stand-in, as release 0."""
    return _ready(0, msgspec.json.decode(contract.read_bytes(), type=Contract), Bundle.open(folder))


def _ready(number: int, contract: Contract, bundle: Bundle) -> Live:
    runtime = load_runtime(bundle, bundle.description.online)
    cost = _warm_up(runtime, bundle, contract)
    return live(number, contract, bundle.description, runtime, cost)


def _warm_up(runtime: Runtime, bundle: Bundle, contract: Contract) -> Cost:
    """First calls are slow: nobody waits for them. And an answer that differs from the recorded one is not served."""
    if not (bundle.folder / PROBES).is_file():
        rows = _any_rows(bundle.description.features, SOME)
        return _cost(runtime, rows)
    probes, recorded = _probes(bundle), bundle.probe_answers()
    cost = _cost(runtime, probes)
    difference = float(np.abs(runtime.predict(probes).values - recorded).max())
    if not difference <= contract.gate.tolerance:
        raise Tampered(
            f"{bundle.folder}: the {runtime.name} runtime answers its probes differently from what was recorded, by "
            f"up to {difference:g}; expected at most {contract.gate.tolerance:g}. Check and release the run on this "
            "platform"
        )
    return cost


def _cost(runtime: Runtime, rows: Columns) -> Cost:
    """What one row and all of these take, the best of some calls; whatever a first call does is over then."""
    found = []
    for columns in ([column[:1] for column in rows], [column[:SOME] for column in rows]):
        times = []
        for _ in range(WARM_UP):
            began = time.perf_counter()
            runtime.predict(columns)
            times.append(time.perf_counter() - began)
        found.append((len(columns[0]), min(times)))
    return Cost.of(found)


def _probes(bundle: Bundle) -> Columns:
    """The probe rows, built as a request's rows are.

    Read by hand because Arrow's way to NumPy, and its datasets, load pandas wherever that is installed.
    """
    import pyarrow as pa  # noqa: PLC0415 - wanted only here, once a release
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415

    features = bundle.description.features
    with ParquetFile(bundle.folder / PROBES) as file:
        table = file.read()
    columns = [
        (table[feature.name].cast(pa.int64()) if feature.type == "timestamp" else table[feature.name]).to_pylist()
        for feature in features
    ]
    return RowFormat(features).columns(list(zip(*columns, strict=True)))


def _any_rows(features: tuple[Feature, ...], count: int) -> Columns:
    """Rows that a stand-in can be asked; their values mean nothing."""
    values = {"float": 0.0, "integer": 0, "boolean": False, "category": "", "timestamp": 0}
    return RowFormat(features).columns([tuple(values[feature.type] for feature in features)] * count)
