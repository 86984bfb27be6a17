"""The statements that a run and a rebuild were given the moment they were made, read and held against things. Pure.

`made/run.dsse.json` and `made/rebuild.dsse.json` of a release's folder are these very envelopes: the release's own
statements, signed later and maybe by somebody else, have to tell the same story.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from shipworthy import digest
from shipworthy.errors import Tampered
from shipworthy.lineage.statement import PROVENANCE, VERIFICATION, Resource, Statement, read_statement
from shipworthy.registry.provenance import RECORD
from shipworthy.registry.rebuilt import Remade
from shipworthy.registry.trust import TrustedKeys, open_envelope

T = TypeVar("T")
SHORT = 70  # characters of a value in a message


@dataclass(frozen=True, slots=True)
class SaidOfRun:
    """What the statement of a run says, once its signature was found right."""

    what: str  # where it was read, for messages
    key: str  # id
    envelope: str  # digest
    run: str  # id
    record: str  # digest of the run's record in the ledger
    files: dict[str, str]  # path -> SHA-256
    inputs: tuple[Resource, ...]
    external: dict[str, Any]  # parameters, seed, …


@dataclass(frozen=True, slots=True)
class SaidOfRebuild:
    """What the statement of a rebuild says, once its signature was found right."""

    what: str
    key: str  # id
    remade: Remade
    record: str  # digest of the rebuild's record in the ledger
    files: dict[str, str]  # of the run
    attested: str | None  # digest of the envelope of the run's statement; None: the run is older than those


def read_run(content: bytes, trusted: TrustedKeys, what: str) -> SaidOfRun:
    """Open the statement of a run. Refused where no trusted key signed it, Tampered where it is something else."""
    opened = open_envelope(content, trusted, what)
    statement = read_statement(opened.payload, PROVENANCE)
    told = _convert(statement, _ToldOfRun, what, "the statement of a run")
    record = next((each.digest.get("sha256", "") for each in told.run.byproducts if each.name == RECORD), "")
    return SaidOfRun(
        what=what,
        key=opened.key,
        envelope=digest.of_bytes(content),
        run=told.run.metadata.invocation,
        record=record,
        files=_files(statement),
        inputs=told.definition.dependencies,
        external=told.definition.external,
    )


def read_rebuild(content: bytes, trusted: TrustedKeys, what: str) -> SaidOfRebuild:
    """Open the statement of a rebuild; errors as of `read_run`."""
    opened = open_envelope(content, trusted, what)
    statement = read_statement(opened.payload, VERIFICATION)
    told = _convert(statement, _ToldOfRebuild, what, "the statement of a rebuild")
    attested = next((each.digest.get("sha256") for each in told.attested), None)
    record = told.record.digest.get("sha256", "")
    return SaidOfRebuild(what, opened.key, told.rebuild, record, _files(statement), attested)


def same_story(
    run: SaidOfRun, files: Mapping[str, str], inputs: Iterable[Resource], external: Mapping[str, Any]
) -> None:
    """Hold what was said of a run at its training against what its release says of it. Tampered where they differ.

    Only what both name: the two may have been signed by different versions of shipworthy. For that reason the digest of
    the contract is not compared: a later version may count more of a contract.
    """
    same_files(run.what, run.files, files)
    then, now = ({each.name: each.digest for each in some} for some in (run.inputs, inputs))
    same(run.what, "what it was made from", sorted(then), sorted(now))
    for name, digests in then.items():
        for algorithm in digests.keys() & now[name].keys():
            same(run.what, f"the digest of {name}", digests[algorithm], now[name][algorithm])
    for name in sorted((run.external.keys() & external.keys()) - {"contract"}):
        same(run.what, f"the {name}", run.external[name], external[name])


def same_rebuild(said: SaidOfRebuild, remade: Remade, run: SaidOfRun | None) -> None:
    """Hold what was said of a rebuild when it was made against what its release says of it, and the run's statement."""
    for field in ("id", "run", "rung", "wanted", "sandbox", "trained"):
        same(said.what, f"the {field} of the rebuild", getattr(said.remade, field), getattr(remade, field))
    if run is not None or said.attested is not None:
        same(said.what, "the statement of its run", said.attested, None if run is None else run.envelope)


def same_files(what: str, said: Mapping[str, str], are: Mapping[str, str]) -> None:
    """Hold the files that a statement names against those that there are. Tampered."""
    for name in sorted(said):
        same(what, f"the digest of {name}", said[name], are.get(name))


def same(what: object, which: str, says: object, is_: object) -> None:
    """Tampered, naming both, where a statement says something else than what is."""
    if says != is_:
        raise Tampered(f"{what} was signed for something else: {which} is {_short(says)} there, and {_short(is_)} here")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHORT else f"{text[:SHORT]}…"


def _files(statement: Statement) -> dict[str, str]:
    return {each.name: each.digest.get("sha256", "") for each in statement.subject}


def _convert(statement: Statement, type_: type[T], what: str, expected: str) -> T:
    try:
        return msgspec.convert(statement.predicate, type=type_)
    except msgspec.ValidationError as error:
        raise Tampered(f"{what} is not {expected}: {error}") from error


class _Definition(msgspec.Struct, frozen=True):
    external: dict[str, Any] = msgspec.field(name="externalParameters")
    dependencies: tuple[Resource, ...] = msgspec.field(name="resolvedDependencies")


class _Metadata(msgspec.Struct, frozen=True):
    invocation: str = msgspec.field(name="invocationId")


class _RunDetails(msgspec.Struct, frozen=True):
    metadata: _Metadata
    byproducts: tuple[Resource, ...]


class _ToldOfRun(msgspec.Struct, frozen=True):
    definition: _Definition = msgspec.field(name="buildDefinition")
    run: _RunDetails = msgspec.field(name="runDetails")


class _ToldOfRebuild(msgspec.Struct, frozen=True):
    rebuild: Remade
    record: Resource
    attested: tuple[Resource, ...] = msgspec.field(name="inputAttestations")
