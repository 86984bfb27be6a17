"""A new contract against the one that is live: which changes would break those who call the model. Pure.

A change breaks when a request that was answered under the old contract would be refused under the new one, or when the
answer means something else. Everything else that changed is listed too, so that a reader sees the whole difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from shipworthy.contract.records import Contract, Feature
from shipworthy.contract.tolerance import FaultKind, tolerates
from shipworthy.contract.toml import dotted, written
from shipworthy.contract.words import range_of

_VALUE_FAULTS: tuple[FaultKind, ...] = ("wrong type", "not finite", "out of range", "unknown category")
_INFINITY = float("inf")

# Sections of which only some keys concern callers, or none: they are compared key by key.
_SECTIONS = ("model", "purpose", "labels", "serving", "recording", "scoring", "monitoring", "retraining", "gate")


class Change(msgspec.Struct, frozen=True):
    """One difference between two contracts."""

    key: str  # dotted, e.g. "features.distance.max"
    before: str  # as TOML; "" where it was not there
    after: str  # as TOML; "" where it is gone
    breaks: bool
    because: str  # who would notice, in words; "" where nobody would

    def __str__(self) -> str:
        why = f": {self.because}" if self.because else ""
        return f"{self.key}: {self.before or 'nothing'} → {self.after or 'nothing'}{why}"


def changes(old: Contract, new: Contract) -> tuple[Change, ...]:
    """Every difference, the breaking ones first."""
    found = [*_outputs(old, new), *_features(old, new), *_parameters(old, new), *_data(old, new), *_sections(old, new)]
    return tuple(sorted(found, key=lambda change: not change.breaks))


def breaking(old: Contract, new: Contract) -> tuple[Change, ...]:
    """What would break callers of the old contract."""
    return tuple(change for change in changes(old, new) if change.breaks)


def must_raise_version(old: Contract, new: Contract) -> tuple[Change, ...]:
    """The breaking changes that may not ship because `model.version` was not raised with them."""
    return () if new.model.version > old.model.version else breaking(old, new)


def _change(key: str, before: Any, after: Any, because: str = "") -> Change:
    return Change(key, _shown(before), _shown(after), breaks=bool(because), because=because)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    builtin = msgspec.to_builtins(value)
    if isinstance(builtin, dict):
        builtin = {key: item for key, item in builtin.items() if item is not None}
    return written(builtin)


def _outputs(old: Contract, new: Contract) -> Iterator[Change]:
    if old.model.name != new.model.name:
        yield _change("model.name", old.model.name, new.model.name, "callers ask for the model by its name")
    if old.model.task != new.model.task:
        yield _change("model.task", old.model.task, new.model.task, "the answer has another form")
    before, after = old.target_source, new.target_source
    if before and after and before.target != after.target:
        yield _change("data.target", before.target, after.target, "the answer is about something else")


def _features(old: Contract, new: Contract) -> Iterator[Change]:
    before = {feature.name: feature for feature in old.features}
    after = {feature.name: feature for feature in new.features}
    for name, feature in after.items():
        if name not in before:
            may_be_absent = feature.nullable or feature.on_violation == "default"
            why = "" if may_be_absent else "callers do not send it, and it has no default and is not nullable"
            yield _change(dotted("features", name), None, {"type": feature.type}, why)
    for name, feature in before.items():
        if name not in after:
            yield _change(dotted("features", name), {"type": feature.type}, None, "callers that send it are refused")
        else:
            yield from _feature(feature, after[name])


def _feature(old: Feature, new: Feature) -> Iterator[Change]:
    """One feature that both contracts have."""
    reasons = _reasons(old, new)
    for field in msgspec.structs.fields(Feature):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before != after:
            yield _change(dotted("features", old.name, field.name), before, after, reasons.get(field.name, ""))


def _reasons(old: Feature, new: Feature) -> dict[str, str]:
    """Why callers would notice, by the feature's key."""
    reasons: dict[str, str] = {}
    if old.type != new.type and (old.type, new.type) != ("integer", "float"):
        reasons["type"] = "values of the old type are refused"
    if old.unit != new.unit:
        reasons["unit"] = "the same number means something else"
    if any(tolerates(old, kind) and not tolerates(new, kind) for kind in _VALUE_FAULTS):
        reasons["on_violation"] = "values that were let through are refused"
    if _takes_null(old) and not _takes_null(new):
        reasons["nullable" if old.nullable else "on_violation"] = "callers may leave it out today"
    if tolerates(new, "out of range"):
        return reasons
    allowed = f"values outside {range_of(new)} are refused"
    if _low(new) > _low(old):
        reasons["min"] = allowed
    if _high(new) < _high(old):
        reasons["max"] = allowed
    reasons |= _category_reasons(old, new)
    return reasons


def _category_reasons(old: Feature, new: Feature) -> dict[str, str]:
    if new.unknown == "allow" or old.type != "category" or new.type != "category":
        return {}
    if old.unknown == "allow":
        return {"unknown": "values outside the list are refused"}
    gone = sorted(set(old.values or ()) - set(new.values or ()))
    if old.values is not None and new.values is not None and gone:
        return {"values": f"no longer taken: {', '.join(gone)}"}
    if old.values is None and new.values is not None:
        return {"values": "values seen in training but not listed are refused"}
    return {}


def _takes_null(feature: Feature) -> bool:
    return feature.nullable or tolerates(feature, "null")


def _low(feature: Feature) -> float:
    return -_INFINITY if feature.min is None else feature.min


def _high(feature: Feature) -> float:
    return _INFINITY if feature.max is None else feature.max


def _parameters(old: Contract, new: Contract) -> Iterator[Change]:
    for name in dict.fromkeys([*old.parameters, *new.parameters]):
        before, after = old.parameters.get(name), new.parameters.get(name)
        if before != after:
            yield _change(dotted("parameters", name), before, after)


def _data(old: Contract, new: Contract) -> Iterator[Change]:
    before = {source.name: source for source in old.data}
    after = {source.name: source for source in new.data}
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield _change(dotted("data", name), before.get(name), after.get(name))


def _sections(old: Contract, new: Contract) -> Iterator[Change]:
    for section in _SECTIONS:
        before, after = _keys(getattr(old, section)), _keys(getattr(new, section))
        for key in dict.fromkeys([*before, *after]):
            name = f"{section}.{key}"
            if before.get(key) != after.get(key) and name not in ("model.name", "model.task"):
                yield _change(name, before.get(key), after.get(key), _promise(name, before.get(key), after.get(key)))


def _keys(record: msgspec.Struct | None) -> dict[str, Any]:
    return {} if record is None else msgspec.structs.asdict(record)


def _waited(before: Any) -> str:
    return "as long as it took" if before is None else f"up to {before:g} ms"


_LIMITS = {
    "serving.p99_ms": "answers may take longer than promised",
    "serving.p999_ms": "1 answer in 1,000 may take longer than promised",
    "serving.first_ms": "the first answer after a start may take longer than promised",
}


def _promise(name: str, before: Any, after: Any) -> str:
    """What callers were promised of the server itself."""
    if name in _LIMITS and before is not None and (after is None or after > before):
        return _LIMITS[name]
    if name == "serving.rate" and after < before:
        return "fewer requests a second are promised"
    if name == "serving.max_rows" and after < before:
        return "larger requests are refused"
    if name == "serving.deadline_ms" and after is not None and (before is None or after < before):
        return f"answers that take longer than {after:g} ms are refused, where callers waited {_waited(before)}"
    if name == "serving.durability" and (before, after) == ("disk", "process"):
        return "an answered prediction no longer survives a loss of power"
    return ""
