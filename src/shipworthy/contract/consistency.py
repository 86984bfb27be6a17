"""What the keys of a contract say to each other: mistakes that no key makes alone. Pure.

A key that could not be read has its own mistake already, so whatever depends on it is left out here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shipworthy import clock
from shipworthy.contract.feature_consistency import of_feature
from shipworthy.contract.records import Metric, Recording, Serving, Task
from shipworthy.contract.rules import did_you_mean
from shipworthy.contract.schema import METRICS, Needs
from shipworthy.contract.sources import Source
from shipworthy.contract.tables import Section, mistake
from shipworthy.contract.toml import written
from shipworthy.errors import Mistake

DATA_VARIABLE = "SHIPWORTHY_DATA_NAME"  # where a command finds the rows of [data.NAME]
_SHARES = ("auc", "brier", "accuracy", "f1")


@dataclass(frozen=True, slots=True)
class Draft:
    """A contract as far as it could be read."""

    tables: Mapping[str, Section]  # those with fixed keys
    features: Mapping[str, Section]
    data: Mapping[str, Section]
    needs: Needs


def across(draft: Draft) -> Iterator[Mistake]:
    """Everything that does not fit together."""
    for section in draft.features.values():
        yield from of_feature(section)
    for section in draft.data.values():
        yield from _query(section)
    yield from _trained(draft)
    yield from _targets(draft)
    yield from _skew(draft)
    yield from _baseline(draft)
    yield from _event_time(draft)
    yield from _metric(draft)
    yield from _labels(draft)
    yield from _retraining(draft)
    yield from _serving(draft)
    yield from _recording(draft)
    yield from _segment(draft)
    yield from _slices(draft)


def _serving(draft: Draft) -> Iterator[Mistake]:
    section = draft.tables["serving"]
    usual, tail = section.get("p99_ms") or Serving().p99_ms, section.get("p999_ms")
    if tail is not None and tail < usual:
        yield section.wrong("p999_ms", f"at least p99_ms, which is {usual:g}")


def _recording(draft: Draft) -> Iterator[Mistake]:
    section = draft.tables["recording"]
    every = section.get("commit_every") or Recording().commit_every
    after = section.get("alert_after") or Recording().alert_after
    if after <= every:
        key = "alert_after" if "alert_after" in section.written else "commit_every"
        yield section.wrong(
            key,
            f"alert_after longer than commit_every ({clock.spoken(after)} and {clock.spoken(every)})",
            "an answer waits as long as commit_every with nothing wrong",
        )


def _slices(draft: Draft) -> Iterator[Mistake]:
    monitoring = draft.tables["monitoring"]
    kinds = {key: section.get("type") for key, section in draft.features.items()}
    few = [key for key, kind in kinds.items() if kind in ("category", "boolean")]
    for name in monitoring.get("slices") or ():
        if name not in kinds:
            yield monitoring.wrong("slices", "names of features", f"there is no {name}{_or_rather(name, few)}")
        elif kinds[name] is not None and name not in few:
            hint = f"{name} is of type {kinds[name]}"
            yield monitoring.wrong("slices", "features of type category or boolean, whose values make slices", hint)


def _or_rather(name: str, known: Sequence[str]) -> str:
    hint = did_you_mean(name, known)
    return f"; {hint}" if hint else ""


def _query(section: Section) -> Iterator[Mistake]:
    source: Source | None = section.get("source")
    if source is None:
        return
    if source.kind == "sql" and "query" not in section.written:
        yield mistake((*section.path, "query"), None, "a SELECT in the database's own SQL", "it is missing")
    elif source.kind != "sql" and "query" in section.written:
        yield section.wrong("query", "no query, which only a sql: source has", f"the source is {source.kind}:")


def _trained(draft: Draft) -> Iterator[Mistake]:
    """By a function or by a command: one of them, and not both."""
    model = draft.tables["model"]
    if "train" in model.written and "command" in model.written:
        yield model.wrong("command", "a function or a command that trains, not both", "model.train is there too")
    elif draft.needs == "training" and not {"train", "command"}.intersection(model.written):
        yield mistake(
            ("model", "train"),
            None,
            '"module:function", relative to the contract\'s folder, or model.command = "python train.py" in its place',
            "it is missing",
        )
    if "command" in model.written:
        yield from _variables(draft)


def _variables(draft: Draft) -> Iterator[Mistake]:
    """A command is told of each source by a variable, whose name is in capitals."""
    seen: dict[str, str] = {}
    for name in draft.data:
        before = seen.setdefault(name.upper(), name)
        if before != name:
            expected = f"a name that differs from data.{before} by more than capitals, as a command trains"
            yield mistake(
                ("data", name), None, expected, f"both would be {DATA_VARIABLE.replace('NAME', name.upper())}"
            )


def _targets(draft: Draft) -> Iterator[Mistake]:
    targets = {name: section for name, section in draft.data.items() if "target" in section.written}
    if draft.needs == "training" and not draft.data:
        yield mistake(("data",), None, "at least one table [data.NAME] with a source and a target", "it is missing")
    elif draft.data and not targets:
        expected = "the name of the label's column, in exactly one of the data sources"
        yield mistake(("data", next(iter(draft.data)), "target"), None, expected, "it is missing")
    for section in list(targets.values())[1:]:
        first = next(iter(targets))
        yield section.wrong("target", "a target in exactly one of the data sources", f"data.{first} has one already")
    for section in targets.values():
        target = section.get("target")
        if target is not None and target in draft.features:
            yield section.wrong("target", "a column that is not a feature", f"take it out of [features]: {target}")
        if target is not None and target == section.get("time"):
            yield section.wrong("time", "another column than the target")
        if target is not None and target == section.get("id"):
            yield section.wrong("id", "another column than the target")


def _skew(draft: Draft) -> Iterator[Mistake]:
    homes = [name for name, section in draft.data.items() if "target" in section.written]
    for name, section in draft.data.items():
        if "id" in section.written and name not in homes:
            home = f"write it under data.{homes[0]}" if homes else ""
            yield section.wrong("id", "an id in the data source that has the target", home)
    skew = draft.tables["gate"].inner["skew"]
    fewest, newest = skew.get("fewest"), skew.get("newest")
    if fewest is not None and newest is not None and fewest > newest:
        yield skew.wrong("fewest", f"no more than newest, which is {newest:,}")


def _baseline(draft: Draft) -> Iterator[Mistake]:
    purpose = draft.tables["purpose"]
    baseline = purpose.get("baseline")
    rules = ("prior", "last value")
    if baseline is None or baseline in rules:
        return
    if baseline not in draft.features:
        hint = did_you_mean(baseline, [*rules, *draft.features])
        yield purpose.wrong("baseline", '"prior", "last value", or the name of a feature', hint)
    elif draft.features[baseline].get("type") in ("category", "timestamp"):
        kind = draft.features[baseline].get("type")
        yield purpose.wrong("baseline", "a feature that is a number or true/false", f"{baseline} is of type {kind}")


def _event_time(draft: Draft) -> Iterator[Mistake]:
    serving = draft.tables["serving"]
    name = serving.get("event_time")
    if name is None:
        return
    instants = [key for key, section in draft.features.items() if section.get("type") == "timestamp"]
    if name not in draft.features:
        hint = did_you_mean(name, instants) or "without it, a row's time is its arrival"
        yield serving.wrong("event_time", "the name of a timestamp feature", hint)
    elif name not in instants and draft.features[name].get("type") is not None:
        kind = draft.features[name].get("type")
        yield serving.wrong("event_time", "a feature of type timestamp", f"{name} is of type {kind}")


def _segment(draft: Draft) -> Iterator[Mistake]:
    monitoring, serving = draft.tables["monitoring"], draft.tables["serving"]
    segment, season = monitoring.get("segment"), monitoring.get("season")
    if segment is None:
        return
    names = [name for name in draft.features if name != serving.get("event_time")]
    if segment not in names:
        hint = did_you_mean(segment, names) or "rows are held against those with the same value of it"
        yield monitoring.wrong("segment", "the name of a feature other than the event time", hint)
    elif season is not None and season not in ("auto", "none"):
        yield monitoring.wrong("season", "no season beside segment", "rows are told apart by one of the two")


def _metric(draft: Draft) -> Iterator[Mistake]:
    gate = draft.tables["gate"]
    task: Task | None = draft.tables["model"].get("task")
    metric, minimum = metric_of(draft), gate.get("minimum")
    if metric is not None and task is not None and metric not in METRICS[task]:
        words = ", ".join(written(word) for word in METRICS[task])
        yield gate.wrong("metric", f"a metric of {task}: {words}")
    elif minimum is not None:
        yield from _minimum(gate, metric, minimum)


def _minimum(gate: Section, metric: Metric | None, minimum: float) -> Iterator[Mistake]:
    if metric in _SHARES and not 0 <= minimum <= 1:
        yield gate.wrong("minimum", f"a number from 0 to 1, as {metric} is")
    elif metric == "r2" and minimum > 1:
        yield gate.wrong("minimum", "a number up to 1, as r2 is")
    elif metric in ("mae", "rmse", "log_loss") and minimum < 0:
        yield gate.wrong("minimum", f"a number from 0, as {metric} is (it is the largest let through)")


def metric_of(draft: Draft) -> Metric | None:
    """The metric that is written, else the usual one of the task; None where either cannot be read."""
    gate = draft.tables["gate"]
    task: Task | None = draft.tables["model"].get("task")
    if "metric" in gate.written:
        metric: Metric | None = gate.get("metric")
        return metric
    return METRICS[task][0] if task is not None else None


def _labels(draft: Draft) -> Iterator[Mistake]:
    labels = draft.tables["labels"]
    if labels.get("key") is not None and labels.get("key") == labels.get("target"):
        yield labels.wrong("key", "another column than the target")
    monitoring, retraining = draft.tables["monitoring"], draft.tables["retraining"]
    on = retraining.get("on") or ()
    if "performance" in on and "performance" not in monitoring.written:
        hint = "how much worse than held out is an alarm: [monitoring] performance = 0.02"
        yield retraining.wrong("on", '"performance" only with monitoring.performance', hint)


def _retraining(draft: Draft) -> Iterator[Mistake]:
    retraining = draft.tables["retraining"]
    on = retraining.get("on")
    if on is not None and "schedule" in on and "schedule" not in retraining.written:
        yield retraining.wrong("on", '"schedule" only with retraining.schedule', 'for example schedule = "30d"')
    if on is not None and "schedule" not in on and "schedule" in retraining.written:
        yield retraining.wrong("schedule", 'no schedule unless "schedule" is in retraining.on', f"on = {written(on)}")
    targets = [section for section in draft.data.values() if "target" in section.written]
    timeless = bool(targets) and not any("time" in section.written for section in targets)
    for key in ("history", "holdout"):
        if timeless and retraining.get(key) is not None:
            where = ".".join(targets[0].path)
            yield retraining.wrong(
                key, "no length of time unless the target's data has a time column", f"set {where}.time"
            )
