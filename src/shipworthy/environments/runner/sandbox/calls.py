"""Calls to the kernel that Python has no name for."""

from __future__ import annotations

import ctypes
import os
from typing import Any

NO_NEW_PRIVILEGES = 38  # prctl: a set-user-ID program would leave the sandbox; the kernel wants this before


def system_call(number: int, *arguments: Any) -> int:
    """OSError as the kernel says it; also where there is no such call."""
    return _checked(_library().syscall(ctypes.c_long(number), *(_word(argument) for argument in arguments)))


def control(option: int, *arguments: Any) -> int:
    """prctl(2)."""
    return _checked(_library().prctl(option, *(_word(argument) for argument in [*arguments, 0, 0, 0, 0][:4])))


def library() -> Any:
    """The C library."""
    return _library()


def _library() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _word(argument: Any) -> Any:
    return ctypes.c_ulong(argument) if isinstance(argument, int) else argument


def _checked(returned: int) -> int:
    if returned < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return returned
