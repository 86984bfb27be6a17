"""The program of a command that trains: found before anything is read, and said where it comes from.

Looked for in this order, and nowhere else: a path with a slash in the project; a name in the environment made from the
lock; a name among the machine's own programs, which is then recorded with its digest.
"""

from __future__ import annotations

import difflib
import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from shipworthy import digest
from shipworthy.environments import builder
from shipworthy.errors import NotFound

MACHINE = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
_PYTHON = ("python", "python3")


@dataclass(frozen=True, slots=True)
class Program:
    """A command whose program is found."""

    shown: str  # as its user wrote it
    words: tuple[str, ...]  # the program's path, and the arguments
    recorded: str | None  # the machine's own program with its digest; None where lock or code hold it


def find(command: str, environment: Path, code: Path) -> Program:
    """The command's program. NotFound, naming where it was looked for and the likely typo; also for a script of Python
    that the project does not have.
    """
    name, *arguments = shlex.split(command)
    path = _found(name, environment, code)
    if path is None:
        raise NotFound(_unknown(command, name, environment, code))
    if Path(name).name in _PYTHON:
        _need_script(command, arguments, code)
    own = path.is_relative_to(environment) or path.is_relative_to(code)
    recorded = None if own else f"{path} sha256:{digest.of_file(path.resolve())}"
    return Program(command, (str(path), *arguments), recorded)


def search_path(environment: Path) -> str:
    """What PATH is for a command: the environment's programs, then the machine's."""
    return os.pathsep.join([str(builder.interpreter(environment).parent), *MACHINE])


def _found(name: str, environment: Path, code: Path) -> Path | None:
    if "/" in name:
        path = code / name
        return path if path.is_file() and os.access(path, os.X_OK) else None
    found = shutil.which(name, path=search_path(environment))
    return Path(found) if found else None


def _unknown(command: str, name: str, environment: Path, code: Path) -> str:
    start = f"model.command = {command!r}: there is no program {name}"
    if "/" in name:
        path = code / name
        if path.is_file():
            return f"{start} that may be run: `chmod +x {name}`, or name the program that reads it, as in `sh {name}`"
        return f"{start} in the project; a path is relative to the contract's folder, and .gitignore must not name it"
    programs = builder.interpreter(environment).parent
    near = difflib.get_close_matches(name, ["sh", "make", *sorted(each.name for each in programs.iterdir())], 1)
    hint = f"; did you mean {near[0]}?" if near else ": add what brings it to the lock, or install it on this machine"
    return f"{start} in the environment made from the lock, nor in {', '.join(MACHINE[:3])}{hint}"


def _need_script(command: str, arguments: list[str], code: Path) -> None:
    """`python train.py` with a file that is not there would be told by Python after all data has been read."""
    script = arguments[0] if arguments else ""
    if not script or script.startswith("-") or (code / script).exists():
        return
    there = sorted(path.relative_to(code).as_posix() for path in code.rglob("*.py"))
    near = difflib.get_close_matches(script, there, 1)
    hint = f"did you mean {near[0]}?" if near else "a file that .gitignore names is no part of the code"
    raise NotFound(f"model.command = {command!r}: the project has no {script}; {hint}")
