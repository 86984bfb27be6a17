"""Objects are whole or absent, and nothing changed is ever used."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipworthy import digest
from shipworthy.errors import InUse, NotFound, Tampered, WrongUse
from shipworthy.store import objects as objects_module
from shipworthy.store.objects import File, Objects, tree_digest

KEEPING = """
import itertools, sys
from pathlib import Path
from shipworthy.store.objects import Objects
root = Path(sys.argv[1])
objects = Objects(root / "objects")
print("ready", flush=True)
for n in itertools.count():
    content = f"{n} ".encode() * 1_000_000
    objects.put(content)
    (root / "file").write_bytes(b"f" + content)
    tree = objects.put_tree(root, [Path("file")])
    objects.materialise(tree, root / "trees" / str(n))
"""


def stored(root):
    return [path for path in (root / "objects" / "sha256").rglob("*") if path.is_file() and "#" not in path.name]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=2000))
def test_bytes_come_back_by_their_digest(objects, content):
    sha = objects.put(content)
    assert sha == digest.of_bytes(content)
    assert objects.has(sha)
    assert objects.get(sha) == content
    assert objects.put(content) == sha


def test_an_absent_object_is_named(objects):
    absent = digest.of_bytes(b"absent")
    assert not objects.has(absent)
    with pytest.raises(NotFound, match=absent):
        objects.get(absent)


def test_one_changed_byte_is_told(objects, tmp_path):
    sha = objects.put(b"a model")
    stored(tmp_path)[0].write_bytes(b"a Model")
    with pytest.raises(Tampered, match=sha):
        objects.get(sha)
    with pytest.raises(Tampered, match=sha):
        objects.materialise([File("model", sha, 7)], tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_an_object_that_a_power_cut_left_short_is_written_again(objects, tmp_path):
    sha = objects.put(b"a model")
    stored(tmp_path)[0].write_bytes(b"")
    objects.put(b"a model")
    assert objects.get(sha) == b"a model"


def test_a_file_larger_than_a_chunk_is_kept_and_written_in_a_stream(objects, tmp_path):
    content = random.Random(1).randbytes(3 * objects_module.CHUNK + 17)
    (tmp_path / "big").write_bytes(content)
    sha = objects.put_file(tmp_path / "big")
    objects.fetch(sha, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content


def test_a_file_that_changes_while_it_is_kept_is_refused_and_leaves_no_object(objects, tmp_path, monkeypatch):
    (tmp_path / "data").write_bytes(b"before")
    really = objects._holds

    def changing(sha, size):
        (tmp_path / "data").write_bytes(b"after!")
        return really(sha, size)

    monkeypatch.setattr(objects, "_holds", changing)
    with pytest.raises(WrongUse, match="changed while it was being kept"):
        objects.put_file(tmp_path / "data")
    assert stored(tmp_path) == []


def test_a_tree_is_materialised_with_its_paths_bytes_and_modes(objects, tmp_path):
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "b.txt").write_text("b")
    (source / "inner" / "a.sh").write_text("a")
    (source / "inner" / "a.sh").chmod(0o755)
    tree = objects.put_tree(source)
    assert [(file.path, file.size, file.executable) for file in tree] == [("b.txt", 1, False), ("inner/a.sh", 1, True)]
    objects.materialise(tree, tmp_path / "copy")
    assert objects.put_tree(tmp_path / "copy") == tree
    assert tree_digest(reversed(tree)) == tree_digest(tree)


def test_a_tree_tells_renamed_changed_and_executable_files_apart():
    sha = digest.of_bytes(b"")
    trees = [[File("a", sha, 0)], [File("b", sha, 0)], [File("a", sha, 0, executable=True)], [File("a", "0" * 64, 0)]]
    assert len({tree_digest(tree) for tree in trees}) == 4


def test_a_folder_that_exists_is_never_written_into(objects, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").touch()
    sha = objects.put(b"x")
    with pytest.raises(InUse, match="mine exists already"):
        objects.materialise([File("x", sha, 1)], tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".mine")] == []


@pytest.mark.parametrize("path", ["../escaped", "/tmp/escaped", "a/../../escaped"])
def test_a_tree_cannot_write_outside_of_its_folder(objects, tmp_path, path):
    sha = objects.put(b"x")
    with pytest.raises(Tampered, match="leave its folder"):
        objects.materialise([File(path, sha, 1)], tmp_path / "tree")
    assert not (tmp_path / "escaped").exists()


def test_settling_needs_the_objects_to_be_there(objects):
    objects.settle([objects.put(b"x")])
    with pytest.raises(FileNotFoundError):
        objects.settle(["0" * 64])


def test_whatever_is_killed_whenever_every_object_and_tree_that_can_be_seen_is_whole(tmp_path):
    seen = 0
    for trial in range(6):
        root = tmp_path / str(trial)
        root.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-c", KEEPING, str(root)], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
        )
        process.stdout.readline()
        time.sleep(random.Random(trial).uniform(0.005, 0.15))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        for path in stored(root):
            assert digest.of_file(path) == path.parent.name + path.name
        held = Objects(root / "objects")
        for tree in root.glob("trees/[0-9]*"):
            assert held.has(digest.of_file(tree / "file"))
        seen += len(stored(root))
    assert seen > 0
