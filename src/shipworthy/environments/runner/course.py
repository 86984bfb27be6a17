"""The course of one training: import, read, train, keep, answer. Everything it finds out goes to result.json."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import os
import random
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shipworthy.environments.runner import (
    answering,
    blame,
    canonical,
    children,
    commanded,
    given,
    imports,
    keeping,
    surroundings,
    tables,
    thresholds,
)
from shipworthy.environments.runner.channel import Channel
from shipworthy.environments.runner.metrics import metric
from shipworthy.environments.runner.sandbox import closing, refusals
from shipworthy.environments.runner.sandbox.watching import Watch
from shipworthy.environments.runner.staging import beginning

OUTPUT = "output.txt"  # where standard output and error go
LINES = 10  # of a program's last words that its error shows
FAILED = 3  # exit code: the user's code failed, and error.json says how

Job = dict[str, Any]  # environments.execution.Job, as JSON


def run(path: Path) -> int:
    """One job; its exit code."""
    job = json.loads(path.read_text(encoding="utf-8"))
    watch, enforcement = closing.close(job) if job["sandbox"] else (None, "off")  # before there is a second thread
    channel = Channel()
    beginning.begin(job)
    output = Path(job["output"])
    os.environ.update(children.variables(job, path, loopback=enforcement.endswith(closing.NAMESPACE)))
    try:
        result = _course(job, channel)
    except Exception as error:
        if not isinstance(error, commanded.ProgramFailed):
            traceback.print_exc()
        _write(output / "error.json", {"step": channel.step, **_told(error, watch, job), **_where(enforcement)})
        return FAILED
    passed = [*(refusals.passed_over(watch) if watch else []), *children.refused(output)]
    enforced = {"sandbox": enforcement, "refused": list(dict.fromkeys(passed))}
    _write(output / "result.json", {**result, **enforced})
    return 0


def _course(job: Job, channel: Channel) -> dict[str, Any]:
    project = Path(job["project"])
    source = project / "src"
    sys.path[:0] = [str(project), *([str(source)] if source.is_dir() else [])]
    made = _by_command(job, channel) if job["command"] else _by_function(job, channel)
    model = made.model
    channel.say("keep", seconds=made.seconds)
    output = Path(job["output"])
    modules = keeping.keep(model, output / "model.pkl", project)
    fingerprint = canonical.fingerprint(model)
    answer = answering.answerer(model, job["task"], made.labels)
    if job["extend"]:
        found = thresholds.thresholds(model, made.rows(job["probes"]), job["features"])
        _write(output / "thresholds.json", found)
        channel.ask("probes")
    for name in ("probes", "holdout"):
        channel.say(f"answer {name}")
        answering.write(output / answering.FILES[name], answer.answer(made.rows(job[name])))
    return {
        "metrics": made.metrics,
        "classes": answer.classes,
        "family": f"{type(model).__module__}.{type(model).__qualname__}",
        "canonical_digest": fingerprint,
        "seconds": made.seconds,
        "table": made.table,
        "modules": modules,
        "program": commanded.program(job),
        "imported": _imported(output, project),
        **surroundings.found(),
    }


def _where(enforcement: str) -> dict[str, Any]:
    """What it ran on, where that can still be told: no error of the user's is to be hidden by one of ours."""
    with contextlib.suppress(Exception):
        return {"ran": {**surroundings.found(), "sandbox": enforcement}}
    return {}


def _imported(output: Path, project: Path) -> dict[str, str]:
    """Looked up where any of the Pythons found its packages."""
    sys.path += [place for place in children.search_path(output) if place not in sys.path]
    return imports.imported(project, children.modules(output))


@dataclass(frozen=True, slots=True)
class _Made:
    """What the user's code made, and how it is asked."""

    model: Any
    metrics: dict[str, float]
    seconds: float
    labels: list[Any]  # the target's distinct values in training; [] for a regression
    table: str  # the kind of table that the model takes
    rows: Callable[[str], Any]  # of a Parquet file: the features, as such a table


def _by_function(job: Job, channel: Channel) -> _Made:
    logged = _offer_hook()
    channel.say("import")
    function = _function(job)
    kinds = tables.kinds(function, list(job["data"]))
    channel.say("read")
    data = {name: tables.read(path, kinds[name]) for name, path in job["data"].items()}
    labels = tables.values(data[job["source"]], job["target"]) if job["task"] == "classification" else []
    channel.say("train")
    _seed(job["seed"])
    model, metrics, seconds = _train(function, data, job)
    kind = kinds[job["source"]]

    def rows(path: str) -> Any:
        return tables.select(tables.read(path, kind), job["features"])

    return _Made(model, {**logged, **metrics}, seconds, labels, kind, rows)


def _by_command(job: Job, channel: Channel) -> _Made:
    channel.say("train")
    made = commanded.train(job)
    source = tables.read(job["data"][job["source"]], "pyarrow") if job["task"] == "classification" else None
    labels = [] if source is None else tables.values(source, job["target"])

    def rows(path: str) -> Any:
        return given.as_rows(path, made.table, job["features"], job)

    return _Made(made.model, made.metrics, made.seconds, labels, made.table, rows)


def _told(error: Exception, watch: Watch | None, job: Job) -> dict[str, Any]:
    """What went wrong, in the words of the program that it went wrong in."""
    output = Path(job["output"])
    own = children.failure(output) if isinstance(error, commanded.ProgramFailed) else None
    if own is not None:
        return own
    refusal = refusals.found(error, watch, output / OUTPUT) if watch else None
    told = {**blame.told(error, Path(job["project"])), "refusal": refusal and asdict(refusal)}
    if isinstance(error, commanded.ProgramFailed):  # whatever it was written in, it has said why
        lines = (output / OUTPUT).read_text(encoding="utf-8", errors="replace").splitlines()
        told |= {"error": "\n".join([str(error), *lines[-LINES:]])}
    return told


def _function(job: Job) -> Callable[..., Any]:
    module, _, name = job["train"].partition(":")
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    function: Callable[..., Any] = found  # type: ignore[assignment]
    return function


def _seed(seed: int) -> None:
    random.seed(seed)
    with contextlib.suppress(ImportError):
        importlib.import_module("numpy").random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def _train(function: Callable[..., Any], data: dict[str, Any], job: Job) -> tuple[Any, dict[str, float], float]:
    """The model, the metrics that came with it, and the seconds that it took."""
    offered = {"parameters": job["parameters"], "seed": job["seed"]}
    parameters = inspect.signature(function).parameters
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    taken = {name: value for name, value in offered.items() if takes_any or name in parameters}
    with _threads(job["threads"]):
        start = time.perf_counter()
        returned = function(**data, **taken)
        seconds = time.perf_counter() - start
    if returned is None:
        raise TypeError(f"{job['train']} returned None; expected the model, or (model, metrics)")
    if isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], dict):
        return returned[0], {str(name): metric(str(name), value) for name, value in returned[1].items()}, seconds
    return returned, {}, seconds


@contextlib.contextmanager
def _threads(number: int) -> Iterator[None]:
    """The environment's variables set the number already; this holds libraries to it that were configured otherwise."""
    try:
        threadpoolctl = importlib.import_module("threadpoolctl")
    except ImportError:
        yield
        return
    with threadpoolctl.threadpool_limits(number):
        yield


def _offer_hook() -> dict[str, float]:
    """`import shipworthy_run` gives the user's code `logmetric(name, value)`; what it logs is in the dict returned."""
    logged: dict[str, float] = {}

    def log_metric(name: str, value: float) -> None:
        """Record a metric of this training; the last value of a name counts."""
        logged[str(name)] = metric(str(name), value)

    hook = types.ModuleType("shipworthy_run", "Of the training that is running.")
    hook.log_metric = log_metric  # type: ignore[attr-defined]
    sys.modules[hook.__name__] = hook
    return logged


def _write(path: Path, value: Any) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value), encoding="utf-8")
    part.replace(path)
