"""That a run was made again and how alike the two are, as SLSA verification summary v1.

Format: https://slsa.dev/verification_summary/v1. Its subjects are the model's files, its input attestation the run's
provenance, by the digest of the signed envelope: the two statements cannot be told apart afterwards.
"""

from __future__ import annotations

from typing import Any

import msgspec

import shipworthy
from shipworthy import clock, digest
from shipworthy.lineage.records import Environment, Rebuild, Run, reaches
from shipworthy.lineage.statement import VERIFICATION, Statement, of_file
from shipworthy.registry.manifest import CONTRACT_FILE, PROVENANCE_FILE, Identity

VERIFIER = "urn:shipworthy:rebuilder"


class Remade(msgspec.Struct, frozen=True):
    """What the statement says of the rebuild itself, beside SLSA's own fields."""

    id: str
    run: str
    rung: str
    wanted: str
    differences: tuple[str, ...]
    sandbox: str  # of the second training; "" where it failed
    environment: str  # digest of the record of where it ran; "" where it failed
    trained: str | None = None  # the run whose recipe it was, where `run` was adopted and has none


def rebuild_statement(identity: Identity, run: Run, id_: str, made: Rebuild, provenance: str) -> Statement:
    """`provenance` is the digest of the provenance's envelope."""
    resource = f"urn:shipworthy:release:{identity.model}@{identity.number}"
    attested = {"uri": PROVENANCE_FILE, "digest": {"sha256": provenance}}
    return _summary(run, id_, made, resourceUri=resource, inputAttestations=[attested])


def firsthand_statement(run: Run, id_: str, record: str, made: Rebuild, statement: str | None) -> Statement:
    """The same of a rebuild as it is made, before anything is released.

    `record` is the digest of the rebuild as it stands in the ledger, `statement` that of the envelope of the run's own
    statement; None where it has none.
    """
    resource = f"urn:shipworthy:run:{made.run}"
    attested = [] if statement is None else [{"uri": resource, "digest": {"sha256": statement}}]
    named = {"uri": f"urn:shipworthy:rebuild:{id_}", "digest": {"sha256": record}}
    return _summary(run, id_, made, resourceUri=resource, inputAttestations=attested, record=named)


def _summary(run: Run, id_: str, made: Rebuild, **more: Any) -> Statement:
    passed = reaches(made.rung, made.wanted)
    return Statement(
        subject=tuple(of_file(file) for file in run.files),
        predicate_type=VERIFICATION,
        predicate={
            "verifier": {"id": VERIFIER, "version": {"shipworthy": shipworthy.__version__}},
            "timeVerified": clock.to_iso(made.started + round(made.seconds * clock.SECOND)),
            "policy": {"uri": CONTRACT_FILE, "digest": {"sha256": run.contract.digest}},
            "verificationResult": "PASSED" if passed else "FAILED",
            "verifiedLevels": [f"SHIPWORTHY_{made.rung.upper().replace('-', '_')}"] if passed else [],
            "rebuild": msgspec.to_builtins(_remade(id_, made)),
            **more,
        },
    )


def _remade(id_: str, made: Rebuild) -> Remade:
    environment: Environment | None = made.environment
    return Remade(
        id=id_,
        run=made.run,
        rung=made.rung,
        wanted=made.wanted,
        differences=made.differences,
        sandbox="" if environment is None else environment.sandbox,
        environment="" if environment is None else digest.of_value(environment),
        trained=made.trained,
    )


def passed(predicate: dict[str, Any]) -> bool:
    """Whether a statement says that the rebuild reached what was asked for."""
    return bool(predicate.get("verificationResult") == "PASSED")
