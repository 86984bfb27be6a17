"""The peer: what a careful hand writes with FastAPI and ONNX Runtime. A typed body, one session, one thread, no log.

python fastapi_onnx.py MODEL.onnx PORT
"""

import sys
from typing import Annotated

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
app = FastAPI()


class Request(BaseModel):
    """One row."""

    features: Annotated[list[float], Field(min_length=30, max_length=30)]


class Answer(BaseModel):
    """Its answer."""

    prediction: int
    probabilities: list[float]


@app.post("/predict")
async def predict(request: Request) -> Answer:
    """One model call a request."""
    said = session.run(["probabilities"], {"X": np.array([request.features], np.float32)})[0][0].tolist()
    return Answer(prediction=said.index(max(said)), probabilities=said)


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[2]), loop="uvloop", http="httptools", access_log=False,
        log_level="warning",
    )  # fmt: skip
