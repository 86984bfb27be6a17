"""A user at the command line: a project folder, commands in processes of their own, and what they leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from projects import copy_project

from shipworthy.errors import NotFound
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Entry, Ledger
from shipworthy.store.objects import Objects

SHIPWORTHY = Path(sys.executable).with_name("shipworthy")
PATIENCE = 90.0  # seconds: many times what anything here takes on an idle machine

# Where somebody else's work lies; and what would have every process compile all that it imports anew.
NOT_PASSED_ON = {
    "CONDA_PREFIX",
    "PYTHONDONTWRITEBYTECODE",
    "SHIPWORTHY_DATABASE_URL",
    "SHIPWORTHY_STORE",
    "VIRTUAL_ENV",
    "XDG_CACHE_HOME",
}

T = TypeVar("T")


@dataclass(frozen=True)
class Said:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str


class User:
    """One user, in one project."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.settings = settings
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def layout(self) -> Layout:
        return Layout(self.folder)

    def copy(self, folder: Path) -> User:
        """The same user with a copy of the project as it is now."""
        return User(copy_project(self.folder, folder), self.settings)

    def run(self, *arguments: object, code: int = 0) -> Said:
        """Runs a command to its end, which has to be with this exit code."""
        done = subprocess.run(
            [SHIPWORTHY, *map(str, arguments)],
            cwd=self.folder,
            env=self.settings,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )
        assert done.returncode == code, f"exit code {done.returncode}:\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: object, code: int = 0) -> Any:
        """What a command says with --json: one JSON value, and nothing else."""
        return json.loads(self.run(*arguments, "--json", code=code).out)

    def start(self, *arguments: object, **outputs: Any) -> subprocess.Popen[bytes]:
        """Starts a command."""
        given = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **outputs}
        return subprocess.Popen([SHIPWORTHY, *map(str, arguments)], cwd=self.folder, env=self.settings, **given)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def edit(self, name: str, *changes: tuple[str, str]) -> None:
        """Replaces text in one of the project's files; each piece has to be there once."""
        text = (self.folder / name).read_text()
        for before, after in changes:
            assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times in {name}"
            text = text.replace(before, after)
        self.write(name, text)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        ledger = Ledger(self.layout.ledger_url)
        try:
            yield ledger
        finally:
            ledger.close()

    def entries(self, kind: str) -> list[Entry]:
        """The ledger's entries of a kind, newest first; [] where there is no state yet, or it is just being made."""
        try:
            with self.ledger() as ledger:
                return ledger.entries(kind)
        except NotFound:
            return []

    @property
    def objects(self) -> Objects:
        return Objects(self.layout.objects)

    def processes(self) -> dict[int, str]:
        """Every process that was started for this folder, whoever its parent is now, by id."""
        return {pid: line for pid, line in _command_lines() if str(self.folder) in line}

    @contextmanager
    def up(self, role: str = "up", *arguments: object) -> Iterator[Up]:
        """`shipworthy up`, or `serve`, while the block runs; ended in order afterwards, unless it has gone before."""
        running = Up(self, role, *arguments)
        try:
            running.wait()
            yield running
        finally:
            running.end()


class Up:
    """A running `up` or `serve`."""

    def __init__(self, user: User, role: str, *arguments: object) -> None:
        self._user = user
        self._output = user.folder / "up.out"
        with self._output.open("ab") as output:
            self.process = user.start(role, "--port", 0, *arguments, stdout=output, stderr=output)

    @property
    def said(self) -> str:
        return self._output.read_text()

    def wait(self) -> None:
        """Waits until it answers."""
        eventually(lambda: self._own() or self.process.poll() is not None, f"`up` to answer: {self._output}")
        assert self.process.poll() is None, self.said
        self.url = str(json.loads(self._about.read_bytes())["server"])

    def predict(self, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Asks about rows; there has to be an answer."""
        return self.post({"rows": rows, **more})

    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Asks for predictions; there has to be an answer."""
        answer = httpx.post(f"{self.url}/predict", json=body, timeout=PATIENCE, trust_env=False)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Asks it to end, and waits until it has."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    @property
    def _about(self) -> Path:
        return self._user.layout.state / "up.json"

    def _own(self) -> bool:
        """Whether what stands there is of this process, and not of one that was killed."""
        return self._about.exists() and json.loads(self._about.read_bytes())["pid"] == self.process.pid


def eventually(look: Callable[[], T], what: str, patience: float = PATIENCE) -> T:
    """What `look` gives once that is true; fails where it never is."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {patience:g} s for {what}")


def settings(folder: Path, cache: Path, **more: str) -> dict[str, str]:
    """Environment variables of a user who has never worked here; built environments lie in `cache`."""
    outside = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    return {**outside, "SHIPWORTHY_CONFIG": str(folder / "config"), "SHIPWORTHY_CACHE": str(cache), **more}


def _command_lines() -> Iterator[tuple[int, str]]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # gone since
            continue
        if line:  # a dead one that nobody has waited for has none
            yield int(process.name), line
