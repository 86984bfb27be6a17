"""A job of the runner inside a container: an environment whose `python` starts one.

The environment lies on this machine and looks like any other: `bin/python` runs the container with the job's folders at
the very paths that they have here, so that whoever starts it need not know. Inside, `bin/python3` is a virtual
environment's own, over the Python of the base image.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from shipworthy.containers.base import Base
from shipworthy.containers.tools import Tool
from shipworthy.environments import execution

# Set for a job by whoever starts it; whatever else is set here is this machine's business.
PASSED = (*execution.FIXED, *execution.THREADS, *execution.FOLDERS, *execution.RECORDED, "PYTHONPYCACHEPREFIX")


_TOOLS = ("CONTAINERS_", "DOCKER_", "HOME", "PATH", "TMPDIR", "USER", "XDG_")


@dataclass(frozen=True, slots=True)
class Box:
    """Where a container's job may look, and what it is called."""

    name: str
    writable: tuple[Path, ...]
    readable: tuple[Path, ...]


def site(environment: Path, base: Base) -> Path:
    """Where the distributions of an environment go."""
    return environment / "lib" / f"python{base.minor}" / "site-packages"


def write(environment: Path, tool: Tool, base: Base, box: Box) -> None:
    """The environment's own files, around its distributions."""
    programs = environment / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    (programs / "python3").symlink_to(base.executable)  # of the base: it leads nowhere, or elsewhere, on this machine
    (environment / "pyvenv.cfg").write_text(
        f"home = {Path(base.executable).parent}\ninclude-system-site-packages = false\nversion = {base.python}\n",
        encoding="utf-8",
    )
    start = programs / "python"
    start.write_text(_script(environment, tool, base, box), encoding="utf-8")
    start.chmod(0o755)


def _script(environment: Path, tool: Tool, base: Base, box: Box) -> str:
    """The job's variables are handed on by name; the tool itself gets those of whoever wrote this."""
    mounts = [f"{path}:{path}" for path in box.writable] + [f"{path}:{path}:ro" for path in box.readable]
    options = [
        *("--rm", "--interactive", "--name", box.name, "--network", "none", "--pull", "never", "--entrypoint", ""),
        *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *(part for mount in mounts for part in ("--volume", mount)),
        *_owner(tool),
    ]
    own = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(_TOOLS)]
    passed = " ".join(f'${{{name}+--env}} ${{{name}+"{name}=${name}"}}' for name in PASSED)
    inside = shlex.join([base.name, str(environment / "bin" / "python3")])
    # A sandbox's own home and temporary files are made when the job starts, together in one folder.
    return (
        "#!/bin/sh\n"
        "set -eu\n"
        "own=${HOME%/home}\n"
        '[ "${TMPDIR-}" = "$own/tmp" ] || own=\n'
        f"exec env {shlex.join([*own, tool.program, 'run', *options])} \\\n"
        f"    {passed} \\\n"
        f'    ${{own:+--volume}} ${{own:+"$own:$own"}} --workdir "$PWD" {inside} "$@"\n'
    )


def _owner(tool: Tool) -> list[str]:
    """What a job writes belongs to whoever started it. Podman without root has it so by itself."""
    return ["--user", f"{os.getuid()}:{os.getgid()}"] if tool.name == "docker" or os.getuid() == 0 else []
