"""The course of one training: import, read, train, keep, answer. Everything it finds out goes to result.json."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import math
import random
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shipworthy.environments.runner import answering, blame, canonical, keeping, surroundings, tables, thresholds
from shipworthy.environments.runner.channel import Channel
from shipworthy.environments.runner.sandbox import closing, refusals
from shipworthy.environments.runner.staging import beginning

OUTPUT = "output.txt"  # where standard output and error go
FAILED = 3  # exit code: the user's code failed, and error.json says how

Job = dict[str, Any]  # environments.execution.Job, as JSON


def run(path: Path) -> int:
    """One job; its exit code."""
    job = json.loads(path.read_text(encoding="utf-8"))
    watch, enforcement = closing.close(job) if job["sandbox"] else (None, "off")  # before there is a second thread
    channel = Channel()
    beginning.begin(job)
    output = Path(job["output"])
    try:
        result = _course(job, channel)
    except Exception as error:
        traceback.print_exc()
        refusal = refusals.found(error, watch, output / OUTPUT) if watch else None
        told = {"step": channel.step, **blame.told(error, Path(job["project"])), "refusal": refusal and asdict(refusal)}
        _write(output / "error.json", told)
        return FAILED
    enforced = {"sandbox": enforcement, "refused": refusals.passed_over(watch) if watch else []}
    _write(output / "result.json", {**result, **enforced})
    return 0


def _course(job: Job, channel: Channel) -> dict[str, Any]:
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
    channel.say("keep", seconds=seconds)
    output = Path(job["output"])
    modules = keeping.keep(model, output / "model.pkl", Path(job["project"]))
    fingerprint = canonical.fingerprint(model)
    answer = answering.answerer(model, job["task"], labels)
    kind = kinds[job["source"]]
    if job["extend"]:
        probes = tables.select(tables.read(job["probes"], kind), job["features"])
        found = thresholds.thresholds(model, probes, job["features"])
        _write(output / "thresholds.json", found)
        channel.ask("probes")
    for name in ("probes", "holdout"):
        channel.say(f"answer {name}")
        rows = tables.select(tables.read(job[name], kind), job["features"])
        answering.write(output / answering.FILES[name], answer.answer(rows))
    return {
        "metrics": {**logged, **metrics},
        "classes": answer.classes,
        "family": f"{type(model).__module__}.{type(model).__qualname__}",
        "canonical_digest": fingerprint,
        "seconds": seconds,
        "table": kind,
        "modules": modules,
        **surroundings.found(),
    }


def _function(job: Job) -> Callable[..., Any]:
    project = Path(job["project"])
    source = project / "src"
    sys.path[:0] = [str(project), *([str(source)] if source.is_dir() else [])]
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
        return returned[0], {str(name): _metric(name, value) for name, value in returned[1].items()}, seconds
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
    """`import shipworthy_run` gives the user's code `log_metric(name, value)`; what it logs is in the dict returned."""
    logged: dict[str, float] = {}

    def log_metric(name: str, value: float) -> None:
        """Record a metric of this training; the last value of a name counts."""
        logged[str(name)] = _metric(name, value)

    hook = types.ModuleType("shipworthy_run", "Of the training that is running.")
    hook.log_metric = log_metric  # type: ignore[attr-defined]
    sys.modules[hook.__name__] = hook
    return logged


def _metric(name: str, value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"the metric {name} is {number}; expected a finite number")
    return number


def _write(path: Path, value: Any) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value), encoding="utf-8")
    part.replace(path)
