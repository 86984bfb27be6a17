"""Linux's Landlock: a process without privileges forbids itself, and all that it starts, every file but some.

As in linux/landlock.h. It holds for whatever opens the file: Python, a library in C++, another program.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct

from shipworthy.environments.runner.sandbox.calls import NO_NEW_PRIVILEGES, control, system_call
from shipworthy.environments.runner.sandbox.reach import Reach

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on every processor
_ASK_VERSION = 1
_PATH_BENEATH = 1
_SCOPE_ABSTRACT_SOCKETS = 1  # ABI 6

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_RENAME_ACROSS, _TRUNCATE = 1 << 13, 1 << 14  # ABI 2, ABI 3
_FIRST = (1 << 13) - 1  # all of ABI 1
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE  # a file is refused any other (EINVAL)


def version() -> int:
    """The ABI of this kernel; 0 where it has none, or where it was not switched on at boot."""
    try:
        return system_call(CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def restrict(reach: Reach) -> int:
    """Hold this thread, and whatever it starts from now on, to its reach; the ABI, or 0 where this cannot be had."""
    abi = version()
    if not abi:
        return 0
    everything = _FIRST | (_RENAME_ACROSS if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0)
    attributes = (
        struct.pack("=QQQ", everything, 0, _SCOPE_ABSTRACT_SOCKETS) if abi >= 6 else struct.pack("=Q", everything)
    )
    try:
        ruleset = system_call(CREATE_RULESET, ctypes.c_char_p(attributes), len(attributes), 0)
    except OSError:
        return 0
    try:
        for path, whole in reach.split():
            _allow(ruleset, path, _EXECUTE | _READ_FILE | _READ_DIR if whole else _READ_DIR)
        for path in reach.written:
            _allow(ruleset, path, everything)
        control(NO_NEW_PRIVILEGES, 1)
        system_call(RESTRICT_SELF, ruleset, 0)
    except OSError:
        return 0
    finally:
        os.close(ruleset)
    return abi


def _allow(ruleset: int, path: str, rights: int) -> None:
    """What vanished in between, or cannot be opened at all, needs no rule."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, descriptor)
        if rights:
            system_call(ADD_RULE, ruleset, _PATH_BENEATH, ctypes.c_char_p(rule), 0)
    finally:
        os.close(descriptor)
