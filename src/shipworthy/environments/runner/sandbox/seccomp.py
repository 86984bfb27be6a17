"""Linux's seccomp: system calls that a process and all that it starts can make no more.

The filter is a program of the kernel's classic BPF over the call's number, the processor and the arguments.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

from shipworthy.environments.runner.sandbox.calls import NO_NEW_PRIVILEGES, control

_SET_FILTER, _FILTER_MODE = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _PROCESSOR, _FIRST_ARGUMENT = 0, 4, 16  # offsets of what is loaded
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_OTHER_WIDTH = 0x40000000  # x86-64 again, with other numbers

_PROCESSORS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198), "riscv64": (0xC00000F3, 198)}
_IO_URING_SETUP = 425  # makes sockets too, past the filter
_LOCAL, _NETLINK = 1, 16  # kinds of sockets that stay on this machine


def without_sockets() -> bool:
    """Let this process open sockets of this machine only; whether it could be had."""
    known = _PROCESSORS.get(platform.machine())
    if known is None or sys.maxsize < 2**32:
        return False
    processor, socket = known
    refused = _FAIL | errno.EACCES
    return install(
        [
            (_LOAD, 0, 0, _PROCESSOR),
            (_EQUAL, 0, 9, processor),
            (_LOAD, 0, 0, _NUMBER),
            (_AT_LEAST, 7, 0, _OTHER_WIDTH),
            (_EQUAL, 4, 0, _IO_URING_SETUP),
            (_EQUAL, 0, 4, socket),
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_EQUAL, 2, 0, _LOCAL),
            (_EQUAL, 1, 2, _NETLINK),
            (_RETURN, 0, 0, _FAIL | errno.ENOSYS),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, refused),
        ]
    )


def install(program: list[tuple[int, int, int, int]]) -> bool:
    """Run every later system call through a filter: (operation, jump if true, jump if false, value) each."""
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    held = ctypes.create_string_buffer(code, len(code))
    given = struct.pack("@HP", len(program), ctypes.addressof(held))
    try:
        control(NO_NEW_PRIVILEGES, 1)
        control(_SET_FILTER, _FILTER_MODE, ctypes.c_char_p(given))
    except OSError:
        return False
    return True
