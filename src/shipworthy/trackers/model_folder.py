"""A bundle's model as MLflow's own loaders take it: MLmodel, requirements.txt, and the file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from shipworthy import clock
from shipworthy.contract.records import FeatureType
from shipworthy.lineage.records import Run
from shipworthy.models.bundle import CODE, MODEL, read_description

_TYPES: dict[FeatureType, str] = {
    "float": "double",
    "integer": "long",
    "boolean": "boolean",
    "category": "string",
    "timestamp": "datetime",
}
DESCRIPTION = "MLmodel"
REQUIREMENTS = "requirements.txt"


def write(bundle: Path, folder: Path, run: Run, tracker_run: str) -> None:
    """Write the folder of a logged model. `tracker_run` is MLflow's id of the run."""
    folder.mkdir()
    shutil.copyfile(bundle / MODEL, folder / MODEL)
    own = (bundle / CODE).is_dir()
    if own:
        shutil.copytree(bundle / CODE, folder / CODE)
    needed = [f"{name}=={version}" for name, version in run.environment.imported.items()]
    (folder / REQUIREMENTS).write_text("".join(f"{line}\n" for line in needed), encoding="utf-8")
    described = _described(bundle, run, tracker_run, CODE if own else None)
    # JSON is YAML, which this file is read as.
    (folder / DESCRIPTION).write_text(json.dumps(described, indent=1), encoding="utf-8")


def _described(bundle: Path, run: Run, tracker_run: str, code: str | None) -> dict[str, Any]:
    description = read_description(bundle)
    columns = [
        {"name": each.name, "type": _TYPES[each.type], "required": not each.nullable} for each in description.features
    ]
    versions = run.environment.distributions
    library = {
        "pickled_model": MODEL,
        "serialization_format": "pickle",
        "sklearn_version": versions.get("scikit-learn", "none"),
        "code": code,
    }
    function = {
        "loader_module": "mlflow.sklearn",
        "model_path": MODEL,
        "predict_fn": "predict_proba" if description.classes and "lightgbm" not in description.family else "predict",
        "python_version": run.environment.python,
        "env": {"virtualenv": REQUIREMENTS},
        "code": code,
    }
    return {
        "artifact_path": "model",
        "flavors": {"python_function": function, "sklearn": library},
        "run_id": tracker_run,
        "utc_time_created": clock.to_iso(run.finished)[:19].replace("T", " "),
        "signature": {"inputs": json.dumps(columns), "outputs": None, "params": None},
        "metadata": {"shipworthy_model_digest": run.model_digest},
    }
