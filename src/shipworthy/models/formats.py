"""What kind of file a user's model is, told from its name and its first bytes; nothing in it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from shipworthy.errors import NotFound, WrongUse

Format = Literal["pickle", "skops", "lightgbm", "xgboost", "catboost", "onnx", "torch"]
FORMATS: tuple[Format, ...] = get_args(Format)

_BY_NAME: dict[str, Format] = {
    ".onnx": "onnx",
    ".pt2": "torch",
    ".cbm": "catboost",
    ".ubj": "xgboost",
    ".bst": "xgboost",
    ".xgb": "xgboost",
    ".skops": "skops",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "pickle",
    ".sav": "pickle",
}
# A pickle of protocol 2 and later, and what joblib compresses one with.
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_STARTS: tuple[tuple[bytes, Format], ...] = (
    (b"tree\n", "lightgbm"),
    (b"tree\r\n", "lightgbm"),
    (b"CBM1", "catboost"),
    *((start, "pickle") for start in _PICKLES),
)


def format_of(path: Path) -> Format:
    """The format of a model file. NotFound where there is none, WrongUse where it is no model file that is known."""
    if not path.exists():
        raise NotFound(f"{path} does not exist; expected a model file, or models:/NAME@ALIAS of an MLflow registry")
    if not path.is_file():
        raise WrongUse(f"{path} is a folder; expected a model file")
    with path.open("rb") as stream:
        start = stream.read(4096)
    for beginning, kind in _STARTS:
        if start.startswith(beginning):
            return kind
    if b'"learner"' in start:
        return "xgboost"
    named = _BY_NAME.get(path.suffix.lower())
    if named is None or not start:
        raise WrongUse(
            f"{path} is no model file that is known; expected what joblib or pickle wrote, an ONNX graph, what "
            "torch.export has saved (.pt2), or the file of LightGBM (text), XGBoost (.json, .ubj) or CatBoost (.cbm)"
        )
    return named
