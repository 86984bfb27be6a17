"""What is known of a user's own model, and the report on it. Stored in the ledger as kind "adoption"."""

from __future__ import annotations

from typing import Literal

import msgspec

from shipworthy.contract.records import Contract, Value
from shipworthy.gate.ml_test_score import Score
from shipworthy.lineage.records import Registered
from shipworthy.models.records import BundleDescription
from shipworthy.registry.records import LatencyVerdict, Verdict
from shipworthy.store.objects import File

Ingredient = Literal["code", "data", "environment", "parameters", "seed"]
State = Literal["recorded", "partly", "lacking"]


class DataInput(msgspec.Struct, frozen=True):
    """A dataset that a tracker's run names."""

    name: str
    kind: str  # as the tracker calls it
    source: str
    digest: str
    context: str  # "training", …; "" where it is not said


class Tracked(msgspec.Struct, frozen=True):
    """What a tracker recorded of the training."""

    uri: str  # "models:/NAME/3"
    run: str | None  # id; None where the version names none
    commit: str | None
    repository: str | None
    entry: str | None  # the program that was run
    parameters: dict[str, str]
    data: tuple[DataInput, ...]
    requirements: tuple[str, ...]  # lines
    python: str | None


class Surroundings(msgspec.Struct, frozen=True):
    """The environment that the model was loaded in."""

    origin: Literal["lock", "installed", "tracker", "graph"]
    named: str  # the lock's file, the Python, or the tracker's requirements
    lock: str  # digest, kept as an object
    hashed: bool  # every requirement of it has a hash
    pinned: int  # distributions


class Finding(msgspec.Struct, frozen=True):
    """Whether one ingredient of a rebuild is on record."""

    ingredient: Ingredient
    state: State
    found: str
    next: str  # what to do about it; "" where nothing is to be done


class Adoption(msgspec.Struct, frozen=True):
    """Ledger kind "adoption": a readiness report on a model that was not trained here."""

    version: int  # of this format: 1
    model: str
    source: str  # as it was named
    model_digest: str  # of the file as it was given
    canonical_digest: str | None
    family: str
    rows: int  # of the sample
    labels: str | None  # the sample's column that holds the truth
    findings: tuple[Finding, ...]
    surroundings: Surroundings
    contract: Contract
    contract_text: str  # as it was proposed, with comments
    written: str | None  # the file that it was written to
    bundle: BundleDescription
    files: tuple[File, ...]  # of the bundle
    verdicts: tuple[Verdict, ...]
    latency: LatencyVerdict | None
    score: Score
    notes: tuple[str, ...]
    next: tuple[str, ...]  # steps, in order
    seconds: float
    parameters: dict[str, Value] = {}
    registered: Registered | None = None  # the version that it was, where it came from a registry


class Judged(msgspec.Struct, frozen=True):
    """Ledger kind "judged": what the gate's checks say of a version that somebody else registered."""

    version: int  # of this format: 1
    registered: Registered
    adoption: str  # id of the report on it
    verdicts: tuple[Verdict, ...]  # waivers not applied: they are whenever it is decided
