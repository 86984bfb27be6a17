"""What the conversion does: a graph of our own where the model's parts are known, skl2onnx's otherwise, LightGBM's own
text where the model is nothing but a booster, and how long the library's own call takes.

The result is a JSON file; a model that cannot be converted is a reason in it, never a failure of the process.
"""

from __future__ import annotations

import functools
import json
import pickle  # noqa: TID251
from pathlib import Path
from typing import Any

from shipworthy.models.inside.convention import CONVERTED, EXACT
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
    result: dict[str, Any] = {"onnx": {"how": "", "reason": ""}, "lightgbm": {"reason": ""}, "own": {}}
    try:
        with (folder / spec["model"]).open("rb") as stream:
            model = pickle.load(stream)  # noqa: S301
    except Exception as error:
        reason = f"the model cannot be loaded: {_told(error)}"
        result = {"onnx": {"how": "", "reason": reason}, "lightgbm": {"reason": reason}, "own": {"reason": reason}}
    else:
        result["own"] = _attempt(lambda: timed(model, spec))
        result["onnx"] = _to_onnx(model, spec, folder / spec["files"]["onnx"])
        result["lightgbm"] = _attempt(lambda: _to_text(model, spec, folder / spec["files"]["lightgbm"]))
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
    from shipworthy.models.inside.estimators import answers, inputs  # noqa: PLC0415 - onnx may be missing
    from shipworthy.models.inside.graph import Graph  # noqa: PLC0415

    graph = Graph(spec["features"])
    return graph.finish(answers(graph, model, inputs(graph, model)))


def _by_skl2onnx(model: Any, spec: dict[str, Any]) -> bytes:
    from shipworthy.models.inside.fallback import convert  # noqa: PLC0415 - skl2onnx may be missing

    return convert(model, spec["features"], spec["task"])


def _to_text(model: Any, spec: dict[str, Any], file: Path) -> dict[str, Any]:
    if type(model).__module__.partition(".")[0] != "lightgbm":
        return {"reason": "the model is no LightGBM booster"}
    other = [feature["name"] for feature in spec["features"] if feature["type"] not in ("float", "integer", "boolean")]
    if other:
        return {"reason": f"{', '.join(other)} are no numbers"}
    booster = getattr(model, "booster_", model)
    _write(file, booster.model_to_string().encode())
    return {"reason": ""}


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
