"""A rebuild that differs names its cause: one is planted in each training, and that one is named and no other."""

from __future__ import annotations

import functools
import os
import platform

import pyarrow as pa
import pytest
from acceptance.planted_project import flights, with_another_version
from deltalake import write_deltalake

from shipworthy import clock
from shipworthy.contract.records import DataSource
from shipworthy.environments import execution, unlocked
from shipworthy.environments.conditions import Conditions
from shipworthy.errors import TrainingFailed
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.training import making


def only_cause(made: Rebuild):
    """The factor and the words of the one cause that is certain."""
    assert made.diagnosis is not None
    (cause,) = made.diagnosis.causes
    assert cause.certain, made.diagnosis
    return cause.factor, cause.words


@pytest.mark.parametrize(
    ("recipe", "factor", "line"),
    [
        ("unseeded", "chance", "in unseeded: `generator = np.random.default_rng()`"),
        ("unseeded_shuffle", "chance", "in unseeded_shuffle: `random.Random().shuffle(picked)`"),
        ("own_seed", "seed", "in own_seed: `generator = np.random.default_rng(os.getpid())`"),
        ("age_of_the_data", "clock", "in age_of_the_data: `now = datetime.datetime.now(datetime.UTC)`"),
        ("unsorted_in_a_child", "hash seed", 'in unsorted_in_a_child: `done = subprocess.run([sys.executable, "-c"'),
        ("by_address", "random", "the order of a set of objects"),
    ],
)
def test_a_training_that_is_random_by_itself_is_told_by_what_and_where(project, recipe, factor, line):
    found = project.rebuild(project.train(project.contract(recipe)))
    named, words = only_cause(found)
    assert named == factor
    assert line in words


def test_two_reasons_that_hide_each_other_are_both_named(project):
    found = project.rebuild(project.train(project.contract("two_reasons")))
    assert {cause.factor for cause in found.diagnosis.causes} == {"chance", "clock"}


def test_the_order_of_a_set_under_another_hash_seed(project, monkeypatch):
    with monkeypatch.context() as then:
        then.setitem(execution.FIXED, "PYTHONHASHSEED", "3")
        entry = project.train(project.contract("unsorted"))
    factor, words = only_cause(project.rebuild(entry))
    assert factor == "hash seed"
    assert words.startswith("PYTHONHASHSEED: 3 then, 0 now: something goes by the order of a set: sort it")


def test_the_day_of_the_training(project, monkeypatch):
    week_ago = clock.now() - 7 * 86_400 * clock.SECOND
    with monkeypatch.context() as then:
        then.setattr(clock, "now", lambda: week_ago)
        then.setattr(making, "run_job", functools.partial(making.run_job, conditions=_at(week_ago)))
        entry = project.train(project.contract("weekday"))
    factor, words = only_cause(project.rebuild(entry))
    assert factor == "clock"
    assert "datetime.date.today().toordinal()" in words


def _at(instant: int) -> Conditions:
    return Conditions(watched=True, clock=instant)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_sums_that_are_cut_by_the_number_of_cores(project):
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})
        entry = project.train(project.contract("by_cores"))
    finally:
        os.sched_setaffinity(0, cores)
    factor, words = only_cause(project.rebuild(entry))
    assert factor == "cores"
    assert f"1 then, {len(cores)} now" in words
    assert "in by_cores: `parts = np.array_split" in words


def test_sums_that_are_cut_by_the_number_of_threads(project, monkeypatch):
    with monkeypatch.context() as then:
        then.setitem(execution.FIXED, "OMP_NUM_THREADS", "3")
        entry = project.train(project.contract("by_threads"))
    factor, words = only_cause(project.rebuild(entry))
    assert factor == "threads"
    assert "threads = 1 under [model]" in words


def test_a_source_whose_rows_come_in_another_order_than_they_did(project):
    table = project.folder / "data" / "table"
    source = DataSource(name="flights", kind="delta", location="data/table", target="delay", time="day")
    write_deltalake(table, flights())
    entry = project.train(project.contract("by_row_order", source=source))
    table.rename(table.with_name("lost"))
    write_deltalake(table, flights().take(pa.array(range(399, -1, -1))))  # restored from somewhere
    found = project.rebuild(entry)
    (cause,) = found.diagnosis.causes
    assert cause.factor == "row order"
    assert not cause.certain, "the order of then is not known any more"
    assert "row order of data.flights" in cause.words
    assert (
        "sort it in train by id, which is different in every row, or set keep = true under [data.flights]"
        in cause.words
    )


def test_rows_in_another_order_are_no_cause_where_the_model_does_not_depend_on_it(project, monkeypatch):
    table = project.folder / "data" / "table"
    source = DataSource(name="flights", kind="delta", location="data/table", target="delay", time="day")
    write_deltalake(table, flights())
    with monkeypatch.context() as then:
        then.setitem(execution.FIXED, "PYTHONHASHSEED", "3")
        entry = project.train(project.contract("unsorted", source=source, rung="within-tolerance"))
    table.rename(table.with_name("lost"))
    write_deltalake(table, flights().take(pa.array(range(399, -1, -1))))
    assert only_cause(project.rebuild(entry))[0] == "hash seed"


def test_a_package_that_was_another_version_than_the_lock_gives(project, monkeypatch):
    """Such a training is refused now; a run of before that was recorded all the same."""
    with_another_version(project)
    with pytest.raises(TrainingFailed, match=r"scaling 2\.0: requirements\.lock pins 1\.0"):
        project.train(project.contract("by_package"))
    with monkeypatch.context() as before:
        before.setattr(unlocked, "refuse_unlocked", lambda *_: None)
        entry = project.train(project.contract("by_package"))
    factor, words = only_cause(project.rebuild(entry))
    assert factor == "package"
    assert words.startswith("scaling: 2.0 then, 1.0 now: name the version of then in the lock")


# One that is older than what the processor would choose, so that every machine of its kind has it.
OLD_KERNEL = "Prescott" if platform.machine() == "x86_64" else "ARMV8"


def test_another_kernel_of_linear_algebra(project, monkeypatch):
    """The recipe adds the kernel's name to its sums, whose last bits two kernels may well agree in."""
    monkeypatch.setenv("OPENBLAS_CORETYPE", OLD_KERNEL)
    entry = project.train(project.contract("by_kernel"))
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    found = project.rebuild(entry)
    assert found.environment.blas != entry.decode(Run).environment.blas
    factor, words = only_cause(found)
    assert factor == "BLAS kernel"
    assert "set OPENBLAS_CORETYPE to the same kernel wherever it is trained and rebuilt" in words


def test_the_last_bits_of_another_kernel_are_explained_where_they_differ(project, monkeypatch):
    """Whether two kernels agree to the last bit is the processor's business; a cause is named where they do not."""
    monkeypatch.setenv("OPENBLAS_CORETYPE", OLD_KERNEL)
    entry = project.train(project.contract("steady", rung="bit-identical"))
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    found = project.rebuild(entry)
    if found.rung == "bit-identical":
        assert found.diagnosis is None
    else:
        assert found.rung == "within-tolerance"
        assert only_cause(found)[0] == "BLAS kernel"


def test_no_cause_is_named_where_there_is_none(project, monkeypatch):
    assert project.rebuild(project.train(project.contract("steady"))).diagnosis is None
    monkeypatch.setenv("USER", "somebody")
    entry = project.train(project.contract("by_user"))
    monkeypatch.setenv("USER", "somebody else")
    found = project.rebuild(entry)
    assert found.rung == "different"
    assert found.diagnosis.causes == ()
    assert found.diagnosis.words.startswith("no cause was found: the same recipe makes the same model now")


def test_nothing_is_looked_for_unasked(project):
    entry = project.train(project.contract("unseeded", rung="within-tolerance"))
    assert project.rebuild(entry, diagnose=False).diagnosis is None
