"""A run, a verdict, a release in words that trackers keep: parameters, metrics, tags, data with full digests. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from shipworthy import clock
from shipworthy.lineage.records import DataPin, Run
from shipworthy.registry.records import Alias, Verdict

LONGEST_TAG = 5_000
LONGEST_DIGEST = 36  # of a data set in MLflow; the full one is a tag
ALIASES: dict[Alias, str] = {"live": "champion", "previous": "previous", "canary": "canary", "shadow": "shadow"}


@dataclass(frozen=True, slots=True)
class Input:
    """One source of data."""

    name: str
    digest: str  # short
    source: str  # JSON
    schema: str  # JSON
    profile: str  # JSON
    tags: dict[str, str]  # with the full digests


def parameters(run: Run) -> dict[str, str]:
    """Name -> value as text."""
    return {**{name: str(value) for name, value in run.parameters.items()}, "seed": str(run.seed)}


def tags(run_id: str, run: Run) -> dict[str, str]:
    """Where the run came from, and the way back to its record."""
    commit = {
        "mlflow.source.git.commit": run.code.commit,
        "mlflow.source.git.branch": run.code.branch,
        "shipworthy.dirty": None if run.code.dirty is None else str(run.code.dirty).lower(),
        "shipworthy.canonical_digest": run.canonical_digest,
    }
    return {
        "shipworthy.run": run_id,
        "shipworthy.model": run.model,
        "shipworthy.contract": run.contract.digest,
        "shipworthy.code": run.code.digest,
        "shipworthy.lock": run.environment.lock,
        "shipworthy.python": run.environment.python,
        "shipworthy.sandbox": run.environment.sandbox,
        "shipworthy.model_digest": run.model_digest,
        "shipworthy.prediction_digest": run.prediction_digest,
        "mlflow.source.name": run.contract.model.command or run.contract.model.train or "",
        "mlflow.source.type": "LOCAL",
        "mlflow.note.content": _note(run_id, run),
        **{name: value for name, value in commit.items() if value is not None},
    }


def inputs(run: Run) -> tuple[Input, ...]:
    """The data sources as they were read."""
    return tuple(_input(pin) for pin in run.data)


def adopted_tags(run_id: str, run: Run) -> dict[str, str]:
    """Onto a version that somebody else registered, once it has been adopted."""
    return {
        "shipworthy.run": run_id,
        "shipworthy.adoption": str(run.adopted),
        "shipworthy.model_digest": run.model_digest,
    }


def verdict_tag(verdict: Verdict) -> tuple[str, str]:
    """ "shipworthy.check.latency" -> "passed: …"."""
    return f"shipworthy.check.{verdict.check}", f"{verdict.outcome}: {verdict.reason}"[:LONGEST_TAG]


def _input(pin: DataPin) -> Input:
    version = {"version": pin.version, "table": pin.table, "commit": pin.commit, "query": pin.query}
    return Input(
        name=pin.name,
        digest=pin.content_digest[:LONGEST_DIGEST],
        source=json.dumps({"uri": f"{pin.kind}:{pin.location}", **{k: v for k, v in version.items() if v is not None}}),
        schema=json.dumps({"columns": pin.columns}),
        profile=json.dumps({"num_rows": pin.rows}),
        tags={
            "mlflow.data.context": "training",
            "shipworthy.sha256": pin.digest,
            "shipworthy.content_sha256": pin.content_digest,
        },
    )


def _note(run_id: str, run: Run) -> str:
    when = clock.to_iso(run.finished)[:19]
    return f"Trained by shipworthy, {when}Z. `shipworthy show {run_id}` has the whole record."
