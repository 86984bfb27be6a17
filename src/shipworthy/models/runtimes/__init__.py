"""The ways of computing a model's answers, one a file, and loading one of them by its name."""

from __future__ import annotations

from pathlib import PurePosixPath

from shipworthy.models.bundle import MODEL, Bundle
from shipworthy.models.records import Runtime, RuntimeName

# Relative to the bundle's folder. "python" is the library's own object.
FILES: dict[RuntimeName, PurePosixPath] = {
    "onnx": PurePosixPath("runtimes/onnx/model.onnx"),
    "lightgbm": PurePosixPath("runtimes/lightgbm/model.txt"),
    "xgboost": PurePosixPath("runtimes/xgboost/model.ubj"),
    "catboost": PurePosixPath("runtimes/catboost/model.cbm"),
    "python": PurePosixPath(MODEL),
    "stand-in": PurePosixPath("runtimes/stand-in/cost.json"),
}


def load(bundle: Bundle, name: RuntimeName) -> Runtime:
    """A runtime of a bundle, ready to predict. NotFound where the bundle has no such one."""
    # A process loads one runtime: the libraries of the others stay out of it.
    if name == "onnx":
        from shipworthy.models.runtimes.onnx import OnnxRuntime  # noqa: PLC0415

        return OnnxRuntime(bundle)
    if name == "lightgbm":
        from shipworthy.models.runtimes.lightgbm import LightGbmRuntime  # noqa: PLC0415

        return LightGbmRuntime(bundle)
    if name == "xgboost":
        from shipworthy.models.runtimes.xgboost import XgboostRuntime  # noqa: PLC0415

        return XgboostRuntime(bundle)
    if name == "catboost":
        from shipworthy.models.runtimes.catboost import CatBoostRuntime  # noqa: PLC0415

        return CatBoostRuntime(bundle)
    if name == "python":
        from shipworthy.models.runtimes.python import PythonRuntime  # noqa: PLC0415

        return PythonRuntime(bundle)
    from shipworthy.models.runtimes.stand_in import StandInRuntime  # noqa: PLC0415

    return StandInRuntime(bundle)
