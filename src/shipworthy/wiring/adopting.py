"""`adopt`: a readiness report on a model that a team already has, from its file or registry and a sample of rows."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from shipworthy import digest
from shipworthy.adoption.inputs import Chosen, choose, proposed, refusing
from shipworthy.adoption.record import findings
from shipworthy.adoption.records import Adoption
from shipworthy.adoption.steps import next_steps
from shipworthy.contract.periods import TRAINING
from shipworthy.contract.reading import FILE, parse
from shipworthy.contract.records import Contract, Feature, Serving
from shipworthy.contract.study import Study
from shipworthy.counts import reference as counting
from shipworthy.environments import runner
from shipworthy.errors import WrongUse
from shipworthy.gate.ml_test_score import Evidence, ml_test_score
from shipworthy.lineage.records import Registered
from shipworthy.models import adopting, packaging
from shipworthy.models.adopting import Kept, Unloadable
from shipworthy.models.bundle import PROBE_ANSWERS, PROBES, Bundle, read_answers
from shipworthy.models.columns import from_arrow, to_arrow
from shipworthy.models.converting import Facts
from shipworthy.models.records import BundleDescription
from shipworthy.monitoring.freezing import Rows, frozen
from shipworthy.registry.manifest import REFERENCE_FILE
from shipworthy.registry.records import LatencyVerdict, Verdict
from shipworthy.store.ledger import Entry
from shipworthy.training import probes
from shipworthy.training.conform import with_seen_categories
from shipworthy.wiring.adopted_contract import Wanted, proposed_text, trained_with
from shipworthy.wiring.adopted_environment import LOCK, Place, place_of
from shipworthy.wiring.adopted_keeping import keep
from shipworthy.wiring.adopted_model import Source
from shipworthy.wiring.adopted_source import sample_of, source_of
from shipworthy.wiring.adopted_verdicts import latency_of, quality_of, standing
from shipworthy.wiring.project import Report

VERSION = 1
FEW = 1_000  # rows: a sample of fewer is remarked upon
ASKED = 20_000  # rows of the sample that the model is asked about, for its quality
BUNDLE, SAMPLE, SAMPLE_ANSWERS = "bundle", "sample.parquet", "sample_answers.npy"
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
    serving: Serving | None = None  # that is promised already; else the proposed contract's


@dataclass(frozen=True, slots=True)
class _Looked:
    source: Source
    table: pa.Table
    place: Place
    chosen: Chosen


@dataclass(frozen=True, slots=True)
class _Found:
    looked: _Looked
    studied: Study
    contract: Contract
    text: str
    features: tuple[Feature, ...]  # with the categories that were seen
    notes: tuple[str, ...]


def adopt(request: Request, report: Report) -> tuple[Entry, Adoption]:
    """Look at a model, measure it, and keep what was found. WrongUse, NotFound, Unbuildable for what is given."""
    began = time.monotonic()
    target = request.folder / FILE
    if request.write and target.exists():
        raise WrongUse(f"{target} is there already and is never overwritten; leave out --write to see a proposal")
    with tempfile.TemporaryDirectory(prefix="shipworthy-adopt-") as scratch:
        work = Path(scratch)
        found, kept = _asked(_look(request, work, report), request, work, report)
        report("convert and compare", None)
        bundle, description = work / BUNDLE, _packaged(found, work / BUNDLE)
        report(f"measure the SLA: {found.contract.serving.rate:g} requests/s", None)
        looked = found.looked
        latency, measured = latency_of(Bundle(bundle, description), found.contract, looked.place.lock, work)
        quality = quality_of(found.contract, looked.chosen, looked.table, work / SAMPLE_ANSWERS, description)
        compared = _reference(found, work)
        verdicts = standing(description, latency, quality, compared)
        report("keep the report", None)
        written = _write(request, found, target)
        adoption = msgspec.structs.replace(
            _adoption(request, found, kept, description, verdicts, measured),
            written=str(target) if written else None,
            seconds=time.monotonic() - began,
        )
        return keep(adoption, request.folder, bundle, looked.place.lock)


def _look(request: Request, work: Path, report: Report) -> _Found:
    report("find the model", None)
    source = source_of(request.model, request.folder.resolve(), work, request.tracking_uri)
    table = sample_of(source, request.sample)
    report("load the model in its environment", None)
    place = place_of(source, request.environment, request.folder.resolve(), work)
    named = request.features or (() if place.described.names else tuple(source.inputs))
    chosen = choose(place.described, table, request.target, named)
    report("propose a contract", None)
    return _promised(_Looked(source, table, place, chosen), proposed(chosen, place.described, table), request)


def _promised(looked: _Looked, studied: Study, request: Request, notes: tuple[str, ...] = ()) -> _Found:
    """What a contract from this study promises; features in the model's own order."""
    tracked = looked.source.tracked.parameters if looked.source.tracked is not None else {}
    parameters = trained_with(looked.place.described.parameters, tracked)
    wanted = Wanted(request.sample, request.folder, request.name or looked.source.name)
    text = proposed_text(studied, wanted, parameters)
    contract = parse(text, "the proposed contract")
    ordered = tuple(_named(contract.features, name) for name in looked.chosen.features)
    serving = request.serving or contract.serving
    contract = msgspec.structs.replace(contract, features=ordered, serving=serving)
    features = with_seen_categories(ordered, _typed(looked.table, ordered))
    return _Found(looked, studied, contract, text, features, notes)


def _asked(found: _Found, request: Request, work: Path, report: Report) -> tuple[_Found, Kept]:
    """The model kept as a bundle, with its answers to probes and sample.

    A model that fails on a category it has never seen, as many do, gets a contract that refuses such a row.
    """
    report("ask the model about probes", None)
    try:
        return found, _answered(found, work)
    except Unloadable as error:
        held = refusing(found.studied, found.features)
        if held is None:
            raise _failing(error, found.features) from None
        note = f"It fails on a category that it has never seen, so that the proposal refuses those ({error})."
        stricter = _promised(found.looked, held, request, (note,))
        shutil.rmtree(work / BUNDLE)
        try:
            return stricter, _answered(stricter, work)
        except Unloadable as again:
            raise _failing(again, found.features) from None


def _failing(error: Unloadable, features: Sequence[Feature]) -> WrongUse:
    asked = ", ".join(f"{feature.name} ({feature.type})" for feature in features)
    return WrongUse(
        f"the model fails on rows like those of the sample: {error}\nIt was asked with {asked}, as the sample has "
        "them; expected the columns in the types that it was trained on: mend the sample, or name its columns in the "
        "model's order with --features a,b,c"
    )


def _answered(found: _Found, work: Path) -> Kept:
    source, place, described = found.looked.source, found.looked.place, found.looked.place.described
    bundle = work / BUNDLE
    bundle.mkdir()
    rows = _typed(found.looked.table, found.features)
    table = probes.probes(found.features, rows)
    pq.write_table(table, bundle / PROBES, compression="lz4")
    kept = adopting.keep(source.given, place.python, work, bundle, described, found.features, _BORROWED)
    pq.write_table(probes.with_splits(table, found.features, kept.thresholds), bundle / PROBES, compression="lz4")
    pq.write_table(rows.slice(0, ASKED), work / SAMPLE)
    asked = {work / SAMPLE: work / SAMPLE_ANSWERS, bundle / PROBES: bundle / PROBE_ANSWERS}
    adopting.answer(source.given, place.python, work, bundle, described, asked)
    return kept


def _packaged(found: _Found, bundle: Path) -> BundleDescription:
    """Every runtime that is equal."""
    place, described = found.looked.place, found.looked.place.described
    facts = Facts(
        model=found.contract.name,
        task=described.task,
        features=found.features,
        classes=described.classes,
        target=found.looked.chosen.labels or "",
        family=described.family,
        table=described.table,
    )
    tolerance = found.contract.gate.tolerance
    if found.looked.source.given.format == "onnx":
        return packaging.package_graph(bundle, facts, tolerance=tolerance)
    python = place.python if place.how else None
    reason = "" if place.how else "the converters do not go together with the lock"
    return packaging.package(bundle, facts, tolerance=tolerance, python=python, reason=reason, how=place.how)


def _reference(found: _Found, work: Path) -> str:
    """What production will be compared with, if it is released: the sample. Why not, "" where it will be."""
    rows, answers = pq.read_table(work / SAMPLE), read_answers(work / SAMPLE_ANSWERS)
    contract = found.contract
    if contract.monitoring.reference != TRAINING:
        named = contract.monitoring.reference
        return (
            f'monitoring.reference = {named!r}: expected "training", a model is adopted with its sample to compare with'
        )
    try:
        same = Rows(from_arrow(rows, found.features), None)
        event_time = contract.serving.event_time
        reference = frozen(found.features, same, same, answers, contract.monitoring, event_time)
        (work / BUNDLE / REFERENCE_FILE).write_bytes(counting.encode(reference))
    except WrongUse as error:
        return str(error)
    return ""


def _adoption(
    request: Request,
    found: _Found,
    kept: Kept,
    description: BundleDescription,
    verdicts: Sequence[Verdict],
    measured: LatencyVerdict | None,
) -> Adoption:
    place = found.looked.place
    record = findings(place.described, found.looked.source.tracked, place.surroundings)
    commit = found.looked.source.tracked.commit if found.looked.source.tracked is not None else None
    evidence = Evidence(
        contract=found.contract, verdicts={verdict.check: verdict for verdict in verdicts}, commit=commit, dirty=True
    )
    written = request.write or (request.folder / FILE).exists()
    return Adoption(
        version=VERSION,
        model=found.contract.name,
        source=request.model,
        model_digest=digest.of_file(found.looked.source.given.file),
        canonical_digest=kept.canonical_digest,
        family=place.described.family,
        rows=found.looked.table.num_rows,
        labels=found.looked.chosen.labels,
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
        notes=(*place.notes, *found.notes, *_notes(found, kept)),
        next=next_steps(record, verdicts, written=written, labelled=found.looked.chosen.labels is not None),
        seconds=0.0,
        parameters=place.described.parameters,
        registered=_registered(found.looked.source, request),
    )


def _registered(source: Source, request: Request) -> Registered | None:
    if source.tracked is None:
        return None
    return Registered(request.tracking_uri or "", source.tracked.uri.rpartition("/")[2])


def _notes(found: _Found, kept: Kept) -> tuple[str, ...]:
    notes, rows = [], found.looked.table.num_rows
    if rows < FEW:
        notes.append(f"{rows} rows say little about ranges and categories: give a larger sample.")
    if not found.looked.place.described.names:
        taken = ", ".join(found.looked.chosen.features[:8])
        notes.append(f"The model gives its inputs no names; by their place they were taken for {taken}.")
    if kept.modules:
        notes.append(f"It needs modules of your own, kept with it: {', '.join(kept.modules)}.")
    return tuple(notes)


def _write(request: Request, found: _Found, target: Path) -> bool:
    """The contract, and the lock beside it where there is none, if that is wanted."""
    if not request.write:
        return False
    request.folder.mkdir(parents=True, exist_ok=True)
    lock = request.folder / LOCK
    if not lock.exists() and found.looked.place.surroundings.origin != "graph":
        lock.write_bytes(found.looked.place.lock.read_bytes())
    with target.open("x", encoding="utf-8", newline="\n") as stream:
        stream.write(found.text)
    return True


def _named(features: Sequence[Feature], name: str) -> Feature:
    return next(feature for feature in features if feature.name == name)


def _typed(table: pa.Table, features: Sequence[Feature]) -> pa.Table:
    """The features alone, each in its own type."""
    return to_arrow(from_arrow(table, features), features)
