"""The process that runs the user's code: what it sees, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shipworthy.environments.execution import Job, execute
from shipworthy.errors import TrainingFailed

MODEL = """
import json, os, random, subprocess, sys, time
import numpy as np


class Constant:
    def predict(self, table):
        return np.full(len(table), 1.5)


def train(rows, parameters, seed):
    {body}
    return Constant()
"""


@pytest.fixture
def job(tmp_path: Path):
    """A job of one column, whose code is given; in shipworthy's own environment, which has all that it needs."""

    def made(body: str) -> Job:
        project, output = tmp_path / "project", tmp_path / "output"
        project.mkdir()
        output.mkdir()
        (project / "own.py").write_text(MODEL.format(body=body))
        table = str(tmp_path / "rows.parquet")
        pq.write_table(pa.table({"x": [1.0, 2.0], "y": [1.0, 2.0]}), table)
        return Job(
            project=str(project),
            train="own:train",
            task="regression",
            features=("x",),
            source="rows",
            target="y",
            data={"rows": table},
            parameters={},
            seed=3,
            threads=1,
            probes=table,
            holdout=table,
            output=str(output),
            extend=False,
        )

    return made


def run(job: Job):
    steps: list[str] = []
    outcome = execute(Path(sys.executable), job, report=steps.append)
    return outcome, steps


def test_steps_are_reported_and_prints_go_to_the_log(job, tmp_path):
    outcome, steps = run(job("print('{\"step\": \"train\"}'); os.system('echo deep')"))
    assert steps == ["import", "read", "train", "keep", "answer probes", "answer holdout"]
    assert (tmp_path / "output" / "output.txt").read_text().split("\n")[:2] == ['{"step": "train"}', "deep"]
    assert (outcome.family, outcome.table, outcome.classes) == ("own.Constant", "pandas", ())


def test_a_model_of_the_projects_own_brings_its_code(job, tmp_path):
    outcome, _ = run(job("pass"))
    assert outcome.modules == ("own",)
    code = "import pickle, sys; sys.path.insert(0, 'code'); print(pickle.load(open('model.pkl', 'rb')).predict([0, 0]))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "output", capture_output=True, text=True, check=True
    )
    assert done.stdout == "[1.5 1.5]\n"


def test_a_module_that_was_made_in_memory_and_names_a_file_that_is_none_is_no_code(job, tmp_path):
    """As torch does with torch.ops: a relative name, which looks as if it lay in the project."""
    body = 'import types; made = types.ModuleType("made"); made.__file__ = "_ops.py"; sys.modules["made"] = made'
    run(job(body))
    assert [path.name for path in (tmp_path / "output" / "code").rglob("*.py")] == ["own.py"]


def test_the_code_sees_fixed_variables_and_no_secrets(job, monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_OF_THE_SHELL", "x")
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    monkeypatch.setenv("PYTHONPATH", "/outside")
    run(job("json.dump(dict(os.environ), open('seen.json', 'w')); assert 'shipworthy_run' in sys.modules"))
    seen = json.loads((tmp_path / "project" / "seen.json").read_text())
    assert {name: seen[name] for name in ("TZ", "LC_ALL", "PYTHONHASHSEED", "OMP_NUM_THREADS")} == {
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
    }
    assert "SECRET_OF_THE_SHELL" not in seen
    assert "/outside" not in seen["PYTHONPATH"], "that of the shell; the one there is leads to the job's own folders"


def test_global_generators_are_seeded(job, tmp_path):
    body = "open('drawn', 'a').write(f'{random.random()} {np.random.rand()} {hash(str(seed))}\\n')"
    given = job(body)
    run(given)
    run(given)
    first, second = (tmp_path / "project" / "drawn").read_text().splitlines()
    assert first == second


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise KeyError('no such thing')", "KeyError: 'no such thing'"),
        ("return None", "returned None"),
        ("return Constant(), {'loss': float('nan')}", "the metric loss is nan"),
        ("return object()", "has no predict"),
        ("return lambda: 1", "has no predict"),
        ("os._exit(9)", "ended itself with code 9"),
        ("os.kill(os.getpid(), 9)", "was killed by SIGKILL; the machine may have been out of memory"),
    ],
)
def test_a_failure_is_told_in_the_users_own_words(job, body, said):
    with pytest.raises(TrainingFailed) as caught:
        run(job(body))
    assert said in str(caught.value)


def test_a_failure_points_to_the_users_own_lines(job):
    with pytest.raises(TrainingFailed) as caught:
        run(job("np.vectorize(lambda x: 1 / x)([0])"))
    assert "ZeroDivisionError" in str(caught.value)
    assert "own.py, line 12, in train" in str(caught.value)
    assert "numpy/" not in str(caught.value)


def test_a_package_that_the_lock_does_not_hold_is_named_with_what_to_do(job):
    with pytest.raises(TrainingFailed) as caught:
        run(job("import no_such_package.part"))
    assert "If no_such_package is a package, the lock that model.environment names does not hold it" in str(
        caught.value
    )


def test_a_missing_function_is_named(job):
    given = job("pass")
    wrong = Job(**{**{name: getattr(given, name) for name in given.__struct_fields__}, "train": "own:trian"})
    with pytest.raises(TrainingFailed, match=r"could not be imported.*trian"):
        run(wrong)


def test_children_end_with_the_job(job, tmp_path):
    run(job("open('child', 'w').write(str(subprocess.Popen(['sleep', '600']).pid))"))
    assert _gone(int((tmp_path / "project" / "child").read_text()))


def test_the_job_and_its_children_end_when_whoever_started_them_is_killed(job, tmp_path):
    given = job(
        "open('pids', 'w').write(f'{os.getpid()} {subprocess.Popen([\"sleep\", \"600\"]).pid}'); time.sleep(600)"
    )
    (tmp_path / "job").write_bytes(__import__("msgspec").json.encode(given))
    code = (
        "import msgspec, sys; from pathlib import Path\n"
        "from shipworthy.environments.execution import Job, execute\n"
        "job = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Job)\n"
        "execute(Path(sys.executable), job, report=lambda step: None)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "job")])
    written = tmp_path / "project" / "pids"
    while not (written.exists() and len(written.read_text().split()) == 2):
        assert starter.poll() is None
        time.sleep(0.05)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    assert all(_gone(int(pid)) for pid in written.read_text().split())


def _gone(pid: int) -> bool:
    """Whether a process ends within some seconds; one that nobody has waited for counts as ended."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False
