"""A training that is a program of its own: told by variables where its inputs are, and where to leave its model."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipworthy.environments.runner import given
from shipworthy.environments.runner.metrics import metric

LEFT = "left"  # below the job's output: SHIPWORTHY_OUTPUT
METRICS = "metrics.json"
_DATA = "SHIPWORTHY_DATA_NAME"  # NAME in capitals

Job = dict[str, Any]


class ProgramFailed(subprocess.SubprocessError):
    """The command ended otherwise than well."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What the command left."""

    model: Any
    table: str  # what the model is handed rows in
    metrics: dict[str, float]
    seconds: float


def train(job: Job) -> Trained:
    """Run the command, and read back what it left."""
    left = Path(job["output"]) / LEFT
    left.mkdir()
    environment = {**os.environ, **_variables(job, left)}
    start = time.perf_counter()
    try:
        done = subprocess.run(  # noqa: PLW1510 - how it ended is told in our own words
            job["command"], cwd=job["project"], env=environment, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise ProgramFailed(f"`{job['shown']}` could not be started: {error.strerror}") from None
    seconds = time.perf_counter() - start
    if done.returncode:
        raise ProgramFailed(_ended(job["shown"], done.returncode))
    metrics = _metrics(left / METRICS)
    model = given.model(_model_file(left), job)
    return Trained(model, given.table_kind(model, job), metrics, seconds)


def program(job: Job) -> str | None:
    """The machine's own program with its digest, as it is where this runs, which may be a container; None where lock or
    code hold it.
    """
    if job["program"] is None:
        return None
    path = Path(job["command"][0])
    return f"{path} sha256:{hashlib.sha256(path.resolve().read_bytes()).hexdigest()}"


def _variables(job: Job, left: Path) -> dict[str, str]:
    parameters = Path(job["output"]) / "parameters.json"
    parameters.write_text(json.dumps(job["parameters"]), encoding="utf-8")
    return {
        "PATH": job["path"],
        **{_DATA.replace("NAME", name.upper()): path for name, path in job["data"].items()},
        "SHIPWORTHY_OUTPUT": str(left),
        "SHIPWORTHY_MODEL": str(left / "model"),
        "SHIPWORTHY_METRICS": str(left / METRICS),
        "SHIPWORTHY_PARAMETERS": str(parameters),
        "SHIPWORTHY_SEED": str(job["seed"]),
        "SHIPWORTHY_THREADS": str(job["threads"]),
    }


def _ended(shown: str, code: int) -> str:
    return f"`{shown}` was killed by signal {-code}" if code < 0 else f"`{shown}` ended with exit code {code}"


def _model_file(left: Path) -> Path:
    """The one file that is a model: `model`, with any ending, or the only one there is."""
    files = sorted(path for path in left.rglob("*") if path.is_file() and path.name != METRICS)
    named = [path for path in files if path.name.partition(".")[0] == "model"]
    found = named or files
    if len(found) == 1:
        return found[0]
    if not found:
        raise FileNotFoundError(
            "the command left no model: it has to write one file to $SHIPWORTHY_MODEL, or to a name of its own in "
            "$SHIPWORTHY_OUTPUT"
        )
    names = ", ".join(str(path.relative_to(left)) for path in found[:5])
    raise ValueError(f"the command left {len(found)} files that may be the model: {names}; call the model's `model`")


def _metrics(path: Path) -> dict[str, float]:
    """{} where none were left."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"$SHIPWORTHY_METRICS cannot be read: {error}; expected a JSON object of numbers") from None
    if not isinstance(found, dict):
        raise TypeError('$SHIPWORTHY_METRICS: expected a JSON object of numbers such as {"auc": 0.71}')
    return {str(name): metric(str(name), value) for name, value in found.items()}
