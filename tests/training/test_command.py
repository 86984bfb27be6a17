"""A model that a command trains: any script, told by variables what it may read and where its model goes."""

from __future__ import annotations

import io
import pickle  # noqa: TID251
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper
from training.conftest import no_reference
from training.sample import scripts

from shipworthy.contract.records import Model
from shipworthy.environments import builder
from shipworthy.errors import NotFound, TrainingFailed
from shipworthy.lineage.records import Rebuild, Run, reaches
from shipworthy.models.bundle import read_description
from shipworthy.training.rebuild import rebuild
from shipworthy.training.trainer import train
from shipworthy.wiring.packaging import package


def contract(project: Any, command: str, **changes: Any):
    """Trained by a command, on the numbers alone unless `features` says otherwise."""
    model = Model(name="late", task="classification", command=command, seed=7)
    return msgspec.structs.replace(project.contract("logistic"), **{"model": model, **changes})


def numbers(project: Any):
    return project.contract("logistic").features[:3]


def write(project: Any, **files: str) -> None:
    for name, text in files.items():
        (project.folder / f"{name}.py").write_text(text)


def test_a_script_trains_and_its_run_is_made_again_from_the_record_alone(project):
    """Its own modules, the global seed, threads, arguments and metrics: all as for a function."""
    write(project, fit=scripts.FOREST, own=scripts.OWN)
    entry = project.train(contract(project, "python fit.py --depth 'a b'"))
    run = entry.decode(Run)
    assert run.metrics.keys() == {"accuracy", "c"}
    assert run.metrics["c"] == 0.5
    assert run.environment.program is None, "the lock holds it"
    assert {"scikit-learn", "pandas", "joblib"} <= run.environment.imported.keys()
    assert "lightgbm" not in run.environment.imported
    assert "lightgbm" in run.environment.distributions
    assert {"code/own.py", "model.pkl"} <= {file.path for file in run.files}
    write(project, fit="raise SystemExit('not what was recorded')")
    rebuilt = rebuild(entry, project.state).decode(Rebuild)
    assert reaches(rebuilt.rung, "prediction-identical")
    assert all(difference.startswith("the model file") for difference in rebuilt.differences), "padding of its trees"


def test_a_boosters_own_file_and_a_model_of_an_array_are_models_too(project):
    write(project, boost=scripts.BOOSTER, matrix=scripts.ARRAY)
    for command, family, table in (
        ("python boost.py", "lightgbm.basic.Booster", "pandas"),
        ("sh -c 'exec python -u matrix.py'", "sklearn.ensemble", "numpy"),
    ):
        run = project.train(contract(project, command, features=numbers(project))).decode(Run)
        described = _description(project, run)
        assert described.family.startswith(family)
        assert (described.table, described.classes) == (table, (0, 1))
    assert run.environment.program is not None
    assert run.environment.program.startswith("/usr/bin/sh sha256:")


def test_a_booster_is_asked_in_the_order_that_it_was_trained_on(project):
    """By its names, though LightGBM itself goes by place and would answer all the same."""
    write(project, boost=scripts.BOOSTER)
    other = numbers(project)[::-1]
    run = project.train(contract(project, "python boost.py", features=other)).decode(Run)
    files = {file.path: project.state.objects.get(file.digest) for file in run.files}
    probes = pq.read_table(io.BytesIO(files["probes.parquet"])).to_pandas()
    booster = pickle.loads(files["model.pkl"])
    assert list(probes.columns) == booster.feature_name()[::-1] == [feature.name for feature in other]
    answers = np.load(io.BytesIO(files["probe_answers.npy"]))
    assert np.array_equal(answers[:, 1], booster.predict(probes[booster.feature_name()]))
    assert not np.array_equal(answers[:, 1], booster.predict(probes))


def test_an_undeclared_file_is_named_with_the_line_of_the_script_that_opened_it(project, tmp_path):
    (tmp_path / "rates.csv").write_text("rate\n1\n")
    reads = scripts.READ + f"\n\ndef rates():\n    return pd.read_csv('{tmp_path / 'rates.csv'}')\n\n\nrates()\n"
    write(project, fit=reads)
    with pytest.raises(TrainingFailed) as caught:
        project.train(contract(project, "python fit.py"))
    said = str(caught.value)
    assert f"read what the contract does not declare: {tmp_path / 'rates.csv'}" in said
    assert "fit.py, line 12, in rates\n    return pd.read_csv" in said
    assert "add [data.rates]" in said


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("1 / 0", r"ZeroDivisionError: division by zero\n  fit.py, line 1, in <module>\n    1 / 0"),
        ("import sys; print('no luck'); sys.exit(4)", r"`python fit.py` ended with exit code 4\nno luck"),
        ("", "left no model: it has to write one file to "),
        (
            "import os\nfor name in 'ab':\n    open(f'{os.environ[\"SHIPWORTHY_OUTPUT\"]}/{name}.pkl', 'wb')",
            "left 2 files that may be the model: a.pkl, b.pkl; call the model's `model`",
        ),
        (
            "import os, pathlib\npathlib.Path(os.environ['SHIPWORTHY_MODEL']).write_text('weights: 3')",
            "left model, which is no model file; expected what joblib or pickle wrote, an ONNX graph",
        ),
        (
            "import os, pickle\nclass Own: pass\npickle.dump(Own(), open(os.environ['SHIPWORTHY_MODEL'], 'wb'))",
            "refers to a class or function of the script itself.*define it in a module of its own",
        ),
        (
            "import os\nopen(os.environ['SHIPWORTHY_METRICS'], 'w').write('{\"auc\": \"good\"}')",
            "the metric auc is 'good'; expected a finite number",
        ),
    ],
    ids=["error", "exit code", "nothing", "two", "no model", "main", "metrics"],
)
def test_what_a_script_does_wrong_is_told(project, script, told):
    write(project, fit=script)
    with pytest.raises(TrainingFailed, match=f"(?s){told}"):
        project.train(contract(project, "python fit.py"))
    assert project.state.ledger.entries("run") == []


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("pyhton fit.py", r"no program pyhton in the environment made from the lock, nor in .*; did you mean python"),
        ("python fti.py", r"the project has no fti\.py; did you mean fit\.py\?"),
        ("./fit.py", r"no program \./fit\.py that may be run: `chmod \+x \./fit\.py`"),
        ("bin/fit", r"no program bin/fit in the project; a path is relative to the contract's folder"),
    ],
)
def test_a_program_that_is_not_there_is_told_before_any_data_is_read(project, command, told):
    write(project, fit=scripts.FOREST)
    (project.folder / "data" / "flights.parquet").unlink()
    with pytest.raises(NotFound, match=told):
        project.train(contract(project, command))


def test_a_program_of_the_project_itself_is_run(project):
    write(project, fit=scripts.BOOSTER)
    start = project.folder / "go"
    start.write_text("#!/bin/sh\nexec python fit.py\n")
    start.chmod(0o755)
    run = project.train(contract(project, "./go", features=numbers(project))).decode(Run)
    assert run.environment.program is None


@pytest.mark.parametrize("how", ["a command", "a function"])
def test_what_was_imported_and_is_not_in_the_lock_is_refused_with_how_to_add_it(project, tmp_path, how):
    """Without a sandbox, packages of elsewhere can be reached; in the project's own folder they are code."""
    for place in (tmp_path / "elsewhere", project.folder):
        for name in ("rates-2.0.dist-info", "own_rates-1.0.dist-info"):
            (place / name).mkdir(parents=True, exist_ok=True)
        module = "rates" if place.name == "elsewhere" else "own_rates"
        folder = place / next(each.name for each in place.iterdir() if each.name.startswith(f"{module}-"))
        (place / f"{module}.py").write_text("DAILY = 1")
        name, version = folder.name.removesuffix(".dist-info").split("-")
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (folder / "top_level.txt").write_text(module)
    reach = f"import sys\nsys.path.append({str(tmp_path / 'elsewhere')!r})\nimport rates, own_rates\n"
    write(project, fit=reach + scripts.BOOSTER)
    made = contract(project, "python fit.py", features=numbers(project))
    if how == "a function":
        recipes = project.folder / "recipes.py"
        recipes.write_text(recipes.read_text() + "\n" + reach)
        made = project.contract("logistic")
    made = msgspec.structs.replace(made, model=msgspec.structs.replace(made.model, sandbox="off"))
    with pytest.raises(TrainingFailed) as caught:
        project.train(made)
    told = str(caught.value)
    assert "  rates 2.0: expected it in requirements.lock; add rates==2.0\n" in told
    assert "uv pip compile --universal --generate-hashes requirements.in -o requirements.lock" in told
    assert "own_rates" not in told
    assert project.state.ledger.entries("run") == []


def _description(project: Any, run: Run):
    folder = Path(project.folder) / ".shipworthy" / "look" / run.model_digest
    project.state.objects.materialise(run.files, folder)
    return read_description(folder)


def test_an_onnx_graph_is_a_model_and_is_served_as_the_graph_that_it_is(project, lock):
    """Two numbers in single precision in, two probabilities out; read back by ONNX Runtime, which the lock has."""
    row, pair = [None, 2], helper.make_tensor_value_info
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [2, 1], [0.001, 0.5])
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    nodes = [
        helper.make_node("MatMul", ["rows", "weights"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["late"]),
        helper.make_node("Sub", ["one", "late"], ["in_time"]),
        helper.make_node("Concat", ["in_time", "late"], ["probabilities"], axis=1),
    ]
    put, out = pair("rows", TensorProto.FLOAT, row), pair("probabilities", TensorProto.FLOAT, row)
    graph = helper.make_graph(nodes, "net", [put], [out], [weights, one])
    opsets = [helper.make_opsetid("", 17)]
    written = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    (project.folder / "net.bin").write_bytes(written)
    write(project, fit="import os, shutil\nshutil.copy('net.bin', os.environ['SHIPWORTHY_OUTPUT'] + '/model.onnx')")
    grown = builder.lock_with(lock, ("onnxruntime",), near=project.folder)
    (project.folder / "requirements.lock").write_bytes(grown.read_bytes())
    made = contract(project, "python fit.py", features=numbers(project)[:2])
    run = train(made, project.state, package, no_reference).decode(Run)
    described = _description(project, run)
    assert (described.online, described.classes, described.table) == ("onnx", (0, 1), "pyarrow")
    assert {verdict.name: verdict.equal for verdict in described.runtimes}["onnx"]
    assert "code/shipworthy_graph.py" in {file.path for file in run.files}
