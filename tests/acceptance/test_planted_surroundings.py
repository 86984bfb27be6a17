"""Another HOME, time zone, locale or folder than at the run: where it goes into the model, it is named."""

from __future__ import annotations

import pytest
from acceptance.test_planted_causes import only_cause

from shipworthy.environments import execution


@pytest.mark.parametrize(
    ("recipe", "variable", "then", "told"),
    [
        ("by_time_zone", "TZ", "Pacific/Chatham", "TZ: Pacific/Chatham then, UTC now: name the time zone wherever"),
        ("by_locale", "LC_ALL", "POSIX", "LC_ALL: POSIX then, C.UTF-8 now: name the encoding of every text"),
    ],
)
def test_another_time_zone_or_locale_is_named_with_what_to_do(project, monkeypatch, recipe, variable, then, told):
    with monkeypatch.context() as there:
        there.setitem(execution.FIXED, variable, then)
        entry = project.train(project.contract(recipe))
    factor, words = only_cause(project.rebuild(entry))
    assert factor == "variable"
    assert words.startswith(told)


def test_settings_in_another_home_are_named_where_no_sandbox_keeps_them_out(project, monkeypatch, tmp_path):
    for name, weight in (("then", "3.0"), ("now", "4.0")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weight.txt").write_text(weight)
    monkeypatch.setenv("HOME", str(tmp_path / "then"))
    entry = project.train(project.contract("by_settings_at_home", sandbox="off"))
    monkeypatch.setenv("HOME", str(tmp_path / "now"))
    factor, words = only_cause(project.rebuild(entry))
    assert factor == "variable"
    assert words.startswith(f"HOME: {tmp_path / 'then'} then, {tmp_path / 'now'} now: something that it reads lies")


@pytest.mark.parametrize(
    ("recipe", "line"),
    [
        ("by_place_of_home", 'in by_place_of_home: `return Line(flights, zlib.crc32(os.path.expanduser("~/model")'),
        ("by_home", 'in by_home: `return Line(flights, zlib.crc32(os.environ["HOME"]'),
    ],
)
def test_the_place_of_a_home_that_is_new_every_time(project, recipe, line):
    """The sandbox's own: its name is in the model, so that no two trainings agree."""
    factor, words = only_cause(project.rebuild(project.train(project.contract(recipe))))
    assert factor == "folder"
    assert line in words
    assert words.endswith("let the model hold no path, and seed nothing with one")


def test_the_place_of_the_project_in_the_model_is_a_likely_cause(project):
    """Where the run's copy of the project lay is not known any more; that it matters can be shown."""
    found = project.rebuild(project.train(project.contract("by_place_of_project")))
    (cause,) = found.diagnosis.causes
    assert (cause.factor, cause.certain) == ("folder", False)


SCRIPT = """
import os, pickle
import numpy as np
from recipes import Always
generator = np.random.default_rng()
model = Always(generator.random())
with open(os.environ["SHIPWORTHY_MODEL"], "wb") as file:
    pickle.dump(model, file)
"""


def test_the_line_of_a_command_that_draws_without_a_seed_is_named(project):
    (project.folder / "fit.py").write_text(SCRIPT)
    factor, words = only_cause(project.rebuild(project.train(project.contract("", command="python fit.py"))))
    assert factor == "chance"
    assert "fit.py, line 5, in <module>: `generator = np.random.default_rng()`" in words
