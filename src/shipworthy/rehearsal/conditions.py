"""What else went on while something was measured: CPU time withheld by the control group, and load of other processes.

Read from /proc and /sys/fs/cgroup; a system without them tells nothing, which is None and not zero.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_IDLE = (3, 4)  # idle and waiting for a disk, in the order of /proc/stat
_GUEST = 8  # from here on /proc/stat repeats what it has already counted


@dataclass(frozen=True, slots=True)
class Conditions:
    """What was seen between two instants."""

    throttled_ms: float | None  # CPU time withheld by the control group
    foreign_load: float | None  # cores that other processes used, time stolen by the machine's host included
    cores: int

    @property
    def disturbed(self) -> bool:
        """Whether a latency measured meanwhile may be the machine's and not the server's."""
        return bool((self.throttled_ms or 0) > 0 or (self.foreign_load or 0) > self.cores / 4)

    def __str__(self) -> str:
        parts = []
        if self.foreign_load is not None:
            parts.append(f"other processes used {self.foreign_load:.2f} of {self.cores} cores")
        if self.throttled_ms:
            parts.append(f"the control group withheld {self.throttled_ms:.0f} ms of CPU time")
        return " and ".join(parts) or "nothing is known of the machine's other load"


class Watch:
    """Watches the machine from its creation on. Own are this process, its descendants, and those of `roots`."""

    def __init__(self, roots: Collection[int] = ()) -> None:
        self._roots = (os.getpid(), *roots)
        self._started = self._now()

    def conditions(self) -> Conditions:
        """What was seen since."""
        wall, busy, own, throttled = (
            None if after is None or before is None else after - before
            for before, after in zip(self._started, self._now(), strict=True)
        )
        foreign = None if busy is None or own is None or not wall else max(0.0, (busy - own) / wall)
        return Conditions(
            throttled_ms=None if throttled is None else throttled * 1000,
            foreign_load=foreign,
            cores=os.cpu_count() or 1,
        )

    def _now(self) -> tuple[float | None, float | None, float | None, float | None]:
        return time.monotonic(), busy_seconds(), own_seconds(self._roots), throttled_seconds()


def busy_seconds(proc: Path = PROC) -> float | None:
    """CPU time used by anybody on this machine since its start, seconds over all cores."""
    try:
        fields = (proc / "stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    ticks = [int(field) for field in fields[:_GUEST]]
    return (sum(ticks) - sum(ticks[index] for index in _IDLE)) / _TICKS


def own_seconds(roots: Collection[int], proc: Path = PROC) -> float | None:
    """CPU time used so far by processes and their descendants, those that ended included, seconds."""
    if not proc.is_dir():
        return None
    ticks, children = _processes(proc)
    own, left = set[int](), list(roots)
    while left:
        pid = left.pop()
        if pid not in own:
            own.add(pid)
            left += children.get(pid, [])
    return sum(ticks.get(pid, 0) for pid in own) / _TICKS


def throttled_seconds(proc: Path = PROC, cgroups: Path = CGROUPS) -> float | None:
    """CPU time that the control group has withheld so far, seconds; 0 where it may use all there is."""
    for folder in _folders(proc, cgroups):
        try:
            content = (folder / "cpu.stat").read_text()
        except OSError:
            continue
        stat = dict(line.split(" ", 1) for line in content.splitlines() if " " in line)
        if "throttled_usec" in stat:
            return int(stat["throttled_usec"]) / 1e6
        if "throttled_time" in stat:
            return int(stat["throttled_time"]) / 1e9
    return None


def _processes(proc: Path) -> tuple[dict[int, int], dict[int, list[int]]]:
    """CPU ticks by process, waited-for children included, and children by parent."""
    ticks: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # The name stands in brackets and may hold spaces and brackets itself.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        pid, parent = int(folder.name), int(fields[1])
        ticks[pid] = sum(int(field) for field in fields[11:15])
        children.setdefault(parent, []).append(pid)
    return ticks, children


def _folders(proc: Path, cgroups: Path) -> list[Path]:
    """Where this process's control group may be: version 2 first, then the cpu controller of version 1."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found += [mount / path.lstrip("/") for mount in (cgroups, cgroups / "unified")]
        elif "cpu" in controllers.split(","):
            found += [cgroups / mount / path.lstrip("/") for mount in (controllers, "cpu", "cpu,cpuacct")]
    return found
