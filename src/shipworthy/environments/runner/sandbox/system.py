"""Files of the machine that programs need whatever they compute: libraries, time zones, names, devices."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

# Folders and files, patterns among them. Not all of /usr: data lies in /usr/share, other programs' in /usr/local.
_SOFTWARE = (
    "/bin",
    "/sbin",
    "/lib*",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib*",
    "/usr/include",
    "/usr/local/bin",
    "/usr/local/lib*",
    "/usr/local/cuda*",
    "/usr/share/ca-certificates",
    "/usr/share/fonts",
    "/usr/share/i18n",
    "/usr/share/locale",
    "/usr/share/mime",
    "/usr/share/terminfo",
    "/usr/share/zoneinfo",
    "/opt/rocm*",
    "/nix/store",
    "/gnu/store",
    "/System",
    "/Library/Frameworks",
    "/proc",
    "/sys",
)
_SETTINGS = (
    "OpenCL",
    "alternatives",
    "ca-certificates",
    "debian_version",
    "fonts",
    "gai.conf",
    "group",
    "host.conf",
    "hosts",
    "ld.so.*",
    "locale.alias",
    "localtime",
    "lsb-release",
    "magic",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "pki/tls",
    "protocols",
    "python3*",
    "resolv.conf",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "timezone",
)
_DEVICES = (
    "/dev/dri",
    "/dev/full",
    "/dev/kfd",
    "/dev/null",
    "/dev/nvidia*",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/random",
    "/dev/shm",  # semaphores and shared memory of parallel work
    "/dev/tty",
    "/dev/urandom",
    "/dev/zero",
)


def readable() -> list[str]:
    """What every program may read and execute: the machine's software, and this Python with its environment."""
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    return [
        *_found([*_SOFTWARE, *(f"/etc/{name}" for name in _SETTINGS)]),
        *(folder for folder in libraries if Path(folder).is_absolute() and Path(folder).is_dir()),
        *_python(),
    ]


def writable() -> list[str]:
    """Devices that keep nothing beyond the job."""
    return _found(_DEVICES)


def foreign() -> list[str]:
    """Packages of the Python that the environment was made with, and of the machine's own: no part of any lock."""
    base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    usual = [sysconfig.get_path(name, vars=base) for name in ("purelib", "platlib")]
    patterns = [
        f"{prefix}/{kind}/{python}/{packages}"
        for prefix in ("/usr", "/usr/local")
        for kind in ("lib", "lib64")
        for python in ("python3", "python3.*")
        for packages in ("dist-packages", "site-packages")
    ]
    own = {os.path.realpath(entry) for entry in sys.path}
    found = (os.path.realpath(path) for path in _found([*usual, *patterns]))
    return sorted({path for path in found if path not in own})


def _python() -> list[str]:
    base = [] if sys.base_prefix in ("/usr", "/usr/local", "/") else [sys.base_prefix, sys.base_exec_prefix]
    return [sys.prefix, sys.exec_prefix, *base, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]


def _found(patterns: list[str] | tuple[str, ...]) -> list[str]:
    root = Path(os.sep)
    return [str(path) for pattern in patterns for path in sorted(root.glob(pattern.lstrip(os.sep)))]
