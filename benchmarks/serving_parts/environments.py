"""An environment of its own for each peer, made by uv from its hash-pinned lock, kept under build/ for the next time.

To renew the locks: `uv pip compile locks/NAME.in --universal --python-version 3.11 --no-header --no-annotate
--generate-hashes --no-emit-index-url --no-emit-find-links -o locks/NAME.lock`
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

LOCKS = Path(__file__).resolve().parent / "locks"
BUILT = Path(__file__).resolve().parents[2] / "build" / "peers"
PATIENCE = 1200  # seconds for one environment


class Unavailable(Exception):
    """A peer that cannot be measured here; the message says why."""


def python_of(name: str, locks: Path = LOCKS, *, alone: bool = False) -> Path:
    """The interpreter of a peer's environment, which is made if it is not there. Unavailable.

    alone: the packages of the lock without what they depend on, where only the data in them is wanted.
    """
    lock = locks / f"{name}.lock"
    folder = BUILT / f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    python, done = folder / "bin" / "python", folder / ".done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"making the environment of {name} …", file=sys.stderr)
        _uv("venv", "--quiet", "--python", sys.executable, str(folder))
        without = ["--no-deps"] if alone else []
        _uv("pip", "install", "--quiet", "--python", str(python), "--require-hashes", *without, "-r", str(lock))
        done.touch()
    return python


def _uv(*arguments: str) -> None:
    command = [str(Path(sys.executable).parent / "uv"), *arguments]
    try:
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"uv {' '.join(arguments[:2])}: {error}") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        raise Unavailable(f"its environment cannot be made: {' '.join(lines)[:300]}")
