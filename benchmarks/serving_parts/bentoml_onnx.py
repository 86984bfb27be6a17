"""BentoML's own way: a service of one worker with adaptive batching over one ONNX Runtime session of one thread."""

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1)
class Service:
    """Probabilities of rows."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["MODEL"], options)

    @bentoml.api(batchable=True, batch_dim=0, max_batch_size=2000, max_latency_ms=1000)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """One call for a batch."""
        return self._session.run(["probabilities"], {"X": rows.astype(np.float32)})[0]
