"""Closing the sandbox around a job: by the kernel as far as it lets, and by the audit hook in any case."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from shipworthy.environments.runner.sandbox import system
from shipworthy.environments.runner.sandbox.reach import Reach
from shipworthy.environments.runner.sandbox.watching import Watch

NAMESPACE = "network namespace"
RUNNER = Path(__file__).resolve().parents[1]


def close(job: dict[str, Any]) -> tuple[Watch, str]:
    """Hold this process and all that it starts to a job's declared inputs: what watches it, and what enforces it.

    To be called while there is one thread only, before any code of the user's.
    """
    files, network = _by_kernel(_reach(job))
    return watch(job, loopback=network == NAMESPACE), _said(files, network)


def watch(job: dict[str, Any], loopback: bool) -> Watch:
    """The audit hook of this process, begun. `loopback`: it is in a network that leads to the job's own processes."""
    stands_for = ((job["project"], job["origin"]), (os.environ.get("HOME", ""), job["home"]))
    begun = Watch(
        _reach(job),
        Path(job["project"]),
        loopback=loopback,
        elsewhere=tuple((inside, outside) for inside, outside in stands_for if inside and outside),
    )
    begun.begin()
    return begun


def _reach(job: dict[str, Any]) -> Reach:
    own = [str(RUNNER), *([job["inside"]] if job["inside"] else [])]
    return Reach(
        readable=[*system.readable(), *own, *job["data"].values(), job["probes"], job["holdout"]],
        writable=[*system.writable(), job["project"], job["output"], *_own_folders()],
        closed=system.foreign(),
    )


def _own_folders() -> list[str]:
    """For temporary files, for what libraries keep at home, and for compiled bytecode."""
    return [path for path in (os.environ.get("TMPDIR"), os.environ.get("HOME"), sys.pycache_prefix) if path]


def _by_kernel(reach: Reach) -> tuple[int, str | None]:
    """The ABI of Landlock or 0, and what closes the network."""
    if sys.platform != "linux":
        return 0, None
    try:
        from shipworthy.environments.runner.sandbox import landlock, network, privileges  # noqa: PLC0415 - Linux only
    except ImportError:  # a Python without ctypes
        return 0, None
    closed = network.close()  # first: what is enclosed may write to /proc no more
    privileges.drop()
    return landlock.restrict(reach), closed


def _said(files: int, network: str | None) -> str:
    if not files and not network:
        return "audit hooks only"
    return f"{f'landlock abi {files}' if files else 'audit hooks'}, {network or 'audit hooks for the network'}"
