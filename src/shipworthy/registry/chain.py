"""What a release folder proves by itself: its statements held against each other, without any database.

The manifest names every file by digest; the provenance says how the run came to be; the rebuild's summary names that
very provenance. Each is signed. Here they have to tell one story: the same release, the same run, the same files.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from shipworthy import clock, digest
from shipworthy.errors import Refused, Tampered
from shipworthy.lineage.records import RUNGS
from shipworthy.lineage.statement import PROVENANCE, VERIFICATION, Resource, Statement, read_statement
from shipworthy.registry import rebuilt, slsa
from shipworthy.registry.firsthand import (
    SaidOfRebuild,
    SaidOfRun,
    read_rebuild,
    read_run,
    same,
    same_files,
    same_rebuild,
    same_story,
)
from shipworthy.registry.manifest import (
    ATTACHED_FILE,
    ENVELOPE_FILE,
    MADE_REBUILD_FILE,
    MADE_RUN_FILE,
    PROVENANCE_FILE,
    REBUILD_FILE,
    Identity,
)
from shipworthy.registry.rebuilt import Remade
from shipworthy.registry.records import Verdict
from shipworthy.registry.trust import TrustedKeys, open_envelope
from shipworthy.registry.verification import VerifiedRelease, verify_release

CHECK = "check: "  # what byproducts that are verdicts are named


class Signed(msgspec.Struct, frozen=True):
    """A statement that was found right."""

    file: str
    predicate: str  # type
    key: str  # id


class Proof(msgspec.Struct, frozen=True):
    """What was proven of a release folder."""

    model: str
    number: int
    run: str
    owner: str
    proven: bool  # every check passed by itself, and a rebuild reached what the contract asks for
    unproven_because: tuple[str, ...]
    at: int  # released, ns since 1970, UTC
    files: int  # whose digests are as signed
    bytes: int
    statements: tuple[Signed, ...]
    inputs: tuple[Resource, ...]  # code, environment and data, each by digest
    rebuild: Remade | None
    verdicts: tuple[Verdict, ...]
    slsa: slsa.Reached
    notes: tuple[str, ...]
    attached: Remade | None = None  # of an adopted model: the training that was found to make it, since


@dataclass(frozen=True, slots=True)
class _Provenance:
    statement: Statement
    key: str
    verdicts: tuple[Verdict, ...]
    inputs: tuple[Resource, ...]
    rebuild: str | None  # id


def prove(folder: Path, trusted: TrustedKeys, *, services: Collection[str] = (), now: int | None = None) -> Proof:
    """What a release folder proves. `services` are ids of keys that the caller knows a build service alone to hold.

    NotFound, Refused and Tampered as `verify_release`; Tampered too where two statements contradict each other.
    """
    release = verify_release(folder, trusted)
    provenance = _provenance(release, trusted)
    summary = _rebuild(release, provenance, trusted)
    remade = None if summary is None else summary[0]
    attached = _attached(release, trusted)
    _hold_to_proven(release, provenance, remade)
    made_run = _made_run(release, provenance, trusted)
    made_rebuild = _made_rebuild(release, remade, made_run, trusted)
    identity = release.manifest.identity
    signed = [Signed(ENVELOPE_FILE, "https://model_signing/signature/v1.0", release.key)]
    signed.append(Signed(PROVENANCE_FILE, PROVENANCE, provenance.key))
    signed += [] if summary is None else [Signed(REBUILD_FILE, VERIFICATION, summary[1])]
    signed += [] if attached is None else [Signed(ATTACHED_FILE, VERIFICATION, attached[1])]
    signed += [] if made_run is None else [Signed(MADE_RUN_FILE, PROVENANCE, made_run.key)]
    signed += [] if made_rebuild is None else [Signed(MADE_REBUILD_FILE, VERIFICATION, made_rebuild.key)]
    return Proof(
        model=release.model,
        number=release.number,
        run=release.run,
        owner=release.contract.purpose.owner,
        proven=release.proven,
        unproven_because=release.unproven_because,
        at=identity.at,
        files=len(release.manifest.files),
        bytes=sum((folder / name).stat().st_size for name in release.manifest.files),
        statements=tuple(signed),
        inputs=provenance.inputs,
        rebuild=remade,
        verdicts=provenance.verdicts,
        slsa=slsa.reached(_build(provenance, _of_this(release, remade), made_run, services)),
        notes=(
            *_notes(provenance, identity, clock.now() if now is None else now),
            *_unsigned(made_run, remade, made_rebuild),
        ),
        attached=None if attached is None else attached[0],
    )


def _provenance(release: VerifiedRelease, trusted: TrustedKeys) -> _Provenance:
    path = release.folder / PROVENANCE_FILE
    if PROVENANCE_FILE not in release.manifest.files:
        raise Refused(f"{release.folder} holds no {PROVENANCE_FILE}: nothing says what the release was made from")
    opened = open_envelope(path.read_bytes(), trusted, str(path))
    statement = read_statement(opened.payload, PROVENANCE)
    try:
        told = msgspec.convert(statement.predicate, type=_Told)
        verdicts = tuple(
            msgspec.convert(each.annotations, type=Verdict)
            for each in told.run.byproducts
            if each.name.startswith(CHECK)
        )
    except msgspec.ValidationError as error:
        raise Tampered(f"{path} is not the provenance of a release: {error}") from error
    rebuild = next((each.annotations.get("id") for each in told.run.byproducts if each.name == "rebuild"), None)
    same(path, "the release", _named(told.release), _named(release.manifest.identity))
    same(path, "what was released", told.release, release.manifest.identity)
    same(path, "the run", told.run.metadata.get("invocationId"), release.run)
    same(path, "the contract", told.definition.external.get("contract"), release.manifest.identity.contract)
    same_files(str(path), _subjects(statement), release.manifest.files)
    return _Provenance(statement, opened.key, verdicts, told.definition.dependencies, rebuild)


def _rebuild(release: VerifiedRelease, provenance: _Provenance, trusted: TrustedKeys) -> tuple[Remade, str] | None:
    """What the rebuild's summary says, and whose key signed it."""
    if REBUILD_FILE not in release.manifest.files:
        return None
    path = release.folder / REBUILD_FILE
    remade, key = _summary(release, path, trusted)
    same(path, "the rebuild", remade.id, provenance.rebuild)
    return remade, key


def _attached(release: VerifiedRelease, trusted: TrustedKeys) -> tuple[Remade, str] | None:
    """The same of the training of an adopted model, which was signed after the release."""
    path = release.folder / ATTACHED_FILE
    if not path.is_file():
        return None
    remade, key = _summary(release, path, trusted)
    same(path, "the run", remade.run, release.run)
    if remade.trained is None or remade.rung == "different":
        raise Tampered(f"{path} does not say that a training makes what was adopted")
    return remade, key


def _summary(release: VerifiedRelease, path: Path, trusted: TrustedKeys) -> tuple[Remade, str]:
    opened = open_envelope(path.read_bytes(), trusted, str(path))
    statement = read_statement(opened.payload, VERIFICATION)
    try:
        remade = msgspec.convert(statement.predicate.get("rebuild"), type=Remade)
    except msgspec.ValidationError as error:
        raise Tampered(f"{path} is not the summary of a rebuild: {error}") from error
    attested = [each.get("digest", {}).get("sha256") for each in statement.predicate.get("inputAttestations", [])]
    same(path, "the provenance", attested, [digest.of_file(release.folder / PROVENANCE_FILE)])
    same_files(str(path), _subjects(statement), release.manifest.files)
    reaches = remade.rung in RUNGS and RUNGS.index(remade.rung) <= RUNGS.index(release.contract.gate.rebuild.rung)
    same(path, "whether the rebuild reached what the contract asks for", rebuilt.passed(statement.predicate), reaches)
    return remade, opened.key


def _made_run(release: VerifiedRelease, provenance: _Provenance, trusted: TrustedKeys) -> SaidOfRun | None:
    """What was signed when the run was made; None where it is older than such statements."""
    if MADE_RUN_FILE not in release.manifest.files:
        return None
    path = release.folder / MADE_RUN_FILE
    said = read_run(path.read_bytes(), trusted, str(path))
    told = msgspec.convert(provenance.statement.predicate, type=_Told)
    same(path, "the run", said.run, release.run)
    same_story(said, release.manifest.files, provenance.inputs, told.definition.external)
    return said


def _made_rebuild(
    release: VerifiedRelease, remade: Remade | None, run: SaidOfRun | None, trusted: TrustedKeys
) -> SaidOfRebuild | None:
    """What was signed when the rebuild was made that the release rests on; None as above."""
    if MADE_REBUILD_FILE not in release.manifest.files:
        return None
    path = release.folder / MADE_REBUILD_FILE
    said = read_rebuild(path.read_bytes(), trusted, str(path))
    if remade is None:
        raise Tampered(f"{path} is of a rebuild, and no {REBUILD_FILE} says that the release rests on one")
    same_rebuild(said, remade, run)
    same_files(str(path), said.files, release.manifest.files)
    return said


def _unsigned(run: SaidOfRun | None, remade: Remade | None, rebuild: SaidOfRebuild | None) -> tuple[str, ...]:
    """What nobody signed as it was made. No fault: it was made before such statements were."""
    missing = [*(["run"] if run is None else []), *(["rebuild"] if remade is not None and rebuild is None else [])]
    return tuple(f"its {kind} was not signed as it was made: only who released it speaks for it" for kind in missing)


def _hold_to_proven(release: VerifiedRelease, provenance: _Provenance, remade: Remade | None) -> None:
    """Who signs that something is proven has to have signed what proves it."""
    if not release.proven:
        return
    against = [
        f"{verdict.check} is {verdict.outcome}" for verdict in provenance.verdicts if verdict.outcome != "passed"
    ]
    against += [] if provenance.verdicts else ["no verdict is in its provenance"]
    against += [] if remade is not None else [f"no {REBUILD_FILE} says that it was made again"]
    if against:
        raise Tampered(f"{release.folder} is signed as proven, and its statements do not bear it out: {against[0]}")


def _of_this(release: VerifiedRelease, remade: Remade | None) -> Remade | None:
    """The rebuild, where it was of this very run: that of an earlier one shows nothing of these bytes."""
    return remade if remade is not None and remade.run == release.run else None


def _build(
    provenance: _Provenance, remade: Remade | None, run: SaidOfRun | None, services: Collection[str]
) -> slsa.Build:
    """By the key that signed the run as it was made, where there is one: that was the builder, and not who released."""
    key = provenance.key if run is None else run.key
    told = msgspec.convert(provenance.statement.predicate, type=_Told)
    return slsa.Build(
        recipe=str(told.definition.external.get("train") or told.definition.external.get("command") or ""),
        inputs=tuple(each.name for each in provenance.inputs if _pinned(each)),
        unpinned=tuple(each.name for each in provenance.inputs if not _pinned(each)),
        key=key,
        service=key in services,
        sandbox=str(told.definition.internal.get("sandbox") or "not recorded"),
        rung=None if remade is None else remade.rung,
        rebuild_sandbox="" if remade is None else remade.sandbox,
    )


def _pinned(resource: Resource) -> bool:
    return any(len(value) == 64 for value in resource.digest.values())


def _notes(provenance: _Provenance, identity: Identity, now: int) -> tuple[str, ...]:
    """Times that cannot all be right. Nothing rests on them: no signature here proves a time."""
    metadata = provenance.statement.predicate["runDetails"]["metadata"]
    notes = []
    if identity.at > now:
        ahead = clock.spoken((identity.at - now) // clock.SECOND * clock.SECOND)
        notes.append(f"it was released {ahead} ahead of this machine's clock: one of the two clocks is wrong")
    if clock.from_iso(metadata["finishedOn"]) > identity.at:
        notes.append("its training ended after its release: the clock was set back in between")
    return tuple(notes)


def _subjects(statement: Statement) -> dict[str, str]:
    return {subject.name: subject.digest.get("sha256", "") for subject in statement.subject}


def _named(identity: Identity) -> str:
    return f"{identity.model}@{identity.number} of {identity.run}"


class _Definition(msgspec.Struct, frozen=True):
    external: dict[str, Any] = msgspec.field(name="externalParameters")
    dependencies: tuple[Resource, ...] = msgspec.field(name="resolvedDependencies")
    internal: dict[str, Any] = msgspec.field(name="internalParameters", default_factory=dict)


class _RunDetails(msgspec.Struct, frozen=True):
    metadata: dict[str, Any]
    byproducts: tuple[Resource, ...]


class _Told(msgspec.Struct, frozen=True):
    definition: _Definition = msgspec.field(name="buildDefinition")
    run: _RunDetails = msgspec.field(name="runDetails")
    release: Identity
