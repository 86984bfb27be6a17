"""`adopt`: a readiness report on a model that a team already has, from its file or registry and a sample of rows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from shipworthy import digest
from shipworthy.adoption.inputs import Chosen, choose, proposed
from shipworthy.adoption.record import findings
from shipworthy.adoption.records import Adoption
from shipworthy.adoption.steps import next_steps
from shipworthy.contract.reading import FILE, parse
from shipworthy.contract.records import Contract, Feature
from shipworthy.environments import runner
from shipworthy.errors import NotFound, WrongUse
from shipworthy.gate.ml_test_score import Evidence, ml_test_score
from shipworthy.models import adopting, packaging
from shipworthy.models.adopting import Kept
from shipworthy.models.bundle import PROBE_ANSWERS, PROBES, Bundle
from shipworthy.models.columns import from_arrow, to_arrow
from shipworthy.models.converting import Facts
from shipworthy.models.records import BundleDescription
from shipworthy.registry.records import LatencyVerdict, Verdict
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Entry, Ledger
from shipworthy.store.objects import Objects
from shipworthy.store.preparation import prepare
from shipworthy.training import probes
from shipworthy.training.conform import with_seen_categories
from shipworthy.wiring.adopted_contract import proposed_text
from shipworthy.wiring.adopted_environment import LOCK, Place, place_of
from shipworthy.wiring.adopted_model import Source
from shipworthy.wiring.adopted_source import sample_of, source_of
from shipworthy.wiring.adopted_verdicts import latency_of, quality_of, standing
from shipworthy.wiring.project import Report, find_layout, is_new

KIND = "adoption"
VERSION = 1
ASKED = 20_000  # rows of the sample that the model is asked about, for its quality
SAMPLE, SAMPLE_ANSWERS = "sample.parquet", "sample_answers.npy"
_BORROWED = {name: Path(runner.__file__).with_name(f"{name}.py") for name in ("canonical", "keeping", "thresholds")}


@dataclass(frozen=True, slots=True)
class Request:
    """What the user named."""

    model: str  # a file, or models:/NAME@ALIAS
    folder: Path
    sample: Path | None = None
    environment: Path | None = None  # a lock
    tracking_uri: str | None = None
    target: str | None = None
    features: tuple[str, ...] = ()  # the sample's columns in the model's order
    name: str | None = None
    write: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    source: Source
    table: pa.Table
    place: Place
    chosen: Chosen
    contract: Contract
    text: str
    features: tuple[Feature, ...]  # with the categories that were seen


def adopt(request: Request, report: Report) -> tuple[Entry, Adoption]:
    """Look at a model, measure it, and keep what was found. WrongUse, NotFound, Unbuildable for what is given."""
    began = time.monotonic()
    target = request.folder / FILE
    if request.write and target.exists():
        raise WrongUse(f"{target} is there already and is never overwritten; leave out --write to see a proposal")
    with tempfile.TemporaryDirectory(prefix="shipworthy-adopt-") as scratch:
        work = Path(scratch)
        found = _look(request, work, report)
        bundle, kept, description = _bundle(found, work, report)
        report(f"measure the SLA: {found.contract.serving.rate:g} requests/s", None)
        opened = Bundle(bundle, description)
        latency, measured = latency_of(opened, found.contract, found.place.lock, work)
        quality = quality_of(found.contract, found.chosen, found.table, work / SAMPLE_ANSWERS, description)
        verdicts = standing(description, latency, quality)
        report("keep the report", None)
        written = _write(request, found, target)
        adoption = _adoption(request, found, kept, description, verdicts, measured)
        return _keep(adoption, request, bundle, found.place.lock, written, began)


def _look(request: Request, work: Path, report: Report) -> _Found:
    report("find the model", None)
    source = source_of(request.model, request.folder.resolve(), work, request.tracking_uri)
    table = sample_of(source, request.sample)
    report("load the model in its environment", None)
    place = place_of(source, request.environment, request.folder.resolve(), work)
    named = request.features or (() if place.described.names else tuple(source.inputs))
    chosen = choose(place.described, table, request.target, named)
    report("propose a contract", None)
    studied = proposed(chosen, place.described, table)
    tracked = source.tracked.parameters if source.tracked is not None else {}
    text = proposed_text(studied, request, source.name, place.described.parameters, tracked)
    contract = parse(text, "the proposed contract")
    ordered = tuple(_named(contract.features, name) for name in chosen.features)
    contract = msgspec.structs.replace(contract, features=ordered)
    return _Found(source, table, place, chosen, contract, text, with_seen_categories(ordered, _typed(table, ordered)))


def _bundle(found: _Found, work: Path, report: Report) -> tuple[Path, Kept, BundleDescription]:
    """The model as training would have left it: probes, answers, and every runtime that is equal."""
    report("ask the model about probes", None)
    source, place, described = found.source, found.place, found.place.described
    bundle = work / "bundle"
    bundle.mkdir()
    rows = _typed(found.table, found.features)
    table = probes.probes(found.features, rows)
    pq.write_table(table, bundle / PROBES, compression="lz4")
    kept = adopting.keep(source.given, place.python, work, bundle, described, found.features, _BORROWED)
    pq.write_table(probes.with_splits(table, found.features, kept.thresholds), bundle / PROBES, compression="lz4")
    pq.write_table(rows.slice(0, ASKED), work / SAMPLE)
    asked = {bundle / PROBES: bundle / PROBE_ANSWERS, work / SAMPLE: work / SAMPLE_ANSWERS}
    adopting.answer(source.given, place.python, work, bundle, described, asked)
    report("convert and compare", None)
    facts = Facts(
        model=found.contract.name,
        task=described.task,
        features=found.features,
        classes=described.classes,
        target=found.chosen.labels or "",
        family=described.family,
        table=described.table,
    )
    tolerance = found.contract.gate.tolerance
    if source.given.format == "onnx":
        return bundle, kept, packaging.package_graph(bundle, facts, tolerance=tolerance)
    python = place.python if place.how else None
    reason = "" if place.how else "the converters do not go together with the lock"
    return (
        bundle,
        kept,
        packaging.package(bundle, facts, tolerance=tolerance, python=python, reason=reason, how=place.how),
    )


def _adoption(
    request: Request,
    found: _Found,
    kept: Kept,
    description: BundleDescription,
    verdicts: Sequence[Verdict],
    measured: LatencyVerdict | None,
) -> Adoption:
    place = found.place
    record = findings(place.described, found.source.tracked, place.surroundings)
    commit = found.source.tracked.commit if found.source.tracked is not None else None
    evidence = Evidence(
        contract=found.contract, verdicts={verdict.check: verdict for verdict in verdicts}, commit=commit, dirty=True
    )
    written = request.write or (request.folder / FILE).exists()
    return Adoption(
        version=VERSION,
        model=found.contract.name,
        source=request.model,
        model_digest=digest.of_file(found.source.given.file),
        canonical_digest=kept.canonical_digest,
        family=place.described.family,
        rows=found.table.num_rows,
        labels=found.chosen.labels,
        findings=record,
        surroundings=place.surroundings,
        contract=found.contract,
        contract_text=found.text,
        written=None,
        bundle=description,
        files=(),
        verdicts=tuple(verdicts),
        latency=measured,
        score=ml_test_score(evidence),
        notes=(*place.notes, *_notes(found, kept)),
        next=next_steps(record, verdicts, written=written, labelled=found.chosen.labels is not None),
        seconds=0.0,
        parameters=place.described.parameters,
    )


def _notes(found: _Found, kept: Kept) -> tuple[str, ...]:
    notes = []
    if found.table.num_rows < 1000:
        notes.append(f"{found.table.num_rows} rows say little about ranges and categories: give a larger sample.")
    if not found.place.described.names:
        taken = ", ".join(found.chosen.features[:8])
        notes.append(f"The model gives its inputs no names; by their place they were taken for {taken}.")
    if kept.modules:
        notes.append(f"It needs modules of your own, kept with it: {', '.join(kept.modules)}.")
    return tuple(notes)


def _write(request: Request, found: _Found, target: Path) -> tuple[Path, ...]:
    """The contract, and the lock beside it where there is none."""
    if not request.write:
        return ()
    request.folder.mkdir(parents=True, exist_ok=True)
    lock = request.folder / LOCK
    written = []
    if not lock.exists() and found.place.surroundings.origin != "graph":
        lock.write_bytes(found.place.lock.read_bytes())
        written.append(lock)
    with target.open("x", encoding="utf-8", newline="\n") as stream:
        stream.write(found.text)
    return (target, *written)


def _keep(
    adoption: Adoption, request: Request, bundle: Path, lock: Path, written: Sequence[Path], began: float
) -> tuple[Entry, Adoption]:
    layout = _layout(request.folder)
    if is_new(layout):
        prepare(layout)
    ledger, objects = Ledger(layout.ledger_url), Objects(layout.objects)
    try:
        files = objects.put_tree(bundle)
        objects.settle({objects.put_file(lock), *(file.digest for file in files)})
        adoption = msgspec.structs.replace(
            adoption,
            files=files,
            written=str(written[0]) if written else None,
            seconds=time.monotonic() - began,
        )
        return ledger.append(KIND, adoption.model, adoption), adoption
    finally:
        ledger.close()


def _layout(folder: Path) -> Layout:
    """The project's that the folder lies in, else its own."""
    try:
        return find_layout(folder)
    except NotFound:
        return Layout(folder.resolve())


def _named(features: Sequence[Feature], name: str) -> Feature:
    return next(feature for feature in features if feature.name == name)


def _typed(table: pa.Table, features: Sequence[Feature]) -> pa.Table:
    """The features alone, each in its own type."""
    return to_arrow(from_arrow(table, features), features)
