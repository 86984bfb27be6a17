"""Asking the live release locally, as a caller would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec

from shipworthy.environments.workplace import temporary, workplace
from shipworthy.errors import NotFound, Refused, WrongUse
from shipworthy.serving.launch import rehearse_server
from shipworthy.wiring.project import Project, in_production, live_release
from shipworthy.wiring.workers import served


def predict_rows(project: Project, path: Path) -> dict[str, Any]:
    """Ask the live release as a caller would, on a server of its own; nothing is logged."""
    project = in_production(project)
    live = live_release(project)
    release = served(project, live)
    body = _body(path)
    with (
        workplace(temporary(), "predict") as work,
        rehearse_server(release.folder, project.contract, work, command=release.command) as url,
    ):
        answer = httpx.post(f"{url}/predict", content=body, timeout=60.0)
    said: dict[str, Any] = msgspec.json.decode(answer.content)
    if answer.status_code != httpx.codes.OK:
        raise Refused(f"{path}: {msgspec.json.encode(said).decode()}")
    # An id is a promise that `lineage` knows the prediction, and nothing was logged.
    unlogged = [{key: value for key, value in one.items() if key != "id"} for one in said["predictions"]]
    return {**said, "release": live, "predictions": unlogged}


def _body(path: Path) -> bytes:
    try:
        given = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise NotFound(f"{path}: there is no such file; expected a row as JSON, or a list of rows") from None
    except msgspec.DecodeError as error:
        raise WrongUse(f"{path} is not JSON: {error}") from None
    rows = given if isinstance(given, list) else given.get("rows", [given]) if isinstance(given, dict) else None
    if not rows:
        raise WrongUse(f'{path}: expected a row (an object) as JSON, or a list of rows, or {{"rows": […]}}')
    return msgspec.json.encode({"rows": rows})
