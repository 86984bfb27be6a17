"""MLflow as a system of record: through its client, to a tracking server, which keeps runs and registered models.

Nothing here may be told twice: a run is found again by its tag `shipworthy.run`, a version by its run.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shipworthy.errors import NotFound, Tampered, WrongUse
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.registry.records import AliasChange, Release, Verdict
from shipworthy.store.ledger import Entry, Ledger
from shipworthy.store.objects import Objects
from shipworthy.trackers import model_folder, outbox, own_log, telling
from shipworthy.trackers.own_log import OwnLog
from shipworthy.trackers.records import Tracked, TrackerName, Unreachable, Unsendable

_BATCH = 100  # parameters, tags or metrics in one call
_LONGEST_PARAMETER = 6_000
_MILLISECOND = 1_000_000
_SETTINGS = {  # of a client that a command waits for, and whose server may be away
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # where --json prints
}
_AWAY = ("failed with exception", "Max retries exceeded", "Connection refused", "timed out", "Timeout")


class MlflowTracker:
    """One tracking server. WrongUse where its client is not installed."""

    name: TrackerName = "mlflow"

    def __init__(self, uri: str, ledger: Ledger, objects: Objects) -> None:
        self.place = uri
        self._ledger = ledger
        self._objects = objects
        self._client, self._failure = connect(uri)
        self._send: dict[str, Callable[[Entry], Tracked]] = {
            "run": self._run,
            "rebuild": self._rebuild,
            "verdict": self._verdict,
            "release": self._release,
            "alias": self._alias,
        }

    def send(self, entry: Entry) -> Tracked:
        """Tell it one entry; telling it again changes nothing."""
        with self._told():
            return self._send[entry.kind](entry)

    def aliased(self, model: str, alias: str) -> str | None:
        """The version that an alias names there; None where it names none. Unreachable."""
        with self._told():
            try:
                return str(self._client.get_model_version_by_alias(model, alias).version)
            except self._failure as error:
                if away(error):
                    raise
                return None

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Make an alias name a version. Unreachable."""
        with self._told():
            self._client.set_registered_model_alias(model, alias, version)

    def foreign_versions(self, model: str) -> list[str]:
        """Versions of the registered model that shipworthy neither made nor judged, oldest first. Unreachable."""
        with self._told():
            found = self._client.search_model_versions(f"name='{model}'")
        known = ("shipworthy.run", "shipworthy.gate")
        numbers = [int(each.version) for each in found if not any(each.tags.get(name) for name in known)]
        return [str(number) for number in sorted(numbers)]

    def tag_version(self, model: str, version: str, tags: dict[str, str]) -> None:
        """Write tags onto a version. Unreachable."""
        with self._told():
            for name, value in tags.items():
                self._client.set_model_version_tag(model, version, name, value[: telling.LONGEST_TAG])

    def _run(self, entry: Entry) -> Tracked:
        run = entry.decode(Run)
        if run.registered is not None and run.registered.place == self.place:
            return self._adopted(entry, run, run.registered.version)
        with tempfile.TemporaryDirectory(prefix="shipworthy-mlflow-") as work:
            folder = Path(work)
            self._objects.materialise(run.tracking, folder / "own")
            own = own_log.read(folder / "own")
            found = self._standing(entry) or self._begin(entry, run)
            id_ = found.info.run_id
            self._log(id_, entry.id, run, own)
            self._inputs(id_, run)
            self._objects.materialise(run.files, folder / "bundle")
            model_folder.write(folder / "bundle", folder / "model", run, id_)
            self._client.log_artifacts(id_, str(folder / "model"), "model")
            if own is not None:
                self._artifacts(id_, own)
            self._client.set_terminated(id_, "FINISHED", run.finished // _MILLISECOND)
            version = self._version(entry, run, f"{found.info.artifact_uri}/model", id_)
        return Tracked("mlflow", self.place, id_, version)

    def _adopted(self, entry: Entry, run: Run, version: str) -> Tracked:
        """A version of this very registry stays the one that it is, and is known as the run's from now on."""
        found = self._client.get_model_version(entry.model, version)
        for name, value in telling.adopted_tags(entry.id, run).items():
            self._client.set_model_version_tag(entry.model, version, name, value)
        return Tracked("mlflow", self.place, found.run_id or None, version)

    def _standing(self, entry: Entry) -> Any:
        """The run that an earlier try began."""
        experiment = self._client.get_experiment_by_name(entry.model)
        if experiment is None:
            return None
        asked = f"tags.`shipworthy.run` = '{entry.id}'"
        found = self._client.search_runs([experiment.experiment_id], asked, max_results=1)
        return found[0] if found else None

    def _begin(self, entry: Entry, run: Run) -> Any:
        experiment = self._client.get_experiment_by_name(entry.model)
        id_ = experiment.experiment_id if experiment is not None else self._client.create_experiment(entry.model)
        return self._client.create_run(
            id_, start_time=run.started // _MILLISECOND, tags={"shipworthy.run": entry.id}, run_name=entry.id
        )

    def _log(self, id_: str, entry: str, run: Run, own: OwnLog | None) -> None:
        """What shipworthy knows of a run stands above what its code says."""
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - an extra

        theirs = own if own is not None else OwnLog({}, (), {}, None, ())
        parameters = {**theirs.parameters, **telling.parameters(run)}
        tags = {**theirs.tags, **telling.tags(entry, run)}
        metrics = [Metric(point.name, point.value, point.milliseconds, point.step) for point in theirs.metrics]
        metrics += [Metric(name, value, run.finished // _MILLISECOND, 0) for name, value in run.metrics.items()]
        told: dict[str, list[Any]] = {
            "params": [Param(name, value[:_LONGEST_PARAMETER]) for name, value in parameters.items()],
            "tags": [RunTag(name, value[: telling.LONGEST_TAG]) for name, value in tags.items()],
            "metrics": metrics,
        }
        for kind, items in told.items():
            for start in range(0, len(items), _BATCH):
                self._client.log_batch(id_, **{kind: items[start : start + _BATCH]})

    def _inputs(self, id_: str, run: Run) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415 - an extra

        for each in telling.inputs(run):
            data = Dataset(each.name, each.digest, "shipworthy", each.source, each.schema, each.profile)
            tags = [InputTag(name, value) for name, value in each.tags.items()]
            self._client.log_inputs(id_, [DatasetInput(data, tags)])

    def _artifacts(self, id_: str, own: OwnLog) -> None:
        """What the code logged itself; a model of its own goes beside the one that is registered."""
        if own.artifacts is not None:
            self._client.log_artifacts(id_, str(own.artifacts))
        for folder in own.models:
            self._client.log_artifacts(id_, str(folder), f"own/{folder.parent.name}")

    def _version(self, entry: Entry, run: Run, source: str, id_: str) -> str:
        """The registered version of a run."""
        try:
            self._client.get_registered_model(entry.model)
        except self._failure as error:
            if away(error):
                raise
            self._client.create_registered_model(entry.model, description=run.contract.purpose.decision)
        standing = self._client.search_model_versions(f"name='{entry.model}' and run_id='{id_}'")
        if standing:
            return str(standing[0].version)
        tags = {"shipworthy.run": entry.id, "shipworthy.model_digest": run.model_digest}
        made = self._client.create_model_version(
            entry.model, source, id_, tags=tags, description=f"shipworthy show {entry.id}", await_creation_for=0
        )
        return str(made.version)

    def _rebuild(self, entry: Entry) -> Tracked:
        made = entry.decode(Rebuild)
        return self._onto(entry.model, made.run, {"shipworthy.rebuild": made.rung, "shipworthy.rebuild.id": entry.id})

    def _verdict(self, entry: Entry) -> Tracked:
        return self._onto(entry.model, entry.subject, dict([telling.verdict_tag(entry.decode(Verdict))]))

    def _release(self, entry: Entry) -> Tracked:
        made = entry.decode(Release)
        proof = {
            "shipworthy.release": str(made.number),
            "shipworthy.proven": str(made.proven).lower(),
            "shipworthy.signed_by": made.key,
            "shipworthy.statement": made.statement,
            **dict(telling.verdict_tag(verdict) for verdict in made.verdicts),
        }
        return self._onto(entry.model, made.run, proof)

    def _alias(self, entry: Entry) -> Tracked:
        """Only the newest change of an alias counts; an older one that comes late changes nothing."""
        change = entry.decode(AliasChange)
        newest = self._ledger.newest("alias", entry.model, subject=change.alias)
        name = telling.ALIASES[change.alias]
        if newest is not None and newest.id != entry.id:
            return Tracked("mlflow", self.place, None, None)
        if change.release is None:
            self._client.delete_registered_model_alias(entry.model, name)
            return Tracked("mlflow", self.place, None, None)
        released = self._ledger.by_key("release", entry.model, str(change.release))
        if released is None:
            raise Unsendable(f"there is no release {change.release}")
        told = self._known(entry.model, released.decode(Release).run)
        self._client.set_registered_model_alias(entry.model, name, told.version)
        return told

    def _onto(self, model: str, run: str, tags: dict[str, str]) -> Tracked:
        """Tags onto the version of a run."""
        told = self._known(model, run)
        for name, value in tags.items():
            self._client.set_model_version_tag(model, told.version, name, value)
        return told

    def _known(self, model: str, run: str) -> Tracked:
        found = outbox.told(self._ledger, "mlflow", run, model)
        if found is None or found.version is None:
            raise Unsendable(f"its run {run} has not been told")
        return found

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The client's failures, and parts of the record that are gone, as one of two kinds."""
        try:
            yield
        except self._failure as error:
            kind = Unreachable if away(error) else Unsendable
            raise kind(f"{self.place}: {' '.join(str(error).split())[:200]}") from None
        except (NotFound, Tampered) as error:
            raise Unsendable(str(error)) from None
        except OSError as error:  # of the connection, below the client's own errors
            raise Unreachable(f"{self.place}: {error}") from None


def connect(uri: str | None) -> tuple[Any, type[Exception]]:
    """MLflow's own client of a server, and what its failures are. It gives a server that is away up at the second try,
    where MLflow itself tries for minutes. WrongUse where it is not installed.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient  # noqa: PLC0415 - an extra
        from mlflow.exceptions import MlflowException  # noqa: PLC0415
    except ImportError:
        raise WrongUse("an MLflow server is spoken to by its own client: pip install 'shipworthy[mlflow]'") from None
    return MlflowClient(tracking_uri=uri, registry_uri=uri), MlflowException


def away(error: Exception) -> bool:
    """Whether nobody answered, rather than somebody who said no."""
    return any(sign in str(error) for sign in _AWAY) or getattr(error, "error_code", "") == "TEMPORARILY_UNAVAILABLE"
