"""Asking an endpoint what it takes: its OpenAPI document, or the metadata of a v2 model."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from shipworthy.endpoints.asking import Caller
from shipworthy.endpoints.proposing import Proposal, Undescribed, from_metadata, from_openapi, prediction_paths

_INFER = re.compile(r"(.*/v2/models/[^/]+(?:/versions/[^/]+)?)/infer")


def discover(caller: Caller) -> Proposal:
    """What the endpoint says of itself. Undescribed where it says too little; WrongUse where nobody answers."""
    path = caller.url.path
    infer = _INFER.fullmatch(path)
    if infer:
        metadata = _json(caller.get(infer[1]))
        if metadata is None:
            raise Undescribed(f"there are no metadata at {infer[1]}")
        return from_metadata(metadata, infer[1])
    document, base = _openapi(caller, path)
    if document is None:
        raise Undescribed("it has no OpenAPI document at /openapi.json")
    asked = path.removeprefix(base) or "/"
    known = prediction_paths(document)
    if asked not in known and known:
        raise Undescribed(f"its OpenAPI document has no POST {asked}; there are {', '.join(known)}")
    return from_openapi(document, asked)


def _openapi(caller: Caller, path: str) -> tuple[Any, str]:
    """The document, and the folder that it lies in, beside the path or above it."""
    parts = path.strip("/").split("/")
    for depth in range(len(parts), -1, -1):
        base = "".join(f"/{part}" for part in parts[:depth] if part)
        document = _json(caller.get(f"{base}/openapi.json"))
        if isinstance(document, dict) and "paths" in document:
            return document, base
    return None, ""


def _json(content: bytes | None) -> Any:
    try:
        return None if content is None else msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
