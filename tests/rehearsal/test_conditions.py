"""What is seen of the machine while something is measured."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from shipworthy.rehearsal.conditions import Watch, busy_seconds, own_seconds, throttled_seconds

SPIN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


def test_only_what_others_use_is_foreign() -> None:
    """A stranger's process is not a descendant of `roots`; here the roots are a process that does nothing."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as idle:
        before = own_seconds([idle.pid])
        subprocess.run([sys.executable, "-c", SPIN], check=True)
        after = own_seconds([idle.pid])
        idle.communicate(b"\n")
    assert before is not None
    assert after is not None
    assert after - before < 0.2


def test_the_time_of_ended_children_is_counted() -> None:
    before = own_seconds([os.getpid()])
    subprocess.run([sys.executable, "-c", SPIN], check=True)
    after = own_seconds([os.getpid()])
    assert before is not None
    assert after is not None
    assert after - before >= 0.29


def test_the_load_of_others_is_at_most_what_the_machine_has() -> None:
    watch = Watch()
    subprocess.run([sys.executable, "-c", SPIN], check=True)
    seen = watch.conditions()
    assert seen.foreign_load is not None
    assert 0 <= seen.foreign_load <= seen.cores
    assert "other processes used" in str(seen)


def test_throttling_is_read_from_both_versions_of_control_groups(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text("4:memory:/x\n1:cpu,cpuacct:/app\n0::/\n")
    (groups / "cpu,cpuacct" / "app").mkdir(parents=True)
    (groups / "cpu,cpuacct" / "app" / "cpu.stat").write_text("nr_periods 5\nthrottled_time 1500000000\n")
    assert throttled_seconds(proc, groups) == 1.5
    (groups / "cpu.stat").write_text("usage_usec 9\nnr_throttled 2\nthrottled_usec 2500000\n")
    (proc / "self" / "cgroup").write_text("0::/\n")
    assert throttled_seconds(proc, groups) == 2.5


def test_a_system_that_does_not_tell_is_not_zero(tmp_path: Path) -> None:
    assert throttled_seconds(tmp_path, tmp_path) is None
    assert busy_seconds(tmp_path) is None
    assert own_seconds([1], tmp_path / "proc") is None
