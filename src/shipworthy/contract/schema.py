"""The contract's tables and keys: which there are, what each may hold, which must be there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from shipworthy.contract import records
from shipworthy.contract.periods import REFERENCE
from shipworthy.contract.rules import (
    BOOLEAN,
    CATEGORIES,
    COMMAND,
    CRON,
    FEATURES,
    FUNCTION,
    NAME,
    PLACES,
    RECEIVER,
    RELATIVE_PATH,
    SCALAR,
    YEARLY,
    ZONE,
    Rule,
    choice,
    duration,
    number,
    several,
    size,
    text,
    whole,
)
from shipworthy.contract.sources import LIVING_SOURCE, SOURCE

Needs = Literal["training", "serving", "watching"]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the contract."""

    record: type[msgspec.Struct]
    rules: Mapping[str, Rule]
    required: tuple[str, ...] = ()
    blank: Mapping[str, str] = field(
        default_factory=dict
    )  # required keys that rehearsing does without: what stands there
    tables: Mapping[str, Table] = field(default_factory=dict)  # tables inside this one


_positive = number("a number above 0", lambda value: value > 0)
_share = number("a share above 0 and below 1", lambda value: 0 < value < 1)
_not_negative = number("a number from 0", lambda value: value >= 0)

MODEL = Table(
    records.Model,
    {
        "name": NAME,
        "task": choice(records.Task),
        "train": FUNCTION,
        "command": COMMAND,
        "environment": RELATIVE_PATH,
        "seed": whole(0, 2**32 - 1),
        "version": whole(1),
        "threads": whole(1),
        "sandbox": choice(Literal["on", "off"]),
    },
    required=("name", "task"),
    blank={"task": "classification"},
)
PURPOSE = Table(
    records.Purpose,
    {
        "decision": text("the decision that is made on its answers, in words"),
        "owner": text("who answers for it: a person or a team"),
        "baseline": text('"prior", "last value", or the name of a feature'),
    },
    required=("decision", "owner"),
    blank={"decision": "", "owner": ""},
)
DATA_SOURCE = Table(
    records.DataSource,
    {
        "source": SOURCE,
        "query": text("a SELECT in the database's own SQL"),
        "target": text("the name of the label's column"),
        "time": text("the name of the column that history and holdout are cut by"),
        "id": text("the name of the column with the id that callers send"),
        "keep": BOOLEAN,
    },
    required=("source",),
)
LABELS = Table(
    records.Labels,
    {
        "source": LIVING_SOURCE,
        "key": text("the column that holds the prediction's id or the caller's own"),
        "target": text("the column that holds the truth"),
        "time": text("the column that says when the truth was known"),
    },
    required=("source", "key", "target"),
)
FEATURE = Table(
    records.Feature,
    {
        "type": choice(records.FeatureType),
        "nullable": BOOLEAN,
        "min": number("a finite number"),
        "max": number("a finite number"),
        "values": CATEGORIES,
        "unknown": choice(Literal["allow", "refuse"]),
        "unit": text(),
        "description": text(),
        "on_violation": choice(records.OnViolation),
        "default": SCALAR,
    },
    required=("type",),
)
SERVING = Table(
    records.Serving,
    {
        "p99_ms": _positive,
        "rate": _positive,
        "p999_ms": _positive,
        "first_ms": _positive,
        "durability": choice(Literal["process", "disk"]),
        "workers": whole(1),
        "max_rows": whole(1),
        "deadline_ms": _positive,
        "host": text("an address to listen on"),
        "port": whole(0, 65535),
        "event_time": text("the name of a timestamp feature"),
    },
)
RECORDING = Table(
    records.Recording,
    {
        "commit_every": duration(),
        "commit_bytes": whole(1),
        "keep": duration(),
        "max_size": size(),
        "alert_after": duration(),
        "shadow_log": size(),
    },
)
SCORING = Table(records.Scoring, {"schedule": CRON, "deadline": duration()})
MONITORING = Table(
    records.Monitoring,
    {
        "drift": _share,
        "false_alarms": YEARLY,
        "window": duration(),
        "lateness": duration(zero=True),
        "webhook": RECEIVER,
        "alertmanager": RECEIVER,
        "apprise": PLACES,
        "slices": FEATURES,
        "performance": _not_negative,
        "season": choice(records.Season),
        "segment": text("the name of a feature"),
        "timezone": ZONE,
        "reference": REFERENCE,
        "refused": _share,
        "flagged": _share,
        "slow": _share,
        "pairs": whole(0, 100),
    },
)
RETRAINING = Table(
    records.Retraining,
    {
        "on": several(Literal["drift", "performance", "schedule"]),
        "history": duration(),
        "holdout": duration(),
        "wait": duration(zero=True),
        "schedule": duration(),
    },
)
REBUILD = Table(
    records.RebuildRule,
    {
        "rung": choice(records.Rung),
        "when": choice(Literal["release", "changed", "off"]),
        "budget": duration(),
        "wheels": choice(Literal["index", "keep"]),
        "seeds": whole(4, 999),
    },
)
SKEW = Table(
    records.SkewRule,
    {
        "fewest": whole(1),
        "newest": whole(1, 1_000_000),
        "share": number("a share from 0 and below 1", lambda value: 0 <= value < 1),
        "tolerance": _not_negative,
    },
)
GATE = Table(
    records.Gate,
    {
        "enforcement": choice(records.Enforcement),
        "metric": choice(records.Metric),
        "minimum": number("a finite number"),
        "margin": _not_negative,
        "tolerance": _not_negative,
        "confidence": number("a probability above 0.5 and below 1", lambda value: 0.5 < value < 1),
    },
    tables={"rebuild": REBUILD, "skew": SKEW},
)

# Tables with fixed keys, by their name in the file. [parameters], [data.NAME] and [features] have names of the user's.
TABLES: Mapping[str, Table] = {
    "model": MODEL,
    "purpose": PURPOSE,
    "labels": LABELS,
    "serving": SERVING,
    "recording": RECORDING,
    "scoring": SCORING,
    "monitoring": MONITORING,
    "retraining": RETRAINING,
    "gate": GATE,
}
ORDER = (
    "model",
    "purpose",
    "parameters",
    "data",
    "labels",
    "features",
    "serving",
    "recording",
    "scoring",
    "monitoring",
    "retraining",
    "gate",
)

# The first one is meant where a contract names none.
METRICS: Mapping[records.Task, tuple[records.Metric, ...]] = {
    "classification": ("auc", "log_loss", "brier", "accuracy", "f1"),
    "regression": ("rmse", "mae", "r2"),
}
