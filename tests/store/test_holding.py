"""Only one supervisor at a time runs on a state folder; the second is told who the first is."""

import os
import signal
import subprocess
import sys

import pytest

from shipworthy.errors import InUse
from shipworthy.store.holding import hold, holder_of

HOLDING = """
import sys, time
from pathlib import Path
from shipworthy.store.holding import hold
with hold(Path(sys.argv[1]), "shipworthy up"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def first(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_holder_is_refused_naming_the_first(first, tmp_path):
    message = f"held by `shipworthy up`, process {first.pid}, since 20.*Z"
    with pytest.raises(InUse, match=message), hold(tmp_path):
        pass
    assert holder_of(tmp_path).pid == first.pid


def test_a_holder_that_is_killed_holds_nothing(first, tmp_path):
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert holder_of(tmp_path) is None
    with hold(tmp_path) as own:
        assert own.pid == os.getpid()


def test_after_the_block_nobody_holds_it(tmp_path):
    with hold(tmp_path):
        assert holder_of(tmp_path).pid == os.getpid()
    assert holder_of(tmp_path) is None


def test_where_nobody_ever_held_it_nothing_is_created(tmp_path):
    assert holder_of(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
