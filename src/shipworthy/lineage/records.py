"""The record of a run and of its rebuild: what is needed to make the model again, and to say if it is the same.

Stored in the ledger as kinds "run" and "rebuild"; every format carries its version.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from shipworthy.contract.records import Contract, Rung, SourceKind, Value
from shipworthy.store.objects import File

ReachedRung = Rung | Literal["different"]


class Cut(msgspec.Struct, frozen=True):
    """Where data was cut by time, in ns since 1970, UTC: history is [start, split), holdout is [split, end)."""

    column: str | None  # None: cut by row order, the newest fifth held out
    start: int | None
    split: int | None
    end: int | None
    history_rows: int
    holdout_rows: int
    unlabelled_rows: int  # dropped


class DataPin(msgspec.Struct, frozen=True):
    """One data source as it was read."""

    name: str  # the argument of `train`
    kind: SourceKind
    location: str  # as the contract names it
    version: int | None  # of the Delta table
    table: str | None  # the Delta table's own id
    digest: str  # of the bytes: files, and the version's log entry
    content_digest: str  # of the rows; does not depend on their order
    rows: int
    columns: dict[str, str]  # name -> Arrow type
    snapshot: tuple[File, ...]  # kept copy in the object store; empty where the pinned version is the record
    cut: Cut | None  # of the source that holds the target
    commit: str | None = None  # dvc: of git, where DVC's record of these bytes stands; None: on no commit, so copied
    md5: str | None = None  # dvc: its own digest; ends in ".dir" for a folder
    query: str | None = None  # sql:
    sequence: str | None = None  # digest of the rows in their order; None in records of old


class CodeSnapshot(msgspec.Struct, frozen=True):
    """The project's files that are not ignored, as they were."""

    files: tuple[File, ...]
    digest: str  # store.objects.tree_digest of files
    commit: str | None  # provenance only
    dirty: bool | None
    branch: str | None = None


class Environment(msgspec.Struct, frozen=True):
    """Where the training ran."""

    lock: str  # digest of the hash-pinned requirements that it was built from, kept as an object
    python: str  # "3.11.7"
    implementation: str
    platform: str
    processor: str
    cores: int
    blas: tuple[str, ...]  # e.g. "openblas 0.3.29 Haswell, 1 thread"
    threads: int
    distributions: dict[str, str]  # installed: name -> version
    variables: dict[str, str]  # those that shipworthy fixed: PYTHONHASHSEED, TZ, LC_ALL, OMP_NUM_THREADS, …
    sandbox: str = "not recorded"  # what held it to its inputs, e.g. "landlock abi 7, network namespace"; "off"
    refused: tuple[str, ...] = ()  # what its code reached for, was refused, and went on without
    imported: dict[str, str] = {}  # of the distributions, those that the training really imported: name -> version
    program: str | None = None  # of a command, where it is the machine's own: "/usr/bin/Rscript sha256:…"
    declared: str | None = None  # digest of the file that the contract names, an object; None in records of old
    container: str | None = None  # the base image that it ran in, NAME@sha256:…; None: on the machine itself
    yanked: tuple[str, ...] = ()  # pinned releases that their authors had taken back, as the index said


class Registered(msgspec.Struct, frozen=True):
    """A version in a registry of somebody else's."""

    place: str  # the registry's address
    version: str


class Run(msgspec.Struct, frozen=True):
    """One training: made from what, into what. Never edited afterwards."""

    version: int  # of this format: 1
    model: str
    contract: Contract
    code: CodeSnapshot
    data: tuple[DataPin, ...]
    environment: Environment
    parameters: dict[str, Value]
    seed: int
    rehearsal: str | None  # id of the newest passed rehearsal before it
    metrics: dict[str, float]  # that the function returned or logged
    files: tuple[File, ...]  # the bundle (models.bundle says what is in it)
    model_digest: str  # of the model file's bytes
    canonical_digest: str | None  # of trees, coefficients, parameters; None where the family has no canonical form
    prediction_digest: str  # of the answers on the frozen probes, bit by bit
    seconds: float  # inside `train`
    started: int
    finished: int
    tracking: tuple[File, ...] = ()  # what its code logged by MLflow's or W&B's own calls, as they write it
    adopted: str | None = None  # id of the adoption, of a model that was not trained here; data and code are then empty
    registered: Registered | None = None  # where that was adopted from, if it was a registry


Factor = Literal[
    "random",  # by itself: the same recipe twice makes two models, and nothing that could be held explains it
    "chance",  # the machine's, which seeds generators without a seed
    "seed",  # one that nobody declared: the number of the process, the name of the machine
    "clock",
    "hash seed",
    "threads",
    "cores",
    "row order",
    "package",
    "BLAS kernel",
    "variable",  # another of the environment's
    "folder",  # where the job lies: its HOME, its temporary files, the copy of the project
    "failure",  # at times: the same recipe failed, and does not fail again
]


class Cause(msgspec.Struct, frozen=True):
    """Why a rebuild differs."""

    factor: Factor
    words: str  # what it is, where, and what to do about it
    certain: bool  # swapping it alone made the difference go away; else it changes the model, and has changed


class Trial(msgspec.Struct, frozen=True):
    """One more training of a diagnosis."""

    factor: Factor | None  # swapped; None: nothing was
    words: str  # what was done
    rung: ReachedRung | None  # against the run; None: it failed, or did not end
    again: ReachedRung | None  # against the rebuild
    seconds: float


class Diagnosis(msgspec.Struct, frozen=True):
    """A rebuild that differs, explained by training again with one factor swapped at a time."""

    goal: ReachedRung  # the rung that the rebuild did not reach
    causes: tuple[Cause, ...]  # () where none was found
    words: str  # the outcome in a sentence
    trials: tuple[Trial, ...]
    untried: tuple[str, ...]  # what could not be swapped here, or not within the budget


class Wheels(msgspec.Struct, frozen=True):
    """The files that an environment is installed from, kept as objects."""

    version: int  # of this format: 1
    lock: str  # digest of the hash-pinned requirements
    python: str  # "3.11.7"; they serve every patch of it
    platform: str  # "linux-x86_64"
    files: tuple[File, ...]
    at: int


class Equivalence(msgspec.Struct, frozen=True):
    """Whether a run can be told apart from the same recipe with other seeds."""

    seeds: tuple[int, ...]  # of the trainings that it was compared with, n of them
    probability: float  # that a sound model is at least as far from the others: from 1 / (n + 1) to 1
    level: float  # it is told apart where the probability is not above this
    metric: str
    run: float  # the metric of the run, on the rows held out
    lowest: float  # of the others
    highest: float
    distance: float  # of the run's answers to the probes from the others', root mean square
    typical: float  # of theirs from each other's, the median


class Rebuild(msgspec.Struct, frozen=True):
    """A run made again from its record alone, and how alike the two are."""

    version: int
    run: str  # id
    rung: ReachedRung  # reached
    wanted: Rung
    largest_difference: float | None  # of any answer on the probes
    differences: tuple[str, ...]  # what was seen to differ, in plain words
    seconds: float
    started: int
    environment: Environment | None
    diagnosis: Diagnosis | None = None  # None: it reached what was asked for, or nobody asked why not
    equivalence: Equivalence | None = None  # where that was asked for, and the models differ
    trained: str | None = None  # run whose recipe was used, where `run` was adopted and has none; None: its own


RUNGS: tuple[ReachedRung, ...] = (
    "bit-identical",
    "canonical-identical",
    "prediction-identical",
    "within-tolerance",
    "statistically-equivalent",
    "different",
)


def reaches(reached: ReachedRung, wanted: ReachedRung) -> bool:
    """Whether a rung is at least as high as the one asked for."""
    return RUNGS.index(reached) <= RUNGS.index(wanted)
