"""uv.lock and pylock.toml as hash-pinned requirements, or what in them is pinned to nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import uv

from shipworthy.environments import builder
from shipworthy.environments.exporting import as_requirements
from shipworthy.environments.requirements import names, unhashed
from shipworthy.errors import NotFound, Unbuildable

PROJECT = """
[project]
name = "flight-delay"
version = "0.1"
requires-python = ">=3.11"
dependencies = ["threadpoolctl"{more}]
"""
UV_LOCK = """
version = 1
requires-python = ">=3.11"

[[package]]
name = "flight-delay"
version = "0.1"
source = {{ virtual = "." }}
dependencies = [{{ name = "threadpoolctl" }}{more}]

[[package]]
name = "threadpoolctl"
version = "{version}"
source = {{ registry = "https://index.example/simple" }}
wheels = [
    {{ url = "https://index.example/threadpoolctl-{version}-py3-none-any.whl", hash = "{hash}", size = 1 }},
]
"""
BESIDE = """
[[package]]
name = "beside"
version = "0.1"
source = { directory = "beside" }
"""
PYLOCK = """
lock-version = "1.0"
created-by = "hand"

[[packages]]
name = "threadpoolctl"
version = "{version}"
marker = "python_full_version >= '3.11'"
index = "https://index.example/simple"
wheels = [{{ name = "threadpoolctl-{version}-py3-none-any.whl", hashes = {{ {kind} = "{value}" }} }}]
"""


@pytest.fixture
def pinned(lock) -> dict[str, str]:
    """What the lock pins: version and hash of threadpoolctl."""
    requirement, *hashes = lock.read_text().replace("\\\n", " ").split()
    hash_ = hashes[0].removeprefix("--hash=")
    kind, value = hash_.split(":")
    return {"version": requirement.partition("==")[2], "hash": hash_, "kind": kind, "value": value}


def write_uv(folder: Path, pinned: dict[str, str], more: str = "", packages: str = "") -> Path:
    (folder / "pyproject.toml").write_text(PROJECT.format(more=f', "{more}"' if more else ""))
    path = folder / "uv.lock"
    dependency = f', {{ name = "{more}" }}' if more else ""
    path.write_text(UV_LOCK.format(**pinned, more=dependency) + packages)
    return path


def test_a_uv_lock_is_exported_without_the_project_and_builds(tmp_path, pinned, cache):
    written = write_uv(tmp_path, pinned)
    exported = as_requirements(written, cache=cache)
    assert names(exported.read_text()) == ("threadpoolctl",)
    assert f"--hash={pinned['hash']}" in exported.read_text()
    assert "index.example" not in exported.read_text()
    assert as_requirements(written, cache=cache) == exported
    environment = builder.build(exported, near=tmp_path, cache=cache)
    listed = subprocess.run(
        [uv.find_uv_bin(), "pip", "list", "--python", builder.interpreter(environment), "--format=freeze"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert listed.stdout.split() == [f"threadpoolctl=={pinned['version']}"]


def test_a_pylock_is_exported_and_builds(tmp_path, pinned, cache):
    written = tmp_path / "pylock.training.toml"
    written.write_text(PYLOCK.format(**pinned))
    exported = as_requirements(written, cache=cache)
    assert exported.read_text() == (
        f"threadpoolctl=={pinned['version']} ; python_full_version >= '3.11' \\\n    --hash={pinned['hash']}\n"
    )
    assert (builder.build(exported, near=tmp_path, cache=cache) / builder.MARKER).is_file()


def test_requirements_are_taken_as_they_are(tmp_path, lock, cache):
    assert as_requirements(lock, cache=cache) == lock
    assert as_requirements(tmp_path / "nowhere.txt", cache=cache) == tmp_path / "nowhere.txt"


def test_what_is_pinned_to_no_bytes_is_named(tmp_path, pinned, cache):
    (tmp_path / "beside").mkdir()
    with pytest.raises(Unbuildable, match=r"\./beside is pinned to no bytes"):
        as_requirements(write_uv(tmp_path, pinned, "beside", BESIDE), cache=cache)
    text = PYLOCK.format(**{**pinned, "kind": "md5"})
    (tmp_path / "pylock.toml").write_text(text)
    with pytest.raises(Unbuildable, match="threadpoolctl is pinned to no bytes") as error:
        as_requirements(tmp_path / "pylock.toml", cache=cache)
    assert error.value.requirement == "threadpoolctl"
    (tmp_path / "pylock.toml").write_text(
        'lock-version = "1.0"\npackages = [{ name = "x", vcs = { type = "git", url = "u", commit-id = "c" } }]\n'
    )
    with pytest.raises(Unbuildable, match="x is pinned to no bytes"):
        as_requirements(tmp_path / "pylock.toml", cache=cache)


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("uv.lock", None, NotFound, "uv.lock does not exist; `uv lock` writes it"),
        ("pylock.toml", None, NotFound, "pylock.toml does not exist"),
        ("uv.lock", "version = x", Unbuildable, "uv.lock cannot be exported: Failed to parse"),
        ("pylock.toml", "lock-version = x", Unbuildable, "pylock.toml is no TOML"),
        ("pylock.toml", 'lock-version = "2.0"', Unbuildable, "expected lock-version 1.0, there is 2.0"),
        (
            "pylock.toml",
            'lock-version = "1.0"\npackages = [{ name = "x", version = "1", marker = "\'dev\' in dependency_groups" }]',
            Unbuildable,
            "x is there for some extras or groups only",
        ),
    ],
)
def test_a_lock_that_cannot_be_taken_is_told(tmp_path, cache, name, content, error, said):
    (tmp_path / "pyproject.toml").write_text(PROJECT.format(more=""))
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(error, match=said):
        as_requirements(tmp_path / name, cache=cache)


def test_every_way_to_be_unpinned_is_seen():
    text = "a==1 \\\n    --hash=sha256:x\nb @ git+https://host/b\n-e ./c\n./d\n# e\n--hash=sha256:y\nf==2\n"
    assert unhashed(text) == ("-e ./c", "./d", "b", "f")
