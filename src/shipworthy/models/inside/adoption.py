"""A user's own model file, looked at and asked in an environment of theirs. What goes wrong is told in the result.

`look` says what the model is. `keep` writes it as the model of a bundle, and where its trees split. `answer` asks that
model about tables of rows.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import warnings
from pathlib import Path
from typing import Any

from shipworthy.models.inside import describing
from shipworthy.models.inside.loading import load
from shipworthy.models.inside.own_call import as_table, own_call

Spec = dict[str, Any]


def run(spec: Spec) -> int:
    """Does what a spec asks for; 0 whenever there is a result to read."""
    sys.path.extend(spec["path"])  # last: a file of the user's hides no package
    try:
        result = _task(spec)(spec)
    except ModuleNotFoundError as error:
        result = {"error": str(error), "missing": (error.name or "").partition(".")[0]}
    except Exception as error:
        result = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"}
    target = Path(spec["result"])
    part = target.with_name(f"{target.name}.part")
    part.write_text(json.dumps(result), encoding="utf-8")
    part.replace(target)
    return 0


def _look(spec: Spec) -> dict[str, Any]:
    model, told = _loaded(spec)
    found = describing.describe(model)
    if found["table"] in ("pandas", "polars"):
        importlib.import_module(found["table"])  # so that its distribution is among those that are needed
    return {"described": {**found, "distributions": describing.distributions(), "warnings": told}}


def _keep(spec: Spec) -> dict[str, Any]:
    """The model as a pickle, with the modules of the user's own that it refers to."""
    model, _ = _loaded(spec)
    bundle = Path(spec["bundle"])
    modules = _borrowed(spec, "keeping").keep(model, bundle / spec["model_file"], Path(spec["project"]))
    probes = as_table(_read(bundle / spec["probes"]), spec["table"])
    names = [feature["name"] for feature in spec["features"]]
    splits = _borrowed(spec, "thresholds").thresholds(model, _named(probes, names), names)
    return {
        "modules": modules,
        "thresholds": splits,
        "canonical_digest": _borrowed(spec, "canonical").fingerprint(model),
    }


def _answer(spec: Spec) -> dict[str, Any]:
    numpy = importlib.import_module("numpy")
    bundle = Path(spec["bundle"])
    model = load(bundle / spec["model_file"], "pickle")
    call = own_call(model, spec["task"])
    width = len(spec["classes"]) or 1
    for rows, answers in spec["tables"].items():
        table = _read(Path(rows))
        said = numpy.asarray(call(as_table(table, spec["table"])), dtype=float).reshape(table.num_rows, -1)
        if said.shape[1] != width:
            raise ValueError(f"answers of shape {said.shape} to {table.num_rows} rows; expected {width} columns")
        numpy.save(answers, numpy.ascontiguousarray(said), allow_pickle=False)
    return {}


def _loaded(spec: Spec) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = load(Path(spec["file"]), spec["format"])
    told = [str(each.message).partition(". ")[0] for each in caught if "Version" in each.category.__name__]
    return model, sorted(set(told))


def _read(path: Path) -> Any:
    return importlib.import_module("pyarrow.parquet").read_table(path)


def _named(table: Any, names: list[str]) -> Any:
    """A table whose columns are found by name, also where the model takes an array."""
    numpy = importlib.import_module("numpy")
    if not isinstance(table, numpy.ndarray):
        return table

    class Named(numpy.ndarray):  # type: ignore[misc,name-defined,unused-ignore]
        def __getitem__(self, key: Any) -> Any:
            return super().__getitem__((slice(None), names.index(key)) if isinstance(key, str) else key)

    return table.view(Named)


def _borrowed(spec: Spec, name: str) -> Any:
    """One of the training's own modules, by its file: what it writes and finds is then alike here and there."""
    specification = importlib.util.spec_from_file_location(f"shipworthy_{name}", spec["borrowed"][name])
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _task(spec: Spec) -> Any:
    if spec["format"] == "onnx":
        from shipworthy.models.inside import given_graph  # noqa: PLC0415 - onnx is there for graphs only

        return {"look": given_graph.look, "keep": given_graph.keep, "answer": given_graph.answer}[spec["do"]]
    return {"look": _look, "keep": _keep, "answer": _answer}[spec["do"]]
