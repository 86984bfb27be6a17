"""One job in the user's environment: in a process of its own that sees nothing but what it was given.

The process leads its own session and watches the pipe that comes from here, so that it and its children end when
either side does. Its environment variables are made here; of those outside only the ones in `PASSED` are seen.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Literal, get_args

import msgspec

from shipworthy.contract.records import Task, Value
from shipworthy.environments import runner, undeclared, unlocked
from shipworthy.environments.conditions import AS_IT_IS, Conditions, staged
from shipworthy.environments.workplace import temporary, workplace
from shipworthy.errors import TrainingFailed
from shipworthy.models.records import TableKind

# Seen by the user's code as they are outside: where things are on this machine, not what they are.
PASSED = (
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "OPENBLAS_CORETYPE",
    "PATH",
    "SYSTEMROOT",
    "USER",
)
RECORDED = ("CUDA_VISIBLE_DEVICES", "OPENBLAS_CORETYPE")  # those of them that may change the model
FOLDERS = ("HOME", "TEMP", "TMP", "TMPDIR")  # a sandbox has its own
HOME = "HOME"  # recorded where a training has no sandbox, for then whatever lies there may take part
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
FIXED = {
    "LC_ALL": "C.UTF-8",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
    "TZ": "UTC",
}
OUTPUT = "output.txt"  # everything that the user's code printed
FAILURE = "error.json"

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
    train: str | None  # "module:function"; None where a command trains
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
    sandbox: bool = True  # whether the code is held to the paths above, the environment and no network
    origin: str = ""  # folder that `project` was copied from, to tell what is not in the copy
    bytecode: str = ""  # folder that keeps compiled Python for the next job in this environment, which it cannot change
    command: tuple[str, ...] = ()  # the program, as a path, and its arguments; () where a function trains
    shown: str = ""  # the command as its user wrote it
    variables: dict[str, str] = {}  # further ones of the environment
    program: str | None = None  # for the record: the machine's own program and its digest
    path: str = ""  # PATH of the command
    inside: str = ""  # folder of what reads a model file that a command left; "" where none has to be read
    home: str = ""  # of the user, to tell what is looked for there; filled in by `execute`
    conditions: Conditions = AS_IT_IS


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
    sandbox: str  # what enforced it, e.g. "landlock abi 7, network namespace"; "off"
    imported: dict[str, str]  # distributions that were really imported: name -> version
    program: str | None  # as the job has it
    refused: tuple[str, ...]  # what the code was refused and went on without, with its line


class Ran(msgspec.Struct, frozen=True):
    """What a job that failed ran on, as an Outcome tells it."""

    python: str
    implementation: str
    platform: str
    processor: str
    cores: int
    blas: tuple[str, ...]
    distributions: dict[str, str]
    sandbox: str


class _Failure(msgspec.Struct, frozen=True):
    """error.json: the error, and its frames in the project's own files (file, line, function, text)."""

    step: str
    error: str
    frames: tuple[undeclared.Frame, ...]
    refusal: undeclared.Refusal | None  # by the sandbox, where that is what it failed of
    ran: Ran | None = None


class _Line(msgspec.Struct, frozen=True):
    step: Step


def variables(threads: int) -> dict[str, str]:
    """The environment variables that shipworthy fixes, so that they are the same in every rebuild."""
    return {**dict.fromkeys(THREADS, str(threads)), **FIXED}


def recorded_variables(threads: int, *, sandbox: bool = True) -> dict[str, str]:
    """Those that a record names: what shipworthy fixes, and what it hands on that may change the model."""
    handed_on = (*RECORDED, *(() if sandbox else (HOME,)))
    return {**variables(threads), **{name: os.environ[name] for name in handed_on if name in os.environ}}


def failed(output: Path) -> Ran | None:
    """What a job with this output ran on, where its code failed; None where it was killed or came to its end."""
    written = output / FAILURE
    return msgspec.json.decode(written.read_bytes(), type=_Failure).ran if written.is_file() else None


def execute(
    python: Path,
    job: Job,
    *,
    report: Callable[[Step], None],
    extend: Callable[[Mapping[str, list[float]]], None] | None = None,
    limit: float | None = None,
) -> Outcome:
    """Run a job; what it made lies in its output folder, with OUTPUT beside it.

    `extend` is called with the model's split points by feature, and may rewrite the probes file before they are
    answered. After `limit` seconds it is ended. TrainingFailed, with the error and the user's own lines, where the
    user's code fails.
    """
    output = Path(job.output)
    with (output / OUTPUT).open("wb") as log, _folders(job) as own:
        process = _start(python, msgspec.structs.replace(job, home=str(Path.home())), own, log)
        try:
            with _ended_after(limit, process):
                _follow(process, output, report, extend)
            # Not reaped yet, so that the number of its group cannot mean anybody else when the group is ended.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        finally:
            _end(process)
    if process.returncode == 0:
        return msgspec.json.decode((output / "result.json").read_bytes(), type=Outcome)
    raise TrainingFailed(_explained(process.returncode, job))


@contextlib.contextmanager
def _ended_after(limit: float | None, process: subprocess.Popen[bytes]) -> Iterator[None]:
    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(limit or 0, end)
    if limit is not None:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def _folders(job: Job) -> Iterator[dict[str, str]]:
    """The variables of a sandbox's own folders, which are empty when a job begins; those outside where it has none.

    Among the machine's temporary files, since the path of a socket may have 107 characters at most. What a killed
    process left there is removed when the next job begins.
    """
    if not job.sandbox:
        yield {name: os.environ[name] for name in FOLDERS if name in os.environ}
        return
    with workplace(temporary(), "job", job.conditions.folder) as folder:
        home, scratch = folder / "home", folder / "tmp"
        home.mkdir()
        scratch.mkdir()
        variables = {"HOME": str(home), **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))}
        if job.bytecode:
            Path(job.bytecode).mkdir(parents=True, exist_ok=True)
            variables["PYTHONPYCACHEPREFIX"] = job.bytecode
        try:
            yield variables
        finally:
            if job.bytecode:  # that of the project's own files is of no use to anybody else
                shutil.rmtree(Path(job.bytecode, *Path(job.project).parts[1:]), ignore_errors=True)


def _start(python: Path, job: Job, own: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    specification = Path(job.output) / "job.json"
    specification.write_bytes(msgspec.json.encode(job))
    outside = {name: os.environ[name] for name in PASSED if name in os.environ}
    # Not -I: that would have Python ignore PYTHONHASHSEED, which is fixed here together with all other variables.
    return subprocess.Popen(
        [python, "-s", "-P", str(Path(runner.__file__).with_name("__main__.py")), specification],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=job.project,
        env=staged({**outside, **own, **variables(job.threads), **job.variables}, job.conditions),
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


def _explained(code: int, job: Job) -> str:
    output = Path(job.output)
    written = output / FAILURE
    if not written.is_file():
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended itself with code {code}"
        memory = "; the machine may have been out of memory" if code == -signal.SIGKILL else ""
        return f"the training {how}{memory}\n{_tail(output / OUTPUT)}".rstrip()
    failure = msgspec.json.decode(written.read_bytes(), type=_Failure)
    if failure.refusal is not None:
        return undeclared.explained(failure.refusal, failure.error, job.origin)
    lines = undeclared.lines(failure.frames)
    said = f"{_DURING.get(failure.step, 'the training failed')}: {failure.error}"
    return "\n".join([said, *lines, *unlocked.lines(failure.error)])


def _tail(path: Path, lines: int = 10) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
