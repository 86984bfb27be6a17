"""A program that torch exported: adopted, turned into a graph, held against its own answers, timed.

    python benchmarks/torch_programs.py [--quick] [--python PYTHON] [--json FILE]

Not part of the tests, because torch is too large for them: 190 MB for processors alone, several gigabytes with what it
brings for graphics cards. `--python` is that of an environment with torch, onnx, onnxscript, pandas and pyarrow; else
nothing is measured, and this says so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shipworthy.contract.records import Feature
from shipworthy.environments import runner
from shipworthy.models import adopting
from shipworthy.models.bundle import PROBE_ANSWERS, PROBES
from shipworthy.models.columns import schema
from shipworthy.models.converting import Facts
from shipworthy.models.formats import format_of
from shipworthy.models.inside.convention import EXACT
from shipworthy.models.packaging import package

WIDTH, ROWS = 11, 2_000
FEATURES = tuple(Feature(name=f"number_{place}", type="float") for place in range(WIDTH))
BORROWED = {name: Path(runner.__file__).with_name(f"{name}.py") for name in ("canonical", "keeping", "thresholds")}
EXPORT = """
import sys
import torch

torch.manual_seed(0)
hidden, answers, softmax = int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[3]) > 1
layers = [torch.nn.Linear(11, hidden), torch.nn.BatchNorm1d(hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, answers)]
net = torch.nn.Sequential(*layers, *([torch.nn.Softmax(dim=1)] if softmax else [])).eval()
rows = torch.export.Dim("rows")
torch.export.save(torch.export.export(net, (torch.zeros(4, 11),), dynamic_shapes=({0: rows},)), sys.argv[1])
"""
NETWORKS = {
    "classifier of 32": (32, 2),
    "classifier of 512": (512, 3),
    "regression of 128": (128, 1),
}  # hidden, answers


def main() -> None:
    """Adopt each network, print what serves it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one network")
    parser.add_argument("--python", type=Path, metavar="PYTHON", help="of an environment with torch")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    chosen = dict(list(NETWORKS.items())[:1]) if options.quick else NETWORKS
    found = []
    if options.python is None:
        print("skipped: no --python of an environment with torch")
    else:
        python = options.python.absolute()
        found = [row for name, (hidden, answers) in chosen.items() for row in measure(python, name, hidden, answers)]
        print("| network | runtime | equal | largest difference | one row, µs | a row of 1,000, µs |")
        print("|---|---|---|---|---|---|")
        for row in found:
            print(f"| {' | '.join(str(value) for value in list(row.values())[:6])} |")
    if options.json:
        options.json.write_text(json.dumps({"rows": found}, indent=1))


def measure(python: Path, name: str, hidden: int, answers: int) -> list[dict[str, Any]]:
    """One row a runtime."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        file, work, bundle = root / "net.pt2", root / "work", root / "bundle"
        work.mkdir()
        bundle.mkdir()
        subprocess.run([python, "-c", EXPORT, file, str(hidden), str(answers)], check=True)
        values = np.random.default_rng(0).normal(size=(WIDTH, ROWS))
        table = pa.table(dict(zip((each.name for each in FEATURES), values, strict=True)), schema=schema(FEATURES))
        pq.write_table(table, bundle / PROBES)
        given = adopting.Given(file, format_of(file), (), root)
        described = adopting.look(given, python, work)
        adopting.keep(given, python, work, bundle, described, FEATURES, BORROWED)
        adopting.answer(given, python, work, bundle, described, {bundle / PROBES: bundle / PROBE_ANSWERS})
        facts = Facts("net", described.task, FEATURES, described.classes, "late", described.family, described.table)
        said = package(bundle, facts, tolerance=1e-5, python=python, how=(EXACT,))
        return [
            {
                "family": f"torch, {name}",
                "runtime": verdict.name,
                "equal": verdict.equal,
                "largest_difference": verdict.largest_difference,
                "microseconds_one": verdict.microseconds_one,
                "microseconds_batch": verdict.microseconds_batch,
                "reason": verdict.reason,
            }
            for verdict in said.runtimes
        ]


if __name__ == "__main__":
    main()
