"""The bodies of requests and answers of a release, as JSON Schema."""

from __future__ import annotations

from typing import Any

from shipworthy.contract.records import Contract, Feature
from shipworthy.models.records import BundleDescription
from shipworthy.serving.labels import MOST
from shipworthy.serving.open_inference import OFFERED, TAKEN, outputs
from shipworthy.serving.rows import integer_bounds
from shipworthy.serving.violations import expected

_ANY: dict[str, Any] = {"type": "object"}
_INSTANT = "^20[0-9]{2}-0[1-9]-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"
_TEXT: dict[str, Any] = {"type": "string"}


def schemas(contract: Contract, description: BundleDescription) -> dict[str, Any]:
    features = description.features
    predicted: dict[str, Any] = {"id": {"type": "string"}, "prediction": _prediction(description)}
    if description.classes:
        predicted["probabilities"] = {"type": "object", "additionalProperties": {"type": "number"}}
    text = {"type": "string", "minLength": 1, "maxLength": 256}
    return {
        "Row": {
            "type": "object",
            "properties": {feature.name: _schema(feature) for feature in features},
            "required": [f.name for f in features if not f.nullable and f.on_violation != "default"],
            "additionalProperties": False,
        },
        "Request": {
            "type": "object",
            "properties": {
                "rows": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/Row"},
                    "minItems": 1,
                    "maxItems": contract.serving.max_rows,
                },
                "id": {**text, "description": "echoed, and kept with the prediction"},
                "ids": {"type": "array", "items": text, "description": "one a row, kept with the predictions"},
            },
            "required": ["rows"],
            "additionalProperties": False,
        },
        "Answer": {
            "type": "object",
            "properties": {
                "release": {"type": "integer"},
                "model": {"type": "string"},
                "predictions": {"type": "array", "items": {"type": "object", "properties": predicted}},
                "id": {"type": "string"},
            },
        },
        "Labels": {
            "type": "object",
            "properties": {"rows": {"type": "array", "items": _label(description), "minItems": 1, "maxItems": MOST}},
            "required": ["rows"],
            "additionalProperties": False,
        },
        "LabelsTaken": {
            "type": "object",
            "properties": {"model": _TEXT, "labels": {"type": "integer"}},
            "required": ["model", "labels"],
        },
        "Problem": {
            "type": "object",
            "properties": {"error": _TEXT, "violations": {"type": "array", "items": _VIOLATION}},
            "required": ["error"],
            "additionalProperties": False,
        },
        "Error": {
            "type": "object",
            "properties": {"error": _TEXT},
            "required": ["error"],
            "additionalProperties": False,
        },
        "Tensors": _tensors(description),
        "Inferred": _inferred(description),
    }


_VIOLATION: dict[str, Any] = {
    "type": "object",
    "properties": {"row": {"type": "integer"}, "field": _TEXT, "value": {}, "expected": _TEXT, "hint": _TEXT},
    "required": ["row", "field", "value", "expected"],
}


def _label(description: BundleDescription) -> dict[str, Any]:
    """What turned out to be true of a prediction, named by one of two ids."""
    key = {"type": "string", "minLength": 1, "maxLength": 256}
    known_at = {"anyOf": [{"type": "string", "pattern": _INSTANT}, {"type": "integer", "minimum": 0, "maximum": 2**62}]}
    others = {
        "value": {"enum": list(description.classes)} if description.classes else {"type": "number"},
        "known_at": {**known_at, "description": "when it became known; else, when it comes here"},
    }
    return {
        "oneOf": [
            {
                "type": "object",
                "properties": {name: key, **others},
                "required": [name, "value"],
                "additionalProperties": False,
            }
            for name in ("prediction_id", "id")
        ]
    }


def _tensors(description: BundleDescription) -> dict[str, Any]:
    """An inference request. That there is one tensor a feature, all of one length, JSON Schema cannot say."""
    taken = sorted({datatype for feature in description.features for datatype in TAKEN[feature.type]})
    size = {"type": "integer", "minimum": 0}
    tensor = {
        "type": "object",
        "properties": {
            "name": {"enum": [feature.name for feature in description.features]},
            "shape": {"type": "array", "items": size, "minItems": 1, "maxItems": 2},
            "datatype": {"enum": taken},
            "data": {"type": "array", "description": "flat, or one list a row; without it, bytes behind the JSON"},
            "parameters": {"type": "object", "properties": {"binary_data_size": size}},
        },
        "required": ["name", "shape", "datatype"],
    }
    wanted = {
        "type": "object",
        "properties": {
            "name": {"enum": [name for name, _, _ in outputs(description)]},
            "parameters": {"type": "object", "properties": {"binary_data": {"type": "boolean"}}},
        },
        "required": ["name"],
    }
    parameters = {
        "type": "object",
        "properties": {
            "timeout": {"type": "number", "minimum": 0, "description": "microseconds that the caller waits; 0: no end"},
            "binary_data_output": {"type": "boolean"},
        },
    }
    return {
        "type": "object",
        "properties": {
            "id": _TEXT,
            "inputs": {"type": "array", "items": tensor, "description": "one a feature"},
            "outputs": {"type": "array", "items": wanted, "description": "all, if it is not there"},
            "parameters": parameters,
        },
        "required": ["inputs"],
        "example": {"inputs": [_input(feature) for feature in description.features]},
    }


def _inferred(description: BundleDescription) -> dict[str, Any]:
    output = {
        "type": "object",
        "properties": {
            "name": {"enum": [name for name, _, _ in outputs(description)]},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"enum": sorted({datatype for _, datatype, _ in outputs(description)})},
            "data": {"type": "array"},
            "parameters": {"type": "object", "properties": {"binary_data_size": {"type": "integer"}}},
        },
        "required": ["name", "shape", "datatype"],
    }
    return {
        "type": "object",
        "properties": {
            "model_name": _TEXT,
            "model_version": _TEXT,
            "id": _TEXT,
            "outputs": {"type": "array", "items": output},
        },
        "required": ["model_name", "model_version", "outputs"],
    }


def example(feature: Feature) -> Any:
    """A value that a feature takes."""
    if feature.type == "category":
        return feature.values[0] if feature.values else "text"
    if feature.type == "boolean":
        return True
    if feature.type == "timestamp":
        return "2026-01-31T12:00:00Z"
    low = feature.min if feature.min is not None else min(0.0, feature.max or 0.0)
    return integer_bounds(feature)[0] if feature.type == "integer" and feature.min is not None else int(low) or 0


def _input(feature: Feature) -> dict[str, Any]:
    return {"name": feature.name, "shape": [1], "datatype": OFFERED[feature.type], "data": [example(feature)]}


def _schema(feature: Feature) -> dict[str, Any]:
    made: dict[str, Any] = {"type": _TYPES[feature.type]}
    if feature.on_violation == "refuse":
        made |= _limits(feature)
    if feature.type == "timestamp":
        made = {"type": ["string", "integer"]}
    if feature.nullable:
        kinds = made["type"] if isinstance(made["type"], list) else [made["type"]]
        made["type"] = [*kinds, "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    made["description"] = f"{feature.description}: {expected(feature)}" if feature.description else expected(feature)
    return made


def _limits(feature: Feature) -> dict[str, Any]:
    if feature.type == "integer":
        low, high = integer_bounds(feature)
        return {"minimum": low, "maximum": high}
    if feature.type == "category" and feature.unknown == "refuse" and feature.values:
        return {"enum": list(feature.values)}
    bounds = {"minimum": feature.min, "maximum": feature.max}
    return {key: bound for key, bound in bounds.items() if bound is not None}


_TYPES = {"float": "number", "integer": "integer", "boolean": "boolean", "category": "string", "timestamp": "string"}


def _prediction(description: BundleDescription) -> dict[str, Any]:
    return {"enum": list(description.classes)} if description.classes else {"type": "number"}
