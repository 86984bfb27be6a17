"""Weights & Biases: a run a folder, written by its own client, online or offline (WANDB_MODE).

Offline is what happens without an account; `wandb sync` of the folder sends it later. The client is let run for one run
at a time, and is told nothing that the record does not hold.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Literal

from shipworthy.errors import NotFound, Tampered, WrongUse
from shipworthy.lineage.records import Run
from shipworthy.models.bundle import MODEL
from shipworthy.registry.records import Release
from shipworthy.store.ledger import Entry, Ledger
from shipworthy.store.objects import Objects
from shipworthy.trackers import outbox, own_log, telling
from shipworthy.trackers.records import Tracked, TrackerName, Unreachable, Unsendable

_PATIENCE = 30.0  # seconds that a command waits for an account's server


class WandbTracker:
    """One project, "ENTITY/PROJECT" or "PROJECT"; `folder` keeps what was written. WrongUse without the client."""

    name: TrackerName = "wandb"

    def __init__(self, place: str, folder: Path, ledger: Ledger, objects: Objects) -> None:
        try:
            import wandb  # noqa: PLC0415 - an extra, and slow
        except ImportError:
            raise WrongUse("W&B is told by its own client: pip install 'shipworthy[wandb]'") from None
        self.place = place
        self._wandb = wandb
        self._folder = folder
        self._ledger = ledger
        self._objects = objects
        # Without an account nobody could be asked for one here.
        wanted = os.environ.get("WANDB_MODE") or ("online" if os.environ.get("WANDB_API_KEY") else "offline")
        self._mode: Literal["online", "offline"] = "online" if wanted == "online" else "offline"

    def send(self, entry: Entry) -> Tracked:
        """Write one entry's run, or what became of it."""
        try:
            return self._run(entry) if entry.kind == "run" else self._release(entry)
        except (NotFound, Tampered) as error:
            raise Unsendable(str(error)) from None
        except (self._wandb.Error, OSError) as error:
            raise Unreachable(f"{self.place}: {' '.join(str(error).split())[:200]}") from None

    def _run(self, entry: Entry) -> Tracked:
        run = entry.decode(Run)
        with tempfile.TemporaryDirectory(prefix="shipworthy-wandb-") as work:
            folder = Path(work)
            self._objects.materialise(run.tracking, folder / "own")
            own = own_log.read(folder / "own")
            told = self._open(entry.id, run)
            if own is not None:
                told.config.update({"logged": dict(own.parameters)})
                for point in own.metrics:
                    told.log({point.name: point.value, "step": point.step})
            told.log(run.metrics)
            told.log_artifact(self._model(entry, run, folder))
            told.finish()
        self._keep_own(entry, run)
        return Tracked("wandb", self._where(), entry.id, None)

    def _release(self, entry: Entry) -> Tracked:
        made = entry.decode(Release)
        known = outbox.told(self._ledger, "wandb", made.run, entry.model)
        if known is None:
            raise Unsendable(f"its run {made.run} has not been told")
        told = self._open(made.run, self._ledger.get(made.run).decode(Run))
        told.summary.update({"shipworthy/release": made.number, "shipworthy/proven": made.proven})
        told.summary.update(dict(telling.verdict_tag(verdict) for verdict in made.verdicts))
        told.finish()
        return known

    def _open(self, id_: str, run: Run) -> Any:
        """The client's run of that id, begun or gone on with. It looks at nothing of this process or this machine."""
        owner, _, project = self.place.rpartition("/")
        quiet = self._wandb.Settings(
            console="off",
            silent=True,
            disable_code=True,
            disable_git=True,
            disable_job_creation=True,
            x_disable_meta=True,
            x_disable_stats=True,
            init_timeout=_PATIENCE,
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        inputs = {each.name: {"source": each.source, **each.tags} for each in telling.inputs(run)}
        return self._wandb.init(
            entity=owner or None,
            project=project,
            id=id_,
            name=id_,
            dir=str(self._folder),
            mode=self._mode,
            resume="allow",
            reinit="create_new",
            job_type="train",
            config={**run.parameters, "seed": run.seed, "data": inputs, **telling.tags(id_, run)},
            settings=quiet,
        )

    def _model(self, entry: Entry, run: Run, work: Path) -> Any:
        self._objects.materialise(run.files, work / "bundle")
        described = {"shipworthy.run": entry.id, "shipworthy.model_digest": run.model_digest}
        artifact = self._wandb.Artifact(run.model, "model", metadata=described)
        artifact.add_file(str(work / "bundle" / MODEL))
        return artifact

    def _keep_own(self, entry: Entry, run: Run) -> None:
        """What the code wrote by W&B's own calls, as `wandb sync` takes it."""
        own = [file for file in run.tracking if file.path.startswith("wandb/")]
        target = self._folder / "of-the-code" / entry.id
        if own and not target.exists():
            self._objects.materialise(own, target)

    def _where(self) -> str:
        return self.place if self._mode == "online" else str(self._folder)
