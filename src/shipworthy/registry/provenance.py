"""How a run or a release came to be, as SLSA provenance v1 (https://slsa.dev/provenance/v1), from the run's record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

import shipworthy
from shipworthy import clock
from shipworthy.contract.records import Value
from shipworthy.lineage.records import DataPin, Run
from shipworthy.lineage.statement import PROVENANCE, Resource, Statement, of_file
from shipworthy.registry.manifest import Identity
from shipworthy.registry.records import Verdict

BUILD_TYPE = "urn:shipworthy:train:v1"
ADOPTED = "urn:shipworthy:adopt:v1"  # nobody knows how it was built
BUILDER = "urn:shipworthy:trainer"


RECORD = "record"  # what the byproduct that is the ledger's record is named


def run_statement(id_: str, record: str, run: Run) -> Statement:
    """What a run's files were made from. `record` is the digest of the run as it stands in the ledger."""
    named = Resource(name=RECORD, uri=f"urn:shipworthy:run:{id_}", digest={"sha256": record})
    return _provenance(id_, run, [*_results(run), named])


def provenance_statement(identity: Identity, run: Run, verdicts: Sequence[Verdict], rebuild: str | None) -> Statement:
    """What the release's files were made from, and what was proven of them."""
    checks = [
        Resource(name=f"check: {verdict.check}", annotations=msgspec.to_builtins(verdict)) for verdict in verdicts
    ]
    found = [*_results(run), Resource(name="rebuild", annotations={"id": rebuild}), *checks]
    return _provenance(identity.run, run, found, release=msgspec.to_builtins(identity))


def _provenance(id_: str, run: Run, byproducts: Sequence[Resource], **more: Any) -> Statement:
    return Statement(
        subject=tuple(of_file(file) for file in run.files),
        predicate_type=PROVENANCE,
        predicate={
            "buildDefinition": {
                "buildType": BUILD_TYPE if run.adopted is None else ADOPTED,
                "externalParameters": _external(run),
                "internalParameters": {
                    "variables": run.environment.variables,
                    "threads": run.environment.threads,
                    "sandbox": run.environment.sandbox,
                },
                "resolvedDependencies": [msgspec.to_builtins(resource) for resource in _dependencies(run)],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"shipworthy": shipworthy.__version__}},
                "metadata": {
                    "invocationId": id_,
                    "startedOn": clock.to_iso(run.started),
                    "finishedOn": clock.to_iso(run.finished),
                },
                "byproducts": [msgspec.to_builtins(resource) for resource in byproducts],
            },
            **more,
        },
    )


def _external(run: Run) -> dict[str, Any]:
    if run.adopted is not None:
        return {"adoption": run.adopted, "contract": run.contract.digest}
    parameters: dict[str, Value] = run.parameters
    return {
        "train": run.contract.model.train,
        "command": run.contract.model.command,
        "parameters": parameters,
        "seed": run.seed,
        "contract": run.contract.digest,
    }


def _dependencies(run: Run) -> list[Resource]:
    commit = {} if run.code.commit is None else {"gitCommit": run.code.commit}
    code = Resource(name="code", digest={"tree": run.code.digest, **commit}, annotations={"dirty": run.code.dirty})
    environment = run.environment
    lock = Resource(
        name="environment",
        uri=f"file:{run.contract.model.environment}",
        digest={"sha256": environment.lock},
        annotations={
            "python": environment.python,
            "platform": environment.platform,
            "blas": environment.blas,
            **({} if environment.declared is None else {"file": environment.declared}),
        },
    )
    if run.adopted is not None:
        return [lock]
    return [code, lock, *(_data(pin) for pin in run.data)]


def _data(pin: DataPin) -> Resource:
    version = "" if pin.version is None else f"?version={pin.version}"
    own = {"commit": pin.commit, "md5": pin.md5, "query": pin.query}
    return Resource(
        name=pin.name,
        uri=f"{pin.kind}:{pin.location}{version}",
        digest={"sha256": pin.digest, "content": pin.content_digest},
        annotations={
            "rows": pin.rows,
            "table": pin.table,
            "cut": msgspec.to_builtins(pin.cut),
            **{name: value for name, value in own.items() if value is not None},
        },
    )


def _results(run: Run) -> list[Resource]:
    canonical = {} if run.canonical_digest is None else {"canonical": run.canonical_digest}
    return [
        Resource(name="model", digest={"sha256": run.model_digest, **canonical}),
        Resource(name="answers on the probes", digest={"sha256": run.prediction_digest}),
        Resource(name="metrics", annotations=dict(run.metrics)),
    ]
