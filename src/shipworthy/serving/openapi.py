"""The OpenAPI document of a release: every path, every status with its body, and how to ask with curl."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from shipworthy import __version__
from shipworthy.contract.records import Contract
from shipworthy.models.records import BundleDescription
from shipworthy.serving.openapi_schemas import example, schemas

_PROBLEMS = {
    400: "the body is not JSON, or its bytes are not what was announced; or a header makes no sense",
    404: "no such path, model or version",
    405: "another method is expected: Allow names it",
    408: "the request did not arrive in time",
    413: "the body is too long",
    415: "the body is compressed",
    417: "an expectation other than 100-continue",
    422: "values that break the contract, or keys that are not known",
    431: "the head is too long",
    500: "the model failed",
    503: "no room or no time, or predictions cannot be logged: try again",
}
_OF_ANY = (400, 405, 408, 413, 415, 417, 431)  # what can be wrong with any request
_ANY: dict[str, Any] = {"type": "object"}


def document(contract: Contract, description: BundleDescription, release: int, *, alone: bool = True) -> dict[str, Any]:
    """OpenAPI 3.1 of what a server of this release answers; `alone` where it has no other model."""
    name = quote(contract.name, safe="")
    own, model = f"/models/{name}", f"/v2/models/{name}"
    body = json.dumps({"rows": [{feature.name: example(feature) for feature in description.features}]})
    paths: dict[str, Any] = {}
    for path in (["/predict"] if alone else []) + [f"{own}/predict"]:
        paths[path] = {"post": _predict(path, body)}
    for path in (["/labels"] if alone else []) + [f"{own}/labels"]:
        paths[path] = {"post": _label()}
    for path in (model, f"{model}/versions/{release}"):
        paths[f"{path}/infer"] = {"post": _infer()}
        paths[path] = {"get": _get("The model's inputs and outputs")}
        paths[f"{path}/ready"] = {"get": _get("Whether the model should get traffic", unready=True)}
    for path in (["/", "/openapi.json"] if alone else []) + [own, f"{own}/openapi.json"]:
        paths[path] = {"get": _get("This document" if path.endswith("json") else "What there is to ask")}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": contract.name,
            "version": f"{contract.model.version}.{release}",
            "description": contract.purpose.decision,
            "contact": {"name": contract.purpose.owner},
        },
        "paths": {**paths, **_of_server()},
        "components": {"schemas": schemas(contract, description)},
    }


def overview(models: Sequence[str]) -> dict[str, Any]:
    """OpenAPI 3.1 of a server with many models: what is the same for all. Each has a document of its own."""
    model = {"name": "model", "in": "path", "required": True, "schema": {"type": "string", "enum": sorted(models)}}
    found = _problems((404, 503), "Error")
    of_one = {
        f"{path}": {"parameters": [model], "get": _get(summary, found)}
        for path, summary in (
            ("/models/{model}", "What there is to ask of a model"),
            ("/models/{model}/openapi.json", "A model's own document"),
            ("/v2/models/{model}", "A model's inputs and outputs"),
        )
    }
    orders = {
        f"/v2/repository/models/{{model}}/{what}": {
            "parameters": [model],
            "post": {
                "summary": f"{what.capitalize()} a model",
                "requestBody": _json(_ANY, required=False),
                "responses": {"200": _answer(_ANY), **_problems((*_OF_ANY, 404, 422, 503), "Error")},
            },
        }
        for what in ("load", "unload")
    }
    error = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "models", "version": __version__, "description": f"{len(models)} models"},
        "paths": {**of_one, **orders, **_of_server()},
        "components": {"schemas": {"Error": error}},
    }


def _of_server() -> dict[str, Any]:
    """What any server answers."""
    text = {"200": {"description": "text", "content": {"text/plain": {"schema": {"type": "string"}}}}}
    index = {"get": _get("The models"), "post": {**_get("The models"), "requestBody": _json(_ANY, required=False)}}
    index["post"]["responses"] |= _problems((422,), "Error")
    return {
        "/v2": {"get": _get("Name, version and extensions of the server")},
        "/v2/health/live": {"get": _get("Whether the process works")},
        "/v2/health/ready": {"get": _get("Whether it should get traffic", unready=True)},
        "/v2/repository/index": index,
        "/metrics": {
            "get": {"summary": "Prometheus metrics", "responses": {**text, **_problems(_OF_ANY, "Error")}},
        },
    }


def _predict(path: str, body: str) -> dict[str, Any]:
    curl = f"curl http://127.0.0.1:8080{path} --data '{body}'"
    return {
        "summary": "Predict",
        "description": f"```\n{curl}\n```",
        "x-codeSamples": [{"lang": "Shell", "label": "curl", "source": curl}],
        "parameters": [_DEADLINE],
        "requestBody": _json({"$ref": "#/components/schemas/Request"}, json.loads(body)),
        "responses": {
            "200": _answer({"$ref": "#/components/schemas/Answer"}),
            **_problems((*_OF_ANY, 422, 500, 503), "Problem"),
        },
    }


def _label() -> dict[str, Any]:
    return {
        "summary": "Tell what turned out to be true",
        "requestBody": _json({"$ref": "#/components/schemas/Labels"}),
        "responses": {
            "200": _answer({"$ref": "#/components/schemas/LabelsTaken"}),
            **_problems((*_OF_ANY, 422, 500, 503), "Problem"),
        },
    }


def _infer() -> dict[str, Any]:
    asked = _json({"$ref": "#/components/schemas/Tensors"})
    asked["content"]["application/octet-stream"] = {
        "schema": {"type": "string", "format": "binary", "description": "JSON, and behind it the tensors' bytes"}
    }
    answer = _answer({"$ref": "#/components/schemas/Inferred"})
    answer["content"]["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    answer["headers"] = {"Inference-Header-Content-Length": {"schema": {"type": "integer"}}}
    described = {
        "name": "Inference-Header-Content-Length",
        "in": "header",
        "description": "bytes of JSON, where tensors' bytes follow",
        "schema": {"type": "integer", "minimum": 0},
    }
    return {
        "summary": "Predict by the Open Inference Protocol, version 2",
        "parameters": [_DEADLINE, described],
        "requestBody": asked,
        "responses": {"200": answer, **_problems((*_OF_ANY, 422, 500, 503), "Error")},
    }


_DEADLINE = {
    "name": "X-Deadline-Ms",
    "in": "header",
    "description": "milliseconds that the caller waits; what cannot be answered in time is refused at once",
    "schema": {"type": "number", "exclusiveMinimum": 0},
}


def _get(summary: str, more: dict[str, Any] | None = None, *, unready: bool = False) -> dict[str, Any]:
    problems = _problems(_OF_ANY, "Error")
    if unready:
        problems["503"] = {**_answer(_ANY), "description": "it should not: `error` says why"}
    return {"summary": summary, "responses": {"200": _answer({}), **problems, **(more or {})}}


def _json(schema: dict[str, Any], example: Any = None, *, required: bool = True) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"required": required, "content": {"application/json": content}}


def _answer(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "the answer", "content": {"application/json": {"schema": schema}}}


def _problems(statuses: Sequence[int], schema: str) -> dict[str, Any]:
    return {str(status): _problem(status, schema) for status in sorted(set(statuses))}


def _problem(status: int, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    said: dict[str, Any] = {"description": _PROBLEMS[status], "content": content}
    if status == 503:
        said["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    if status == 405:
        said["headers"] = {"Allow": {"schema": {"type": "string"}}}
    return said
