"""`verify`: a release folder held against its own statements, on a machine that has nothing else of it; and a run,
rebuild or release of a project against what was signed as it was made.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shipworthy.errors import NotFound, Refused, Undecided, WrongUse
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.registry import attesting
from shipworthy.registry.chain import Proof, prove
from shipworthy.registry.names import entry_of
from shipworthy.registry.records import Release
from shipworthy.registry.releases import Releases
from shipworthy.registry.trust import TrustedKeys, read_keys
from shipworthy.store.ledger import Entry
from shipworthy.wiring.keys import trusted_keys
from shipworthy.wiring.project import Project, find_layout, open_project


class Held(msgspec.Struct, frozen=True):
    """A run or a rebuild that is as it was signed when it was made."""

    id: str
    kind: str  # "run" or "rebuild"
    key: str  # id; "": not signed, since it is older than such statements
    predicate: str  # type of the statement; ""
    rung: str = ""  # of a rebuild


class Record(msgspec.Struct, frozen=True):
    """A run and what was made of it again, each as it was signed, and every object of the run by digest."""

    model: str
    run: str  # id
    held: tuple[Held, ...]  # the run, then its rebuilds, newest first
    objects: int  # model, code, lock and copied data, each with the digest that the record says
    bytes: int


def verify(
    what: str,
    folder: Path,
    *,
    trust: Sequence[Path],
    services: Sequence[Path],
    proven: bool,
    level: int | None,
) -> Proof | Record:
    """A release's folder, or a name in the project of `folder`: a release, a run, or a rebuild of one.

    Refused, Tampered and NotFound as `verify_folder`; Undecided where a run is older than statements, so that nobody
    signed what it was.
    """
    if Path(what).is_dir() or _is_path(what) or not _in_project(folder):
        return verify_folder(Path(what), trust=trust, services=services, proven=proven, level=level)
    project = open_project(folder)
    try:
        entry = entry_of(project.ledger, what, model=project.contract.name)
    except NotFound as error:
        raise NotFound(f"there is no folder {what}, and {error}") from None
    trusted = read_keys([*trust, *services]) if trust or services else trusted_keys()
    if entry.kind == "release":
        number = entry.decode(Release).number
        place = Releases(project.ledger, project.objects).materialise(project.layout, entry.model, number, trusted)
        return _hold(prove(place.folder, trusted, services=_ids(services)), proven=proven, level=level)
    if proven or level is not None:
        raise WrongUse(f"--proven and --level are asked of a release, and {what} is of kind {entry.kind}")
    return _record(project, entry, trusted)


def _record(project: Project, entry: Entry, trusted: TrustedKeys) -> Record:
    subject = entry if entry.kind == "run" or not entry.subject else project.ledger.get(entry.subject)
    run = project.ledger.get(subject.subject) if subject.kind == "rebuild" else subject
    if run.kind != "run":
        raise WrongUse(f"{entry.id} is of kind {entry.kind}: expected a release, a run, or a rebuild or verdict of one")
    rebuilds = project.ledger.entries("rebuild", run.model, subject=run.id)
    held = tuple(_held(project, each, trusted) for each in (run, *rebuilds))
    if not held[0].key:
        raise Undecided(
            f"could not decide: {run.id} carries no statement, it is older than those: nobody signed what it was made "
            "from, and its record can be held against nothing. A run that is made now is signed"
        )
    objects, size = _objects(project, run.decode(Run))
    return Record(run.model, run.id, held, objects, size)


def _held(project: Project, entry: Entry, trusted: TrustedKeys) -> Held:
    signed = attesting.hold(project.ledger, entry, trusted)
    rung = entry.decode(Rebuild).rung if entry.kind == "rebuild" else ""
    if signed is None:
        return Held(entry.id, entry.kind, "", "", rung)
    return Held(entry.id, entry.kind, signed.key, signed.predicate, rung)


def _objects(project: Project, run: Run) -> tuple[int, int]:
    """Read everything that the record names by digest; how many, and their bytes. NotFound, Tampered."""
    trees = (run.files, run.code.files, run.tracking, *(pin.snapshot for pin in run.data))
    named = {file.digest for tree in trees for file in tree} | {run.environment.lock}
    named |= {run.environment.declared} if run.environment.declared is not None else set()
    return len(named), sum(project.objects.verify(each) for each in sorted(named))


def _in_project(folder: Path) -> bool:
    try:
        find_layout(folder)
    except NotFound:
        return False
    return True


def _is_path(what: str) -> bool:
    """Whether it can only be meant as one: names have no separators, but those of models and data may hold dots."""
    return Path(what).is_absolute() or os.sep in what or Path(what).exists()


def verify_folder(
    folder: Path, *, trust: Sequence[Path], services: Sequence[Path], proven: bool, level: int | None
) -> Proof:
    """What the folder proves. Trusted are the keys in `trust` and `services` (files, or folders of them) and no other;
    where both are empty, those of this machine.

    Refused, once all is found right, where it is not `proven` or reaches less than `level` although that was asked for.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is no folder; expected that of a release, which holds its manifest.dsse.json")
    held = read_keys([*trust, *services]) if trust or services else trusted_keys()
    return _hold(prove(folder, held, services=_ids(services)), proven=proven, level=level)


def _ids(services: Sequence[Path]) -> frozenset[str]:
    keys: TrustedKeys = read_keys(services) if services else TrustedKeys((), Path())
    return frozenset(key.keyid for key in keys.keys)


def _hold(proof: Proof, *, proven: bool, level: int | None) -> Proof:
    name = f"{proof.model}@{proof.number}"
    if proven and not proof.proven:
        raise Refused(f"{name} is as it was signed, and signed as UNPROVEN: {'; '.join(proof.unproven_because)}")
    if level is not None and proof.slsa.level < level:
        missing = next(each for each in proof.slsa.requirements if not each.met)
        raise Refused(
            f"{name} is as it was signed, and reaches SLSA build level {proof.slsa.level}, not {level}: "
            f"{missing.asks}? {missing.found}"
        )
    return proof
