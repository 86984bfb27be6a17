"""A model version of an MLflow registry: its files, and what its run recorded. Reads only, through MLflow's client."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from shipworthy.adoption.records import DataInput, Tracked
from shipworthy.errors import NotFound, WrongUse
from shipworthy.models.adopting import Given
from shipworthy.models.formats import FORMATS, Format, format_of
from shipworthy.trackers.mlflow import away, connect
from shipworthy.wiring.adopted_model import Source, own_modules

_LOCAL = ("mlflow.db", "mlruns")  # where MLflow itself keeps a registry of the folder that it is used in
_SECRET = re.compile(r"//[^/@\s]+@")  # a user and a password before a host
_NAMED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
_FLAVORS: dict[str, tuple[Format, str]] = {  # flavor -> format, and the key of its file
    "onnx": ("onnx", "data"),
    "lightgbm": ("lightgbm", "data"),
    "xgboost": ("xgboost", "data"),
    "catboost": ("catboost", "data"),
    "sklearn": ("pickle", "pickled_model"),
}
_ARROW = {
    "double": pa.float64(),
    "float": pa.float64(),
    "long": pa.int64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
}


def fetch(uri: str, folder: Path, work: Path, tracking_uri: str | None) -> Source:
    """The version that a URI names, its files brought into `work`. NotFound, WrongUse."""
    named = _NAMED.fullmatch(uri)
    if named is None:
        raise WrongUse(f"{uri}: expected models:/NAME@ALIAS or models:/NAME/VERSION, such as models:/churn@champion")
    if tracking_uri is None and "MLFLOW_REGISTRY_URI" not in os.environ:
        _refuse_unnamed(uri, Path.cwd())
    client, failure = connect(tracking_uri)
    try:
        version = _version(client, named)
        run = client.get_run(version.run_id) if version.run_id else None
        place = client.get_model_version_download_uri(version.name, version.version)
        files = _download(place, work / "registry", tracking_uri)
    except failure as error:
        raise _unavailable(uri, tracking_uri, error) from None
    return _source(f"models:/{named['name']}/{version.version}", named["name"], files, folder, run)


def _refuse_unnamed(uri: str, folder: Path) -> None:
    """Where no registry is named and none lies here, MLflow would make an empty one, and find nothing in it."""
    if not any((folder / name).exists() for name in _LOCAL):
        raise WrongUse(
            f"{uri}: no MLflow registry is named; expected --tracking-uri, or MLFLOW_TRACKING_URI, such as "
            "http://127.0.0.1:5000"
        )


def _unavailable(uri: str, tracking_uri: str | None, error: Exception) -> NotFound:
    where = _SECRET.sub("//", tracking_uri) if tracking_uri is not None else "the place that MLflow takes by itself"
    if away(error):
        return NotFound(
            f"{uri}: the MLflow server at {where} does not answer; expected one that is up, as --tracking-uri or "
            "MLFLOW_TRACKING_URI name it"
        )
    said = " ".join(_SECRET.sub("//", str(error)).split())[:300]
    return NotFound(f"{uri} cannot be had from the registry at {where}: {said}")


def _version(client: Any, named: re.Match[str]) -> Any:
    if named["alias"]:
        return client.get_model_version_by_alias(named["name"], named["alias"])
    return client.get_model_version(named["name"], named["version"])


def _download(place: str, target: Path, tracking_uri: str | None) -> Path:
    from mlflow.artifacts import download_artifacts  # noqa: PLC0415 - an extra

    target.mkdir(parents=True)
    return Path(download_artifacts(artifact_uri=place, dst_path=str(target), tracking_uri=tracking_uri))


def _source(uri: str, name: str, files: Path, folder: Path, run: Any) -> Source:
    described = _described(files, uri)
    flavor = next((each for each in _FLAVORS if each in described["flavors"]), None)
    if flavor is None:
        raise WrongUse(
            f"{uri} has the flavors {', '.join(described['flavors'])}; expected one of {', '.join(_FLAVORS)}"
        )
    settings = described["flavors"][flavor]
    file = _model_file(files, flavor, settings)
    kind = _format(file, flavor, settings)
    code = files / str(settings.get("code") or "code")
    given = Given(file, kind, own_modules(folder, code), code if code.is_dir() else folder)
    signature = json.loads((described.get("signature") or {}).get("inputs") or "[]")
    columns = {each["name"]: each["type"] for each in signature if "name" in each and each.get("type") != "tensor"}
    return Source(
        given, name, _tracked(uri, files, run, described), _example(files, described, columns), tuple(columns)
    )


def _described(files: Path, uri: str) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - comes with MLflow

    try:
        found: dict[str, Any] = yaml.safe_load((files / "MLmodel").read_text(encoding="utf-8"))
    except (FileNotFoundError, yaml.YAMLError):
        raise WrongUse(f"{uri} has no MLmodel file that can be read; it was not logged as a model") from None
    return found


def _model_file(files: Path, flavor: str, settings: dict[str, Any]) -> Path:
    file = files / str(settings.get(_FLAVORS[flavor][1]))
    if file.is_dir():  # some flavors keep their file in a folder of its own
        inside = sorted(each for each in file.rglob("*") if each.is_file())
        file = next((each for each in inside if each.suffix == ".onnx"), inside[0] if inside else file)
    if not file.is_file():
        raise WrongUse(f"the registry's {flavor} model has no file {file.name}")
    return file


def _format(file: Path, flavor: str, settings: dict[str, Any]) -> Format:
    """By what was written down; a booster may have been pickled all the same."""
    if settings.get("serialization_format") == "skops":
        return "skops"
    try:
        found = format_of(file)
    except WrongUse:
        return _FLAVORS[flavor][0]
    return found if found in FORMATS else _FLAVORS[flavor][0]


def _tracked(uri: str, files: Path, run: Any, described: dict[str, Any]) -> Tracked:
    requirements = files / "requirements.txt"
    lines = requirements.read_text(encoding="utf-8").splitlines() if requirements.is_file() else []
    tags = dict(run.data.tags) if run is not None else {}
    inputs = run.inputs.dataset_inputs if run is not None and run.inputs is not None else []
    return Tracked(
        uri=uri,
        run=run.info.run_id if run is not None else None,
        commit=tags.get("mlflow.source.git.commit"),
        repository=tags.get("mlflow.source.git.repoURL"),
        entry=tags.get("mlflow.source.name"),
        parameters={str(key): str(value) for key, value in run.data.params.items()} if run is not None else {},
        data=tuple(_data(each) for each in inputs),
        requirements=tuple(line.strip() for line in lines if line.strip()),
        python=(described["flavors"].get("python_function") or {}).get("python_version"),
    )


def _data(each: Any) -> DataInput:
    context = next((tag.value for tag in each.tags if tag.key == "mlflow.data.context"), "")
    try:
        source = json.loads(each.dataset.source)
        place = str(source.get("uri") or source.get("path") or source.get("url") or "")
    except (ValueError, AttributeError):
        place = str(each.dataset.source)
    return DataInput(each.dataset.name, each.dataset.source_type, place, each.dataset.digest, context)


def _example(files: Path, described: dict[str, Any], types: dict[str, str]) -> pa.Table | None:
    """The input example, where it is a table."""
    named = (described.get("saved_input_example_info") or {}).get("artifact_path")
    if not named or not (files / named).is_file():
        return None
    example = json.loads((files / named).read_text(encoding="utf-8"))
    if not isinstance(example, dict) or not {"columns", "data"} <= example.keys():
        return None
    columns = list(zip(*example["data"], strict=True))
    arrays = [
        pa.array(list(values), type=_ARROW.get(types.get(name, "")))
        for name, values in zip(example["columns"], columns, strict=True)
    ]
    return pa.table(arrays, names=[str(name) for name in example["columns"]])
