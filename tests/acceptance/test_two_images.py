"""Two builds of one release are one image, and its container serves within the SLA."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from wiring.containers import Engine
from wiring.user import User

from shipworthy.wiring.workers import SERVER

REAL = pytest.mark.needs("buildah", "podman", "runc", "mmdebstrap")
SLOW = pytest.mark.timeout(900)  # storage without overlays copies a root file system for every step


@pytest.fixture
def contained(shipped: User, engine_here: Engine, tmp_path: Path) -> User:
    """Somebody whose first release ONNX Runtime answers for, and the second its own library; with an engine."""
    user = shipped.copy(tmp_path / "project")
    return User(user.folder, {**user.settings, **engine_here.settings})


@REAL
@SLOW
def test_two_tools_build_the_same_image_and_its_container_keeps_the_sla(contained, engine_here, tmp_path):
    """By buildah into one folder, by podman into another: one digest. Nobody runs it, and it is read-only."""
    first = contained.json(
        "image", "@1", "--base", engine_here.base, "--tool", "buildah", "--out", tmp_path / "one", "--tag", "one"
    )
    second = contained.json("image", "@1", "--base", engine_here.base, "--check", "--out", tmp_path / "two")
    assert (first["tool"], second["tool"]) == ("buildah", "podman")
    assert first["digest"] == second["digest"]
    assert first["digest"].startswith("sha256:")
    assert (second["verdict"]["check"], second["verdict"]["outcome"]) == ("latency", "passed")
    text = (tmp_path / "one" / "Dockerfile").read_text()
    assert f"FROM {engine_here.base}\n" in text
    assert "RUN" not in text
    lock = (tmp_path / "one" / "requirements.lock").read_text()
    assert lock.count("--hash=sha256:") >= lock.count("==") > len(SERVER)
    ask = "import os; print(os.getuid(), os.access('/opt/shipworthy/release', os.W_OK))"
    podman = ("podman", "run", "--rm", "--read-only", "--network", "none", "--entrypoint", "python3")
    environment = {**contained.settings, **engine_here.settings}
    said = subprocess.run(
        [*podman, second["tag"], "-c", ask], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout == "65534 False\n"
    other = contained.run("image", "@2", "--base", engine_here.base, "--no-build", "--out", tmp_path / "two").out
    assert "patients@2" in other  # its own library serves it: the lock that it was trained with is in the image
    assert "scikit-learn==" in (tmp_path / "two" / "requirements.lock").read_text()
