"""Where something came from and what came of it: prediction → release → run → data, code, environment, and back."""

from __future__ import annotations

import msgspec

from shipworthy.contract.records import Rung, Value
from shipworthy.errors import NotFound, WrongUse
from shipworthy.lineage.records import Cut, DataPin, ReachedRung, Rebuild, Run
from shipworthy.registry.aliases import KIND as ALIAS
from shipworthy.registry.attaching import proven_since, said
from shipworthy.registry.attesting import statement_of
from shipworthy.registry.records import AliasChange, Release, Verdict
from shipworthy.registry.retirements import retirement_of
from shipworthy.store.ledger import Entry, Ledger

SHORTEST = 6  # characters of a digest's beginning
COMMIT = 12  # characters of a commit that people are shown


class DataLineage(msgspec.Struct, frozen=True):
    """One data version that a model was made from."""

    name: str
    version: str  # "delta:data/flights@12", "dvc:data/flights.csv@3f2c91d0a4be"; without "@…" for files
    digest: str
    content_digest: str
    rows: int
    cut: Cut | None


class RebuildLineage(msgspec.Struct, frozen=True):
    """One time that a run was made again."""

    id: str
    rung: ReachedRung
    wanted: Rung
    differences: tuple[str, ...]
    signed_by: str = ""  # id of the key that signed it as it was made; "": older than such statements


class RunLineage(msgspec.Struct, frozen=True):
    """What a run was made from, and what was found about it."""

    id: str
    model: str
    at: int  # finished, ns since 1970, UTC
    data: tuple[DataLineage, ...]
    code: str  # digest of the snapshot
    commit: str | None
    dirty: bool | None
    lock: str  # digest
    python: str
    sandbox: str  # what held the training to its declared inputs; "off"
    refused: tuple[str, ...]  # what its code reached for and went on without
    parameters: dict[str, Value]
    seed: int
    metrics: dict[str, float]
    model_digest: str
    canonical_digest: str | None
    rebuilds: tuple[RebuildLineage, ...]
    verdicts: tuple[Verdict, ...]  # the last one of each check
    releases: tuple[int, ...]
    adopted: str | None = None  # id of the adoption, of a model that was not trained here
    distributions: dict[str, str] = {}  # installed: name -> version
    signed_by: str = ""  # id of the key that signed it as it was made; "": older than such statements


class AliasLineage(msgspec.Struct, frozen=True):
    """A time from which a release was, or was no longer, what an alias names."""

    alias: str
    at: int  # ns since 1970, UTC
    began: bool
    because: str
    by: str


class ReleaseLineage(msgspec.Struct, frozen=True):
    """A release, whose run it is, and when it was live."""

    id: str
    model: str
    number: int
    at: int
    proven: bool
    verdicts: tuple[Verdict, ...]  # as they were when it was released
    statement: str  # digest of the provenance's envelope, an object
    key: str  # id of the key that signed
    aliases: tuple[AliasLineage, ...]  # oldest first
    run: RunLineage
    owner: str = ""  # who answers for it, as its contract says
    since: str = ""  # of an unproven one: the training that was attached and makes it again
    retired: str = ""  # by whom and why


class VersionLineage(msgspec.Struct, frozen=True):
    """A data version, and every run that was made from it, newest first."""

    data: DataLineage
    runs: tuple[RunLineage, ...]


def lineage_of_release(ledger: Ledger, model: str, number: int) -> ReleaseLineage:
    """Back from a release (a prediction's id says which one answered). NotFound."""
    entry = ledger.by_key("release", model, str(number))
    if entry is None:
        raise NotFound(f"{model} has no release {number}")
    release = entry.decode(Release)
    run, attached = ledger.get(release.run), proven_since(ledger, release)
    ended = retirement_of(ledger, model, number)
    return ReleaseLineage(
        id=entry.id,
        model=model,
        number=number,
        at=release.at,
        proven=release.proven,
        verdicts=release.verdicts,
        statement=release.statement,
        key=release.key,
        aliases=_aliases(ledger, model, number),
        run=lineage_of_run(ledger, run),
        owner=run.decode(Run).contract.purpose.owner,
        since="" if attached is None else said(attached),
        retired="" if ended is None else f"by {ended.by}: {ended.because}",
    )


def lineage_of_run(ledger: Ledger, entry: Entry) -> RunLineage:
    """Back from a run to its inputs, and forward to what was found and released of it."""
    run = entry.decode(Run)
    about = ledger.about(entry.id)
    latest = {verdict.check: verdict for verdict in reversed([e.decode(Verdict) for e in about if e.kind == "verdict"])}
    return RunLineage(
        id=entry.id,
        model=entry.model,
        at=run.finished,
        data=tuple(_data(pin) for pin in run.data),
        code=run.code.digest,
        commit=run.code.commit,
        dirty=run.code.dirty,
        lock=run.environment.lock,
        python=run.environment.python,
        sandbox=run.environment.sandbox,
        refused=run.environment.refused,
        parameters=run.parameters,
        seed=run.seed,
        metrics=run.metrics,
        model_digest=run.model_digest,
        canonical_digest=run.canonical_digest,
        rebuilds=tuple(_rebuild(ledger, e) for e in about if e.kind == "rebuild"),
        verdicts=tuple(latest.values()),
        releases=tuple(sorted(e.decode(Release).number for e in about if e.kind == "release")),
        adopted=run.adopted,
        distributions=run.environment.distributions,
        signed_by=_signer(ledger, entry),
    )


def lineage_of_version(ledger: Ledger, version: str, *, model: str | None = None) -> VersionLineage:
    """Forward from a data version: "delta:data/flights@12", "flights@12", the beginning of one of its digests, or
    the source alone where all was made from one version of it.

    NotFound where no run was made from it; WrongUse where the beginning fits several.
    """
    made = [
        (entry, pin) for entry in ledger.entries("run", model) for pin in entry.decode(Run).data if _is(pin, version)
    ]
    if not made:
        raise NotFound(f"no run was made from a data version called {version!r}")
    versions = sorted({f"{version_of(pin)}, digest {pin.digest}" for _, pin in made})
    if len(versions) > 1:
        listed = "\n".join(f"  {line}" for line in versions)
        raise WrongUse(f"{version!r} could mean several data versions; give more of it:\n{listed}")
    runs = {entry.id: entry for entry, _ in made}
    return VersionLineage(_data(made[0][1]), tuple(lineage_of_run(ledger, entry) for entry in runs.values()))


def version_of(pin: DataPin) -> str:
    """A data version as people name it."""
    at = pin.commit[:COMMIT] if pin.commit is not None else pin.version
    return f"{pin.kind}:{pin.location}" + ("" if at is None else f"@{at}")


def _is(pin: DataPin, version: str) -> bool:
    source = f"{pin.kind}:{pin.location}"
    if version in (pin.name, source, version_of(pin), f"{pin.name}@{pin.version}"):
        return True
    return len(version) >= SHORTEST and any(
        each.startswith(version) for each in (pin.digest, pin.content_digest, pin.commit, pin.md5) if each is not None
    )


def _data(pin: DataPin) -> DataLineage:
    return DataLineage(pin.name, version_of(pin), pin.digest, pin.content_digest, pin.rows, pin.cut)


def _rebuild(ledger: Ledger, entry: Entry) -> RebuildLineage:
    rebuild = entry.decode(Rebuild)
    return RebuildLineage(entry.id, rebuild.rung, rebuild.wanted, rebuild.differences, _signer(ledger, entry))


def _signer(ledger: Ledger, entry: Entry) -> str:
    signed = statement_of(ledger, entry)
    return "" if signed is None else signed.key


def _aliases(ledger: Ledger, model: str, number: int) -> tuple[AliasLineage, ...]:
    changes = [(entry.at, entry.decode(AliasChange)) for entry in reversed(ledger.entries(ALIAS, model))]
    return tuple(
        AliasLineage(change.alias, at, change.release == number, change.because, change.by)
        for at, change in changes
        if number in (change.release, change.before) and change.release != change.before
    )
