"""Which column of a log is what: as the caller says, as the contract says, or as the columns' names and types suggest.

Pure. What was guessed is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from shipworthy.contract.records import Contract, Feature, Task
from shipworthy.contract.rules import did_you_mean
from shipworthy.contract.study import type_of
from shipworthy.errors import WrongUse

_PROBABILITIES = ("values", "probabilities", "score", "probability", "proba", "y_score", "y_prob", "p")
_NUMBERS = ("prediction", "predicted", "y_pred", "forecast", "score")
_LABELS = ("label", "target", "y", "y_true", "truth", "outcome")
_TIMES = ("event_time", "timestamp", "time", "at")
# What a table that shipworthy itself recorded holds beside features.
_OF_ROWS = ("prediction_id", "id", "model", "release", "source", "arrived", "event_time", "window")
_RECORDED = frozenset((*_OF_ROWS, "values", "prediction", "score", "confidence", "flags"))


class Asked(msgspec.Struct, frozen=True):
    """What the caller says of the columns; None where nothing was said."""

    time: str | None = None
    score: str | None = None
    prediction: str | None = None
    label: str | None = None
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column is what."""

    time: str
    answer: str
    task: Task
    label: str | None
    classes: tuple[str, ...]
    features: tuple[Feature, ...] | tuple[str, ...] | None  # None: all of `columns` that could be inputs
    columns: tuple[str, ...]  # those that features are, or are sought in
    said: tuple[str, ...]  # what was guessed


def roles(asked: Asked, schema: pa.Schema, contract: Contract | None) -> Roles:
    """The roles of a log's columns. WrongUse for a column that is not there, or one that has to be named."""
    said: list[str] = []
    for name in (asked.time, asked.score, asked.prediction, asked.label, *(asked.features or ())):
        if name is not None:
            _require(name, schema)
    time = asked.time or _time(schema, contract, said)
    answer, task = _answer(asked, schema, contract, said)
    label = asked.label or _label(schema, contract, said)
    apart = {time, answer, label, None if contract is None else _event_time(contract, schema)}
    features, columns = _features(asked, schema, contract, apart)
    return Roles(time, answer, task, label, asked.classes, features, columns, tuple(said))


def _home(feature: str, schema: pa.Schema) -> str:
    """The column of a feature: its field in a struct `features`, where a column of its name is something else."""
    inside = f"features.{feature}"
    return inside if inside in schema.names else feature


def _require(name: str, schema: pa.Schema) -> None:
    if name not in schema.names:
        hint = did_you_mean(name, schema.names) or f"there are {', '.join(schema.names)}"
        raise WrongUse(f"the log has no column {name!r} ({hint})")


def _time(schema: pa.Schema, contract: Contract | None, said: list[str]) -> str:
    declared = None if contract is None else _event_time(contract, schema)
    if declared is not None and declared in schema.names:
        return declared
    instants = [field.name for field in schema if type_of(field.type) == "timestamp"]
    named = next((name for name in _TIMES if name in instants), None)
    if named is None and len(instants) == 1:
        named = instants[0]
    if named is None:
        texts = ", ".join(f"{field.name} ({field.type})" for field in schema)
        found = f"there are {', '.join(instants)}" if instants else f"none is a timestamp or a date: {texts}"
        raise WrongUse(f"which column says when? name it by --time ({found})")
    said.append(f"{named} says when")
    return named


def _answer(asked: Asked, schema: pa.Schema, contract: Contract | None, said: list[str]) -> tuple[str, Task]:
    if asked.score is not None and asked.prediction is not None:
        raise WrongUse("--score names probabilities, --prediction the numbers of a regression: expected one of them")
    if asked.score is not None:
        return asked.score, "classification"
    if asked.prediction is not None:
        return asked.prediction, "regression"
    tasks: tuple[Task, ...] = ("classification", "regression") if contract is None else (contract.model.task,)
    for task in tasks:
        for name in _PROBABILITIES if task == "classification" else _NUMBERS:
            if name in schema.names and _numbers(schema.field(name).type):
                what = "probabilities" if task == "classification" else "predictions of a regression"
                said.append(f"{name} holds the answers, as {what}")
                return name, task
    numbers = [field.name for field in schema if _numbers(field.type)]
    raise WrongUse(
        "which column holds the model's answers? name it by --score (probabilities) or --prediction (numbers of a "
        f"regression); there are {', '.join(numbers) or 'no numbers'}"
    )


def _numbers(kind: Any) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _numbers(kind.value_type)
    return type_of(kind) in ("float", "integer")


def _label(schema: pa.Schema, contract: Contract | None, said: list[str]) -> str | None:
    source = None if contract is None else contract.target_source
    declared = [one.target for one in (contract.labels if contract else None, source) if one is not None and one.target]
    for name in declared or _LABELS:
        if name in schema.names:
            said.append(f"{name} holds the labels")
            return name
    return None


def _event_time(contract: Contract, schema: pa.Schema) -> str | None:
    name = contract.serving.event_time
    return None if name is None else _home(name, schema)


def _features(
    asked: Asked, schema: pa.Schema, contract: Contract | None, apart: set[str | None]
) -> tuple[tuple[Feature, ...] | tuple[str, ...] | None, tuple[str, ...]]:
    if asked.features is not None:
        return asked.features, asked.features
    if contract is not None:
        homes = [msgspec.structs.replace(one, name=_home(one.name, schema)) for one in contract.features]
        declared = tuple(feature for feature in homes if feature.name not in apart)
        absent = [feature.name for feature in declared if feature.name not in schema.names]
        if absent:
            raise WrongUse(
                f"the log lacks {', '.join(absent)} of the contract's [features]; it has {', '.join(schema.names)} "
                "(name others by --features)"
            )
        return declared, tuple(feature.name for feature in declared)
    own = {"prediction_id", "values", "flags"} <= set(schema.names)
    left_out = apart | (_RECORDED if own else set())
    rest = tuple(field.name for field in schema if field.name not in left_out and type_of(field.type) is not None)
    if not rest:
        raise WrongUse(f"the log has no column that could be a feature; it has {', '.join(schema.names)}")
    return None, rest
