"""Services as teams have them: `python service.py PORT_FILE`, prints nothing. FastAPI under uvicorn, and no shipworthy.

POST /predict    one patient an object, held to its pydantic model      POST /loose     the same, held to nothing
POST /batch      {"rows": [...]}                                        POST /crash     500 where a value is missing
POST /invocations    MLflow's dataframe_split and dataframe_records     POST /slow      one at a time, 30 ms each
POST /short      one answer less than there are rows                    POST /guarded   asks for a token
"""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import Body, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field

app = FastAPI()


class Patient(BaseModel):
    model_config = ConfigDict(extra="forbid")
    age: int = Field(ge=0, le=120)
    weight: float = Field(gt=0, le=400)
    sex: Literal["f", "m"]
    smoker: bool
    pressure: float | None = None


class Patients(BaseModel):
    rows: list[Patient]


def risk(patient: dict[str, Any]) -> float:
    return 1 / (1 + 2.718281828 ** (4 - patient["age"] / 20 - patient["weight"] / 100))


@app.post("/predict")
async def predict(patient: Patient) -> dict[str, float]:
    return {"score": risk(patient.model_dump())}


@app.post("/batch")
async def batch(patients: Patients) -> dict[str, list[float]]:
    return {"predictions": [risk(patient.model_dump()) for patient in patients.rows]}


@app.post("/short")
async def short(patients: Patients) -> dict[str, list[float]]:
    return {"predictions": [risk(patient.model_dump()) for patient in patients.rows[1:]]}


@app.post("/loose")
async def loose(patient: Annotated[dict[str, Any], Body()]) -> dict[str, float]:
    age = patient.get("age")
    return {"score": age / 100 if isinstance(age, int) else 0.5}


@app.post("/crash")
async def crash(patient: Annotated[dict[str, Any], Body()]) -> dict[str, float]:
    return {"score": risk(patient)}


@app.post("/slow")
def slow(patient: Patient) -> dict[str, float]:
    time.sleep(0.03)
    return {"score": risk(patient.model_dump())}


@app.post("/guarded")
async def guarded(patient: Patient, authorization: Annotated[str, Header()] = "") -> dict[str, float]:
    if authorization != "Bearer token":
        raise HTTPException(401)
    return {"score": risk(patient.model_dump())}


@app.post("/invocations")
async def invocations(asked: Annotated[dict[str, Any], Body()]) -> dict[str, list[float]]:
    """As MLflow's server has it: one of two keys, and any error a 400."""
    if not asked.keys() & {"dataframe_split", "dataframe_records"}:
        raise HTTPException(400, "expected dataframe_split or dataframe_records")
    split = asked.get("dataframe_split")
    rows = [dict(zip(split["columns"], row, strict=True)) for row in split["data"]] if split else None
    try:
        return {"predictions": [risk(row) for row in rows or asked["dataframe_records"]]}
    except (TypeError, KeyError) as error:
        raise HTTPException(400, f"failed to predict: {error}") from None


class Told(uvicorn.Server):
    """Says its port once it listens."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"{self.servers[0].sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    Told(uvicorn.Config(app, port=0, log_level="critical")).run()
