"""What kind of file a model is, told from its first bytes and its name; nothing in it is run. Standard library only."""

from __future__ import annotations

from pathlib import Path

_BY_NAME = {
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
_STARTS = (
    (b"tree\n", "lightgbm"),
    (b"tree\r\n", "lightgbm"),
    (b"CBM1", "catboost"),
    *((start, "pickle") for start in _PICKLES),
)
_PRODUCER = b"\x12"  # of an ONNX graph, the field after the version of its format: b"\x08\x0a" comes first
_LIBRARIES = "LightGBM (text), XGBoost (.json, .ubj) or CatBoost (.cbm)"
EXPECTED = (
    "what joblib or pickle wrote, an ONNX graph, what torch.export has saved (.pt2), or the file of " + _LIBRARIES
)


def kind_of(path: Path) -> str | None:
    """The format of a model file, as models.formats names it; None where it is no model file that is known."""
    with path.open("rb") as stream:
        start = stream.read(4096)
    for beginning, kind in _STARTS:
        if start.startswith(beginning):
            return kind
    if b'"learner"' in start or (start.startswith(b"{") and b"learner" in start):
        return "xgboost"
    if not start:
        return None
    named = _BY_NAME.get(path.suffix.lower())
    return named or ("onnx" if start[:1] == b"\x08" and start[2:3] in (_PRODUCER, b":") else None)
