"""Labels by HTTP: whatever is joined, killed or read in between, the same labels are known, and each is read once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from shipworthy.predictions.label_files import LabelReader, Sweep, join
from shipworthy.predictions.label_log import Label, LabelLog, folder_of

LABELS = st.builds(
    Label,
    st.sampled_from("abcd"),
    st.sampled_from(["yes", "no", True, 1.5]),
    st.integers(0, 3),
    st.integers(0, 3),
)
STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 2), st.lists(LABELS, min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["restart", "torn", "join", "killed join", "half join", "read"]), st.integers(0, 2)),
)
PROGRAM = """
import sys
from pathlib import Path
from shipworthy.predictions.label_files import join
from shipworthy.predictions.label_log import Label, LabelLog, folder_of
logs, turn = Path(sys.argv[1]), sys.argv[2]
for number in range(1_000_000):
    log = LabelLog(logs, f"w0-{turn}x{number}", disk=False)
    log.append([Label(f"{turn}-{number}", "yes", number, number)])
    print(number, flush=True)
    log.close()
    join(folder_of(logs), fewest=3)
"""


class Folder:
    """Three writers, and what they wrote."""

    def __init__(self, logs: Path) -> None:
        self.logs, self.folder, self.starts, self.written = logs, folder_of(logs), 0, []
        self.folder.mkdir()
        self.logs_of = [self.started() for _ in range(3)]

    def started(self) -> LabelLog:
        self.starts += 1
        return LabelLog(self.logs, f"w0-{self.starts}", disk=False)

    def write(self, which: int, labels: list[Label]) -> None:
        self.logs_of[which].append(labels)
        self.written += labels

    def restart(self, which: int) -> None:
        self.logs_of[which].close()
        self.logs_of[which] = self.started()

    def torn(self, which: int) -> None:
        """A disk that was full broke a line off, and the process died."""
        self.restart(which)
        path = self.folder / f"w0-{self.starts}-torn.0.jsonl"
        path.write_bytes(b'{"key":"a","val')

    def killed_join(self, _: int) -> None:
        """Between the new name and the end of the old ones."""
        before = {path: path.read_bytes() for path in self.folder.glob("*.jsonl")}
        join(self.folder, fewest=1)
        for path, content in before.items():
            if not path.exists():
                path.write_bytes(content)

    def half_join(self, _: int) -> None:
        """Before the new name."""
        (self.folder / "_joined-99999999.part").write_bytes(b'{"version":1,"of":{"w0')

    def join(self, _: int) -> None:
        join(self.folder, fewest=1)

    def truths(self) -> dict[str, tuple]:
        return {key: max(one.rank for one in self.written if one.key == key) for key in {o.key for o in self.written}}


class Knowing:
    """What somebody knows who reads now and then."""

    def __init__(self, folder: Path) -> None:
        self.reader, self.known = LabelReader(folder), {}

    def read(self) -> list[Label]:
        fresh = self.reader.fresh()
        assert not fresh.replaces
        for label in fresh.labels:
            self.known[label.key] = max(label.rank, self.known.get(label.key, label.rank))
        return fresh.labels


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_whatever_happens_in_between_the_same_labels_are_known(steps):
    with tempfile.TemporaryDirectory() as name:
        world = Folder(Path(name) / "log")
        steady = Knowing(world.folder)
        for step, which, *labels in steps:
            if step == "read":
                before = steady.reader.bytes
                steady.read()
                assert steady.known == world.truths()
                assert steady.reader.bytes >= before
            elif step == "write":
                world.write(which, labels[0])
            else:
                getattr(world, step.replace(" ", "_"))(which)
        steady.read()
        late = Knowing(world.folder)
        late.read()
        assert late.known == steady.known == world.truths()
        assert late.reader.bytes == steady.reader.bytes


def test_who_has_read_everything_reads_nothing_again_after_a_join(tmp_path):
    world = Folder(tmp_path / "log")
    reader = Knowing(world.folder)
    for number in range(6):
        world.write(0, [Label(f"k{number}", "yes", number, number), Label("same", "no", number, number)])
        world.restart(0)
    assert len(reader.read()) == 12
    assert join(world.folder, fewest=6) == 6
    assert reader.read() == []
    world.write(1, [Label("new", "yes", 1, 1)])
    assert [one.key for one in reader.read()] == ["new"]
    assert len(Knowing(world.folder).read()) == 8  # superseded labels are gone


def test_a_file_that_is_still_written_is_left_alone_and_a_large_one_ends(tmp_path):
    world = Folder(tmp_path / "log")
    log = LabelLog(world.logs, "w1-0", disk=True, file_bytes=100)
    for number in range(9):
        log.append([Label(f"k{number}", "yes", number, number)])
    names = {path.name for path in world.folder.iterdir()}
    assert len(names) > 2
    assert join(world.folder, fewest=1) == len(names) - 1
    log.append([Label("k9", "yes", 9, 9)])
    assert {one.key for one in Knowing(world.folder).read()} == {f"k{number}" for number in range(10)}


def test_what_is_swept_is_old_and_of_no_use_and_readers_forget_it(tmp_path):
    world = Folder(tmp_path / "log")
    reader = LabelReader(world.folder)
    world.write(0, [Label("old", "yes", 5, 5), Label("old but kept", "yes", 5, 5), Label("young", "yes", 5, 50)])
    world.restart(0)
    assert len(reader.fresh().labels) == 3
    asked = []

    def of_use(keys):
        asked.extend(keys)
        return {"old but kept"}

    bytes_before = reader.bytes
    join(world.folder, sweep=Sweep(10, of_use))
    assert sorted(asked) == ["old", "old but kept"]
    fresh = reader.fresh()
    assert fresh.replaces
    assert sorted(one.key for one in fresh.labels) == ["old but kept", "young"]
    assert reader.bytes == bytes_before
    assert reader.fresh() == ([], False)


@pytest.mark.timeout(60)
def test_writers_and_joiners_that_are_killed_lose_nothing_that_was_answered(tmp_path):
    logs = tmp_path / "log"
    reader = Knowing(folder_of(logs))
    folder_of(logs).mkdir()
    answered = set()
    for turn in range(4):
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(logs), str(turn)], stdout=subprocess.PIPE)
        deadline = time.monotonic() + 30
        for _ in range(15 + 7 * turn):
            assert time.monotonic() < deadline
            answered.add(f"{turn}-{int(process.stdout.readline())}")
            reader.read()
        os.kill(process.pid, signal.SIGKILL)
        answered |= {f"{turn}-{int(line)}" for line in process.stdout.read().split()}
        process.wait()
        process.stdout.close()
    reader.read()
    assert answered <= set(reader.known)
    again = Knowing(folder_of(logs))
    again.read()
    assert again.known == reader.known
    assert sum(1 for _ in folder_of(logs).glob("*.jsonl")) < len(answered) / 2
