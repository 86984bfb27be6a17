"""A command ends with its own exit code, and with all that it had to say, whatever libraries do at the end."""

import subprocess
import sys

import pytest

ABORTS = """
import os, sys
from shipworthy.cli import main
class Library:
    def __del__(self, abort=os.abort):
        abort()  # as a thread of C++ does that is still at work while the interpreter is taken apart
library = Library()
library.itself = library
"""
LAST = """
import atexit, threading, time
atexit.register(lambda: print("registered"))
threading.Thread(target=lambda: (time.sleep(0.3), print("thread"))).start()
"""


def ended(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["no-such-command"], 2)])
def test_a_library_that_aborts_at_the_end_does_not_change_the_exit_code(tmp_path, arguments, code):
    begin = f"{ABORTS}sys.argv = ['shipworthy', *{arguments!r}]\n"
    assert ended(begin + "sys.exit(3)").returncode == -6  # as it would be
    done = ended(begin + "main()")
    assert (done.returncode, bool(done.stdout or done.stderr)) == (code, True)


def test_threads_are_waited_for_and_what_is_registered_runs_and_is_said():
    done = ended(f"{ABORTS}{LAST}sys.argv = ['shipworthy', '--version']\nmain()")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == ["thread", "registered"]


def test_an_error_that_nobody_expects_still_shows_where_it_comes_from(tmp_path):
    fails = "def fails(**_):\n    raise RuntimeError('unheard of')\n"
    broken = f"import shipworthy.cli.app as app\n{fails}app.app = fails\n"
    done = ended(f"{ABORTS}{broken}main()")
    assert done.returncode == 1
    assert "RuntimeError: unheard of" in done.stderr
