"""What a training imported, or wanted to, although its lock does not name it: nobody could rebuild that. Pure.

The environment is made from the lock, so this is what came there later or from elsewhere: a package installed by hand
into the built environment, wheels that the code unpacks by itself, another folder of packages on the path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shipworthy.environments import requirements
from shipworthy.errors import TrainingFailed

_MISSING = re.compile(r"ModuleNotFoundError: No module named '([^'.]+)")


def refuse_unlocked(imported: Mapping[str, str], lock: str, declared: str) -> None:
    """TrainingFailed, naming each distribution that was imported and is not pinned so, and how to add it.

    `imported` is distribution -> version; `lock` the text of the hash-pinned requirements; `declared` the file that
    the contract names as its environment.
    """
    pins = requirements.pins(lock)
    found = [told for name, version in sorted(imported.items()) if (told := _told(name, version, pins, declared))]
    if found:
        raise TrainingFailed(
            "\n".join(
                [
                    "the training imported what its lock does not hold, so that it could not be made again:",
                    *found,
                    _remedy(declared),
                ]
            )
        )


def _told(name: str, version: str, pins: Mapping[str, frozenset[str]], declared: str) -> str:
    pinned = pins.get(requirements.normalised(name))
    if pinned is None:
        return f"  {name} {version}: expected it in {declared}; add {requirements.normalised(name)}=={version}"
    if pinned and _plain(version) not in map(_plain, pinned):
        return f"  {name} {version}: {declared} pins {' or '.join(sorted(pinned))}; pin the one that you mean"
    return ""


def lines(error: str) -> list[str]:
    """What to do about an error of the user's code, where it is a module that is not there; [] else."""
    missing = _MISSING.match(error)
    if missing is None:
        return []
    what_to_do = (
        f"If {missing[1]} is a package, the lock that model.environment names does not hold it: name it there, and "
        f"lock again, as in {requirements.written_by()}. If it is a module of your own, put it among the project's "
        "files, no .gitignore naming it"
    )
    return [what_to_do]


def _plain(version: str) -> str:
    """ "2024.01" as "2024.1", and "1.0" as "1": metadata may have it as its author wrote it."""
    return re.sub(r"(\.0)+$", "", re.sub(r"(?<![\w])0+(?=\d)", "", version.lower()))


def _remedy(declared: str) -> str:
    compiled = f"lock again, as in {requirements.written_by(declared)}"
    how = "`uv add NAME==VERSION` adds one" if declared.endswith("uv.lock") else f"Name it, and {compiled}"
    return (
        f"{how}. If nothing of yours installed it, the built environment was changed by hand: remove it "
        "(SHIPWORTHY_CACHE says where it is), and train again"
    )
