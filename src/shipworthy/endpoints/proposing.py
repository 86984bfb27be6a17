"""Features and dialect of an endpoint as it describes itself: from OpenAPI, or from the metadata of v2. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shipworthy.contract.records import Feature, FeatureType
from shipworthy.contract.toml import written, written_key
from shipworthy.dialects.named import Listed, Single
from shipworthy.dialects.records import Dialect
from shipworthy.dialects.tensors import Tensors
from shipworthy.endpoints.cases import ANY, UNKNOWN_KEY, Kind

_EXACT = 2**53  # bounds beyond are those of the number's type, and nobody's promise
_DEEPEST = 20  # references to references


class Undescribed(Exception):
    """The description does not say what the rows are; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an endpoint says of itself."""

    features: tuple[Feature, ...]
    dialect: Dialect
    spared: frozenset[tuple[str, Kind]]  # what it does not say, so that it cannot be held to it
    source: str  # in words

    def toml(self, name: str, p99_ms: float, rate: float) -> str:
        """A contract to begin with."""
        lines = [
            f"# Proposed from {self.source}: it says what is taken, not what is right. Narrow the ranges.",
            "[model]",
            f"name = {written(name)}",
            "",
            "[features]",
            *(f"{written_key(feature.name)} = {written(_keys(feature))}" for feature in self.features),
            "",
            "[serving]",
            f"p99_ms = {p99_ms:g}",
            f"rate = {rate:g}",
        ]
        return "\n".join(lines) + "\n"


def from_openapi(document: Any, path: str) -> Proposal:
    """What an OpenAPI document (3.0, 3.1) says of POST `path`. Undescribed."""
    try:
        content = document["paths"][path]["post"]["requestBody"]["content"]
        schema = next(content[kind]["schema"] for kind in content if "json" in kind)
    except (KeyError, TypeError, StopIteration):
        raise Undescribed(f"it describes no JSON body of POST {path}") from None
    row, dialect = _row(_resolved(schema, document), document)
    features, spared = [], set[tuple[str, Kind]]()
    required = row.get("required", [])
    for name, inside in row["properties"].items():
        feature = _feature(name, _resolved(inside, document))
        features.append(feature)
        if name not in required and not feature.nullable:
            spared.add((name, "the key left out"))
        if name in required and feature.nullable:
            spared.add((name, "the key left out"))
    if row.get("additionalProperties") is not False:
        spared.add((UNKNOWN_KEY, "an unknown key"))
    return Proposal(tuple(features), dialect, frozenset(spared), f"the OpenAPI document's POST {path}")


def from_metadata(document: Any, path: str) -> Proposal:
    """What the v2 metadata of a model say. Undescribed."""
    inputs = document.get("inputs") if isinstance(document, Mapping) else None
    if not inputs:
        raise Undescribed(f"the metadata of {path} name no inputs")
    spared: frozenset[tuple[str, Kind]] = frozenset({(ANY, "null"), (ANY, "an unknown key"), (ANY, "the key left out")})
    source = f"the model's metadata at {path}"
    if len(inputs) == 1 and len(inputs[0].get("shape", ())) == 2 and inputs[0]["shape"][1] > 1:
        tensor, width = inputs[0], inputs[0]["shape"][1]
        kind = _type_of(tensor["datatype"])
        features = tuple(Feature(name=f"{tensor['name']}-{column}", type=kind) for column in range(width))
        dialect = Tensors(features, matrix=tensor["name"], datatypes={tensor["name"]: tensor["datatype"]})
        return Proposal(features, dialect, spared, source)
    features = tuple(Feature(name=one["name"], type=_type_of(one["datatype"])) for one in inputs)
    kinds = {one["name"]: one["datatype"] for one in inputs}
    return Proposal(features, Tensors(features, datatypes=kinds), spared, source)


def prediction_paths(document: Any) -> list[str]:
    """Paths of an OpenAPI document that take a JSON body by POST."""
    paths = document.get("paths", {}) if isinstance(document, Mapping) else {}
    return [path for path, methods in paths.items() if isinstance(methods, Mapping) and "post" in methods]


def _row(schema: Mapping[str, Any], document: Any) -> tuple[Mapping[str, Any], Dialect]:
    """The schema of one row, and how rows travel."""
    if schema.get("type") == "array":
        return _object(_resolved(schema.get("items", {}), document)), Listed("rows", "")
    properties = _object(schema)["properties"]
    lists = {
        name: _resolved(inside.get("items", {}), document)
        for name, inside in ((name, _resolved(one, document)) for name, one in properties.items())
        if inside.get("type") == "array"
    }
    rows = {name: items for name, items in lists.items() if items.get("properties")}
    if not rows:
        return schema, Single()
    name = next(iter(rows))
    others = [one for one in schema.get("required", ()) if one != name]
    if len(rows) > 1 or others:
        raise Undescribed(f"its body needs more than a list of rows ({', '.join(others or rows)}); draw it: --template")
    return rows[name], Listed("shipworthy" if name == "rows" else f"rows in {name!r}", name)


def _object(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if not schema.get("properties"):
        raise Undescribed(
            "its rows are not objects with named values; write the contract, and draw the body: --template"
        )
    return schema


def _resolved(schema: Any, document: Any) -> Mapping[str, Any]:
    for _ in range(_DEEPEST):
        if not isinstance(schema, Mapping):
            break
        if "$ref" in schema:
            schema = _followed(schema["$ref"], document)
        elif len(schema.get("allOf", ())) == 1:
            schema = {**schema["allOf"][0], **{key: one for key, one in schema.items() if key != "allOf"}}
        else:
            return schema
    raise Undescribed("its references lead nowhere")


def _followed(reference: str, document: Any) -> Any:
    value = document
    for part in reference.removeprefix("#/").split("/"):
        if not isinstance(value, Mapping) or part not in value:
            raise Undescribed(f"{reference} is not in it")
        value = value[part]
    return value


def _feature(name: str, schema: Mapping[str, Any]) -> Feature:
    kinds, nullable = _kinds(schema)
    inside = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)
    values = tuple(one for one in inside.get("enum", ()) if isinstance(one, str)) or None
    kind = _kind(name, kinds, inside)
    if kind != "category":
        values = None
    low, high = _bounds(inside, whole=kind == "integer") if kind in ("float", "integer") else (None, None)
    return Feature(
        name=name,
        type=kind,
        nullable=nullable,
        min=low,
        max=high,
        values=values,
        unknown="refuse" if values else "allow",
        description=str(schema.get("description", "")),
    )


def _kinds(schema: Mapping[str, Any]) -> tuple[set[str], bool]:
    kinds: set[str] = set()
    for one in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        said = one.get("type", [])
        kinds |= {said} if isinstance(said, str) else set(said)
        if "enum" in one and "type" not in one:
            kinds.add("string")
    nullable = "null" in kinds or bool(schema.get("nullable"))
    return kinds - {"null"}, nullable


def _kind(name: str, kinds: set[str], schema: Mapping[str, Any]) -> FeatureType:
    if kinds == {"string", "integer"} or schema.get("format") in ("date-time", "date"):
        return "timestamp"
    for word, kind in _TYPES.items():
        if word in kinds and kinds <= {word, "integer"}:
            return kind
    raise Undescribed(
        f"{name} is {' or '.join(sorted(kinds)) or 'of no type'}; expected a number, true or false, or text"
    )


_TYPES: dict[str, FeatureType] = {
    "number": "float",
    "boolean": "boolean",
    "string": "category",
    "integer": "integer",
}


def _bounds(schema: Mapping[str, Any], *, whole: bool) -> tuple[float | None, float | None]:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if isinstance(above, int | float) and not isinstance(above, bool):
        low = above + 1 if whole else math.nextafter(above, math.inf)
    if isinstance(below, int | float) and not isinstance(below, bool):
        high = below - 1 if whole else math.nextafter(below, -math.inf)
    return _bound(low), _bound(high)


def _bound(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < _EXACT else None


def _type_of(datatype: str) -> FeatureType:
    if datatype == "BOOL":
        return "boolean"
    if datatype == "BYTES":
        return "category"
    return "integer" if "INT" in datatype else "float"


def _keys(feature: Feature) -> dict[str, Any]:
    keys: dict[str, Any] = {"type": feature.type}
    if feature.nullable:
        keys["nullable"] = True
    keys |= {name: bound for name, bound in (("min", feature.min), ("max", feature.max)) if bound is not None}
    if feature.values:
        keys |= {"values": list(feature.values), "unknown": feature.unknown}
    return keys
