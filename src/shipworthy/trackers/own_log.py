"""What a training's own code logs: a place for it inside the job, and what was left there, read back.

A training has no network. So its MLflow finds a run that is begun already, in a folder of the job in MLflow's own file
format, and W&B works offline. Both are kept with the run, and told to the trackers afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = "tracking"  # below the job's output
RUN = "5415" * 8  # the run's id in that folder; the tracker's own is another
_EXPERIMENT = "1"
_MLFLOW = {"mlflow", "mlflow-skinny"}
_PARTS = ("artifacts", "metrics", "params", "tags")
_OURS = ("mlflow.runName", "mlflow.user", "mlflow.source.name", "mlflow.source.type", "mlflow.source.git.commit")


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric."""

    name: str
    value: float
    milliseconds: int  # since 1970, UTC
    step: int


@dataclass(frozen=True, slots=True)
class OwnLog:
    """What the code logged itself."""

    parameters: Mapping[str, str]
    metrics: tuple[Point, ...]
    tags: Mapping[str, str]
    artifacts: Path | None  # a folder
    models: tuple[Path, ...]  # folders of models that it logged


VARIABLES = (  # all that `prepare` may give
    "MLFLOW_TRACKING_URI",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_RUN_ID",
    "MLFLOW_ALLOW_FILE_STORE",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR",
    "WANDB_MODE",
    "WANDB_DIR",
    "WANDB_PROJECT",
    "WANDB_SILENT",
)


def prepare(output: Path, packages: Collection[str], model: str) -> dict[str, str]:
    """Make the places for what the packages of a lock would log; the variables by which they find them."""
    variables: dict[str, str] = {}
    if _MLFLOW.intersection(packages):
        store = output / FOLDER / "mlflow"
        _begin(store, model)
        variables |= {
            "MLFLOW_TRACKING_URI": store.as_uri(),
            "MLFLOW_REGISTRY_URI": store.as_uri(),
            "MLFLOW_EXPERIMENT_ID": _EXPERIMENT,
            "MLFLOW_RUN_ID": RUN,
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        }
    if "wandb" in packages:
        folder = output / FOLDER / "wandb"
        folder.mkdir(parents=True)
        variables |= {
            "WANDB_MODE": "offline",
            "WANDB_DIR": str(folder),
            "WANDB_PROJECT": model,
            "WANDB_SILENT": "true",
        }
    return variables


def read(folder: Path) -> OwnLog | None:
    """What MLflow's own calls left below a folder that `prepare` made; None where nothing did."""
    run = folder / "mlflow" / _EXPERIMENT / RUN
    if not run.is_dir():
        return None
    tags = {name: value for name, value in _texts(run / "tags") if name not in _OURS}
    models = sorted((run.parent / "models").glob("*/artifacts"))
    artifacts = run / "artifacts"
    found = OwnLog(
        parameters=dict(_texts(run / "params")),
        metrics=tuple(point for name, lines in _texts(run / "metrics") for point in _points(name, lines)),
        tags=tags,
        artifacts=artifacts if artifacts.is_dir() and any(artifacts.iterdir()) else None,
        models=tuple(models),
    )
    return found if found.parameters or found.metrics or tags or found.artifacts or models else None


def _begin(store: Path, model: str) -> None:
    """A run that is under way, as MLflow's file store has one."""
    now = int(time.time() * 1000)
    experiment = store / _EXPERIMENT
    run = experiment / RUN
    for part in _PARTS:
        (run / part).mkdir(parents=True)
    (store / ".trash").mkdir()
    _meta(
        experiment,
        artifact_location=experiment.as_uri(),
        creation_time=now,
        experiment_id=f"'{_EXPERIMENT}'",
        last_update_time=now,
        lifecycle_stage="active",
        name=model,
    )
    _meta(
        run,
        artifact_uri=(run / "artifacts").as_uri(),
        end_time="null",
        entry_point_name="''",
        experiment_id=f"'{_EXPERIMENT}'",
        lifecycle_stage="active",
        run_id=f"'{RUN}'",
        run_name=model,
        run_uuid=f"'{RUN}'",
        source_name="''",
        source_type=4,
        source_version="''",
        start_time=now,
        status=1,
        tags="[]",
        user_id="shipworthy",
    )


def _meta(folder: Path, **keys: object) -> None:
    text = "".join(f"{name}: {value}\n" for name, value in keys.items())
    (folder / "meta.yaml").write_text(text, encoding="utf-8")


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Name -> content of the files below a folder; a name may have slashes."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8", errors="replace")


def _points(name: str, lines: str) -> Iterator[Point]:
    """ "MILLISECONDS VALUE STEP" a line; what else there may be belongs to datasets."""
    for line in lines.splitlines():
        words = line.split()
        if len(words) >= 2:
            yield Point(name, float(words[1]), int(words[0]), int(words[2]) if len(words) > 2 else 0)
