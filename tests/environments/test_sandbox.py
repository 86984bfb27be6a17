"""A training sees its declared inputs, its environment and no network, whatever opens them; and works as outside."""

from __future__ import annotations

import os
import socket
import sys
import sysconfig
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from shipworthy.environments.execution import Job, Outcome, execute
from shipworthy.environments.workplace import temporary
from shipworthy.errors import TrainingFailed, WrongUse

MODEL = """
import ctypes, os, socket, subprocess, sys, tempfile
from pathlib import Path
import numpy as np

LOOKUP = "{lookup}"
PORT = {port}


class Constant:
    def predict(self, table):
        return np.full(len(table), 1.5)


def train(rows: 'pyarrow.Table', parameters, seed):
    {body}
    return Constant()
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="Landlock, namespaces and seccomp are Linux's")


class Project:
    """A project with a table that it declares and a lookup file that it does not."""

    def __init__(self, folder: Path, server: socket.socket) -> None:
        self.folder = folder
        self.port = server.getsockname()[1]
        self.lookup = folder / "away" / "lookup.csv"
        for name in ("away", "code", "output", "origin"):
            (folder / name).mkdir()
        pa.csv.write_csv(pa.table({"x": [1.0, 2.0], "y": [3.0, 4.0]}), self.lookup)
        pq.write_table(pa.table({"x": [1.0, 2.0], "y": [1.0, 2.0]}), folder / "rows.parquet")

    def job(self, body: str, **changes: object) -> Job:
        """The job of training with a body of `train`."""
        lines = "\n    ".join(body.splitlines())
        (self.folder / "code" / "own.py").write_text(MODEL.format(body=lines, lookup=self.lookup, port=self.port))
        table = str(self.folder / "rows.parquet")
        made = Job(
            project=str(self.folder / "code"),
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
            output=str(self.folder / "output"),
            extend=False,
            origin=str(self.folder / "origin"),
        )
        return msgspec.structs.replace(made, **changes)

    def run(self, body: str, python: Path = Path(sys.executable), **changes: object) -> Outcome:
        """What comes of it."""
        return execute(python, self.job(body, **changes), report=lambda step: None)

    def refused(self, body: str, python: Path = Path(sys.executable)) -> str:
        """Why it failed."""
        with pytest.raises(TrainingFailed) as caught:
            self.run(body, python)
        return str(caught.value)


@pytest.fixture
def server():
    """Somebody who would answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        yield listening


@pytest.fixture
def project(tmp_path, server):
    return Project(tmp_path, server)


READERS = {
    "Python": "open(LOOKUP).read()",
    "pandas": "import pandas as pd; pd.read_csv(LOOKUP)",
    "pyarrow's C++": "import pyarrow.csv; pyarrow.csv.read_csv(LOOKUP)",
    "polars' Rust": "import polars as pl; pl.read_csv(LOOKUP)",
    "polars, lazily": "import polars as pl; pl.scan_csv(LOOKUP).collect()",
    "LightGBM's C++": "import lightgbm; lightgbm.Dataset(LOOKUP).construct()",
    "another program": "subprocess.run(['cat', LOOKUP], check=True)",
    "a shell": "subprocess.check_output('cat < ' + LOOKUP, shell=True)",
    "an error that hides it": """try:
    open(LOOKUP)
except OSError:
    raise ValueError('no lookup')""",
}


@linux
@pytest.mark.parametrize("reader", READERS)
def test_an_undeclared_file_is_named_with_the_line_and_how_to_declare_it(project, reader):
    said = project.refused(READERS[reader])
    assert f"the training read what the contract does not declare: {project.lookup}" in said
    line = READERS[reader].splitlines()[-3 if "hides" in reader else 0].strip().partition("; ")[0]
    assert "own.py, line " in said
    assert line.partition("(")[0] in said or "in train" in said
    assert f'add [data.lookup] with source = "file:{project.lookup}" to the contract, and take lookup in train' in said
    assert 'sandbox = "off"' in said


@linux
def test_the_kernel_refuses_what_no_hook_can_see(project):
    outcome = project.run(
        "libc = ctypes.CDLL(None); libc.fopen.restype = ctypes.c_void_p\n"
        "assert libc.fopen(LOOKUP.encode(), b'r') is None\n"
        "assert libc.fopen(LOOKUP.encode(), b'a') is None\n"
        "assert libc.fopen(b'/proc/self/status', b'r') is not None\n"
        "assert subprocess.run(['cat', LOOKUP], capture_output=True).stdout == b''\n"
        "assert subprocess.run(['cat', '/etc/shadow'], capture_output=True).stdout == b''\n"
        "assert subprocess.run(['cat', f'/proc/{os.getppid()}/environ'], capture_output=True).stdout == b''"
    )
    assert outcome.sandbox.startswith("landlock abi ")
    assert outcome.sandbox.endswith(", network namespace")
    assert outcome.refused == ()


CALLERS = {
    "Python": "socket.create_connection(('127.0.0.1', PORT))",
    "a name": "socket.create_connection(('example.com', 443))",
    "urllib": "import urllib.request; urllib.request.urlopen(f'http://localhost:{PORT}/')",
    "another program": "subprocess.run([sys.executable, '-c', f'import socket; "
    'socket.create_connection(("127.0.0.1", {PORT}))\'], check=True, stderr=subprocess.PIPE)',
    "pandas": "import pandas as pd; pd.read_csv(f'http://127.0.0.1:{PORT}/rows.csv')",
    "polars": "import polars as pl; pl.read_parquet('https://example.com/rows.parquet', "
    "storage_options={'max_retries': 0})",
}


@linux
@pytest.mark.parametrize("caller", CALLERS)
def test_the_network_is_closed_to_whoever_calls(project, server, caller):
    said = project.refused(CALLERS[caller])
    assert "the training used the network: " in said
    assert "own.py, line " in said
    assert "declare the file or the table under [data]" in said
    with pytest.raises(TimeoutError):
        server.accept()


ORDINARY = """
from concurrent.futures import ProcessPoolExecutor
import multiprocessing, joblib, lightgbm, pandas as pd, polars as pl
from sklearn.ensemble import RandomForestRegressor
x, y = np.random.rand(400, 3), np.random.rand(400)
RandomForestRegressor(8, n_jobs=2).fit(x, y)
lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, n_jobs=2).fit(x, y)
big = np.zeros(300_000)
assert joblib.Parallel(2)(joblib.delayed(np.sum)(big) for _ in range(4)) == [0] * 4
for kind in ("spawn", "forkserver"):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(kind)) as pool:
        assert list(pool.map(abs, [-1, -2])) == [1, 2]
with tempfile.NamedTemporaryFile("w+") as stream:
    stream.write("x")
pl.DataFrame({"a": [1]}).write_parquet("a.parquet"); assert pl.read_parquet("a.parquet")["a"][0] == 1
pd.DataFrame({"a": [1]}).to_parquet(Path.home() / "a.parquet")
assert sorted(os.listdir(Path.home())) == ["a.parquet"]
subprocess.run(["python3", "-c", "print(1)"], check=True)
assert pd.Timestamp("2020-07-01", tz="Europe/Rome").utcoffset().seconds == 7200
with socket.create_server(("localhost", 0)) as own:
    socket.create_connection(own.getsockname()).close()
"""


@linux
def test_what_trainings_do_works_as_outside(project, tmp_path):
    outcome = project.run(ORDINARY, bytecode=str(tmp_path / "bytecode"))
    assert outcome.refused == ()
    assert any((tmp_path / "bytecode").rglob("sklearn/*.pyc")), "the next job need not compile it again"
    assert not any((tmp_path / "bytecode").rglob("own.*.pyc"))


def test_off_means_off_and_is_said(project, server):
    body = "assert open(LOOKUP).read(); socket.create_connection(('127.0.0.1', PORT)); assert Path.home() != Path.cwd()"
    outcome = project.run(body, sandbox=False)
    assert (outcome.sandbox, outcome.refused) == ("off", ())
    server.accept()[0].close()


def test_what_the_code_goes_on_without_is_in_the_record(project):
    outcome = project.run("try:\n    open(LOOKUP)\nexcept OSError:\n    pass\nopen('/none/there', 'w') if 0 else None")
    assert outcome.refused == (f"read {project.lookup} (own.py, line 17)",)


def test_a_file_that_the_snapshot_leaves_out_is_told_from_one_that_does_not_exist(project):
    (project.folder / "origin" / "data").mkdir()
    (project.folder / "origin" / "data" / "2019 rates.csv").write_text("x\n1\n")
    for body in ("open('data/2019 rates.csv')", "import polars as pl; pl.read_csv('data/2019 rates.csv')"):
        said = project.refused(body)
        assert 'add [data.data_2019_rates] with source = "file:data/2019 rates.csv"' in said
    said = project.refused("open('data/nowhere.csv')")
    assert "declare" not in said
    assert "FileNotFoundError" in said


def test_home_is_empty_and_what_was_looked_for_there_is_named(project, monkeypatch):
    (project.folder / "home").mkdir()
    (project.folder / "home" / "notes.json").write_text("{}")
    monkeypatch.setenv("HOME", str(project.folder / "home"))
    said = project.refused("open(Path.home() / 'notes.json')")
    assert f"does not declare: {project.folder / 'home' / 'notes.json'}" in said
    assert "Put it among the project's files" in said


def test_writing_elsewhere_is_told_as_such(project):
    target = project.folder / "model.pkl"
    said = project.refused(f"open('{target}', 'wb')")
    assert f"the training wrote outside of its own folder: {target}" in said
    assert not target.exists()
    if sys.platform == "linux":
        said = project.refused(f"import polars as pl; pl.DataFrame({{'a': [1]}}).write_parquet('{target}')")
        assert f"the training wrote outside of its own folder: {target}" in said


@linux
def test_packages_of_the_python_below_are_out_of_reach(project):
    below = sysconfig.get_path("purelib", vars={"base": sys.base_prefix})
    path = next(path for path in sorted(Path(below).rglob("*")) if path.is_file())
    assert f"does not declare: {path}" in project.refused(f"open({str(path)!r})")
    assert project.run(f"assert ctypes.CDLL(None).open({str(path).encode()!r}, 0) == -1").sandbox.startswith("landlock")


def restricted(folder: Path, body: str) -> Path:
    """A Python whose kernel has less to offer: `body` runs before it."""
    path = folder / "python"
    runner = Path(__file__).parents[2] / "src"
    path.write_text(
        f"#!{sys.executable}\nimport os, sys\nsys.path.insert(0, {str(runner)!r})\n"
        "from shipworthy.environments.runner.sandbox import seccomp\n"
        "from shipworthy.environments.runner.sandbox.calls import control\n"
        "LOAD, EQUAL, FAIL, ALLOW = (0x20, 0, 0, 0), 0x15, (0x06, 0, 0, 0x50000 | 1), (0x06, 0, 0, 0x7FFF0000)\n"
        f"{body}\nos.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])\n"
    )
    path.chmod(0o755)
    return path


NO_LANDLOCK_NO_NAMESPACE = """
numbers = [444, {"x86_64": 272, "aarch64": 97}[os.uname().machine]]
assert seccomp.install([LOAD, (EQUAL, 2, 0, numbers[0]), (EQUAL, 1, 0, numbers[1]), ALLOW, FAIL])
"""
NO_SECCOMP = """
prctl = {"x86_64": 157, "aarch64": 167}[os.uname().machine]
first = (0x20, 0, 0, 16)
assert seccomp.install([LOAD, (EQUAL, 0, 2, prctl), first, (EQUAL, 1, 0, 22), ALLOW, FAIL])
"""


@linux
def test_without_landlock_and_namespaces_the_hook_and_seccomp_hold_what_they_can(project, tmp_path):
    python = restricted(tmp_path, NO_LANDLOCK_NO_NAMESPACE)
    assert f"does not declare: {project.lookup}" in project.refused("import pandas as pd; pd.read_csv(LOOKUP)", python)
    assert "used the network: 127.0.0.1" in project.refused(CALLERS["Python"], python)
    assert "used the network" in project.refused("socket.socket().connect(('127.0.0.1', PORT))", python)
    assert "used the network" in project.refused(CALLERS["another program"], python)
    assert project.run("pass", python).sandbox == "audit hooks, seccomp"


@linux
def test_where_the_kernel_offers_nothing_the_hook_names_and_refuses_alone(project, tmp_path):
    python = restricted(tmp_path, NO_LANDLOCK_NO_NAMESPACE.replace("ALLOW, FAIL])", "ALLOW, FAIL])") + NO_SECCOMP)
    assert f"does not declare: {project.lookup}" in project.refused("open(LOOKUP)", python)
    assert "used the network: 127.0.0.1" in project.refused("socket.socket().connect(('127.0.0.1', PORT))", python)
    outcome = project.run("assert subprocess.check_output(['cat', LOOKUP])", python)
    assert outcome.sandbox == "audit hooks only"


NO_USER_NAMESPACE = """
number, first = {"x86_64": 272, "aarch64": 97}[os.uname().machine], (0x20, 0, 0, 16)
assert seccomp.install([LOAD, (EQUAL, 0, 2, number), first, (EQUAL, 1, 0, 0x50000000), ALLOW, FAIL])
"""
NO_PRIVILEGE = "control(24, 21)  # prctl: no CAP_SYS_ADMIN any more"


@linux
@pytest.mark.parametrize("without", [NO_PRIVILEGE, NO_USER_NAMESPACE] if os.geteuid() == 0 else [""])
def test_a_network_namespace_is_had_by_privilege_or_by_a_user_namespace(project, tmp_path, without):
    python = restricted(tmp_path, without)
    assert project.run("pass", python).sandbox.endswith(", network namespace")
    assert "the training used the network" in project.refused(CALLERS["another program"], python)


@linux
def test_a_terminated_training_leaves_no_folder_among_the_temporary_files(project, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    project.refused("open(tempfile.mkstemp()[1], 'w'); raise KeyError")
    assert list((tmp_path / "temporary").glob("*/*")) == []


def test_a_folder_of_somebody_elses_among_the_temporary_files_is_not_used(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = temporary()
    assert place.stat().st_mode & 0o077 == 0
    place.rmdir()
    (tmp_path / "theirs").mkdir()
    place.symlink_to(tmp_path / "theirs")
    with pytest.raises(WrongUse, match="is not this user's own folder: remove it, or set TMPDIR"):
        temporary()
