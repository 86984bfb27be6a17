"""LitServe's own way: one worker with batching over one ONNX Runtime session of one thread.

python litserve_onnx.py PORT
"""

import os
import sys

import litserve
import numpy as np
import onnxruntime


class Api(litserve.LitAPI):
    """Probabilities of rows."""

    def setup(self, device: str) -> None:
        """Open the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["MODEL"], options)

    def decode_request(self, request: dict) -> np.ndarray:
        """A request's rows."""
        return np.array(request["rows"], np.float32)

    def batch(self, inputs: list[np.ndarray]) -> tuple[list[int], np.ndarray]:
        """The rows of some requests, and where each one's end."""
        return np.cumsum([len(rows) for rows in inputs])[:-1].tolist(), np.concatenate(inputs)

    def predict(self, asked: tuple[list[int], np.ndarray]) -> list[np.ndarray]:
        """One call for a batch."""
        ends, rows = asked
        return np.split(self._session.run(["probabilities"], {"X": rows})[0], ends)

    def unbatch(self, output: list[np.ndarray]) -> list[np.ndarray]:
        """One answer a request."""
        return output

    def encode_response(self, output: np.ndarray) -> dict:
        """An answer's body."""
        return {"probabilities": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Api(max_batch_size=64, batch_timeout=0.001), accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False, log_level="warning")
