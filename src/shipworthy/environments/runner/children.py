"""Pythons that a training starts: held to the same inputs, seeded alike, and what they import and fail of written down.

The kernel's sandbox is theirs by birth; what is added here is the audit hook, which knows the line. Each writes into a
folder of the job: the names of the modules it imports as it comes to them, for it may be killed, and its error.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import sys
import types
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shipworthy.environments.runner import blame
from shipworthy.environments.runner.sandbox import closing, refusals
from shipworthy.environments.runner.sandbox.watching import Watch
from shipworthy.environments.runner.staging import beginning

FOLDER = "children"  # below the job's output
VARIABLE = "SHIPWORTHY_JOB"  # the path of the job's specification
HOOKS = Path(__file__).with_name("child")

Job = dict[str, Any]

_SEEDS: dict[str, Callable[[Any, int], Any]] = {
    "numpy.random": lambda module, seed: module.seed(seed % 2**32),
    "torch": lambda module, seed: module.manual_seed(seed),
}


def variables(job: Job, specification: Path, loopback: bool) -> dict[str, str]:
    """What makes a Python find this file, the project's own modules standing in for an installed project."""
    folder = Path(job["output"]) / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / "loopback").write_text(str(int(loopback)), encoding="ascii")
    project = Path(job["project"])
    source = project / "src"
    places = [HOOKS, project, *([source] if source.is_dir() else [])]
    return {VARIABLE: str(specification), "PYTHONPATH": os.pathsep.join(map(str, places)), "PYTHONNOUSERSITE": "1"}


def modules(output: Path) -> set[str]:
    """The names of what all of them imported, or tried to."""
    found = output.glob(f"{FOLDER}/*.modules")
    return {name for path in found for name in path.read_text(encoding="utf-8", errors="replace").split("\n") if name}


def search_path(output: Path) -> list[str]:
    """The folders that those which ended in order had imported from."""
    found = (path.read_text(encoding="utf-8").split("\n") for path in sorted((output / FOLDER).glob("*.path")))
    return list(dict.fromkeys(place for places in found for place in places if place))


def failure(output: Path) -> dict[str, Any] | None:
    """How the newest of them failed, as `course` tells of a failure; one that was refused something comes first."""
    written = sorted((output / FOLDER).glob("*.error"), key=lambda path: path.stat().st_mtime_ns)
    told = [json.loads(path.read_text(encoding="utf-8")) for path in written]
    refused = [each for each in told if each["refusal"]]
    return (refused or told)[-1] if told else None


def refused(output: Path) -> list[str]:
    """What they were refused and went on without."""
    found = (json.loads(path.read_text(encoding="utf-8")) for path in sorted((output / FOLDER).glob("*.refused")))
    return list(dict.fromkeys(line for lines in found for line in lines))


def begin(specification: Path) -> None:
    """In such a Python, before its own code."""
    job: Job = json.loads(specification.read_text(encoding="utf-8"))
    folder = Path(job["output"]) / FOLDER
    mark = folder / f"{os.getpid()}"
    loopback = (folder / "loopback").read_text(encoding="ascii") == "1"
    watch = closing.watch(job, loopback) if job["sandbox"] else None
    beginning.begin(job)
    _note_imports(mark.with_suffix(".modules"))
    _note_failure(mark, Path(job["project"]), watch, Path(job["output"]))
    if job["command"]:
        random.seed(job["seed"])
        sys.meta_path.insert(0, _Seeding(job["seed"]))


def _note_imports(path: Path) -> None:
    """Each name once, two levels deep: enough to tell google.protobuf from google.cloud."""
    seen: set[str] = set()

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event != "import":
            return
        name = ".".join(str(given[0]).split(".")[:2])
        if name not in seen and name.partition(".")[0] not in sys.stdlib_module_names:
            seen.add(name)
            with path.open("a", encoding="utf-8") as stream:
                stream.write(name + "\n")

    sys.addaudithook(hook)


def _note_failure(mark: Path, project: Path, watch: Watch | None, output: Path) -> None:
    show = sys.excepthook

    def told(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
        show(kind, error, trace)
        refusal = refusals.found(error, watch, output / "output.txt") if watch else None
        found = {**blame.told(error, project), "refusal": refusal and asdict(refusal)}
        mark.with_suffix(".error").write_text(json.dumps(found), encoding="utf-8")

    sys.excepthook = told
    atexit.register(_note_end, mark, watch)


def _note_end(mark: Path, watch: Watch | None) -> None:
    mark.with_suffix(".path").write_text("\n".join(sys.path), encoding="utf-8")
    lines = refusals.passed_over(watch) if watch is not None else []
    if lines:
        mark.with_suffix(".refused").write_text(json.dumps(lines), encoding="utf-8")


class _Seeding:
    """Seeds a library's own generator as soon as it is imported, as it is for a function."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._busy: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """What the finders after this one say, its loader followed by the seed."""
        if name not in _SEEDS or name in self._busy:
            return None
        self._busy.add(name)
        try:
            import importlib.util  # noqa: PLC0415 - a part of every start otherwise

            found = importlib.util.find_spec(name)
        finally:
            self._busy.discard(name)
        loader = getattr(found, "loader", None)
        if found is None or loader is None:
            return found
        execute = loader.exec_module

        def then_seed(module: Any) -> None:
            execute(module)
            _SEEDS[name](module, self._seed)

        loader.exec_module = then_seed
        return found
