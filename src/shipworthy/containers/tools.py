"""Which container tool works here: docker, podman or buildah; and why the others do not."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shipworthy.errors import NotFound, Undecided, WrongUse

ToolName = Literal["docker", "podman", "buildah"]
BUILDERS: tuple[ToolName, ...] = ("docker", "podman", "buildah")
RUNNERS: tuple[ToolName, ...] = ("docker", "podman")

PINNED = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")

# That asks each whether it works at all: a docker without its daemon is there, and is of no use.
_PROBES = {"docker": ("version", "--format", "{{.Server.Version}}"), "podman": ("info",), "buildah": ("info",)}
_HINTS = (
    (
        "setting rlimit",
        "it may not raise limits: set default_ulimits (nofile, nproc) in containers.conf to what is allowed",
    ),
    ("overlay", 'overlayfs is not allowed here: set driver = "vfs" in storage.conf'),
    ("no subuid ranges", "this user has no subordinate ids: add a line for it to /etc/subuid and /etc/subgid"),
    ("newuidmap", "newuidmap is missing or not allowed: install uidmap"),
    ("crun: not found", "the OCI runtime is missing: install crun or runc"),
    ("could not find runtime", "the OCI runtime is missing: install crun or runc"),
    ("cgroup", 'the control group may not be written: set cgroup_manager = "cgroupfs", or cgroups = "disabled"'),
    ("unshare", "this machine allows no user namespaces: run as root, or allow them"),
    ("docker daemon", "its daemon is not running, or this user may not ask it"),
)


@dataclass(frozen=True, slots=True)
class Tool:
    """One that works."""

    name: ToolName
    program: str  # path

    def run(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run it to its end; the caller looks at how that was."""
        return subprocess.run([self.program, *arguments], input=text, capture_output=True, text=True, check=False)

    def told(self, *arguments: str, what: str) -> str:
        """What it prints. Undecided, with its own words and what is likely missing, where it fails at `what`."""
        done = self.run(*arguments)
        if done.returncode:
            raise Undecided(f"{self.name} could not {what}: {explained(done.stderr)}")
        return done.stdout.strip()


def find(kinds: Sequence[ToolName], wanted: str | None = None) -> Tool:
    """The first of these tools that works, or the one that is wanted. NotFound saying of each what it lacks."""
    if wanted is not None and wanted not in kinds:
        raise WrongUse(f"--tool {wanted}: expected one of {', '.join(kinds)}")
    faults = []
    for kind in kinds if wanted is None else [kind for kind in kinds if kind == wanted]:
        program = shutil.which(kind)
        if program is None:
            faults.append(f"{kind}: not installed")
            continue
        tool = Tool(kind, program)
        done = tool.run(*_PROBES[kind])
        if done.returncode == 0:
            return tool
        faults.append(f"{kind}: {explained(done.stderr)}")
    lines = "\n".join(f"  {fault}" for fault in faults)
    raise NotFound(f"no container tool works here; one of these is needed:\n{lines}")


def explained(stderr: str) -> str:
    """What a tool said last, and what is likely missing."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and "level=warning" not in line]
    said = lines[-1].removeprefix("Error: ") if lines else "it said nothing"
    hint = next((hint for part, hint in _HINTS if part in stderr), "")
    return f"{said} ({hint})" if hint else said


def pinned(base: str) -> str:
    """A base image by its digest. WrongUse where it is named by a tag, which may mean another image tomorrow."""
    if PINNED.fullmatch(base) is None:
        raise WrongUse(
            f"--base {base}: expected an image pinned by its digest, NAME@sha256:… (64 hexadecimal digits), because a "
            "tag may mean another image tomorrow; `podman image inspect --format '{{.Digest}}' NAME` tells it"
        )
    return base
