"""The contract as frozen records: what a model promises, to whom, and how it is held to it.

Reading (`contract.reading`) turns a `shipworthy.toml` into a `Contract` or raises `ContractError` with every mistake.
Durations are kept as nanoseconds, rates as requests a second, latencies as milliseconds.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, get_type_hints

import msgspec
from msgspec.structs import force_setattr

from shipworthy import digest

FeatureType = Literal["float", "integer", "boolean", "category", "timestamp"]
OnViolation = Literal["refuse", "flag", "default"]
Task = Literal["classification", "regression"]
Metric = Literal["auc", "log_loss", "brier", "accuracy", "f1", "mae", "rmse", "r2"]
Rung = Literal[
    "bit-identical", "canonical-identical", "prediction-identical", "within-tolerance", "statistically-equivalent"
]
Enforcement = Literal["observe", "warn", "block"]
SourceKind = Literal["delta", "file", "dvc", "sql"]
Value = float | int | bool | str


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the contract's records: frozen, by keyword, no unknown keys."""

    def __post_init__(self) -> None:
        """Whole numbers given for a float become floats, as they come back from JSON: the digest stays the same."""
        for name in _floats(type(self)):
            value = getattr(self, name)
            if type(value) is int:
                force_setattr(self, name, float(value))


@cache
def _floats(record: type[Record]) -> tuple[str, ...]:
    """Fields that hold a float or nothing."""
    return tuple(name for name, hint in get_type_hints(record).items() if hint in (float, float | None))


class Feature(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One input of the model, the same for training data and requests."""

    name: str
    type: FeatureType
    nullable: bool = False
    min: float | None = None  # inclusive; for float and integer
    max: float | None = None  # inclusive
    values: tuple[str, ...] | None = None  # category: the values known; None = those seen in training
    unknown: Literal["allow", "refuse"] = "allow"  # category: a value outside `values`
    unit: str = ""
    description: str = ""
    on_violation: OnViolation = "refuse"
    default: Value | None = None  # what a violating or absent value becomes, with on_violation = "default"


class Model(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[model]: what is trained, and how."""

    name: str  # letters, digits, dashes
    task: Task
    train: str | None = None  # "module:function", relative to the contract's folder; None where a command trains
    command: str | None = None  # a program and its arguments, as a shell would take them apart; None: a function
    environment: str = "requirements.lock"  # hash-pinned requirements, relative to the contract's folder
    seed: int = 0
    version: int = 1  # the interface's major version: raised when callers would break
    threads: int = 1  # threads that training may use
    sandbox: Literal["on", "off"] = "on"  # whether training is held to its declared inputs and no network


class Purpose(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[purpose]: why the model exists."""

    decision: str
    owner: str
    baseline: str = "prior"  # "prior", "last value", or the name of a feature


class DataSource(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[data.NAME]: one argument of `train`."""

    name: str
    kind: SourceKind
    location: str  # path or URL, relative to the contract's folder; a password stands there by name, ${NAME}
    version: int | None = None  # delta: pinned version; None = newest at training
    revision: str | None = None  # dvc: git revision; None = what the working tree's .dvc files say
    query: str | None = None  # sql: what is read
    target: str | None = None  # the label's column; exactly one source has it
    time: str | None = None  # column that history and holdout are cut by
    id: str | None = None  # column of the caller's `id`, by which served rows are found again in the source
    keep: bool = False  # copy pinned data, so that a rebuild never depends on the source's retention

    @property
    def newest(self) -> DataSource:
        """The same source with nothing pinned."""
        return msgspec.structs.replace(self, version=None, revision=None)


class Labels(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[labels]: how the truth comes back."""

    kind: SourceKind
    location: str
    key: str  # column that holds the prediction id or the caller's own id
    target: str
    time: str | None = None  # when the truth became known


class Serving(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[serving]: the promise to callers."""

    p99_ms: float = 10.0
    rate: float = 100.0  # requests a second, Poisson
    p999_ms: float | None = None  # of 1,000 answers, 999 come within it; None = nothing is promised of it
    first_ms: float | None = None  # the very first answer after a start; None = nothing is promised of it
    durability: Literal["process", "disk"] = "process"
    workers: int = 1
    max_rows: int = 10_000  # rows a request
    deadline_ms: float | None = None  # a request that cannot be answered within it is refused at once; None = never
    host: str = "127.0.0.1"
    port: int = 8080
    event_time: str | None = None  # a timestamp feature; None = arrival

    @property
    def promise(self) -> str:
        """What callers may rely on, as it is shown."""
        tail = "" if self.p999_ms is None else f", p99.9 ≤ {self.p999_ms:g} ms"
        return f"p99 ≤ {self.p99_ms:g} ms{tail} at {self.rate:g} requests/s"


class Recording(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[recording]: how predictions reach the Delta table."""

    commit_every: int = 60_000_000_000  # ns between commits at most
    commit_bytes: int = 64 * 2**20
    keep: int | None = None  # ns after its arrival that a row stays in the Delta table; None = for ever
    max_size: int | None = None  # bytes of the Delta table; beyond, the oldest rows go. None = any
    alert_after: int = 600_000_000_000  # ns that an answer may wait for its recording before somebody is told
    shadow_log: int = 1_000_000_000  # bytes of log kept for a shadow that is behind; beyond, it misses the oldest rows


class Scoring(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[scoring]: nightly batch."""

    schedule: str | None = None  # cron
    deadline: int | None = None  # ns


Season = Literal["auto", "none", "hour-of-day", "day-of-week", "hour-of-week"]


class Monitoring(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[monitoring]: when the world counts as moved."""

    drift: float = 0.05  # total variation: share of rows that may move before it is drift
    false_alarms: float = 1.0  # a year, for the model as a whole
    window: int = 86_400_000_000_000  # ns
    lateness: int = 21_600_000_000_000  # ns a row may come after newer ones
    webhook: str | None = None  # address, or "env:NAME" of a variable that holds it; so are the next two
    alertmanager: str | None = None
    apprise: tuple[str, ...] = ()  # Apprise URLs
    slices: tuple[str, ...] = ()  # categories and booleans by whose values quality is told apart
    performance: float | None = None  # alarm when the live metric is worse than on the rows held out by more than this
    season: Season = "auto"  # rows are held against those of the same hour or day; auto: where the reference shows it
    segment: str | None = None  # rows are held against those with the same value of this feature, instead
    timezone: str = "UTC"  # whose clocks tell the hours and days of a season
    reference: str = "training"  # or a period of production, "2026-01-01..2026-03-31", or "training + " and a period
    refused: float | None = None  # share of rows that may be refused; None = nobody is told
    flagged: float | None = None  # share of rows that may be answered though a value breaks the contract
    slow: float | None = None  # share of requests that may take longer than serving.p99_ms
    pairs: int = 0  # of features that are watched together, besides, those that depend on each other most


class Retraining(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[retraining]: when and from what a refresh is made."""

    on: tuple[Literal["drift", "performance", "schedule"], ...] = ("drift",)
    history: int | None = None  # ns of data before the holdout; None = all
    holdout: int | None = None  # ns of newest labelled rows; None = the newest fifth of rows
    wait: int = 0  # ns of event time to rest after any refresh, held ones included
    schedule: int | None = None  # ns between scheduled refreshes


class RebuildRule(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[gate] rebuild."""

    rung: Rung = "prediction-identical"
    when: Literal["release", "changed", "off"] = "release"
    budget: int | None = None  # ns; a training known to take longer is not repeated unasked; None = however long
    wheels: Literal["index", "keep"] = "index"  # whether a release keeps what its environment is installed from
    seeds: int = 19  # trainings that "statistically-equivalent" compares with


class SkewRule(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[gate] skew."""

    fewest: int = 100  # rows served that stand in the training source, too, before the check says anything
    newest: int = 10_000  # rows served, the newest with an id, that are looked up
    share: float = 0.01  # of these rows in which a feature may differ
    tolerance: float = 1e-6  # relative difference of floats that still counts as equal


class Gate(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[gate]: what a release needs."""

    enforcement: Enforcement = "block"
    rebuild: RebuildRule = RebuildRule()
    skew: SkewRule = SkewRule()
    metric: Metric = "auc"
    minimum: float | None = None  # for mae, rmse, log_loss and brier: the maximum
    margin: float = 0.0  # how much worse than the live release is still let through
    tolerance: float = 1e-5  # largest difference of an answer that still counts as equal, on probes
    confidence: float = 0.99  # of the SLA's verdict


class Contract(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole `shipworthy.toml`."""

    model: Model
    purpose: Purpose
    features: tuple[Feature, ...]
    parameters: dict[str, Value] = {}
    data: tuple[DataSource, ...] = ()
    labels: Labels | None = None
    serving: Serving = Serving()
    recording: Recording = Recording()
    scoring: Scoring = Scoring()
    monitoring: Monitoring = Monitoring()
    retraining: Retraining = Retraining()
    gate: Gate = Gate()

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def digest(self) -> str:
        """Identity of what is promised."""
        return digest.of_value(self)

    @property
    def serving_digest(self) -> str:
        """Identity of [features] and [serving], wherever it listens: a rehearsal stays good while this does."""
        return digest.of_value([self.features, msgspec.structs.replace(self.serving, host="", port=0)])

    @property
    def target_source(self) -> DataSource | None:
        """The data source that holds the label; None in a contract that only rehearses."""
        return next((source for source in self.data if source.target), None)
