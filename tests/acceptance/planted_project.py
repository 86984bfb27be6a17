"""A small user's project that trains in a fraction of a second, in an environment of three packages."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uv
from training.as_it_is import described

from shipworthy.contract.records import Contract, DataSource, Feature, Gate, Model, Purpose, RebuildRule, Retraining
from shipworthy.environments import builder
from shipworthy.environments.requirements import names, without
from shipworthy.lineage.records import Rebuild
from shipworthy.registry.signing import signing_key
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Entry, Ledger
from shipworthy.store.objects import Objects
from shipworthy.store.preparation import prepare
from shipworthy.training.making import State
from shipworthy.training.rebuild import How, rebuild
from shipworthy.training.trainer import train

HERE = Path(__file__).parent
NEEDED = ("numpy", "pyarrow", "threadpoolctl")
DAY = 86_400_000_000_000

FEATURES = (
    Feature(name="distance", type="float", min=0, max=6000),
    Feature(name="stops", type="integer", min=0, max=5),
)


def flights(rows: int = 400) -> pa.Table:
    """Flights over 40 days in the order of time, several in one hour."""
    random = np.random.default_rng(3)
    distance = random.uniform(10, 5000, rows)
    hours = np.sort(random.integers(0, 40 * 6, rows)) * (DAY // 6)
    return pa.table(
        {
            "id": np.arange(rows),
            "distance": distance,
            "stops": random.integers(0, 4, rows),
            "delay": distance / 500 + random.normal(0, 3, rows),
            "day": pa.array(hours).cast(pa.timestamp("ns")).cast(pa.timestamp("us")),
        }
    )


def small_lock(lock: Path) -> str:
    """The pins of what the recipes need, and of nothing else."""
    text = lock.read_text(encoding="utf-8")
    return without(text, [name for name in names(text) if name not in NEEDED])


def wheel(folder: Path, version: str, factor: float, more: str = "") -> str:
    """A package of a line or two; a line of a lock that names it."""
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / f"scaling-{version}-py3-none-any.whl"
    info = f"scaling-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scaling.py", f"FACTOR = {factor}\n{more}")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: scaling\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"scaling=={version} --hash=sha256:{sha256(path.read_bytes()).hexdigest()}\n"


def with_another_version(project: Planted, more: str = "") -> None:
    """The lock names `scaling` 1.0, and its environment holds 2.0, which has `more` in it: somebody changed it."""
    wheels = project.folder / "wheels"
    wheel(wheels, "2.0", 3.0, more)
    lock = project.folder / "requirements.lock"
    lock.write_text(lock.read_text() + wheel(wheels, "1.0", 1.0))
    (project.folder / "uv.toml").write_text('find-links = ["wheels"]\n')
    environment = builder.build(lock, near=project.folder)
    upgrade = ["pip", "install", "--offline", "--python", str(builder.interpreter(environment)), "scaling==2.0"]
    subprocess.run([uv.find_uv_bin(), *upgrade, "--quiet"], cwd=project.folder, check=True)


class Planted:
    """A project folder with its state."""

    def __init__(self, folder: Path, lock: str) -> None:
        self.folder = folder
        shutil.copytree(HERE / "planted", folder)
        (folder / "requirements.lock").write_text(lock, encoding="utf-8")
        (folder / "data").mkdir()
        pq.write_table(flights(), folder / "data" / "flights.parquet")
        layout = Layout(folder)
        prepare(layout)
        self.state = State(
            layout, Ledger(layout.ledger_url), Objects(layout.objects), lambda: signing_key(layout.state)
        )

    def contract(
        self,
        recipe: str,
        *,
        source: DataSource | None = None,
        sandbox: Literal["on", "off"] = "on",
        command: str | None = None,
        **rule: Any,
    ) -> Contract:
        """The contract of one of the recipes, or of a command; `rule` is [gate.rebuild]."""
        train = f"recipes:{recipe}" if command is None else None
        model = Model(name="delay", task="regression", train=train, command=command, seed=7, sandbox=sandbox)
        file = DataSource(name="flights", kind="file", location="data/flights.parquet", target="delay", time="day")
        return Contract(
            model=model,
            purpose=Purpose(decision="rebook", owner="ops@example.com"),
            features=FEATURES,
            data=(source or file,),
            retraining=Retraining(holdout=10 * DAY),
            gate=Gate(metric="rmse", rebuild=RebuildRule(**rule)),
        )

    def train(self, contract: Contract, **more: Any) -> Entry:
        """A run of it."""
        return train(contract, self.state, described, lambda _: None, **more)

    def rebuild(self, entry: Entry, **how: Any) -> Rebuild:
        """It made again."""
        return rebuild(entry, self.state, how=How(**how)).decode(Rebuild)
