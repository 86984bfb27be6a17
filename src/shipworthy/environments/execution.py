"""One job in the user's environment: in a process of its own that sees nothing but what it was given.

The process leads its own session and watches the pipe that comes from here, so that it and its children end when
either side does. Its environment variables are made here; of those outside only the ones in `PASSED` are seen.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Literal, get_args

import msgspec

from shipworthy.contract.records import Task, Value
from shipworthy.environments import runner
from shipworthy.errors import TrainingFailed
from shipworthy.models.records import TableKind

# Seen by the user's code as they are outside: where things are on this machine, not what they are.
PASSED = (
    "CUDA_VISIBLE_DEVICES",
    "HOME",
    "LD_LIBRARY_PATH",
    "OPENBLAS_CORETYPE",
    "PATH",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "USER",
)
THREADS = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
OUTPUT = "output.txt"  # everything that the user's code printed

_DURING = {
    "import": "the training function could not be imported",
    "answer probes": "the model failed on probes, which are rows that the contract allows",
    "answer holdout": "the model failed on the rows held out",
}

Step = Literal["import", "read", "train", "keep", "probes", "answer probes", "answer holdout"]
STEPS: tuple[Step, ...] = get_args(Step)


class Job(msgspec.Struct, frozen=True):
    """What the runner is to do; every path absolute."""

    project: str  # folder of the code; the working directory
    train: str  # "module:function"
    task: Task
    features: tuple[str, ...]  # columns that the model is asked with, in this order
    source: str  # the argument of `train` that holds the target
    target: str
    data: dict[str, str]  # argument -> Parquet file
    parameters: dict[str, Value]
    seed: int
    threads: int
    probes: str  # Parquet file of the features
    holdout: str  # Parquet file of the features at least
    output: str  # folder
    extend: bool  # whether the probes file may still grow by split points


class Outcome(msgspec.Struct, frozen=True):
    """result.json: what the runner found out."""

    metrics: dict[str, float]
    classes: tuple[bool | int | float | str, ...]  # () for regression
    family: str
    canonical_digest: str | None
    seconds: float  # inside `train`
    table: TableKind  # what the model was handed rows in
    modules: tuple[str, ...]  # of the project, that the model file refers to; their files are in code/
    python: str
    implementation: str
    platform: str
    processor: str
    cores: int
    blas: tuple[str, ...]
    distributions: dict[str, str]


class _Failure(msgspec.Struct, frozen=True):
    """error.json: the error, and its frames in the project's own files (file, line, function, text)."""

    step: str
    error: str
    frames: tuple[tuple[str, int, str, str], ...]


class _Line(msgspec.Struct, frozen=True):
    step: Step


def variables(threads: int) -> dict[str, str]:
    """The environment variables that shipworthy fixes, so that they are the same in every rebuild."""
    fixed = {
        "LC_ALL": "C.UTF-8",
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
    }
    return {**fixed, **dict.fromkeys(THREADS, str(threads))}


def execute(
    python: Path,
    job: Job,
    *,
    report: Callable[[Step], None],
    extend: Callable[[Mapping[str, list[float]]], None] | None = None,
) -> Outcome:
    """Run a job; what it made lies in its output folder, with OUTPUT beside it.

    `extend` is called with the model's split points by feature, and may rewrite the probes file before they are
    answered. TrainingFailed, with the error and the user's own lines, where the user's code fails.
    """
    output = Path(job.output)
    specification = output / "job.json"
    specification.write_bytes(msgspec.json.encode(job))
    with (output / OUTPUT).open("wb") as log:
        process = _start(python, specification, job, log)
        try:
            _follow(process, output, report, extend)
            # Not reaped yet, so that the number of its group cannot mean anybody else when the group is ended.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        finally:
            _end(process)
    if process.returncode == 0:
        return msgspec.json.decode((output / "result.json").read_bytes(), type=Outcome)
    raise TrainingFailed(_explained(process.returncode, output))


def _start(python: Path, specification: Path, job: Job, log: IO[bytes]) -> subprocess.Popen[bytes]:
    outside = {name: os.environ[name] for name in PASSED if name in os.environ}
    # Not -I: that would have Python ignore PYTHONHASHSEED, which is fixed here together with all other variables.
    return subprocess.Popen(
        [python, "-s", "-P", str(Path(runner.__file__).with_name("__main__.py")), specification],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=job.project,
        env={**outside, **variables(job.threads)},
        start_new_session=True,
    )


def _follow(
    process: subprocess.Popen[bytes],
    output: Path,
    report: Callable[[Step], None],
    extend: Callable[[Mapping[str, list[float]]], None] | None,
) -> None:
    assert process.stdout is not None
    assert process.stdin is not None
    for line in process.stdout:
        step = msgspec.json.decode(line, type=_Line).step
        report(step)
        if step == "probes":
            if extend:
                found = msgspec.json.decode((output / "thresholds.json").read_bytes(), type=dict[str, list[float]])
                extend(found)
            process.stdin.write(b"go on\n")
            process.stdin.flush()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def _explained(code: int, output: Path) -> str:
    written = output / "error.json"
    if not written.is_file():
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended itself with code {code}"
        memory = "; the machine may have been out of memory" if code == -signal.SIGKILL else ""
        return f"the training {how}{memory}\n{_tail(output / OUTPUT)}".rstrip()
    failure = msgspec.json.decode(written.read_bytes(), type=_Failure)
    lines = [f"  {file}, line {line}, in {function}\n    {text}" for file, line, function, text in failure.frames]
    return "\n".join([f"{_DURING.get(failure.step, 'the training failed')}: {failure.error}", *lines])


def _tail(path: Path, lines: int = 10) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
