"""Starting the conversion: `inside/` run by the Python of an environment of the user's lock and the converters.

Nothing of the user's is ever loaded here: a spec goes in as JSON; JSON and files of the bundle come out.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.contract.records import Feature, Task
from shipworthy.models.answers import Class
from shipworthy.models.bundle import CODE, MODEL, PROBES
from shipworthy.models.inside.convention import CONVERTED, EXACT
from shipworthy.models.records import RuntimeName, TableKind
from shipworthy.models.runtimes import FILES
from shipworthy.store import layout

INSIDE = Path(__file__).parent / "inside"
TIMEOUT = 300.0  # seconds

# One thread everywhere: the timings are those of a serving worker.
_THREADS = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR")}
_NOT_PASSED_ON = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a trained model: of the contract, and of the training."""

    model: str
    task: Task
    features: tuple[Feature, ...]  # with `values` of categories as seen in training
    classes: tuple[Class, ...]  # () for regression
    target: str
    family: str
    table: TableKind


class Onnx(msgspec.Struct, frozen=True):
    """How the graph came about; "" where it could not be made, with the reason."""

    how: str
    reason: str


class Booster(msgspec.Struct, frozen=True):
    """The file of a booster's own library, for its own call outside the user's environment; or why there is none."""

    name: RuntimeName
    reason: str


class Timed(msgspec.Struct, frozen=True):
    """What the library's own call costs, the frame that it is given included."""

    reason: str
    microseconds_one: float | None = None
    microseconds_batch: float | None = None  # of a row in a batch of 1,000


class Conversion(msgspec.Struct, frozen=True):
    """What came of a conversion; the files are in the bundle."""

    onnx: Onnx
    booster: Booster | None  # None where the model is no bare booster
    own: Timed


def requirements(how: Sequence[str] = (EXACT, CONVERTED), locked: Collection[str] = ()) -> tuple[str, ...]:
    """What a conversion needs beside a lock of these packages, as requirement lines; EXACT alone needs less, and
    conflicts less.
    """
    files = ["graphs.txt", *(["converters.txt"] if CONVERTED in how else [])]
    files += ["programs.txt"] if "torch" in locked else []
    lines = [line for file in files for line in (INSIDE / file).read_text().splitlines()]
    return tuple(line for line in lines if line and not line.startswith("#"))


def conversion_command(python: Path, spec: Path) -> list[str]:
    """The command that converts what a spec names: without the user's site, and without the current folder."""
    return [str(python), "-s", "-P", str(INSIDE), str(spec)]


def convert(
    folder: Path, facts: Facts, python: Path, *, how: Sequence[str] = (EXACT, CONVERTED), timeout: float = TIMEOUT
) -> Conversion:
    """Converts the model of a bundle folder; whatever goes wrong is a reason in the result."""
    # Beside the bundle: whatever clears that away after a kill then finds this too.
    with tempfile.TemporaryDirectory(prefix="conversion-", dir=folder.parent) as work:
        spec, result = Path(work) / "spec.json", Path(work) / "result.json"
        spec.write_bytes(msgspec.json.encode(_spec(folder, facts, result, how)))
        failure = run_inside(python, spec, Path(work), timeout)
        if not result.is_file():
            return Conversion(Onnx("", failure), None, Timed(failure))
        return msgspec.json.decode(result.read_bytes(), type=Conversion)


def _spec(folder: Path, facts: Facts, result: Path, how: Sequence[str]) -> dict[str, Any]:
    bundle = folder.resolve()
    return {
        "bundle": str(bundle),
        "path": [str(bundle / CODE)] if (bundle / CODE).is_dir() else [],
        "model": MODEL,
        "probes": PROBES,
        "files": {name: str(file) for name, file in FILES.items()},
        "features": [
            {"name": feature.name, "type": feature.type, "values": feature.values} for feature in facts.features
        ],
        "task": facts.task,
        "table": facts.table,
        "how": list(how),
        "result": str(result),
    }


def run_inside(python: Path, spec: Path, work: Path, timeout: float) -> str:
    """Does what a spec asks for, in a process of `python`'s environment; why there may be no result."""
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    if python.is_relative_to(layout.environments()):
        # Nothing is compiled when an environment of ours is made, and each of these scripts is a process of its own:
        # without bytecode they spend most of their time on compiling the same libraries.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = str(python.parents[1].with_name(f"{python.parents[1].name}.bytecode"))
    try:
        done = subprocess.run(  # noqa: PLW1510 - a failure is a reason, not an error
            conversion_command(python, spec),
            cwd=work,
            env=environment | _THREADS | {"PYTHONHASHSEED": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return f"it was given up after {timeout:g} s"
    except OSError as error:
        return f"it could not be started: {error}"
    last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
    return f"it ended with {done.returncode}: {last[0]}"
