"""Environments from locks, through kills, races and locks that cannot be built."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shipworthy.environments import builder
from shipworthy.environments.requirements import names
from shipworthy.errors import Conflict, NotFound, Unbuildable


def installed(environment: Path) -> set[str]:
    code = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    done = subprocess.run(
        [builder.interpreter(environment), "-I", "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_holds_what_the_lock_pins_and_nothing_else(lock, cache):
    assert installed(builder.build(lock, cache=cache)) == {"threadpoolctl"}


def test_the_same_lock_gives_the_same_environment_and_another_one_another(lock, cache):
    first = builder.build(lock, cache=cache)
    stamp = (first / builder.MARKER).stat().st_mtime_ns
    assert builder.build(lock, cache=cache) == first
    assert (first / builder.MARKER).stat().st_mtime_ns == stamp
    lock.write_text(lock.read_text() + "# a comment is another lock\n")
    assert builder.build(lock, cache=cache) != first


def test_what_was_left_half_built_is_built_anew(lock, cache):
    environment = builder.build(lock, cache=cache)
    (environment / builder.MARKER).unlink()
    (environment / "left").touch()
    assert builder.build(lock, cache=cache) == environment
    assert not (environment / "left").exists()
    assert installed(environment) == {"threadpoolctl"}


@pytest.mark.parametrize("milliseconds", [20, 80, 140])
def test_a_build_that_was_killed_is_finished_by_the_next(lock, cache, milliseconds):
    code = (
        "import sys, threading, os, signal\n"
        "from pathlib import Path\n"
        "from shipworthy.environments import builder\n"
        "after = int(sys.argv[3]) / 1000\n"
        "threading.Timer(after, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()\n"
        "builder.build(Path(sys.argv[1]), cache=Path(sys.argv[2]))\n"
        "threading.Event().wait()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, lock, cache, str(milliseconds)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert installed(builder.build(lock, cache=cache)) == {"threadpoolctl"}


def test_several_that_want_the_same_build_it_once(lock, cache):
    with ThreadPoolExecutor(4) as threads:
        built = list(threads.map(lambda _: builder.build(lock, cache=cache), range(4)))
    assert len(set(built)) == 1
    assert installed(built[0]) == {"threadpoolctl"}


def test_a_fresh_one_stands_where_it_was_asked_for(lock, cache, tmp_path):
    cached = builder.build(lock, cache=cache)
    fresh = builder.build_fresh(lock, tmp_path / "fresh")
    assert fresh != cached
    assert installed(fresh) == {"threadpoolctl"}


def test_a_package_without_a_hash_is_refused_by_name(lock, cache):
    lock.write_text("joblib==1.5.0\n")
    with pytest.raises(Unbuildable, match="joblib") as caught:
        builder.build(lock, cache=cache)
    assert caught.value.requirement == "joblib"
    assert "hash" in str(caught.value)


def test_altered_bytes_are_refused_by_name(lock, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))  # else uv need not fetch, and so not check
    lock.write_text(re.sub("(?<=sha256:)[0-9a-f]+", lambda sha: sha[0][::-1], lock.read_text()))
    with pytest.raises(Unbuildable) as caught:
        builder.build(lock, cache=cache)
    assert caught.value.requirement == "threadpoolctl"


def test_a_lock_that_misses_a_dependency_is_refused(lock, cache):
    text = (Path(__file__).parent / "requirements.lock").read_text()
    lock.write_text(text[text.index("pandas==") : text.index("polars==")])
    with pytest.raises(Unbuildable, match=r"(?i)hash.*(numpy|dateutil|tzdata)"):
        builder.build(lock, cache=cache)


def test_no_lock_says_how_to_write_one(tmp_path, cache):
    with pytest.raises(NotFound, match="uv pip compile"):
        builder.build(tmp_path / "missing.lock", cache=cache)


def test_further_packages_leave_the_pins_of_the_lock_alone(lock, cache):
    pinned = builder.lock_with(lock, ["joblib"], cache=cache)
    assert pinned.read_text().startswith(lock.read_text())
    assert names(pinned.read_text()) == ("threadpoolctl", "cloudpickle", "joblib")
    assert installed(builder.build_with(lock, ["joblib"], cache=cache)) == {"threadpoolctl", "cloudpickle", "joblib"}


def test_what_was_resolved_once_needs_no_index(lock, cache, monkeypatch):
    first = builder.lock_with(lock, ["joblib"], cache=cache)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    assert builder.lock_with(lock, ["joblib"], cache=cache) == first


def test_packages_that_do_not_go_together_are_a_conflict_with_the_reason(lock, cache):
    with pytest.raises(Conflict, match=r"threadpoolctl<1.*beside requirements\.lock") as caught:
        builder.build_with(lock, ["threadpoolctl<1"], cache=cache)
    assert caught.value.extra == ("threadpoolctl<1",)
    assert "unsatisfiable" in str(caught.value)


def test_an_unknown_python_is_refused(lock, cache):
    assert not builder.has_python("3.99")
    with pytest.raises(Unbuildable, match=r"3\.99"):
        builder.build(lock, python="3.99", cache=cache)


def test_an_index_that_only_pip_was_told_of_is_told_to_uv():
    told = builder._settings({"PIP_INDEX_URL": "https://index.example", "VIRTUAL_ENV": "/own"})
    assert told == {"PIP_INDEX_URL": "https://index.example", "UV_DEFAULT_INDEX": "https://index.example"}
    kept = builder._settings({"PIP_INDEX_URL": "https://a.example", "UV_DEFAULT_INDEX": "https://b.example"})
    assert kept["UV_DEFAULT_INDEX"] == "https://b.example"


def test_the_environments_python_is_not_shipworthys(lock, cache):
    environment = builder.build(lock, cache=cache)
    done = subprocess.run(
        [builder.interpreter(environment), "-c", "import shipworthy"],
        capture_output=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        check=False,
    )
    assert done.returncode == 1
