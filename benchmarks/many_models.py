"""A hundred small models behind one worker: memory, how long first requests wait, and what the others notice.

    python benchmarks/many_models.py [--models 100] [--quick] [--json FILE]

Each model is a gradient boosting of 100 trees over ten numeric features, in a graph of ONNX Runtime, signed as a
release. `cold` is the latency of a request to a model that is not loaded: verified, loaded, warmed up, answered.
`resident` is the latency of one loaded model, asked one request at a time, alone, while the others are loaded one after
the other, and while room for half of them makes every request of another model unload one.
"""

from __future__ import annotations

import argparse
import json
import pickle
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier

from shipworthy import digest
from shipworthy.contract.records import Contract, Feature, Model, Purpose
from shipworthy.models.bundle import write_description
from shipworthy.models.converting import Facts
from shipworthy.models.packaging import package
from shipworthy.models.records import BundleDescription
from shipworthy.registry.manifest import Identity, manifest_statement
from shipworthy.registry.signing import SigningKey, signing_key
from shipworthy.registry.trust import trusted_folder
from shipworthy.serving.hosting import Hosted, Hosting, Room, write_hosting
from shipworthy.serving.launch import WORKER
from shipworthy.serving.supervisor import Serving, Supervisor
from shipworthy.store.objects import File

FEATURES = tuple(Feature(name=f"f{index}", type="float") for index in range(10))
BODY = json.dumps({"rows": [{feature.name: 0.5 for feature in FEATURES}]}).encode()


def main() -> None:
    """Print a table; write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(Path(scratch), options.models, 1.0 if options.quick else 5.0)
    for name, value in found.items():
        print(f"{name:<34} {value:12,.3f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def measure(folder: Path, count: int, seconds: float) -> dict[str, float]:
    """All figures; latencies in ms, memory in bytes."""
    hosted = releases(folder, count)
    with Run(folder, "all", hosted, Room(memory=2 * 10**9)) as run:
        empty = run.memory()
        run.ask(0)
        alone = run.steady(seconds)
        cold: list[float] = []
        while_loading = run.steady(0.0, lambda: cold.extend(run.ask(index) for index in range(1, count)))
        full = run.memory()
        afterwards = run.steady(seconds)
    with Run(folder, "half", hosted, Room(memory=2 * 10**9, models=count // 2)) as run:
        again: list[float] = []
        for index in range(count):
            run.ask(index)
        half = run.memory()
        thrashing = run.steady(0.0, lambda: again.extend(run.ask(index) for index in range(1, count)))
        after_thrashing = run.memory()
    return {
        "models": float(count),
        "worker, none loaded, MB": empty / 1e6,
        "worker, all loaded, MB": full / 1e6,
        "a model, MB": (full - empty) / count / 1e6,
        "cold first request p50": quantile(cold, 0.5),
        "cold first request max": max(cold),
        "resident p50, alone": quantile(alone, 0.5),
        "resident p99, alone": quantile(alone, 0.99),
        "resident p50, others loading": quantile(while_loading, 0.5),
        "resident p99, others loading": quantile(while_loading, 0.99),
        "resident p99, all loaded": quantile(afterwards, 0.99),
        "resident p99, others come and go": quantile(thrashing, 0.99),
        "worker, half loaded, MB": half / 1e6,
        "the same after coming and going": after_thrashing / 1e6,
        "cold p50 where one has to leave": quantile(again, 0.5),
    }


class Run:
    """A server of these models with one worker."""

    def __init__(self, folder: Path, name: str, hosted: list[Hosted], room: Room) -> None:
        path = folder / f"{name}.json"
        write_hosting(path, Hosting(models=tuple(hosted), room=room))
        work = folder / name
        work.mkdir()
        trusted = trusted_folder(folder / "configuration")
        self._supervisor = Supervisor(Serving(WORKER, folder, work, trusted, port=0, many=True), path)
        self._hosted = hosted

    def __enter__(self) -> Run:
        self._url = self._supervisor.start()
        self._client = httpx.Client(base_url=self._url, timeout=60, trust_env=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._supervisor.stop()

    def memory(self) -> float:
        """The worker's resident bytes."""
        pid = self._supervisor.status().workers[0].pid
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))

    def ask(self, index: int, client: httpx.Client | None = None) -> float:
        """Milliseconds to an answer of a model."""
        began = time.perf_counter()
        answer = (client or self._client).post(f"/models/{self._hosted[index].model}/predict", content=BODY)
        answer.raise_for_status()
        return 1000 * (time.perf_counter() - began)

    def steady(self, seconds: float, meanwhile: Callable[[], Any] = lambda: None) -> list[float]:
        """Latencies of the first model, asked again and again for some time, or for as long as something else takes."""
        found: list[float] = []
        done = threading.Event()

        def ask() -> None:
            with httpx.Client(base_url=self._url, timeout=60, trust_env=False) as client:
                self.ask(0, client)
                while not done.is_set():
                    found.append(self.ask(0, client))
                    time.sleep(0.001)

        asking = threading.Thread(target=ask)
        asking.start()
        meanwhile()
        time.sleep(seconds)
        done.set()
        asking.join()
        return found


def releases(folder: Path, count: int) -> list[Hosted]:
    """Signed releases of so many models, all of the same shape."""
    key = signing_key(folder / "configuration")
    made, description = bundle(folder / "bundle")
    return [release(folder, f"model-{number}", made, description, key) for number in range(count)]


def bundle(folder: Path) -> tuple[Path, BundleDescription]:
    """A model, converted as any is."""
    folder.mkdir()
    rng = np.random.default_rng(13)
    frame = pd.DataFrame(rng.normal(size=(2000, len(FEATURES))), columns=[feature.name for feature in FEATURES])
    fitted = HistGradientBoostingClassifier(max_iter=100, early_stopping=False)
    fitted.fit(frame, (frame["f0"] + frame["f1"] * frame["f2"] > 0).astype(int))
    probes = frame.head(50)
    (folder / "model.pkl").write_bytes(pickle.dumps(fitted))
    pq.write_table(pa.Table.from_pandas(probes, preserve_index=False), folder / "probes.parquet")
    np.save(folder / "probe_answers.npy", fitted.predict_proba(probes))
    facts = Facts("model-0", "classification", FEATURES, (0, 1), "label", "sklearn", "pandas")
    return folder, package(folder, facts, tolerance=1e-5, python=Path(sys.executable))


def release(folder: Path, model: str, made: Path, description: BundleDescription, key: SigningKey) -> Hosted:
    """A release folder, as the registry leaves it."""
    place = folder / "releases" / model / "1"
    shutil.copytree(made, place)
    write_description(place, msgspec.structs.replace(description, model=model))
    contract = Contract(
        model=Model(name=model, task="classification", train="none:none"),
        purpose=Purpose(decision="a benchmark", owner="nobody"),
        features=FEATURES,
    )
    (place / "contract.json").write_bytes(digest.canonical_json(contract))
    listed = [
        File(path.relative_to(place).as_posix(), digest.of_file(path), path.stat().st_size)
        for path in place.rglob("*")
        if path.is_file()
    ]
    manifest = manifest_statement(Identity(1, model, 1, "run-1", contract.digest, True, (), 0), listed)
    (place / "manifest.json").write_bytes(manifest.encode())
    (place / "manifest.dsse.json").write_bytes(key.sign(manifest))
    names = tuple(feature.name for feature in FEATURES)
    return Hosted(model=model, number=1, folder=str(place), logs=str(folder / "logs" / model), features=names)


def quantile(values: list[float], share: float) -> float:
    """A quantile, or 0 of nothing."""
    return float(np.quantile(values, share)) if values else 0.0


if __name__ == "__main__":
    main()
