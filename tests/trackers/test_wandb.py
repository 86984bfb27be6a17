"""Weights & Biases offline: what its own client wrote is read back from the file, record by record."""

from __future__ import annotations

import json
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from trackers.test_mlflow import named, release
from wandb.proto.wandb_internal_pb2 import Record

from shipworthy.lineage.records import Run
from shipworthy.trackers import outbox
from shipworthy.trackers.wandb import WandbTracker

OWN_CALLS = '''

def tracked(flights: pd.DataFrame, parameters: dict, seed: int):
    """Logs by W&B's own calls."""
    import wandb

    with wandb.init(config=parameters) as run:
        run.log({"loss": 0.25})
    return trees(flights, parameters, seed)
'''


HEADER, BLOCK = struct.Struct("<4sHB"), 2**15  # ":W&B", 0xBEE1, version; then records as LevelDB's log has them
PART = struct.Struct("<IHB")  # CRC-32 of type and data, length, type: 1 whole, 2 first, 3 middle, 4 last


def records(file: Path) -> Iterator[Record]:
    """The records of an offline run, each part held against its checksum."""
    content, place, whole = file.read_bytes(), HEADER.size, b""
    assert HEADER.unpack_from(content)[:2] == (b":W&B", 0xBEE1)
    while place + PART.size <= len(content):
        left = BLOCK - place % BLOCK
        if left < PART.size:
            place += left
            continue
        crc, length, kind = PART.unpack_from(content, place)
        data = content[place + PART.size : place + PART.size + length]
        assert zlib.crc32(bytes([kind]) + data) == crc
        place += PART.size + length
        whole += data
        if kind in (1, 4):
            record = Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def read(files: list[Path]) -> dict[str, dict[str, object]]:
    """Config, history and summary of an offline run's files, and the names of its artifacts."""
    found: dict[str, dict[str, object]] = defaultdict(dict)
    for record in (record for file in files for record in records(file)):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found["config"] |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            found["run"][record.run.run_id] = record.run.project
        elif kind == "history":
            found["history"] |= {_key(item): json.loads(item.value_json) for item in record.history.item}
        elif kind == "summary":
            found["summary"] |= {_key(item): json.loads(item.value_json) for item in record.summary.update}
        elif kind == "artifact" or (kind == "request" and record.request.HasField("log_artifact")):
            artifact = record.artifact if kind == "artifact" else record.request.log_artifact.artifact
            found["artifacts"][artifact.name] = artifact.type
    return found


def _key(item: object) -> str:
    return item.key or "/".join(item.nested_key)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")


def test_an_offline_run_holds_what_the_record_does_and_what_the_code_logged_is_kept(project, tmp_path):
    recipes = project.folder / "recipes.py"
    recipes.write_text(recipes.read_text() + OWN_CALLS)
    entry = project.train(named(project, "offline", "tracked"))
    run = entry.decode(Run)
    release(project, entry, 1)
    ledger, objects = project.state.ledger, project.state.objects
    folder = tmp_path / "wandb-runs"
    sent = outbox.synchronise(ledger, "offline", WandbTracker("team/offline", folder, ledger, objects))
    assert (sent.sent, sent.waiting, sent.reason) == (2, 0, "")
    files = sorted(folder.glob("wandb/offline-run-*/*.wandb"))
    found = read(files)
    assert found["run"] == {entry.id: "offline"}
    assert (found["config"]["c"], found["config"]["seed"]) == (0.5, 7)
    assert found["config"]["shipworthy.lock"] == run.environment.lock
    assert found["config"]["data"]["flights"]["shipworthy.sha256"] == run.data[0].digest
    assert found["summary"]["shipworthy/release"] == 1
    assert found["summary"]["shipworthy.check.latency"] == "passed: p99 4 ms"
    assert found["artifacts"] == {"offline": "model"}
    (own,) = folder.glob("of-the-code/*/wandb/**/*.wandb")
    logged = read([own])
    assert (logged["config"]["c"], logged["history"]["loss"]) == (0.5, 0.25)
    assert outbox.waiting(ledger, "offline", "wandb") == []
