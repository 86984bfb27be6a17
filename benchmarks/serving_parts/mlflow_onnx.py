"""What MLflow serves: a model of its ONNX flavour.

python mlflow_onnx.py MODEL.onnx FOLDER
"""

import sys

import mlflow
import onnx

mlflow.onnx.save_model(
    onnx.load(sys.argv[1]),
    sys.argv[2],
    onnx_session_options={"intra_op_num_threads": 1, "inter_op_num_threads": 1},
    pip_requirements=[],
)
