"""Root's privileges of looking into other processes and of leaving what it was put into, given up for good."""

from __future__ import annotations

import contextlib
import ctypes
import struct

from shipworthy.environments.runner.sandbox.calls import NO_NEW_PRIVILEGES, control, library

_PTRACE, _ADMINISTER, _OBSERVE = 19, 21, 38  # with any of them, Landlock does not hide other processes
_DROP_FROM_BOUND = 24  # prctl
_VERSION = 0x20080522


def drop() -> None:
    """Nothing happens to a process that has none. Reading and writing files is left as it is."""
    dropped = sum(1 << capability for capability in (_PTRACE, _ADMINISTER, _OBSERVE))
    with contextlib.suppress(OSError):  # not granted in the first place
        for capability in (_PTRACE, _ADMINISTER, _OBSERVE):
            control(_DROP_FROM_BOUND, capability)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION, 0))
    held = ctypes.create_string_buffer(24)  # effective, permitted, inheritable: the lower 32 of each, then the upper
    with contextlib.suppress(OSError, AttributeError):
        if library().capget(header, held) == 0:
            words = struct.unpack("=6I", held.raw[:24])
            lower, upper = ~dropped & 0xFFFFFFFF, ~(dropped >> 32) & 0xFFFFFFFF
            kept = [word & (lower if place < 3 else upper) for place, word in enumerate(words)]
            library().capset(header, ctypes.create_string_buffer(struct.pack("=6I", *kept), 24))
        control(NO_NEW_PRIVILEGES, 1)  # else root would have them again in the next program
