"""How a command ends: with its own exit code, whatever libraries do while an interpreter is taken apart.

Arrow, Delta Lake and gRPC keep threads of C++ and Rust that may still be at work then, and one that is, aborts the
process: a release that passed would end with 134. All that there is to do by then is done: threads of Python were
waited for, and whatever registered itself for the end has run, as what is registered first comes last.
"""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress

_code: int | None = None  # None: no command has ended here; the interpreter ends as ever


def ends_with(code: object) -> None:
    """What SystemExit holds: a number, nothing, or words, which stand for 1."""
    global _code  # noqa: PLW0603 - there is one end of a process
    _code = code if isinstance(code, int) else int(code is not None)


@atexit.register
def _end() -> None:
    if _code is None:
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # whoever read it has left
            stream.flush()
    os._exit(_code)
