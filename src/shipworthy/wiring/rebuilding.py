"""`rebuild --in container`: a run made again inside an image, from the same record and by the same runner."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

from shipworthy.containers import boxing, tools
from shipworthy.containers.base import Base, look
from shipworthy.environments import builder, runner, staging
from shipworthy.errors import Unbuildable, Undecided, WrongUse
from shipworthy.lineage.records import Run
from shipworthy.models import inside
from shipworthy.store.ledger import Entry
from shipworthy.training.making import Setting
from shipworthy.training.rebuild import How
from shipworthy.wiring.imaging import base_of
from shipworthy.wiring.project import Project, Report
from shipworthy.wiring.training import rebuild_run

# All of shipworthy that a job sees.
RUNNER = (Path(runner.__file__).parent, Path(inside.__file__).parent)


def rebuild_in(project: Project, name: str, report: Report, where: str, base: str | None, how: How) -> Entry:
    """The rebuild's entry; `where` is "here" or "container". Undecided where the container cannot be run.

    No cause is looked for in a container: diagnosis swaps packages and settings of this machine.
    """
    if where == "here":
        return rebuild_run(project, name, report, how)
    if where != "container":
        raise WrongUse(f"--in {where}: expected here or container")
    named = base_of(base)
    tool = tools.find(tools.RUNNERS)
    box = _Boxed(tool, look(tool, named), f"shipworthy-{uuid.uuid4().hex[:12]}")
    try:
        return rebuild_run(project, name, report, replace(how, diagnose=False, place=box))
    finally:  # a job that was killed leaves its container behind
        tool.run("rm", "--force", box.name)


class _Boxed:
    """Inside a base image."""

    def __init__(self, tool: tools.Tool, base: Base, name: str) -> None:
        self.container: str | None = base.name
        self.name = name
        self._tool, self._base = tool, base

    def build(self, run: Run, lock: Path, job: Setting, wheels: Path | None) -> None:
        """From the index always: the wheels that are kept are for the machine's platform, not for the base's."""
        trained = run.environment.python.rpartition(".")[0]
        if self._base.minor != trained:
            raise Undecided(
                f"could not decide: {self._base.name} has Python {self._base.python}, and this was trained in "
                f"{run.environment.python}; expected a base with Python {trained}"
            )
        folder = boxing.site(job.environment, self._base)
        try:
            staging.stage(lock, folder, python=self._base.minor, platform=self._base.platform, near=job.code)
        except Unbuildable as error:
            raise Undecided(f"could not decide: the environment cannot be built any more: {error}") from error
        box = boxing.Box(self.name, (job.work.parent,), RUNNER)
        boxing.write(job.environment, self._tool, self._base, box)
        (job.environment / builder.LOCKED).write_bytes(lock.read_bytes())
