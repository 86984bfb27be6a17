"""`dvc:` sources with a real git and DVC repository and a remote in a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from shipworthy.contract.records import DataSource
from shipworthy.errors import NotFound, Tampered, Undecided, WrongUse
from shipworthy.store.objects import Objects
from shipworthy.training import dvc_cache
from shipworthy.training.sources import read, reread

pytestmark = pytest.mark.needs("git", "dvc")


class Repository:
    """A git repository whose folder `model` is the project, and DVC's root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "repository"
        self.project = self.folder / "model"
        self.remote = folder / "remote"
        (self.project / "data" / "parts").mkdir(parents=True)
        self.git("init", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        who = {
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b",
        }
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env={**os.environ, **who}, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def dvc(self, *arguments: str) -> None:
        """DVC as a user calls it, in the project's folder."""
        command = [sys.executable, "-W", "ignore", "-m", "dvc", "--quiet", *arguments]
        subprocess.run(command, cwd=self.project, check=True, capture_output=True, text=True)

    def write(self, name: str, *rows: int) -> Path:
        path = self.project / "data" / name
        path.write_text("x\n" + "".join(f"{row}\n" for row in rows))
        return path

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--message", "a change")
        return self.git("rev-parse", "HEAD")

    def forget_cache(self) -> None:
        shutil.rmtree(self.project / ".dvc" / "cache")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two versions of a file and a folder, committed and pushed."""
    folder = tmp_path_factory.mktemp("dvc")
    with pytest.MonkeyPatch.context() as patch:
        for name, place in {
            "SITE_CACHE_DIR": "site",
            "GLOBAL_CONFIG_DIR": "global",
            "SYSTEM_CONFIG_DIR": "system",
        }.items():
            patch.setenv(f"DVC_{name}", str(folder / place))
        (folder / "global").mkdir()
        (folder / "global" / "config").write_text("[core]\nanalytics = false\ncheck_update = false\n")
        repository = Repository(folder)
        repository.dvc("init", "--subdir")
        (repository.project / ".dvc" / "config").write_text(
            f"[core]\nremote = store\n['remote \"store\"']\nurl = {repository.remote}\n"
        )
        repository.write("a.csv", 1, 2)
        repository.write("parts/p.csv", 1)
        repository.write("parts/q.csv", 2)
        (repository.project / "data" / "parts" / "README.md").write_text("of no interest")
        repository.dvc("add", "data/a.csv", "data/parts")
        repository.commit()
        repository.git("tag", "-a", "-m", "the first", "v1")
        repository.write("a.csv", 1, 2, 3)
        repository.write("parts/r.csv", 3)
        repository.dvc("add", "data/a.csv", "data/parts")
        repository.commit()
        repository.dvc("push", "--all-commits")
        yield folder


@pytest.fixture
def repository(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "dvc", symlinks=True)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    found = Repository.__new__(Repository)
    found.folder = tmp_path / "dvc" / "repository"
    found.project = found.folder / "model"
    found.remote = tmp_path / "dvc" / "remote"
    config = found.project / ".dvc" / "config"
    config.write_text(config.read_text().replace(str(made), str(tmp_path / "dvc")))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, message="_NoneStep")  # of pygtrie, by DVC
        yield found


@pytest.fixture
def objects(tmp_path) -> Objects:
    return Objects(tmp_path / "objects")


def source(location: str = "data/a.csv", **more) -> DataSource:
    return DataSource(name="rows", kind="dvc", location=location, **more)


def values(table) -> list[int]:
    return table["x"].to_pylist()


def test_a_file_is_pinned_to_the_commit_that_names_it(repository, objects):
    found = read(source(), repository.project, objects)
    assert values(found.rows) == [1, 2, 3]
    assert (found.pin.commit, found.pin.snapshot) == (repository.git("rev-parse", "HEAD"), ())
    assert (found.pin.md5 or "").isalnum()
    repository.write("a.csv", 9)
    repository.dvc("add", "data/a.csv")
    repository.commit()
    assert values(read(source(), repository.project, objects).rows) == [9]
    assert values(reread(found.pin, repository.project, objects)) == [1, 2, 3]


@pytest.mark.parametrize("revision", ["v1", "HEAD~1", "main~1"])
def test_a_file_of_an_older_revision_comes_from_the_cache(repository, objects, revision):
    found = read(source(revision=revision), repository.project, objects)
    assert values(found.rows) == [1, 2]
    assert found.pin.commit == repository.git("rev-parse", "HEAD~1")


def test_a_folder_is_read_in_the_order_of_names_whatever_revision(repository, objects):
    newest = read(source("data/parts"), repository.project, objects)
    assert values(newest.rows) == [1, 2, 3]
    assert newest.pin.md5.endswith(".dir")
    older = read(source("data/parts", revision="v1"), repository.project, objects)
    assert values(older.rows) == [1, 2]
    part = read(source("data/parts/q.csv", revision="v1"), repository.project, objects)
    assert values(part.rows) == [2]


def test_what_the_cache_lacks_comes_from_the_remote(repository, objects):
    repository.forget_cache()
    (repository.project / "data" / "a.csv").unlink()
    assert values(read(source(), repository.project, objects).rows) == [1, 2, 3]
    assert values(read(source("data/parts", revision="v1"), repository.project, objects).rows) == [1, 2]


def test_a_remote_that_has_moved_is_looked_for_where_it_is_today(repository, objects):
    pin = read(source(revision="v1"), repository.project, objects).pin
    repository.forget_cache()
    elsewhere = repository.remote.with_name("elsewhere")
    repository.remote.rename(elsewhere)
    with pytest.raises(Undecided):
        reread(pin, repository.project, objects)
    repository.dvc("remote", "modify", "store", "url", str(elsewhere))
    assert values(reread(pin, repository.project, objects)) == [1, 2]


def test_data_that_neither_cache_nor_remote_has_is_told_before_training_and_is_gone_after(repository, objects):
    pin = read(source(revision="v1"), repository.project, objects).pin
    kept = read(source(revision="v1", keep=True), repository.project, objects).pin
    repository.forget_cache()
    shutil.rmtree(repository.remote)
    with pytest.raises(NotFound, match=r"dvc:data/a.csv@v1: neither DVC's cache nor a remote has"):
        read(source(revision="v1"), repository.project, objects)
    with pytest.raises(Undecided, match=r"could not decide: the data is gone: dvc:data/a.csv@.*neither"):
        reread(pin, repository.project, objects)
    assert values(reread(kept, repository.project, objects)) == [1, 2]
    assert (kept.digest, kept.md5, kept.commit) == (pin.digest, pin.md5, pin.commit)


def test_a_working_copy_without_a_second_one_is_copied(repository, objects):
    """The file is there, but no rebuild could have it again from DVC."""
    repository.forget_cache()
    shutil.rmtree(repository.remote)
    pin = read(source(), repository.project, objects).pin
    assert (pin.commit, len(pin.snapshot)) == (None, 1)
    shutil.rmtree(repository.folder)
    assert values(reread(pin, repository.project, objects)) == [1, 2, 3]


def test_what_no_commit_names_yet_is_copied(repository, objects):
    repository.write("a.csv", 7)
    repository.dvc("add", "data/a.csv")
    pin = read(source(), repository.project, objects).pin
    assert (pin.commit, [file.path for file in pin.snapshot]) == (None, ["a.csv"])
    repository.git("checkout", "--", ".")
    assert values(reread(pin, repository.project, objects)) == [7]


def test_a_file_that_was_changed_behind_dvcs_back_is_refused(repository, objects):
    repository.write("a.csv", 1, 2, 4)
    with pytest.raises(WrongUse, match=r"a.csv is not what DVC was told of; `dvc commit`"):
        read(source(), repository.project, objects)
    repository.write("parts/new.csv", 1)
    with pytest.raises(WrongUse, match=r"new.csv is not what DVC was told of"):
        read(source("data/parts"), repository.project, objects)
    assert values(read(source(revision="HEAD"), repository.project, objects).rows) == [1, 2, 3]


def test_bytes_of_the_cache_that_were_changed_are_refused(repository, objects):
    pin = read(source(revision="v1"), repository.project, objects).pin
    cached = repository.project / ".dvc" / "cache" / "files" / "md5" / pin.md5[:2] / pin.md5[2:]
    cached.chmod(0o644)
    cached.write_text("x\n1\n3\n")
    with pytest.raises(Tampered, match=r"holds other bytes for a.csv"):
        reread(pin, repository.project, objects)


def test_output_of_a_stage_is_known_by_dvc_lock(repository, objects):
    (repository.project / "dvc.yaml").write_text(
        "stages:\n  make:\n    cmd: cp data/a.csv data/b.csv\n    deps: [data/a.csv]\n    outs: [data/b.csv]\n"
    )
    repository.dvc("repro")
    repository.commit()
    found = read(source("data/b.csv"), repository.project, objects)
    assert values(found.rows) == [1, 2, 3]
    assert found.pin.commit == repository.git("rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"location": "data/nothing.csv"}, NotFound, "dvc:data/nothing.csv: DVC knows nothing there"),
        ({"location": "data/nothing.csv", "revision": "v1"}, NotFound, "dvc:data/nothing.csv@v1: DVC knows nothing"),
        ({"location": "data/a.csv.dvc"}, WrongUse, "is not tracked by DVC: `dvc add`"),
        ({"revision": "v9"}, NotFound, "git knows no revision 'v9' here; where the clone is shallow"),
        ({"location": "../../outside.csv"}, WrongUse, "lies outside of the DVC repository"),
    ],
)
def test_what_cannot_be_found_is_told(repository, objects, asked, error, said):
    with pytest.raises(error, match=said):
        read(source(**asked), repository.project, objects)


def test_a_commit_that_a_shallow_clone_lacks_is_undecided(repository, objects, tmp_path):
    pin = read(source(revision="v1"), repository.project, objects).pin
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(clone))
    with pytest.raises(Undecided, match=r"the data is gone: .*git knows no revision"):
        reread(pin, clone / "model", objects)


def test_a_folder_without_dvc_or_without_git_is_told_or_copied(repository, objects, tmp_path):
    with pytest.raises(NotFound, match="lies in no DVC repository"):
        read(source(), tmp_path, objects)
    shutil.rmtree(repository.folder / ".git")
    repository.dvc("config", "core.no_scm", "true")
    pin = read(source(), repository.project, objects).pin
    assert (pin.commit, len(pin.snapshot)) == (None, 1)
    with pytest.raises(NotFound, match="git knows no revision 'v1'"):
        read(source(revision="v1"), repository.project, objects)


def test_without_dvc_it_is_told_what_to_install(tmp_path, objects, monkeypatch):
    monkeypatch.setitem(sys.modules, "dvc.api", None)
    with pytest.raises(WrongUse, match=r"pip install 'shipworthy\[dvc\]'"):
        read(source(), tmp_path, objects)


def test_clearing_the_cache_keeps_what_commits_name_and_what_was_built_from(repository, objects):
    held = []
    for value in (7, 8):  # on no commit, as after a rebase that took the commits away
        repository.write("a.csv", value)
        repository.dvc("add", "data/a.csv")
        held.append(read(source(), repository.project, objects).pin)
    repository.git("checkout", "--", ".")
    repository.dvc("checkout", "--force")
    cache = repository.project / ".dvc" / "cache" / "files" / "md5"
    before = sorted(path.name for path in cache.rglob("*") if path.is_file())
    planned = dvc_cache.clear(repository.project, [held[0]], apply=False)
    assert (planned.objects, planned.bytes) == (1, len("x\n8\n"))
    assert sorted(path.name for path in cache.rglob("*") if path.is_file()) == before
    assert dvc_cache.clear(repository.project, [held[0]], apply=True) == planned
    left = {path.parent.name + path.name for path in cache.rglob("*") if path.is_file()}
    assert held[0].md5 in left
    assert held[1].md5 not in left
    shutil.rmtree(repository.remote)
    for location in ("data/a.csv", "data/parts"):
        for revision in ("v1", "HEAD"):
            assert read(source(location, revision=revision), repository.project, objects).rows.num_rows >= 2
    assert dvc_cache.clear(repository.project, [], apply=True).objects == 1


def test_a_folder_is_held_with_all_that_is_in_it(repository, objects):
    repository.write("parts/q.csv", 5)
    repository.dvc("add", "data/parts")
    pin = read(source("data/parts"), repository.project, objects).pin
    repository.git("checkout", "--", ".")
    repository.dvc("checkout", "--force")
    assert dvc_cache.clear(repository.project, [pin], apply=True).objects == 0
    assert dvc_cache.clear(repository.project, [], apply=True).objects == 2  # the folder's list, and one of its files


def test_a_cache_that_others_may_use_is_left_alone(repository, tmp_path):
    repository.dvc("config", "cache.dir", str(tmp_path / "shared"))
    with pytest.raises(WrongUse, match=r"is not this repository's alone"):
        dvc_cache.clear(repository.project, [], apply=True)
