"""The OpenAPI document of a release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from shipworthy import __version__
from shipworthy.contract.records import Contract, Feature
from shipworthy.models.records import BundleDescription
from shipworthy.serving.rows import integer_bounds
from shipworthy.serving.violations import expected


def document(contract: Contract, description: BundleDescription, release: int, *, alone: bool = True) -> dict[str, Any]:
    """OpenAPI 3.1 of what a server of this release answers; `alone` where it has no other model."""
    name = quote(contract.name, safe="")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": contract.name,
            "version": f"{contract.model.version}.{release}",
            "description": contract.purpose.decision,
            "contact": {"name": contract.purpose.owner},
        },
        "paths": {
            ("/predict" if alone else f"/models/{name}/predict"): {"post": _predict()},
            f"/v2/models/{name}/infer": {"post": _operation("Predict by the Open Inference Protocol", {}, _ANY)},
            f"/v2/models/{name}": {"get": _get("The model's inputs and outputs")},
            "/v2/health/live": {"get": _get("Whether the process answers")},
            "/v2/health/ready": {"get": _get("Whether it should get traffic")},
            "/metrics": {"get": {"summary": "Prometheus metrics", "responses": {"200": {"description": "text"}}}},
        },
        "components": {"schemas": _schemas(contract, description)},
    }


def overview(models: Sequence[str]) -> dict[str, Any]:
    """OpenAPI 3.1 of a server with many models: what is the same for all. Each has a document of its own."""
    model = {"name": "model", "in": "path", "required": True, "schema": {"type": "string", "enum": sorted(models)}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "models", "version": __version__, "description": f"{len(models)} models"},
        "paths": {
            "/models/{model}": {"parameters": [model], "get": _get("What there is to ask of a model")},
            "/models/{model}/openapi.json": {"parameters": [model], "get": _get("A model's own document")},
            "/v2/models/{model}": {"parameters": [model], "get": _get("A model's inputs and outputs")},
            "/v2/repository/index": {"get": _get("All models, and which of them are loaded")},
            "/v2/health/live": {"get": _get("Whether the process answers")},
            "/v2/health/ready": {"get": _get("Whether it should get traffic")},
        },
    }


_ANY: dict[str, Any] = {"type": "object"}


def _schemas(contract: Contract, description: BundleDescription) -> dict[str, Any]:
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
        "Problem": {
            "type": "object",
            "properties": {"error": {"type": "string"}, "violations": {"type": "array", "items": _ANY}},
            "required": ["error"],
        },
    }


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


def _predict() -> dict[str, Any]:
    return _operation("Predict", {"$ref": "#/components/schemas/Request"}, {"$ref": "#/components/schemas/Answer"})


def _operation(summary: str, request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    problem = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": {"description": "predictions", "content": {"application/json": {"schema": answer}}},
            "400": {"description": "no JSON", **problem},
            "422": {"description": "values that break the contract", **problem},
            "500": {"description": "the model failed", **problem},
            "503": {"description": "predictions cannot be logged", **problem},
        },
    }


def _get(summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {"200": {"description": "JSON", "content": {"application/json": {"schema": _ANY}}}},
    }
