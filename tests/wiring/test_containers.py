"""A release as a container image, for real: built, run, measured, and a run made again inside its base."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from wiring.containers import Engine
from wiring.user import User, settings

from shipworthy.containers import tools
from shipworthy.errors import NotFound, WrongUse
from shipworthy.wiring.workers import SERVER

REAL = pytest.mark.needs("buildah", "podman", "runc", "mmdebstrap")
SLOW = pytest.mark.timeout(900)  # storage without overlays copies a root file system for every step


@pytest.fixture
def contained(user: User, engine_here: Engine) -> User:
    """The user, with an engine."""
    return User(user.folder, {**user.settings, **engine_here.settings})


@REAL
@SLOW
def test_a_run_is_made_again_inside_a_container(contained, engine_here):
    said = contained.json("rebuild", "@1", "--in", "container", "--base", engine_here.base)["rebuild"]
    assert said["rung"] == "bit-identical"
    assert said["environment"]["container"] == engine_here.base
    assert any(difference.startswith("the Python: ") for difference in said["differences"])
    names = subprocess.run(
        ["podman", "ps", "--all", "--format", "json"], env=contained.settings, capture_output=True, check=True
    )
    assert json.loads(names.stdout) == []


FIT = """
import json, os, pickle
import pandas as pd
from sklearn.linear_model import Ridge
rows = pd.read_parquet(os.environ["SHIPWORTHY_DATA_PATIENTS"])
names = [name for name in rows.columns if name not in ("progression", "sex")]
model = Ridge(alpha=0.5).fit(rows[names], rows["progression"])
with open(os.environ["SHIPWORTHY_MODEL"], "wb") as file:
    pickle.dump(model, file)
with open(os.environ["SHIPWORTHY_METRICS"], "w") as file:
    json.dump({"score": model.score(rows[names], rows["progression"])}, file)
"""


@REAL
@SLOW
def test_what_a_command_trained_is_made_again_inside_a_container(contained, engine_here, tmp_path):
    """By the base's own Python and shell: the program's digest is that of the container's."""
    user = contained.copy(tmp_path / "commanded")
    user.write("fit.py", FIT)
    contract = user.folder / "shipworthy.toml"
    lines = [line for line in contract.read_text().splitlines() if not line.startswith("sex")]
    lines = ["command = \"sh -c 'exec python fit.py'\"" if line.startswith("train =") else line for line in lines]
    contract.write_text("\n".join(lines) + "\n")
    trained = user.json("train")
    said = user.json("rebuild", "latest", "--in", "container", "--base", engine_here.base)["rebuild"]
    assert said["rung"] == "bit-identical", said["differences"]
    assert said["environment"]["container"] == engine_here.base
    assert said["environment"]["program"].startswith("/usr/bin/sh sha256:")
    assert trained["run"]["metrics"].keys() == {"score"}


def test_a_base_that_may_change_is_refused_before_anything_is_made(user, tmp_path):
    for base, told in (("python:3.12-slim", "pinned by its digest"), ("python@sha256:abc", "pinned by its digest")):
        assert told in user.run("image", "@1", "--base", base, "--out", tmp_path / "out", code=2).err
    assert "--base is missing, and SHIPWORTHY_BASE_IMAGE is not set" in user.run("image", "@1", code=2).err
    assert "expected here or container" in user.run("rebuild", "@1", "--in", "the-cloud", code=2).err
    assert not (tmp_path / "out").exists()


def test_where_no_tool_works_each_is_told_with_what_it_lacks(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFound) as raised:
        tools.find(tools.BUILDERS)
    assert [line.strip() for line in str(raised.value).splitlines()[1:]] == [
        "docker: not installed",
        "podman: not installed",
        "buildah: not installed",
    ]
    with pytest.raises(WrongUse, match="expected one of docker, podman"):
        tools.find(tools.RUNNERS, "buildah")


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ("Error: runc: error setting rlimit type 7: operation not permitted", "set default_ulimits"),
        ("Error: 'overlay' is not supported over overlayfs", 'set driver = "vfs"'),
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", "daemon is not running"),
    ],
)
def test_a_tool_that_may_not_do_its_work_is_told_with_what_is_missing(said, missing):
    assert missing in tools.explained(f"time=1 level=warning msg=x\n{said}\n")


def test_what_runs_in_a_container_needs_what_a_worker_needs_and_no_more():
    code = (
        "import sys; import shipworthy.wiring.container; "
        "print(*sorted({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    own = {"__main__", "shipworthy", "numpy", "typing_extensions", "google"}
    hidden = {name for name in said if name.startswith("_") or name == "cython_runtime"}  # parts of these
    assert set(said) - own - hidden <= set(SERVER)


def test_a_container_whose_log_cannot_be_written_says_what_to_mount(user, tmp_path):
    (tmp_path / "state").write_text("no folder")
    start = [sys.executable, "-m", "shipworthy.wiring.container", "--port", "0", "--host", "127.0.0.1"]
    trusted = Path(user.settings["SHIPWORTHY_CONFIG"]) / "trusted"
    where = ["--release", user.layout.release("patients", 1), "--trusted", trusted, "--state", tmp_path / "state"]
    done = subprocess.run(
        [*start, *where], env=settings(tmp_path, tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "mount a volume at" in done.stderr
