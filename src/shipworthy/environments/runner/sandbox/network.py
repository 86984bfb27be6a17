"""A process without the network: in a network of its own that leads nowhere, or without sockets to any."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
from pathlib import Path
from typing import Literal

from shipworthy.environments.runner.sandbox import seccomp
from shipworthy.environments.runner.sandbox.calls import library

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1  # of a network interface

Closed = Literal["network namespace", "seccomp"]


def close() -> Closed | None:
    """Take the network away from this process and all that it starts; how, or None where the kernel does not let.

    To be called while there is one thread only. In a namespace, 127.0.0.1 leads to the job's own processes.
    """
    if _leave(_NEW_NETWORK) or _leave_as_user():
        _raise_loopback()
        return "network namespace"
    return "seccomp" if seccomp.without_sockets() else None


def _leave(what: int) -> bool:
    try:
        return bool(library().unshare(what) == 0)
    except AttributeError:  # this C library has no such call
        return False


def _leave_as_user() -> bool:
    """By a user namespace, which most machines let anybody have; files belong to whom they belonged.

    Not for root where it can do without: its right to read all files would end at files of other users.
    """
    user, group = os.geteuid(), os.getegid()
    if not _leave(_NEW_USER | _NEW_NETWORK):
        return False
    with contextlib.suppress(OSError):  # without it the user is called nobody, and is who they were
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    return True


def _raise_loopback() -> None:
    """Programs that talk among themselves need it; without it they are refused, and nothing else happens."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        flags = fcntl.ioctl(opened, _GET_FLAGS, struct.pack("16sh14x", b"lo", 0))
        (now,) = struct.unpack("16xh14x", flags)
        fcntl.ioctl(opened, _SET_FLAGS, struct.pack("16sh14x", b"lo", now | _UP))
