"""What training refuses, what it says, and what it leaves when it is killed."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from shipworthy import digest
from shipworthy.contract.records import DataSource, Feature, Model
from shipworthy.environments.requirements import names, unhashed, without
from shipworthy.environments.workplace import workplace
from shipworthy.errors import DataViolation, NotFound, TrainingFailed, Undecided, WrongUse
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.training import making
from shipworthy.training.rebuild import rebuild
from shipworthy.training.trainer import overridden


def test_data_that_breaks_the_contract_is_told_with_column_rows_and_values(project):
    narrow = Feature(name="distance", type="float", max=100)
    with pytest.raises(DataViolation, match=r"data\.flights.*\n.*distance: \d+ rows out of range, first"):
        project.train(project.contract("logistic", features=(narrow,)))
    assert project.state.ledger.entries("run") == []


def test_a_failure_shows_the_users_lines_and_where_the_output_is(project):
    with pytest.raises(TrainingFailed) as caught:
        project.train(project.contract("failing"))
    said = str(caught.value)
    assert "RuntimeError: no idea what to do with" in said
    assert "recipes.py" in said
    assert "_broken" in said
    output = said.rpartition("the full output: ")[2]
    assert "before the failure" in Path(output).read_text()
    assert list((project.folder / ".shipworthy" / "work").iterdir()) == []
    assert project.state.ledger.entries("run") == []


def test_a_model_that_fails_on_what_the_contract_allows_is_refused(project):
    with pytest.raises(
        TrainingFailed, match=r"(?s)failed on probes, which are rows that the contract allows.*never seen"
    ):
        project.train(project.contract("narrow"))


def test_a_parameter_that_the_contract_lacks_is_told_with_the_likely_typo():
    assert overridden({"rate": 0.1}, {"rate": 0.2}) == {"rate": 0.2}
    with pytest.raises(WrongUse, match=r"parameters\.rat = 0\.2: expected one of rate \(did you mean rate\?\)"):
        overridden({"rate": 0.1}, {"rat": 0.2})


def test_no_lock_is_told_before_anything_is_read(project):
    (project.folder / "requirements.lock").unlink()
    (project.folder / "data" / "flights.parquet").unlink()
    with pytest.raises(NotFound, match="hash-pinned lock"):
        project.train(project.contract("logistic"))


def test_probes_hold_split_points_of_the_model_and_progress_only_grows(project):
    seen: list[tuple[str, float | None]] = []
    entry = project.train(
        project.contract("trees"), key="refresh:1", report=lambda step, done: seen.append((step, done))
    )
    run = entry.decode(Run)
    files = {file.path: file.digest for file in run.files}
    rows = pq.read_table(io.BytesIO(project.state.objects.get(files["probes.parquet"])))
    assert rows.num_rows > run.data[0].cut.history_rows + 200
    answers = np.load(io.BytesIO(project.state.objects.get(files["probe_answers.npy"])))
    assert answers.shape == (rows.num_rows, 2)
    shares = [done for _, done in seen]
    assert shares == sorted(shares)
    assert [step for step, _ in seen][0::12] == ["environment", "record"]
    assert project.train(project.contract("trees"), key="refresh:1") == entry, "a key is trained once"


def test_a_regression_with_a_second_source_from_delta(project):
    days = pq.read_table(project.folder / "data" / "flights.parquet").select(["day"])
    write_deltalake(project.folder / "data" / "weather", days.append_column("rain", pa.array(np.zeros(len(days)))))
    contract = project.contract(
        "regression",
        model=Model(name="far", task="regression", train="recipes:regression"),
        features=project.contract("logistic").features,
        data=(
            DataSource(name="flights", kind="file", location="data/flights.parquet", target="distance", time="day"),
            DataSource(name="weather", kind="delta", location="data/weather", time="day"),
        ),
    )
    entry = project.train(contract)
    pins = {pin.name: pin for pin in entry.decode(Run).data}
    assert pins["weather"].version == 0
    assert pins["weather"].cut is None
    write_deltalake(project.folder / "data" / "weather", days.append_column("rain", pa.array(np.ones(len(days)))),
                    mode="append")  # fmt: skip
    assert rebuild(entry, project.state).decode(Rebuild).rung == "bit-identical"


def test_a_lock_that_cannot_read_the_data_is_given_a_reader_that_the_record_names(project):
    lock = project.folder / "requirements.lock"
    lock.write_text(without(lock.read_text(), ["pyarrow", "polars", "polars-runtime-32"]))
    entry = project.train(project.contract("trees"))
    run = entry.decode(Run)
    assert "pyarrow" in run.environment.distributions
    assert "pyarrow" in names(project.state.objects.get(run.environment.lock).decode())


def test_a_part_of_the_record_that_is_gone_is_undecided(project):
    entry = project.train(project.contract("trees"))
    sha = entry.decode(Run).data[0].snapshot[0].digest
    (project.folder / ".shipworthy" / "objects" / "sha256" / sha[:2] / sha[2:]).unlink()
    with pytest.raises(Undecided, match="could not decide: the data is gone"):
        rebuild(entry, project.state)
    assert project.state.ledger.entries("rebuild") == []


def test_what_a_killed_process_left_is_removed_by_the_next_and_the_living_are_let_be(tmp_path):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from shipworthy.environments.workplace import workplace\n"
        "with workplace(Path(sys.argv[1]), 'train') as folder:\n"
        "    (folder / 'half').touch()\n"
        "    print(folder, flush=True)\n"
        "    time.sleep(600)\n"
    )
    killed = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True)
    left = killed.stdout.readline().strip()
    with workplace(tmp_path, "train") as mine:
        assert (tmp_path / left / "half").exists()
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        with workplace(tmp_path, "train") as other:
            assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {mine.name, other.name}
    assert list(tmp_path.iterdir()) == []


def test_a_killed_training_leaves_no_run_and_the_next_one_goes_through_and_sweeps_up(project, monkeypatch, tmp_path):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from training import conftest; from pathlib import Path\n"
        "from shipworthy.store.layout import Layout; from shipworthy.store.ledger import Ledger\n"
        "from shipworthy.store.objects import Objects; from shipworthy.training.making import State\n"
        "from shipworthy.registry.signing import signing_key\n"
        "project = conftest.Project.__new__(conftest.Project); project.folder = Path(sys.argv[1])\n"
        "layout = Layout(project.folder)\n"
        "project.state = State(\n"
        "    layout, Ledger(layout.ledger_url), Objects(layout.objects), lambda: signing_key(layout.state)\n"
        ")\n"
        "project.train(project.contract('trees'), report=lambda step, done: print(step, flush=True))\n"
    )
    here = str(Path(__file__).parents[1])
    process = subprocess.Popen([sys.executable, "-c", code, project.folder, here], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.strip() == "train":
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert list((tmp_path / "temporary").glob("shipworthy-*/job-*/tmp"))
    assert project.state.ledger.entries("run") == []
    time.sleep(0.1)
    project.train(project.contract("trees"))
    assert len(project.state.ledger.entries("run")) == 1
    assert list((project.folder / ".shipworthy" / "work").iterdir()) == []
    assert list((tmp_path / "temporary").glob("shipworthy-*/*")) == []


def as_pylock(lock: str) -> str:
    """Hash-pinned requirements in the format of PEP 751."""
    packages = []
    for line in lock.replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            requirement, _, rest = line.partition(" ")
            name, _, version = requirement.partition("==")
            marker = f'marker = "{rest.partition(";")[2].partition("--")[0].strip()}"\n' if ";" in rest else ""
            hashes = [word.partition(":")[2] for word in rest.split() if word.startswith("--hash=sha256:")]
            wheels = ", ".join(f'{{ name = "w", hashes = {{ sha256 = "{each}" }} }}' for each in hashes)
            packages.append(f'[[packages]]\nname = "{name}"\nversion = "{version}"\n{marker}wheels = [{wheels}]\n')
    return 'lock-version = "1.0"\ncreated-by = "a test"\n' + "\n".join(packages)


def test_a_lock_of_another_format_is_recorded_as_it_was_and_as_what_was_installed(project, lock):
    written = as_pylock(lock.read_text())
    (project.folder / "pylock.toml").write_text(written)
    model = Model(name="late", task="classification", train="recipes:logistic", seed=7, environment="pylock.toml")
    run = project.train(project.contract("logistic", model=model)).decode(Run)
    assert project.state.objects.get(run.environment.declared).decode() == written
    installed = project.state.objects.get(run.environment.lock).decode()
    assert set(names(installed)) == set(names(lock.read_text()))
    assert unhashed(installed) == ()
    assert run.environment.lock == digest.of_file(making.lock_of(run.contract, project.folder))
