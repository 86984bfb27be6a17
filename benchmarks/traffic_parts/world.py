"""A model in several signed releases, a server for them, and callers that know what each release says."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier

from shipworthy import digest
from shipworthy.contract.records import Contract, Feature, Model, Purpose, Recording
from shipworthy.counts import reference
from shipworthy.models.converting import Facts
from shipworthy.models.packaging import package
from shipworthy.registry.manifest import Identity, manifest_statement
from shipworthy.registry.signing import signing_key
from shipworthy.registry.trust import trusted_folder
from shipworthy.serving.launch import WORKER
from shipworthy.serving.supervisor import Serving, Supervisor
from shipworthy.store.layout import Layout
from shipworthy.store.objects import File
from shipworthy.store.preparation import prepare

CALLER = Path(__file__).with_name("caller.py")
NAME = "tumour"
BODIES = 16


@dataclass(frozen=True)
class World:
    """Where it lies, and what callers send."""

    scratch: Path
    contract: Contract
    bodies: list[str]

    @property
    def layout(self) -> Layout:
        """Of the project."""
        return Layout(self.scratch / "project")

    def folder(self, number: int) -> Path:
        """A release's."""
        return self.scratch / str(number)

    def supervisor(self, number: int, workers: int = 1) -> Supervisor:
        """A server that begins with a release."""
        logs, trusted = self.layout.logs(NAME), trusted_folder(self.scratch / "configuration")
        work = self.scratch / "work"
        return Supervisor(
            Serving(WORKER, logs, work=work, trusted=trusted, port=0, workers=workers), self.folder(number)
        )


def make(scratch: Path, releases: int, **serving: Any) -> World:
    """Releases 1, 2, …, each a forest of another size."""
    frame = load_breast_cancer(as_frame=True).frame
    rows, labels = frame.drop(columns="target"), frame["target"]
    features = tuple(Feature(name=name, type="float", min=0.0) for name in rows.columns)
    contract = Contract(
        model=Model(name=NAME, task="classification", train="none:none"),
        purpose=Purpose(decision="a benchmark", owner="nobody"),
        features=features,
        recording=Recording(commit_every=5_000_000_000),
    )
    if serving:
        import msgspec

        contract = msgspec.structs.replace(contract, serving=msgspec.structs.replace(contract.serving, **serving))
    for number in range(1, releases + 1):
        model = HistGradientBoostingClassifier(max_iter=50 * number, random_state=number).fit(rows, labels)
        _sign(scratch, number, contract, model, rows)
    prepare(Layout(scratch / "project"))
    bodies = [json.dumps({"rows": [row]}) for row in rows.head(BODIES).to_dict("records")]
    return World(scratch, contract, bodies)


def _sign(scratch: Path, number: int, contract: Contract, model: Any, rows: Any) -> None:
    folder = scratch / str(number)
    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), folder / "probes.parquet")
    answers = model.predict_proba(rows)
    np.save(folder / "probe_answers.npy", answers)
    facts = Facts(NAME, "classification", contract.features, (0, 1), "benign", "sklearn", "pandas")
    package(folder, facts, tolerance=1e-5, python=Path(sys.executable))
    columns = [rows[name].to_numpy() for name in rows.columns]
    compared = reference.build(contract.features, columns, None, answers, None, window=contract.monitoring.window)
    (folder / "reference.json").write_bytes(reference.encode(compared))
    (folder / "contract.json").write_bytes(digest.canonical_json(contract))
    files = [
        File(path.relative_to(folder).as_posix(), digest.of_file(path), path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    manifest = manifest_statement(Identity(1, NAME, number, "run-1", contract.digest, True, (), 0), files)
    (folder / "manifest.json").write_bytes(manifest.encode())
    (folder / "manifest.dsse.json").write_bytes(signing_key(scratch / "configuration").sign(manifest))


def ask(url: str, body: str) -> Any:
    """One request over a connection of its own."""
    request = Request(f"{url}/predict", body.encode(), {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        return json.load(answer)["predictions"][0]["probabilities"]


def callers(
    url: str, world: World, expected: dict[int, Any], rate: float, seconds: float, connections: int
) -> subprocess.Popen[bytes]:
    """Callers under way; their standard output is what caller.py says."""
    address = urlsplit(url)
    plan = [address.hostname, address.port, world.bodies, expected, rate, seconds, connections]
    return subprocess.Popen([sys.executable, str(CALLER), json.dumps(plan)], stdout=subprocess.PIPE)
