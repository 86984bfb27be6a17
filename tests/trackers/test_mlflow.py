"""MLflow as a system of record, on a real tracking server: what it is told, and what waits while it is away."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from mlflow import MlflowClient

from shipworthy.lineage.records import Run
from shipworthy.registry.records import AliasChange, Release, Verdict
from shipworthy.store.ledger import Entry
from shipworthy.trackers import outbox
from shipworthy.trackers.mlflow import MlflowTracker

OWN_CALLS = '''

def tracked(flights: pd.DataFrame, parameters: dict, seed: int):
    """Logs by MLflow's own calls, and leaves the rest to its autologging."""
    import mlflow

    mlflow.autolog(log_datasets=False, log_models=False)
    with mlflow.start_run():
        mlflow.log_params({"mine": "yes", "c": "not what it was"})
        for step in range(3):
            mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
        mlflow.set_tag("team", "ops")
        mlflow.log_text("looks good", "notes/remark.txt")
        return trees(flights, parameters, seed)
'''


@pytest.fixture
def client(server) -> MlflowClient:
    return MlflowClient(server.uri, server.uri)


def named(project: Any, name: str, recipe: str = "trees"):
    contract = project.contract(recipe)
    return msgspec.structs.replace(contract, model=msgspec.structs.replace(contract.model, name=name))


def tell(project: Any, server: Any, model: str) -> outbox.Sent:
    ledger, objects = project.state.ledger, project.state.objects
    return outbox.synchronise(ledger, model, MlflowTracker(server.uri, ledger, objects))


def release(project: Any, run: Entry, number: int) -> None:
    """What the gate writes down of a run that passed."""
    ledger = project.state.ledger
    verdict = Verdict("latency", "passed", "p99 4 ms")
    ledger.append("verdict", run.model, verdict, subject=run.id)
    made = Release(1, run.model, number, run.id, None, False, "c", "r", (verdict,), (), "s", "key-1", run.at)
    ledger.append("release", run.model, made, subject=run.id, key=str(number))
    before = number - 1 or None
    changes = [("live", number, before), *([("previous", before, None)] if before else [])]
    for alias, now, then in changes:
        change = AliasChange(alias, now, then, "released", "somebody")
        ledger.append("alias", run.model, change, subject=alias, key=f"{alias}:{number}")


def test_a_run_its_own_logging_its_verdicts_and_aliases_arrive(project, server, client):
    recipes = project.folder / "recipes.py"
    recipes.write_text(recipes.read_text() + OWN_CALLS)
    entry = project.train(named(project, "told", "tracked"))
    run = entry.decode(Run)
    sent = tell(project, server, "told")
    assert (sent.sent, sent.waiting, sent.reason) == (1, 0, "")
    version = client.get_model_version("told", "1")
    found = client.get_run(version.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params["c"] == "0.5", "what shipworthy knows stands above what code says"
    assert (found.data.params["seed"], found.data.params["mine"]) == ("7", "yes")
    assert found.data.params["randomforestclassifier__max_depth"] == "None", "by autologging"
    assert [point.step for point in client.get_metric_history(version.run_id, "loss")] == [0, 1, 2]
    assert found.data.tags["team"] == "ops"
    assert found.data.tags["shipworthy.run"] == version.tags["shipworthy.run"] == entry.id
    assert found.data.tags["shipworthy.lock"] == run.environment.lock
    (data,) = found.inputs.dataset_inputs
    assert len(data.dataset.digest) == 36
    tags = {tag.key: tag.value for tag in data.tags}
    assert (tags["shipworthy.sha256"], tags["shipworthy.content_sha256"]) == (
        run.data[0].digest,
        run.data[0].content_digest,
    )
    assert json.loads(data.dataset.source)["uri"] == "file:data/flights.parquet"
    assert [each.path for each in client.list_artifacts(version.run_id, "notes")] == ["notes/remark.txt"]

    release(project, entry, 1)
    assert tell(project, server, "told").sent == 3
    second = project.train(named(project, "told"))
    release(project, second, 2)
    assert tell(project, server, "told").waiting == 0
    registered = client.get_registered_model("told")
    assert registered.aliases == {"champion": "2", "previous": "1"}
    judged = client.get_model_version("told", "1").tags
    assert (judged["shipworthy.check.latency"], judged["shipworthy.release"]) == ("passed: p99 4 ms", "1")
    assert judged["shipworthy.proven"] == "false"


def test_the_registered_model_is_loaded_by_mlflow_itself(project, server, client, tmp_path):
    """In a process of its own, by what MLflow's users call."""
    entry = project.train(named(project, "loaded"))
    tell(project, server, "loaded")
    program = (
        "import sys, mlflow, pandas\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model('models:/loaded/1')\n"
        "rows = pandas.read_parquet(sys.argv[2]).head(3)\n"
        "rows['stops'] = rows['stops'].astype('int64')\n"
        "print(model.predict(rows[['distance', 'stops', 'wind', 'carrier']]).shape)\n"
    )
    flights = project.folder / "data" / "flights.parquet"
    command = [sys.executable, "-W", "ignore", "-c", program, server.uri, flights]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "(3, 2)"
    assert entry.decode(Run).tracking == (), "nothing was logged, so that nothing is kept"


def test_while_the_server_is_away_nothing_fails_and_nothing_is_lost_or_told_twice(project, server, client):
    with server.away():
        first = project.train(named(project, "away"))
        release(project, first, 1)
        sent = tell(project, server, "away")
        assert (sent.sent, sent.waiting) == (0, 4)
        assert server.uri in sent.reason
    assert tell(project, server, "away").sent == 4
    assert tell(project, server, "away").sent == 0
    assert client.get_registered_model("away").aliases == {"champion": "1"}
    # Killed after the server had it, and before the ledger: the same run and version are found again.
    ledger, objects = project.state.ledger, project.state.objects
    again = MlflowTracker(server.uri, ledger, objects).send(first)
    told = outbox.told(ledger, "mlflow", first.id, "away")
    assert again == told
    assert len(client.search_model_versions("name='away'")) == 1
