"""A lock from what is installed: what was asked for, at its version, with hashes, and nothing of shipworthy's own."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import uv

from shipworthy.environments.freezing import freeze
from shipworthy.environments.installed import Distribution, Installed, find_python, look, to_lock
from shipworthy.errors import NotFound, Unbuildable, WrongUse


def distribution(name: str, *requires: str, requested: bool = False, origin: str | None = None) -> Distribution:
    return Distribution(name=name, version="1.0", requires=requires, requested=requested, origin=origin)


def names(*distributions: Distribution) -> list[str]:
    return [each.name for each in to_lock(distributions)]


def test_what_follows_from_something_else_is_not_named():
    assert names(distribution("scikit_learn", "numpy>=1.2"), distribution("numpy")) == ["scikit_learn"]


def test_what_was_asked_for_is_named_whatever_needs_it_too():
    assert names(distribution("a", "numpy"), distribution("numpy", requested=True)) == ["a", "numpy"]


def test_an_extra_that_was_not_asked_for_needs_nothing():
    assert names(distribution("a", 'numpy; extra == "fast"'), distribution("numpy")) == ["a", "numpy"]


def test_shipworthy_and_what_only_it_needs_stay_out():
    shipworthy = distribution("shipworthy", "SQLAlchemy", "pyarrow", requested=True)
    sqlalchemy = distribution("SQLAlchemy", "greenlet")
    pyarrow = distribution("pyarrow", requested=True)
    assert names(shipworthy, sqlalchemy, distribution("greenlet"), pyarrow, distribution("pip")) == ["pyarrow"]


def test_what_shipworthy_shares_with_the_model_follows_from_the_model():
    assert names(distribution("shipworthy", "numpy"), distribution("numpy"), distribution("pandas", "numpy")) == [
        "pandas"
    ]


def test_what_came_from_no_index_is_not_named():
    assert names(distribution("mine", origin="file:///home/me/mine"), distribution("a")) == ["a"]


def test_the_active_environment_is_asked_then_the_projects_then_path(tmp_path: Path):
    def python_in(folder: str) -> Path:
        python = tmp_path / folder / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch(mode=0o755)
        return python

    active, own = python_in("active"), python_in(".venv")
    assert find_python(tmp_path, {"VIRTUAL_ENV": str(tmp_path / "active")}) == active
    assert find_python(tmp_path, {"CONDA_PREFIX": str(tmp_path / "active")}) == active
    assert find_python(tmp_path, {"PATH": str(tmp_path / "active/bin")}) == own
    assert find_python(tmp_path / "active", {"PATH": str(tmp_path / "active/bin")}) == active
    with pytest.raises(NotFound, match="activate the environment"):
        find_python(tmp_path / "active", {"PATH": str(tmp_path)})


def test_a_python_that_does_not_run_is_named(tmp_path: Path):
    with pytest.raises(Unbuildable, match="nowhere"):
        look(tmp_path / "nowhere")
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho it is broken >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(Unbuildable, match="it is broken"):
        look(broken)


def wheel(folder: Path, name: str, version: str, *requires: str) -> None:
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Python of an environment with forest 1.0 and what it needs; the index also has newer ones, and charts 3.0."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for version in ("1.0", "2.0"):
        wheel(wheels, "forest", version, "trees")
        wheel(wheels, "trees", version)
    wheel(wheels, "charts", "3.0")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    folder = tmp_path / "environment"
    uv_ = [uv.find_uv_bin(), "--quiet"]
    subprocess.run([*uv_, "venv", "--no-project", "--python", sys.executable, str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run([*uv_, "pip", "install", "--python", str(python), "forest==1.0", "trees<2"], check=True)
    return python


def test_the_lock_pins_what_is_installed_and_what_is_needed_besides(environment: Path, tmp_path: Path):
    installed = look(environment)
    assert installed.isolated
    frozen = freeze(installed, tmp_path / "project" / "requirements.lock", needed=["Charts", "trees"])
    text = frozen.lock.read_text()
    assert (frozen.pinned, frozen.added, frozen.left_out) == (3, ("Charts",), ())
    assert [line.split()[0] for line in text.splitlines() if "==" in line] == [
        "charts==3.0",
        "forest==1.0",
        "trees==1.0",
    ]
    assert text.count("--hash=sha256:") == 3
    assert str(tmp_path) not in text
    assert [path.name for path in frozen.lock.parent.iterdir()] == ["requirements.lock"]


def test_a_lock_that_exists_is_never_overwritten(environment: Path, tmp_path: Path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("mine")
    with pytest.raises(WrongUse, match="never overwritten"):
        freeze(look(environment), lock)
    assert lock.read_text() == "mine"


def test_of_a_shared_python_only_what_is_needed_is_taken(environment: Path, tmp_path: Path):
    found = look(environment)
    shared = Installed(python=found.python, isolated=False, distributions=found.distributions)
    frozen = freeze(shared, tmp_path / "requirements.lock", needed=["trees"])
    assert [line.split()[0] for line in frozen.lock.read_text().splitlines() if "==" in line] == ["trees==1.0"]
    with pytest.raises(WrongUse, match="nothing is installed"):
        freeze(shared, tmp_path / "other.lock")


def test_what_no_index_has_is_said_with_uvs_reason_and_a_way_out(environment: Path, tmp_path: Path):
    lock = tmp_path / "requirements.lock"
    with pytest.raises(Unbuildable, match=r"(?s)nonexistent.*uv pip compile"):
        freeze(look(environment), lock, needed=["nonexistent"])
    assert [path.name for path in tmp_path.glob("*requirements*")] == []
