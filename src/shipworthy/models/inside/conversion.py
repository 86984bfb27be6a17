"""What the conversion does: a graph of our own where the model's parts are known, skl2onnx's otherwise, the library's
own file where the model is nothing but a booster, and how long the library's own call takes.

The result is a JSON file; a model that cannot be converted is a reason in it, never a failure of the process.
"""

from __future__ import annotations

import functools
import json
import pickle  # noqa: TID251
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shipworthy.models.inside.convention import CONVERTED, EXACT, Unsupported
from shipworthy.models.inside.exported import Exported
from shipworthy.models.inside.own_call import timed
from shipworthy.models.inside.own_code import importable
from shipworthy.models.inside.parent import follow


def run(spec_path: Path) -> int:
    """Converts the model that a spec names; 0 whenever there is a result to read."""
    follow()
    spec = json.loads(spec_path.read_text())
    folder = Path(spec["bundle"])
    for path in spec["path"]:
        importable(Path(path))
    result: dict[str, Any] = {"onnx": {"how": "", "reason": ""}, "booster": None, "own": {}}
    try:
        with (folder / spec["model"]).open("rb") as stream:
            model = pickle.load(stream)  # noqa: S301
    except Exception as error:
        reason = f"the model cannot be loaded: {_told(error)}"
        result = {"onnx": {"how": "", "reason": reason}, "booster": None, "own": {"reason": reason}}
    else:
        result["own"] = _attempt(lambda: timed(model, spec))
        result["onnx"] = _to_onnx(model, spec, folder / spec["files"]["onnx"])
        result["booster"] = _booster(model, spec, folder)
    _write(Path(spec["result"]), json.dumps(result).encode())
    return 0


def _to_onnx(model: Any, spec: dict[str, Any], file: Path) -> dict[str, Any]:
    reasons = []
    for how in spec["how"]:
        convert = {EXACT: _exactly, CONVERTED: _by_skl2onnx}[how]
        found = _attempt(functools.partial(_convert, convert, model, spec, file))
        if not found["reason"]:
            return {"how": how, "reason": ""}
        reasons.append(f"{how}: {found['reason']}")
    return {"how": "", "reason": "; ".join(reasons)}


def _convert(convert: Any, model: Any, spec: dict[str, Any], file: Path) -> None:
    _write(file, convert(model, spec))


def _exactly(model: Any, spec: dict[str, Any]) -> bytes:
    if isinstance(model, Exported):
        return _by_torch(model, spec)
    from shipworthy.models.inside.estimators import answers, inputs  # noqa: PLC0415 - onnx may be missing
    from shipworthy.models.inside.graph import Graph  # noqa: PLC0415

    if hasattr(model, "shipworthy_table"):  # an ONNX graph that a command left
        return _as_given(model.graph, spec)
    graph = Graph(spec["features"])
    return graph.finish(answers(graph, model, inputs(graph, model)))


def _by_torch(model: Exported, spec: dict[str, Any]) -> bytes:
    from shipworthy.models.inside.given_graph import with_our_convention  # noqa: PLC0415 - onnx may be missing

    _only(spec["features"], "float", "integer", "boolean")
    return with_our_convention(model.graph(), [feature["name"] for feature in spec["features"]])


def _as_given(graph: bytes, spec: dict[str, Any]) -> bytes:
    import onnx  # noqa: PLC0415 - it may be missing

    from shipworthy.models.inside.given_graph import with_our_convention  # noqa: PLC0415

    return with_our_convention(onnx.load_from_string(graph), [feature["name"] for feature in spec["features"]])


def _by_skl2onnx(model: Any, spec: dict[str, Any]) -> bytes:
    from shipworthy.models.inside.fallback import convert  # noqa: PLC0415 - skl2onnx may be missing

    return convert(model, spec["features"], spec["task"])


def _booster(model: Any, spec: dict[str, Any], folder: Path) -> dict[str, Any] | None:
    """The file of its own library; None for a model that is no bare booster."""
    name = type(model).__module__.partition(".")[0]
    if name not in _OWN_FILES:
        return None
    file = folder / spec["files"][name]
    return {"name": name, **_attempt(lambda: _write(file, _OWN_FILES[name](model, spec["features"])))}


def _lightgbm(model: Any, features: list[dict[str, Any]]) -> bytes:
    _only(features, "float", "integer", "boolean")
    content: bytes = getattr(model, "booster_", model).model_to_string().encode()
    return content


def _xgboost(model: Any, features: list[dict[str, Any]]) -> bytes:
    """The trees that count: up to the best iteration, where training stopped early."""
    _only(features, "float", "integer", "boolean")
    booster = model.get_booster()
    best = booster.attr("best_iteration")
    return bytes((booster if best is None else booster[: int(best) + 1]).save_raw("ubj"))


def _catboost(model: Any, features: list[dict[str, Any]]) -> bytes:
    _only(features, "float", "integer", "boolean", "category")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        file = Path(folder) / "model.cbm"
        model.save_model(str(file))
        return file.read_bytes()


_OWN_FILES: dict[str, Callable[[Any, list[dict[str, Any]]], bytes]] = {
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "catboost": _catboost,
}


def _only(features: list[dict[str, Any]], *kinds: str) -> None:
    other = [feature["name"] for feature in features if feature["type"] not in kinds]
    if other:
        raise Unsupported(f"{', '.join(other)}: not handed over as the library has it")


def _attempt(act: Any) -> dict[str, Any]:
    try:
        return act() or {"reason": ""}
    except Exception as error:
        return {"reason": _told(error)}


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())[:500]
    return text if type(error).__name__ == "Unsupported" else f"{type(error).__name__}: {text}"


def _write(path: Path, content: bytes) -> None:
    for folder in (path.parent.parent, path.parent):  # not those above: where the bundle has been removed, it stays so
        folder.mkdir(exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
