"""Which files are the code, in every state that a project folder can be in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shipworthy.contract.records import Contract, DataSource, Feature, Labels, Model, Purpose
from shipworthy.environments import snapshot
from shipworthy.errors import WrongUse
from shipworthy.store.objects import Objects


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path / "objects")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "repository" / "project"
    (folder / "package").mkdir(parents=True)
    (folder / "train.py").write_text("x = 1\n")
    (folder / "package" / "__init__.py").write_text("")
    for dropped in (".shipworthy", "__pycache__", ".venv"):
        (folder / dropped).mkdir()
        (folder / dropped / "file").write_text("")
    return folder


def paths(found) -> set[str]:
    return {file.path for file in found.files}


CODE = {"train.py", "package/__init__.py"}


def test_without_git_everything_but_caches_is_code(project, objects):
    (project / "own-env").mkdir()
    (project / "own-env" / "pyvenv.cfg").write_text("")
    (project / "package" / "old.pyc").write_text("")
    found = snapshot.snapshot(project, objects)
    assert paths(found) == CODE
    assert (found.commit, found.dirty, found.branch) == (None, None, None)


@pytest.mark.needs("git")
def test_in_a_repository_what_git_ignores_is_left_out(project, objects):
    git(project.parent, "init")
    (project / ".gitignore").write_text("*.log\n")
    (project / "a.log").write_text("")
    (project / "new.py").write_text("")
    (project.parent / "outside.py").write_text("")
    found = snapshot.snapshot(project, objects)
    assert paths(found) == CODE | {".gitignore", "new.py"}
    assert (found.commit, found.dirty, found.branch) == (None, True, "main")


@pytest.mark.needs("git")
def test_a_clean_tree_names_its_commit_and_a_changed_one_is_dirty(project, objects):
    git(project.parent, "init")
    (project.parent / ".gitignore").write_text(".venv\n__pycache__\n")
    git(project.parent, "add", ".gitignore", "project/train.py", "project/package")
    git(project.parent, "commit", "-m", "first")
    clean = snapshot.snapshot(project, objects)
    assert (clean.commit, clean.dirty) == (git(project.parent, "rev-parse", "HEAD"), False)
    (project.parent / "elsewhere.py").write_text("")
    assert not snapshot.snapshot(project, objects).dirty
    (project / "train.py").write_text("x = 2\n")
    dirty = snapshot.snapshot(project, objects)
    assert (dirty.commit, dirty.dirty) == (clean.commit, True)
    assert dirty.digest != clean.digest
    git(project.parent, "checkout", "--detach", "--force")
    assert snapshot.snapshot(project, objects).branch is None


@pytest.mark.needs("git")
def test_a_file_that_git_tracks_and_that_is_gone_is_no_code(project, objects):
    git(project, "init")
    git(project, "add", "train.py")
    (project / "train.py").unlink()
    assert paths(snapshot.snapshot(project, objects)) == {"package/__init__.py"}


@pytest.mark.needs("git")
def test_a_repository_inside_and_an_ignored_project_are_walked(project, objects):
    git(project.parent, "init")
    (project / "inner").mkdir()
    git(project / "inner", "init")
    (project / "inner" / "deep.py").write_text("")
    assert paths(snapshot.snapshot(project, objects)) == CODE | {"inner/deep.py"}
    (project.parent / ".gitignore").write_text("project/\n")
    assert paths(snapshot.snapshot(project, objects)) == CODE | {"inner/deep.py"}


@pytest.mark.needs("git")
@pytest.mark.parametrize("in_git", [True, False])
def test_what_a_program_leaves_behind_is_no_code_unless_git_tracks_it(project, objects, in_git):
    if in_git:
        git(project.parent, "init")
        git(project, "add", ".")
        git(project, "commit", "-m", "first")
    before = snapshot.snapshot(project, objects)
    (project / "train.log").write_text("epoch 1")
    (project / "outputs").mkdir()
    (project / "outputs" / "model.bin").write_text("")
    (project / "outputs" / "reading.py").write_text("")
    after = snapshot.snapshot(project, objects)
    assert snapshot.changes(before.files, after.files) == ("outputs/reading.py (new)",)
    (project / "outputs" / "reading.py").unlink()
    after = snapshot.snapshot(project, objects)
    assert (after.digest, after.dirty) == (before.digest, before.dirty)
    if in_git:
        git(project, "add", "--force", "train.log")
        assert paths(snapshot.snapshot(project, objects)) == CODE | {"train.log"}


def test_what_changed_is_named(project, objects):
    before = snapshot.snapshot(project, objects)
    (project / "train.py").write_text("x = 2\n")
    (project / "package" / "__init__.py").unlink()
    (project / "notes.md").write_text("")
    changed = snapshot.changes(before.files, snapshot.snapshot(project, objects).files)
    assert changed == ("notes.md (new)", "package/__init__.py (gone)", "train.py (changed)")


@pytest.mark.needs("git")
@pytest.mark.parametrize("in_git", [True, False])
def test_three_models_in_one_repository_have_a_code_each(tmp_path, objects, in_git):
    """One at the top and two below it: what changes in another model's folder is no change of this one."""
    root = tmp_path / "monorepo"
    models = (root, root / "models" / "delay", root / "models" / "price")
    for folder in models:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "shipworthy.toml").write_text("")
        (folder / "train.py").write_text("x = 1\n")
    if in_git:
        git(root, "init")
        git(root, "add", ".")
        git(root, "commit", "-m", "first")
    before = [snapshot.snapshot(folder, objects) for folder in models]
    assert [paths(each) for each in before] == [{"shipworthy.toml", "train.py"}] * 3
    (models[2] / "train.py").write_text("x = 2\n")
    (models[2] / "more.py").write_text("")
    after = [snapshot.snapshot(folder, objects) for folder in models]
    assert [a.digest == b.digest for a, b in zip(before, after, strict=True)] == [True, True, False]
    if in_git:
        assert [each.dirty for each in after] == [False, False, True]


@pytest.mark.needs("git")
def test_a_detached_head_names_its_commit_and_no_branch(project, objects):
    git(project.parent, "init")
    git(project, "add", ".")
    git(project, "commit", "-m", "first")
    git(project, "checkout", "--detach")
    found = snapshot.snapshot(project, objects)
    assert (found.commit, found.dirty, found.branch) == (git(project, "rev-parse", "HEAD"), False, None)


@pytest.mark.needs("git")
def test_a_shallow_clone_has_all_the_code(project, objects, tmp_path):
    git(project.parent, "init")
    for number in range(2):
        (project / "train.py").write_text(f"x = {number}\n")
        git(project, "add", ".")
        git(project, "commit", "-m", f"commit {number}")
    git(tmp_path, "clone", "--depth", "1", f"file://{project.parent}", "shallow")
    here, there = (snapshot.snapshot(each, objects) for each in (project, tmp_path / "shallow" / "project"))
    assert (here.digest, here.commit, here.dirty) == (there.digest, there.commit, there.dirty)


@pytest.mark.needs("git")
def test_a_changed_file_of_a_submodule_is_code_and_makes_the_tree_dirty(project, objects, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    git(shared, "init")
    (shared / "common.py").write_text("y = 1\n")
    git(shared, "add", ".")
    git(shared, "commit", "-m", "first")
    git(project.parent, "init")
    git(project, "-c", "protocol.file.allow=always", "submodule", "add", str(shared), "shared")
    git(project, "add", ".")
    git(project, "commit", "-m", "with a submodule")
    clean = snapshot.snapshot(project, objects)
    assert "shared/common.py" in paths(clean)
    assert not clean.dirty
    (project / "shared" / "common.py").write_text("y = 2\n")
    dirty = snapshot.snapshot(project, objects)
    assert dirty.dirty
    assert snapshot.changes(clean.files, dirty.files) == ("shared/common.py (changed)",)


@pytest.mark.needs("git")
def test_variables_of_an_outer_git_command_are_not_followed(project, objects, monkeypatch, tmp_path):
    git(project, "init")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another"))
    assert snapshot.snapshot(project, objects).dirty is True


def test_what_is_named_as_data_is_no_code(project, objects):
    given = (
        "data/flights/part.parquet",
        "data/outcomes/part.parquet",
        "data/tracked/a.csv",
        "data/w.db",
        "data/notes.md",
    )
    for name in given:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("")
    contract = Contract(
        model=Model(name="late", task="classification", train="train:train"),
        purpose=Purpose(decision="", owner=""),
        features=(Feature(name="x", type="float"),),
        data=(
            DataSource(name="flights", kind="delta", location="data/flights", target="late"),
            DataSource(name="far", kind="delta", location="s3://bucket/table"),
            DataSource(name="beside", kind="file", location="../outside.csv"),
            DataSource(name="tracked", kind="dvc", location="data/tracked"),
            DataSource(name="asked", kind="sql", location="sqlite:///data/w.db?timeout=9", query="SELECT 1"),
            DataSource(name="elsewhere", kind="sql", location="postgresql://db/data", query="SELECT 1"),
        ),
        labels=Labels(kind="delta", location="./data/outcomes/", key="id", target="late"),
    )
    excluded = snapshot.data_locations(project, contract)
    assert set(map(str, excluded)) == {
        *("data/flights", "data/outcomes", "data/tracked"),
        *(f"data/w.db{suffix}" for suffix in ("", "-journal", "-shm", "-wal")),
    }
    assert paths(snapshot.snapshot(project, objects, excluded)) == CODE | {"data/notes.md"}


def test_data_among_the_code_is_refused_by_name(project, objects, monkeypatch):
    monkeypatch.setattr(snapshot, "MOST_BYTES", 1000)
    (project / "big.bin").write_bytes(b"x" * 2000)
    with pytest.raises(WrongUse, match=r"big\.bin.*\.gitignore"):
        snapshot.snapshot(project, objects)


def test_a_link_to_a_file_is_kept_as_the_file_and_a_broken_one_left_out(project, objects):
    (project / "alias.py").symlink_to("train.py")
    (project / "broken.py").symlink_to("nowhere.py")
    found = snapshot.snapshot(project, objects)
    assert paths(found) == CODE | {"alias.py"}
    by_path = {file.path: file.digest for file in found.files}
    assert by_path["alias.py"] == by_path["train.py"]
