"""A team's own FastAPI service with the middleware: `PROJECT=… python service_program.py WORKERS PORT`; says PORT."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

from shipworthy.recording import RecordPredictions


class Flight(BaseModel):
    distance: float = Field(le=6000)
    carrier: Literal["AA", "B6", "UA"]
    when: str


app = FastAPI()
app.add_middleware(RecordPredictions, project=os.environ["PROJECT"], path="/score", wait=5.0)
app.add_middleware(RecordPredictions, project=os.environ["PROJECT"], path="/hurried", wait=1e-9)
app.add_middleware(
    RecordPredictions,
    project=os.environ["PROJECT"],
    path="/columns",
    rows=lambda body: [dict(zip(body, values, strict=True)) for values in zip(*body.values(), strict=True)],
    answers=lambda body: [{"yes": late, "no": 1 - late} for late in body["late"]],
    wait=5.0,
)


app.add_middleware(RecordPredictions, project=os.environ["PROJECT"], path="/slowly", wait=5.0)


@app.post("/slowly")
async def slowly(flight: Flight) -> dict[str, float]:
    await asyncio.sleep(float(os.environ["SLOWLY"]))
    if flight.distance < 0:
        raise RuntimeError("the model cannot fly backwards")
    return {"score": min(1.0, flight.distance / 6000)}


@app.post("/score")
@app.post("/hurried")
async def score(flight: Flight) -> dict[str, float]:
    return {"score": min(1.0, flight.distance / 6000)}


@app.post("/columns")
async def columns(table: dict[str, list[float | str]]) -> dict[str, list[float]]:
    return {"late": [float(distance) / 6000 for distance in table["distance"]]}


@app.get("/")
async def home() -> int:
    return os.getpid()


if __name__ == "__main__":
    port = int(sys.argv[2])
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    uvicorn.run(
        "service_program:app",
        port=port,
        workers=int(sys.argv[1]),
        log_level="critical",
        app_dir=str(Path(__file__).parent),
    )
