"""The model file that a command left, read by the library that wrote it; how its model is asked.

`models.inside` knows the formats: its folder is named by the job, and made importable under its own name.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import sys
import types
from pathlib import Path
from typing import Any

GRAPH = "shipworthy_graph"  # the module that an ONNX model is an object of; it goes with the bundle

Job = dict[str, Any]


def model(path: Path, job: Job) -> Any:
    """The model in a file. ValueError where it is none that is known; else whatever its library says."""
    sniffing = _inside(job, "sniffing")
    kind = sniffing.kind_of(path)
    if kind is None:
        raise ValueError(f"the command left {path.name}, which is no model file; expected {sniffing.EXPECTED}")
    if kind == "onnx":
        return _graph(path, job)
    try:
        found = _inside(job, "loading").load(path, kind)
    except AttributeError as error:
        if "__main__" in str(error):
            raise TypeError(
                f"{path.name} refers to a class or function of the script itself ({error}): define it in a module of "
                "its own and import it, for nobody else can read the file otherwise"
            ) from None
        raise
    return found


def table_kind(model: Any, job: Job) -> str:
    """What it is handed rows in: a frame where it knows columns by name, an array where it was trained on one."""
    own = getattr(model, "shipworthy_table", None)
    if own is not None:
        return str(own)
    described = _inside(job, "describing")
    try:
        return str(described.describe(model)["table"])
    except Exception:  # a model of the user's own says nothing about itself
        return "pandas" if importlib.util.find_spec("pandas") else "pyarrow"


def as_rows(path: str, kind: str, names: list[str], job: Job) -> Any:
    """Some columns of a Parquet file, in this order, as a kind of table."""
    table = importlib.import_module("pyarrow.parquet").read_table(path, columns=names).select(names)
    return _inside(job, "own_call").as_table(table, kind)


def _graph(path: Path, job: Job) -> Any:
    """An object that answers by ONNX Runtime; its module is written among the project's, to be kept with the model."""
    source = Path(job["inside"]) / "given_graph_model.py"
    shutil.copyfile(source, Path(job["project"]) / f"{GRAPH}.py")
    importlib.invalidate_caches()
    return importlib.import_module(GRAPH).OnnxModel(path.read_bytes())


def _inside(job: Job, name: str) -> Any:
    package = "shipworthy.models"
    if f"{package}.inside" not in sys.modules:
        for each, path in ((package, []), (f"{package}.inside", [job["inside"]])):
            module = types.ModuleType(each)
            module.__path__ = path
            sys.modules[each] = module
    return importlib.import_module(f"{package}.inside.{name}")
