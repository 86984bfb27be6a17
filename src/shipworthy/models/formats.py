"""What kind of file a user's model is, told from its name and its first bytes; nothing in it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import msgspec

from shipworthy.errors import NotFound, WrongUse
from shipworthy.models.inside import sniffing

Format = Literal["pickle", "skops", "lightgbm", "xgboost", "catboost", "onnx", "torch"]
FORMATS: tuple[Format, ...] = get_args(Format)


def format_of(path: Path) -> Format:
    """The format of a model file. NotFound where there is none, WrongUse where it is no model file that is known."""
    if not path.exists():
        raise NotFound(f"{path} does not exist; expected a model file, or models:/NAME@ALIAS of an MLflow registry")
    if not path.is_file():
        raise WrongUse(f"{path} is a folder; expected a model file")
    kind = sniffing.kind_of(path)
    if kind is None:
        raise WrongUse(f"{path} is no model file that is known; expected {sniffing.EXPECTED}")
    found: Format = msgspec.convert(kind, Format)
    return found
