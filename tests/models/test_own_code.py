"""A release's own modules: their sources are signed, so nothing else counts and nothing else comes to lie there."""

import os
import py_compile
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from shipworthy.models.inside.own_code import importable
importable(Path(sys.argv[1]))
import outer, package.inner, colorsys
print(outer.SAID, package.inner.SAID, colorsys.__cached__ is not None)
"""


def say(folder: Path) -> str:
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder], env=settings, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_no_bytecode_is_written_beside_own_code_and_none_is_believed(tmp_path):
    (tmp_path / "package").mkdir()
    for name in ("outer.py", "package/__init__.py", "package/inner.py"):
        (tmp_path / name).write_text(f"SAID = {name!r}\n")
    files = sorted(tmp_path.rglob("*"))
    assert say(tmp_path) == "outer.py package/inner.py True"
    assert sorted(tmp_path.rglob("*")) == files

    source = tmp_path / "outer.py"
    source.write_text("SAID = 'forged!!'\n")
    py_compile.compile(str(source))
    stamp = source.stat()
    source.write_text("SAID = 'outer.py'\n")  # as long, and as old as the bytecode says
    os.utime(source, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert say(tmp_path).startswith("outer.py ")
