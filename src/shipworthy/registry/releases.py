"""Releases: immutable, numbered, signed; what may answer real traffic."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from shipworthy import clock, digest
from shipworthy.errors import InUse, NotFound, Refused, Undecided
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.registry.attaching import attachment_of
from shipworthy.registry.attesting import statement_of
from shipworthy.registry.fitness import Fitness, fitness, only, said, stops
from shipworthy.registry.manifest import (
    ATTACHED_FILE,
    CONTRACT_FILE,
    ENVELOPE_FILE,
    MADE_REBUILD_FILE,
    MADE_RUN_FILE,
    MANIFEST_FILE,
    PROVENANCE_FILE,
    REBUILD_FILE,
    REFERENCE_FILE,
    Identity,
    manifest_statement,
)
from shipworthy.registry.provenance import provenance_statement
from shipworthy.registry.rebuilt import rebuild_statement
from shipworthy.registry.records import Release, Verdict
from shipworthy.registry.signing import SigningKey
from shipworthy.registry.trust import TrustedKeys
from shipworthy.registry.verification import VerifiedRelease, verify_release
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Entry, Ledger
from shipworthy.store.objects import File, Objects

KIND = "release"
SERVICE = "service"  # kind of what answers without a release of ours; counted in one row with them


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a release rests on."""

    verdicts: tuple[Verdict, ...]  # waivers already applied
    required: tuple[str, ...]  # checks that must have a verdict
    rebuild: str | None = None  # id
    recipe: str | None = (
        None  # id of a rebuild of another run with the same recipe, where the contract asks for no other
    )


class Releases:
    """The releases of all models in one ledger."""

    def __init__(self, ledger: Ledger, objects: Objects) -> None:
        self._ledger = ledger
        self._objects = objects

    def release(
        self,
        run: Entry,
        evidence: Evidence,
        key: SigningKey,
        *,
        at: int | None = None,
        shadow: Collection[str] | None = None,
    ) -> Entry:
        """Release a run under the next number; a run that is released already gives its standing release.

        Where the contract blocks: Refused naming each check that has not passed, Undecided where all that stands
        against it could not be measured. Otherwise such checks make the release unproven, and it says so. Of an adopted
        model, whose training nobody attached, what could not be measured never stops it: it is unproven, and says so.

        shadow: the checks that must have passed for one that is to run beside the live release. Where others stand
        open, it is signed as a shadow: nothing ever serves it, and the run is released anew once they have passed.
        """
        record = run.decode(Run)
        fit = fitness(evidence.verdicts, evidence.required)
        only_shadow = False
        if stops(record.contract.gate.enforcement):
            _refuse_unless_fit(run.id, _against(record, fit if shadow is None else only(fit, shadow)))
            only_shadow = shadow is not None and bool(fit.blocked or fit.undecided)
        while True:
            standing = self.of_run(run.model, run.id)
            if standing is not None and (shadow is not None or not standing.decode(Release).shadow):
                return standing
            instant = clock.now() if at is None else at
            made = self._make(run, record, evidence, fit, key, instant, shadow=only_shadow)
            self._objects.settle({*(file.digest for file in made.files), made.statement})
            try:
                return self._ledger.append(KIND, run.model, made, subject=run.id, key=str(made.number), at=at)
            except InUse:  # another releaser took the number
                continue

    def of_run(self, model: str, run: str) -> Entry | None:
        """The release of a run."""
        return self._ledger.newest(KIND, model, subject=run)

    def get(self, model: str, number: int) -> Release:
        """A release by its number. NotFound."""
        entry = self._ledger.by_key(KIND, model, str(number))
        if entry is None:
            raise NotFound(f"{model} has no release {number}; `shipworthy status` lists those that exist")
        return entry.decode(Release)

    def all(self, model: str) -> list[Release]:
        """Newest first."""
        return [entry.decode(Release) for entry in self._ledger.entries(KIND, model)]

    def materialise(self, layout: Layout, model: str, number: int, trusted: TrustedKeys) -> VerifiedRelease:
        """A release's files in their folder on this machine, verified; written where they are not there yet."""
        folder = layout.release(model, number)
        if not folder.exists():
            with suppress(InUse):  # another process was faster: what it wrote is verified below, like our own
                self._objects.materialise(self.get(model, number).files, folder)
        found = attachment_of(self._ledger, model, number)
        if found is not None and not (folder / ATTACHED_FILE).exists():
            (folder / ATTACHED_FILE).write_text(found.envelope, encoding="utf-8")
        return verify_release(folder, trusted, model=model, number=number)

    def _make(
        self, run: Entry, record: Run, evidence: Evidence, fit: Fitness, key: SigningKey, at: int, *, shadow: bool
    ) -> Release:
        identity = Identity(
            version=1,
            model=run.model,
            number=self._next(run.model),
            run=run.id,
            contract=record.contract.digest,
            proven=fit.proven and evidence.rebuild is not None,
            unproven_because=(*_adopted(record), *fit.unproven_because, *_not_rebuilt(evidence)),
            at=at,
            shadow=shadow,
        )
        envelope = key.sign(provenance_statement(identity, record, evidence.verdicts, evidence.rebuild))
        rebuilt = self._rebuilt(identity, record, evidence.rebuild, envelope, key)
        statements = {PROVENANCE_FILE: envelope, **rebuilt, **self._firsthand(run, evidence.rebuild)}
        files = self._signed_files(identity, record, statements, key)
        reference = next((file.digest for file in files if file.path == REFERENCE_FILE), "")
        return Release(
            version=1,
            model=run.model,
            number=identity.number,
            run=run.id,
            rebuild=evidence.rebuild,
            proven=identity.proven,
            contract=identity.contract,
            reference=reference,
            verdicts=evidence.verdicts,
            files=files,
            statement=digest.of_bytes(envelope),
            key=key.id,
            at=at,
            shadow=shadow,
        )

    def _rebuilt(
        self, identity: Identity, record: Run, rebuild: str | None, provenance: bytes, key: SigningKey
    ) -> dict[str, bytes]:
        """The signed statement about the rebuild that a release rests on, by its file; nothing where there is none."""
        if rebuild is None:
            return {}
        made = self._ledger.get(rebuild).decode(Rebuild)
        return {REBUILD_FILE: key.sign(rebuild_statement(identity, record, rebuild, made, digest.of_bytes(provenance)))}

    def _firsthand(self, run: Entry, rebuild: str | None) -> dict[str, bytes]:
        """What was signed when run and rebuild were made, by its file; older ones have nothing of the kind."""
        rebuilt = None if rebuild is None else statement_of(self._ledger, self._ledger.get(rebuild))
        found = {MADE_RUN_FILE: statement_of(self._ledger, run), MADE_REBUILD_FILE: rebuilt}
        return {file: signed.envelope.encode() for file, signed in found.items() if signed is not None}

    def _next(self, model: str) -> int:
        """One more than any number that answers of this model were logged under, those of adopted services included."""
        newest = [entry for kind in (KIND, SERVICE) if (entry := self._ledger.newest(kind, model)) is not None]
        return max([int(entry.key or 0) for entry in newest], default=0) + 1

    def _signed_files(
        self, identity: Identity, record: Run, statements: dict[str, bytes], key: SigningKey
    ) -> tuple[File, ...]:
        contract = self._put(CONTRACT_FILE, digest.canonical_json(record.contract))
        listed = [*record.files, contract, *(self._put(path, content) for path, content in statements.items())]
        manifest = manifest_statement(identity, listed)
        signed = [self._put(MANIFEST_FILE, manifest.encode()), self._put(ENVELOPE_FILE, key.sign(manifest))]
        return tuple(sorted([*listed, *signed], key=lambda file: file.path))

    def _put(self, path: str, content: bytes) -> File:
        return File(path, self._objects.put(content), len(content))


def _against(record: Run, fit: Fitness) -> Fitness:
    return fit if record.adopted is None else msgspec.structs.replace(fit, undecided=())


def _adopted(record: Run) -> tuple[str, ...]:
    return () if record.adopted is None else ("it was adopted: nobody has attached the training that made it",)


def _not_rebuilt(evidence: Evidence) -> tuple[str, ...]:
    if evidence.rebuild is not None:
        return ()
    if evidence.recipe is not None:
        return (f"it was not made again itself: its recipe was, in {evidence.recipe}",)
    return ("it was never made again from its record",)


def _refuse_unless_fit(run: str, fit: Fitness) -> None:
    against = (*fit.blocked, *fit.undecided)
    if not against:
        return
    lines = "\n".join(f"  {said(verdict)}" for verdict in against)
    message = f"{run} is not released; {len(against)} check(s) stand against it:\n{lines}"
    if fit.blocked:
        raise Refused(message)
    raise Undecided(message)
