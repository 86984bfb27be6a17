"""The peer: what a careful hand writes with FastAPI and ONNX Runtime. A typed body, one session, one thread, no log.

    python fastapi_onnx.py MODEL.onnx CONTRACT.json PORT

POST /predict takes what our server takes: named features, each with its type and range. POST /list takes the leanest
body there is, thirty numbers in a list, without names or ranges.
"""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, create_model

from shipworthy.contract.records import Contract, Feature

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
features = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=Contract).features
answers = session.get_outputs()[-1].name
taken = {put.name for put in session.get_inputs()}
names = [feature.name for feature in features]
numbers = [feature.name for feature in features if feature.type in ("float", "integer", "boolean")]
texts = [name for name in names if name in taken]
app = FastAPI()


def kind(feature: Feature) -> Any:
    """A feature as pydantic has it."""
    plain: Any = {"float": float, "integer": int, "boolean": bool, "category": str, "timestamp": datetime}[feature.type]
    if feature.values and feature.unknown == "refuse":
        plain = Literal[feature.values]
    if feature.min is not None or feature.max is not None:
        plain = Annotated[plain, Field(ge=feature.min, le=feature.max)]
    return (plain | None, None) if feature.nullable else (plain, ...)


Row = create_model("Row", __config__=ConfigDict(extra="forbid"), **{one.name: kind(one) for one in features})


class Request(BaseModel):
    """Rows of named features."""

    rows: list[Row]


class Listed(BaseModel):
    """One row as a list."""

    features: Annotated[list[float], Field(min_length=30, max_length=30)]


class Answer(BaseModel):
    """One row's answer."""

    prediction: int
    probabilities: list[float]


class Answers(BaseModel):
    """All rows' answers."""

    predictions: list[Answer]


def ask(feeds: dict[str, Any]) -> list[Answer]:
    """One model call a request."""
    said = session.run([answers], feeds)[0].tolist()
    return [Answer(prediction=one.index(max(one)), probabilities=one) for one in said]


def mixed(rows: list[Any]) -> dict[str, Any]:
    """A tensor of all numbers, and one a category."""
    table = [[getattr(row, name) for name in numbers] for row in rows]
    feeds = {name: np.array([[getattr(row, name)] for row in rows], object) for name in texts}
    return {":numbers": np.array(table, np.float64), **feeds}  # None becomes NaN


@app.post("/predict")
async def predict(request: Request) -> Answers:
    """Rows of named features."""
    if "X" in taken:
        return Answers(predictions=ask({"X": np.array([[getattr(r, n) for n in names] for r in request.rows], "f4")}))
    return Answers(predictions=ask(mixed(request.rows)))


@app.post("/list")
async def predict_list(request: Listed) -> Answer:
    """One row as a list."""
    return ask({"X": np.array([request.features], np.float32)})[0]


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[3]), loop="uvloop", http="httptools", access_log=False,
        log_level="warning",
    )  # fmt: skip
