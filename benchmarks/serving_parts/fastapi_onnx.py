"""The peer: what a careful hand writes with FastAPI and ONNX Runtime. A typed body, one session, one thread, no log.

    python fastapi_onnx.py MODEL.onnx CONTRACT.json PORT

POST /predict takes what our server takes: named features, each with its range. POST /list takes the leanest body there
is, thirty numbers in a list, without names or ranges.
"""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, create_model

from shipworthy.contract.records import Contract

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
features = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=Contract).features
names = [feature.name for feature in features]
app = FastAPI()

Row = create_model(
    "Row",
    __config__=ConfigDict(extra="forbid"),
    **{feature.name: Annotated[float, Field(ge=feature.min, le=feature.max)] for feature in features},
)


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


def ask(rows: list[list[float]]) -> list[Answer]:
    """One model call a request."""
    said = session.run(["probabilities"], {"X": np.array(rows, np.float32)})[0].tolist()
    return [Answer(prediction=one.index(max(one)), probabilities=one) for one in said]


@app.post("/predict")
async def predict(request: Request) -> Answers:
    """Rows of named features."""
    return Answers(predictions=ask([[getattr(row, name) for name in names] for row in request.rows]))


@app.post("/list")
async def predict_list(request: Listed) -> Answer:
    """One row as a list."""
    return ask([request.features])[0]


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[3]), loop="uvloop", http="httptools", access_log=False,
        log_level="warning",
    )  # fmt: skip
