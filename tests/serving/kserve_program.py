"""Run in kserve's environment: asks a server as kserve's own client does, and prints what it was told as JSON.

python kserve_program.py URL MODEL INPUTS
"""

import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


async def main(url: str, model: str, inputs: str) -> dict:
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60, retries=0))
    rows = json.loads(inputs)
    said: dict = {
        "server live": await client.is_server_live(url),
        "server ready": await client.is_server_ready(url),
        "model ready": await client.is_model_ready(url, model),
    }
    for name, binary, chosen in (("json", False, None), ("binary", True, None), ("one output", False, "prediction")):
        tensors = []
        for one in rows:
            tensor = InferInput(one["name"], one["shape"], one["datatype"], data=None if binary else one["data"])
            if binary:
                tensor.set_data_from_numpy(array(one), binary_data=True)
            tensors.append(tensor)
        wanted = [RequestedOutput(chosen)] if chosen else None
        request = InferRequest(model, tensors, request_id=name, model_version=None, request_outputs=wanted)
        answer = await client.infer(url, request, model_name=model)
        said[name] = {
            "id": answer.id,
            "model": answer.model_name,
            "outputs": {output.name: output.as_numpy().tolist() for output in answer.outputs},
        }
    try:
        await client.infer(url, InferRequest(model, [tensors[0]]), model_name=model)
    except httpx.HTTPStatusError as error:
        said["missing inputs"] = [error.response.status_code, str(error)]
    said["unknown model"] = await client.is_model_ready(url, "nobody")
    return said


def array(one: dict):
    kinds = {"FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_, "BYTES": np.object_}
    return np.array(one["data"], kinds[one["datatype"]]).reshape(one["shape"])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(*sys.argv[1:])), default=lambda value: value.decode()))
