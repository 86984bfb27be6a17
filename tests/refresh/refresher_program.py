"""A refresher in a process of its own, so that it can be killed: FOLDER DIE_IN ANSWER."""

import os
import signal
import sys
from pathlib import Path

import msgspec
from sqlalchemy.exc import OperationalError

from shipworthy.errors import TrainingFailed
from shipworthy.refresh.records import Refresh, Trigger
from shipworthy.refresh.workflow import Decision, Refresher


class Steps:
    """Steps that write down that they were called, and die where they are told to."""

    def __init__(self, folder: Path, die_in: str, answer: str) -> None:
        self.folder, self.die_in, self.answer = folder, die_in, answer

    def called(self, name: str) -> None:
        with (self.folder / "calls").open("a") as calls:
            calls.write(name + "\n")
        if name == self.die_in:
            os.kill(os.getpid(), signal.SIGKILL)

    def broken_input(self, refresh: str) -> str:
        self.called("broken_input")
        return "distance: 12 rows are null" if self.answer == "broken" else ""

    def train(self, refresh: str) -> str:
        self.called("train")
        if self.answer == "fail":
            raise TrainingFailed("train() raised ValueError: no rows")
        return "run-1"

    def rebuild(self, run: str) -> str:
        self.called("rebuild")
        if self.answer == "away" and (self.folder / "calls").read_text().split().count("rebuild") < 3:
            raise OperationalError("SELECT 1", {}, Exception("server closed the connection unexpectedly"))
        return "rebuild-1"

    def check(self, run: str, rebuild: str) -> Decision:
        self.called("check")
        return Decision(False, "worse by 0.02") if self.answer == "hold" else Decision(True, "all checks passed")

    def release(self, run: str) -> int:
        self.called("release")
        return 2

    def event_time(self) -> int:
        return 1000

    def finish(self, refresh: Refresh) -> None:
        (self.folder / "outcome.json").write_bytes(msgspec.json.encode(refresh))
        self.called("finish")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    refresher = Refresher(f"sqlite:///{folder / 'refresh.db'}", Steps(folder, sys.argv[2], sys.argv[3]))
    refresher.start()
    refresher.run(Trigger("refresh-after-alarm-1", "drift", "alarm-1", 1, 500, "temperature moved"))
    refresher.stop()
