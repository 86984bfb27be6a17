"""A job of the runner inside a container: an environment whose `python` starts one.

The environment lies on this machine and looks like any other: `bin/python` runs the container with the job's folders at
the very paths that they have here, so that whoever starts it need not know. Inside, another folder lies over `bin`: its
`python` is a virtual environment's own, over the Python of the base image, and so are the programs that packages bring.
"""

from __future__ import annotations

import importlib.metadata
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from shipworthy.containers.base import Base
from shipworthy.containers.tools import Tool
from shipworthy.environments import execution
from shipworthy.trackers import own_log

WITHIN = "within"  # of an environment: what lies over its programs inside the container
# Set for a job by whoever starts it; whatever else is set here is this machine's business.
PASSED = (
    *execution.FIXED,
    *execution.THREADS,
    *execution.FOLDERS,
    *execution.RECORDED,
    *own_log.VARIABLES,
    "PYTHONPYCACHEPREFIX",
)


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
    programs, within = environment / "bin", environment / WITHIN
    for folder in (programs, within):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "python3").symlink_to(base.executable)  # of the base: on this machine it leads nowhere, or elsewhere
        _write_programs(folder, environment, base)
    (within / "python").symlink_to("python3")
    (environment / "pyvenv.cfg").write_text(
        f"home = {Path(base.executable).parent}\ninclude-system-site-packages = false\nversion = {base.python}\n",
        encoding="utf-8",
    )
    start = programs / "python"
    start.write_text(_script(environment, tool, base, box), encoding="utf-8")
    start.chmod(0o755)


def _write_programs(folder: Path, environment: Path, base: Base) -> None:
    """What the packages would have been given by an installer; here they can be found by name, inside they can run."""
    for distribution in importlib.metadata.distributions(path=[str(site(environment, base))]):
        for each in distribution.entry_points.select(group="console_scripts"):
            path = folder / each.name
            path.write_text(
                f"#!{environment / 'bin' / 'python3'}\nimport sys\nfrom {each.module} import "
                f"{each.attr.partition('.')[0]}\nsys.exit({each.attr}())\n",
                encoding="utf-8",
            )
            path.chmod(0o755)


def _script(environment: Path, tool: Tool, base: Base, box: Box) -> str:
    """The job's variables are handed on by name; the tool itself gets those of whoever wrote this."""
    mounts = [f"{path}:{path}" for path in box.writable] + [f"{path}:{path}:ro" for path in box.readable]
    mounts.append(f"{environment / WITHIN}:{environment / 'bin'}:ro")
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
