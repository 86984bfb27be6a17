"""Containers without a Docker engine: a base image from Debian packages, in storage of its own (a pytest plugin)."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

BASE = "localhost/debian-python"
PACKAGES = "python3-minimal,libpython3-stdlib,ca-certificates,libgomp1"


@dataclass(frozen=True)
class Engine:
    """Where podman and buildah keep what they make, and the base image."""

    settings: dict[str, str]  # environment variables
    base: str  # NAME@sha256:…


def engine(folder: Path, outside: dict[str, str]) -> Engine:
    """Makes the base as docs/how-to/run-in-a-container.md does; limits and storage that this machine allows."""
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "{_driver(folder)}"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    (folder / "containers.conf").write_text(
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
    )
    own = {
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "CONTAINERS_CONF": str(folder / "containers.conf"),
    }
    settings = {**outside, **own}

    def run(*command: object) -> str:
        done = subprocess.run(list(map(str, command)), env=settings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    build = folder / "base"
    build.mkdir()
    run("mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", build / "root.tar")
    (build / "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")
    run("buildah", "bud", "--isolation", "chroot", "--timestamp", 0, "--layers=false", "--tag", BASE, build)
    (build / "root.tar").unlink()
    digest = run("buildah", "inspect", "--type", "image", "--format", "{{.FromImageDigest}}", BASE)
    return Engine(own, f"{BASE}@{digest}")


@pytest.fixture(scope="session")
def engine_here(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Made once for all tests."""
    return engine(tmp_path_factory.mktemp("engine"), dict(os.environ))


def _driver(folder: Path) -> str:
    """Overlays where they may be mounted; copies, which are ten times slower, where not."""
    parts = {name: folder / "overlay" / name for name in ("lower", "upper", "work", "merged")}
    for path in parts.values():
        path.mkdir(parents=True)
    options = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
    mount = ["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, str(parts["merged"])]
    return "vfs" if subprocess.run(mount, capture_output=True, check=False).returncode else "overlay"
