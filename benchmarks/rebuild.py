"""Which rung a rebuild reaches: each family here, with other threads, under other settings, and in a container.

    python benchmarks/rebuild.py [--quick] [--container] [--torch] [--families NAME,NAME] [--json FILE]

Each family is trained once, as a run, and made again from its record alone in a fresh environment: on this machine as
it is, with two threads where the run had one, and with another HOME, time zone and locale around it. A container needs
docker or podman, and SHIPWORTHY_BASE_IMAGE to say what to retrain in; where one is missing the row says so.
`--container` makes a base itself, as tests/wiring/containers.py does, from Debian's packages: it takes mmdebstrap,
buildah, podman and runc. `--torch` adds a network of torch, in a project of its own: its environment is several
gigabytes. What is found is written to `--json` after every family, so that a run that is cut short has its rows.

Recipes are written as users write them: with a seed, and whatever number of threads the library chooses. What a run and
its sandbox cost beside the bare script is measured by benchmarks/training.py, and shown here too.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import training

from shipworthy.contract.records import Contract, DataSource, Feature, Model, Purpose, Retraining
from shipworthy.environments import builder
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.models.bundle import write_description
from shipworthy.models.records import BundleDescription, RuntimeVerdict
from shipworthy.registry.signing import signing_key
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Entry, Ledger
from shipworthy.store.objects import Objects
from shipworthy.store.preparation import prepare
from shipworthy.training.making import State
from shipworthy.training.rebuild import rebuild
from shipworthy.training.trainer import Trained, train

DAY = 86_400_000_000_000
NUMBERS = [f"number_{place}" for place in range(8)]
FAMILIES = {
    "LogisticRegression, in a pipeline": "logistic",
    "RandomForest": "forest",
    "HistGradientBoosting": "histograms",
    "HistGradientBoosting, category sets": "histograms_of_sets",
    "MLP": "perceptron",
    "LightGBM": "lightgbm_",
    "XGBoost": "xgboost_",
    "CatBoost": "catboost_",
    "a Python object of the project's own": "own",
}
QUICK = ("RandomForest", "XGBoost", "CatBoost")
TORCH = {"torch": "network"}
TORCH_VERSION = "torch==2.13.0"
ENGINE = Path(__file__).resolve().parents[1] / "tests" / "wiring" / "containers.py"
MAKES_A_BASE = ("mmdebstrap", "buildah", "podman", "runc")
RECIPES = '''
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

CATEGORIES = ["carrier", "destination"]


def table(rows):
    return rows.drop(columns=["late", "day"]), rows["late"]


def numbered(model):
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    return make_pipeline(make_column_transformer((encoder, CATEGORIES), remainder="passthrough"), model)


def scaled(model, numbers):
    hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    filled = make_pipeline(SimpleImputer(), StandardScaler())
    return make_pipeline(make_column_transformer((hot, CATEGORIES), (filled, numbers)), model)


def logistic(rows: pd.DataFrame, parameters, seed):
    from sklearn.linear_model import LogisticRegression
    x, y = table(rows)
    return scaled(LogisticRegression(max_iter=300, random_state=seed), list(x.columns[2:])).fit(x, y)


def perceptron(rows: pd.DataFrame, parameters, seed):
    from sklearn.neural_network import MLPClassifier
    x, y = table(rows)
    return scaled(MLPClassifier((16,), max_iter=200, tol=1e-2, random_state=seed), list(x.columns[2:])).fit(x, y)


def forest(rows: pd.DataFrame, parameters, seed):
    from sklearn.ensemble import RandomForestClassifier
    model = RandomForestClassifier(parameters["trees"], max_depth=10, n_jobs=-1, random_state=seed)
    return numbered(model).fit(*table(rows))


def histograms(rows: pd.DataFrame, parameters, seed):
    from sklearn.ensemble import HistGradientBoostingClassifier
    return numbered(HistGradientBoostingClassifier(max_iter=parameters["trees"], random_state=seed)).fit(*table(rows))


def histograms_of_sets(rows: pd.DataFrame, parameters, seed):
    from sklearn.ensemble import HistGradientBoostingClassifier
    model = HistGradientBoostingClassifier(
        max_iter=parameters["trees"], categorical_features=[0, 1], random_state=seed
    )
    return numbered(model).fit(*table(rows))


def lightgbm_(rows: pd.DataFrame, parameters, seed):
    import lightgbm
    x, y = table(rows)
    model = lightgbm.LGBMClassifier(n_estimators=parameters["trees"], subsample=0.7, subsample_freq=1, verbose=-1)
    return model.set_params(random_state=seed).fit(x.astype(dict.fromkeys(CATEGORIES, "category")), y)


def xgboost_(rows: pd.DataFrame, parameters, seed):
    import xgboost
    x, y = table(rows)
    model = xgboost.XGBClassifier(n_estimators=parameters["trees"], subsample=0.7, enable_categorical=True)
    return model.set_params(random_state=seed).fit(x.astype(dict.fromkeys(CATEGORIES, "category")), y)


def catboost_(rows: pd.DataFrame, parameters, seed):
    import catboost
    model = catboost.CatBoostClassifier(
        iterations=parameters["trees"], cat_features=CATEGORIES, random_seed=seed, verbose=0, allow_writing_files=False
    )
    return model.fit(*table(rows))


class Centres:
    """The nearest of two centres, with a jitter that the seed decides."""

    classes_ = np.array([False, True])

    def __init__(self, numbers, centres):
        self.numbers = numbers
        self.centres = centres

    def predict_proba(self, rows):
        values = rows[self.numbers].fillna(0.0).to_numpy(float)
        far = ((values[:, None, :] - self.centres[None, :, :]) ** 2).sum(axis=2)
        late = 1.0 / (1.0 + np.exp(far[:, 1] - far[:, 0]))
        return np.column_stack([1.0 - late, late])


def own(rows: pd.DataFrame, parameters, seed):
    x, y = table(rows)
    numbers = list(x.columns[2:])
    values = x[numbers].fillna(0.0).to_numpy(float)
    jitter = np.random.default_rng(seed).normal(scale=1e-3, size=(2, len(numbers)))
    return Centres(numbers, np.stack([values[~y].mean(axis=0), values[y].mean(axis=0)]) + jitter)


class Network:
    """A network of torch with the tables around it."""

    classes_ = np.array([False, True])

    def __init__(self, numbers, net):
        self.numbers = numbers
        self.net = net

    def predict_proba(self, rows):
        import torch
        with torch.no_grad():
            values = torch.tensor(rows[self.numbers].fillna(0.0).to_numpy(np.float32))
            late = torch.sigmoid(self.net(values)).numpy().astype(float)
        return np.hstack([1.0 - late, late])


def network(rows: pd.DataFrame, parameters, seed):
    import torch
    torch.manual_seed(seed)
    x, y = table(rows)
    numbers = list(x.columns[2:])
    net = torch.nn.Sequential(torch.nn.Linear(len(numbers), 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    descent = torch.optim.Adam(net.parameters(), lr=1e-2)
    given = torch.tensor(x[numbers].fillna(0.0).to_numpy(np.float32))
    wanted = torch.tensor(y.to_numpy(np.float32))[:, None]
    for _ in range(parameters["trees"]):
        descent.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(net(given), wanted).backward()
        descent.step()
    return Network(numbers, net.eval())
'''


CONTRACT = """
[model]
name = "made"
task = "classification"
train = "recipes:logistic"
[purpose]
decision = "measure"
owner = "nobody@example.com"
[features]
number_0 = { type = "float", nullable = true }
[data.rows]
source = "file:data/rows.parquet"
target = "late"
time = "day"
"""  # for the command line; the runs here have contracts of their own


def main() -> None:
    """Train each family, rebuild it in each setting, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three families, fewer rows")
    parser.add_argument("--container", action="store_true", help="make a base from Debian's packages, and use that")
    parser.add_argument("--torch", action="store_true", help="a network of torch too; its environment is large")
    parser.add_argument("--families", default="", metavar="NAME,…", help="these alone, by their recipes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    found: list[dict[str, Any]] = []
    rows, trees = (4_000, 20) if options.quick else (50_000, 100)
    with tempfile.TemporaryDirectory() as folder, based(Path(folder), make=options.container):
        for families, more in chosen(parser, options):
            place = Project(Path(folder) / ("project" if not more else "torch"), rows, more)
            for name, recipe in families.items():
                found += place.rows_of(name, recipe, trees)
                keep(options.json, {"rows": found})
            place.state.ledger.close()
    print(as_markdown(found))
    with tempfile.TemporaryDirectory() as folder:
        given = (30_000, 20, 1) if options.quick else (300_000, 100, 3)
        bare, closed, opened = training.measured(Path(folder), *given)
    over, allowed = closed - bare, 0.03 * bare + 1.0
    print(
        f"\nrecording: bare script {bare:.2f} s, run {closed:.2f} s: {over:+.2f} s where 3% + 1 s are {allowed:.2f} s, "
        f"{closed - opened:+.2f} s of it by the sandbox"
    )
    overhead = {
        "bare_s": bare,
        "run_s": closed,
        "run_without_sandbox_s": opened,
        "over_s": over,
        "allowed_s": allowed,
    }
    keep(options.json, {"rows": found, "overhead": overhead})


def chosen(
    parser: argparse.ArgumentParser, options: argparse.Namespace
) -> list[tuple[dict[str, str], tuple[str, ...]]]:
    """Families by name with their recipes, and what their project's lock holds beside the common one."""
    wanted = {each.strip() for each in options.families.split(",") if each.strip()}
    unknown = wanted - {*FAMILIES.values(), *TORCH.values()}
    if unknown:
        known = ", ".join([*FAMILIES.values(), *TORCH.values()])
        parser.error(f"--families {', '.join(sorted(unknown))}: expected some of {known}")
    usual = {name: FAMILIES[name] for name in QUICK} if options.quick else FAMILIES
    common = {name: recipe for name, recipe in FAMILIES.items() if recipe in wanted} if wanted else usual
    projects: list[tuple[dict[str, str], tuple[str, ...]]] = [(common, ())] if common else []
    if options.torch or wanted & set(TORCH.values()):
        projects.append((TORCH, (TORCH_VERSION,)))
    return projects


def keep(file: Path | None, figures: dict[str, Any]) -> None:
    """Write what is known by now, where that was asked for."""
    if file is not None:
        file.write_text(json.dumps(figures, indent=1))


@contextlib.contextmanager
def based(folder: Path, *, make: bool) -> Iterator[None]:
    """With a base to retrain in: the one that the setting names, or one that is made here and goes again."""
    missing = [program for program in MAKES_A_BASE if shutil.which(program) is None]
    if not make or missing:
        if make:
            print(f"--container: {', '.join(missing)} missing, so that no base is made", file=sys.stderr)
        yield
        return
    print("a base image from Debian's packages …", file=sys.stderr)
    spec = importlib.util.spec_from_file_location("containers", ENGINE)
    assert spec is not None
    assert spec.loader is not None
    containers = importlib.util.module_from_spec(spec)
    sys.modules["containers"] = containers
    spec.loader.exec_module(containers)
    (folder / "engine").mkdir()
    engine = containers.engine(folder / "engine", dict(os.environ))
    before = dict(os.environ)
    os.environ |= {**engine.settings, "SHIPWORTHY_BASE_IMAGE": engine.base}
    try:
        yield
        if engine.settings:  # layers are mounted while anything uses them: the folder could not be removed
            subprocess.run(["buildah", "rmi", "--all", "--force"], capture_output=True, check=False)
    finally:
        os.environ.clear()
        os.environ |= before


class Project:
    """A user's folder with recipes, data and a lock that holds every family's library."""

    def __init__(self, folder: Path, rows: int, more: tuple[str, ...]) -> None:
        self.folder = folder
        (folder / "data").mkdir(parents=True)
        (folder / "recipes.py").write_text(RECIPES)
        (folder / "shipworthy.toml").write_text(CONTRACT)
        libraries = more or ("catboost", "xgboost")
        (folder / "requirements.lock").write_bytes(builder.lock_with(training.LOCK, libraries).read_bytes())
        pq.write_table(made(rows), folder / "data" / "rows.parquet")
        layout = Layout(folder)
        prepare(layout)
        self.state = State(
            layout, Ledger(layout.ledger_url), Objects(layout.objects), lambda: signing_key(layout.state)
        )
        builder.build(folder / "requirements.lock")

    def rows_of(self, family: str, recipe: str, trees: int) -> list[dict[str, Any]]:
        """One row a setting."""
        print(f"{family} …", file=sys.stderr)
        run = train(contract(recipe, trees), self.state, described, lambda trained: None)
        found = {
            "same machine": self._again(run),
            "two threads instead of one": self._again(with_threads(run, 2)),
        }
        with other_surroundings(self.folder.parent / "elsewhere"):
            found["other HOME, time zone and locale"] = self._again(run)
        found["container"] = self._in_container(run)
        return [{"family": family, "setting": setting, **told} for setting, told in found.items()]

    def _again(self, run: Entry) -> dict[str, Any]:
        made_again = rebuild(run, self.state).decode(Rebuild)
        differences = [each for each in made_again.differences if not each.startswith(("the threads", "the linear"))]
        return {"rung": made_again.rung, "seconds": made_again.seconds, "reason": "; ".join(differences)}

    def _in_container(self, run: Entry) -> dict[str, Any]:
        """By the command line, since that is what makes the image; says why where it cannot."""
        if not any(shutil.which(tool) for tool in ("docker", "podman")):
            return skipped("neither docker nor podman is installed")
        if "SHIPWORTHY_BASE_IMAGE" not in os.environ:
            return skipped("SHIPWORTHY_BASE_IMAGE names no image to retrain in")
        command = [sys.executable, "-m", "shipworthy", "rebuild", run.id, "--no-diagnosis", "--json"]
        asked = [*command, "--in", "container", "--project", str(self.folder)]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        entries = list(self.state.ledger.entries("rebuild", run.model))
        newest = entries[0] if entries and entries[0].subject == run.id else None
        if done.returncode not in (0, 1) or newest is None:
            return skipped((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
        made_again = newest.decode(Rebuild)
        return {"rung": made_again.rung, "seconds": made_again.seconds, "reason": "; ".join(made_again.differences)}


def skipped(reason: str) -> dict[str, Any]:
    """A row without a rung."""
    return {"rung": None, "seconds": None, "reason": f"skipped: {reason}"}


def with_threads(entry: Entry, threads: int) -> Entry:
    """The record of a run, asking for another number of threads."""
    run = entry.decode(Run)
    model = msgspec.structs.replace(run.contract.model, threads=threads)
    asked = msgspec.structs.replace(run, contract=msgspec.structs.replace(run.contract, model=model))
    return dataclasses.replace(entry, body=msgspec.json.encode(asked))


@contextlib.contextmanager
def other_surroundings(home: Path) -> Iterator[None]:
    """As another user on another continent would have it; uv keeps its cache."""
    home.mkdir(exist_ok=True)
    cache = os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
    changed = {"HOME": str(home), "TZ": "Pacific/Chatham", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}
    before = dict(os.environ)
    os.environ |= {**changed, "UV_CACHE_DIR": cache, "PYTHONHASHSEED": "1234"}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def contract(recipe: str, trees: int) -> Contract:
    """What a run is made by."""
    return Contract(
        model=Model(name="made", task="classification", train=f"recipes:{recipe}", seed=7, threads=1),
        purpose=Purpose(decision="measure", owner="nobody"),
        features=(
            *(Feature(name=name, type="category") for name in ("carrier", "destination")),
            *(Feature(name=name, type="float", nullable=True) for name in NUMBERS),
        ),
        parameters={"trees": trees},
        data=(DataSource(name="rows", kind="file", location="data/rows.parquet", target="late", time="day"),),
        retraining=Retraining(holdout=14 * DAY),
    )


def described(trained: Trained) -> None:
    """bundle.json, without a conversion: runtimes are another benchmark's."""
    own = RuntimeVerdict("python", "", True, 1, 0.0, None, None, "")
    description = BundleDescription(
        version=1,
        model=trained.contract.name,
        task="classification",
        features=trained.features,
        classes=trained.outcome.classes,
        target="late",
        family=trained.outcome.family,
        runtimes=(own,),
        online="python",
        batch="python",
    )
    write_description(trained.bundle, description)


def made(rows: int) -> pa.Table:
    """Rows over a year: two categories, numbers with gaps, a label that some of them tell."""
    random = np.random.default_rng(0)
    numbers = {name: random.normal(size=rows) for name in NUMBERS}
    carrier, destination = random.integers(0, 16, rows), random.integers(0, 100, rows)
    signal = numbers["number_0"] + numbers["number_1"] * numbers["number_2"] + (carrier % 3) + (destination % 7) / 7
    late = signal + random.normal(size=rows) > 1.5
    for values in numbers.values():
        values[random.random(rows) < 0.05] = np.nan
    day = np.sort(random.integers(0, 365 * 86_400_000_000, rows))
    words = {"carrier": carrier.astype(str), "destination": destination.astype(str)}
    return pa.table({**words, **numbers, "late": late, "day": pa.array(day).cast(pa.timestamp("us"))})


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """The table of the documentation."""
    lines = ["| family | setting | rung | s | what differs |", "|---|---|---|---|---|"]
    for row in rows:
        seconds = "–" if row["seconds"] is None else f"{row['seconds']:.1f}"
        lines.append(f"| {row['family']} | {row['setting']} | {row['rung'] or '–'} | {seconds} | {row['reason']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
