"""What a base image offers: its Python, its processor and its C library, asked inside it."""

from __future__ import annotations

import msgspec

from shipworthy.containers.tools import Tool, explained
from shipworthy.errors import Undecided, WrongUse

OLDEST = (3, 11)
_GLIBC = (17, 28, *range(31, 41))  # minor versions of 2.x that wheels, and uv, know a platform for

_ASK = (
    "import json, os, platform, sys; "
    "print(json.dumps({'python': platform.python_version(), 'machine': platform.machine(), "
    "'libc': list(platform.libc_ver()), 'executable': os.path.realpath(sys.executable)}))"
)


class Base(msgspec.Struct, frozen=True):
    """A base image, looked at."""

    name: str  # NAME@sha256:…
    python: str  # "3.11.2"
    machine: str  # "x86_64"
    libc: tuple[str, str]  # ("glibc", "2.36")
    executable: str

    @property
    def minor(self) -> str:
        """The version of Python that extension modules are built for: "3.11"."""
        return self.python.rpartition(".")[0]

    @property
    def platform(self) -> str:
        """As uv names what wheels are chosen for: "x86_64-manylinux_2_36"."""
        minor = int(self.libc[1].partition(".")[2])
        return f"{self.machine}-manylinux_2_{max(known for known in _GLIBC if known <= minor)}"


def look(tool: Tool, name: str) -> Base:
    """Ask a base image. Undecided where it cannot be run, WrongUse where it has no Python that serves."""
    asked = _in_buildah(tool, name) if tool.name == "buildah" else _in_container(tool, name)
    base = msgspec.json.decode(asked, type=_Asked)
    found = Base(name, base.python, base.machine, base.libc, base.executable)
    if tuple(int(part) for part in found.minor.split(".")) < OLDEST:
        raise WrongUse(f"{name} has Python {found.python}; expected 3.11 or newer")
    if found.libc[0] != "glibc":
        raise WrongUse(f"{name} has no glibc, which the wheels of NumPy, Arrow and ONNX Runtime are built for")
    return found


class _Asked(msgspec.Struct, frozen=True):
    python: str
    machine: str
    libc: tuple[str, str]
    executable: str


def _in_container(tool: Tool, name: str) -> str:
    done = tool.run("run", "--rm", "--network", "none", "--entrypoint", "python3", name, "-c", _ASK)
    return _answer(tool, name, done.returncode, done.stdout, done.stderr)


def _in_buildah(tool: Tool, name: str) -> str:
    container = tool.told("from", name, what=f"take {name} as a base")
    try:
        done = tool.run("run", "--isolation", "chroot", container, "--", "python3", "-c", _ASK)
        return _answer(tool, name, done.returncode, done.stdout, done.stderr)
    finally:
        tool.run("rm", container)


def _answer(tool: Tool, name: str, code: int, out: str, err: str) -> str:
    if code == 0:
        return out
    if "python3" in err and ("not found" in err or "no such file" in err.lower()):
        raise WrongUse(f"{name} has no python3; expected a base with Python 3.11 or newer")
    raise Undecided(f"{tool.name} could not run {name}: {explained(err)}")
