"""The text of a lock: which packages it pins. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

_PIN = re.compile(r"[A-Za-z0-9._-]+(?:\[[^\]]*\])?\s*===?\s*([^\s;\\]+)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"==\s*([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def written_by(name: str = "requirements.lock") -> str:
    """The command that writes a lock of this name, for whoever has to."""
    return f"`uv pip compile --universal --generate-hashes requirements.in -o {name}`"


def names(lock: str) -> tuple[str, ...]:
    """The packages of a lock, normalised ("Foo_Bar" is "foo-bar"), in its order, each once."""
    return tuple(dict.fromkeys(_name(block) for block in _blocks(lock)))


def pins(lock: str) -> dict[str, frozenset[str]]:
    """Package -> the versions that a lock pins it to: several where markers decide; none where it names a URL."""
    found: dict[str, set[str]] = {}
    for block in _blocks(lock):
        version = _PIN.match(block.strip())
        found.setdefault(_name(block), set()).update([version[1]] if version else [])
    return {name: frozenset(versions) for name, versions in found.items()}


def without(lock: str, taken: Collection[str]) -> str:
    """The lock less some packages, given by normalised name."""
    return "".join(f"{block}\n" for block in _blocks(lock) if _name(block) not in taken)


def versions(lock: str) -> dict[str, str]:
    """Package, normalised -> the version that a lock pins it to; of those for some machines only, the first."""
    found: dict[str, str] = {}
    for block in _blocks(lock):
        pinned = _VERSION.search(block)
        if pinned is not None:
            found.setdefault(_name(block), pinned[1])
    return found


def hashes(lock: str) -> dict[str, tuple[str, ...]]:
    """Package, normalised -> SHA-256 of every file that the lock lets be installed for it."""
    return {_name(block): tuple(_HASH.findall(block)) for block in _blocks(lock)}


def normalised(name: str) -> str:
    """A distribution's name as indexes compare it: "Foo_Bar" is "foo-bar"."""
    return re.sub(r"[-_.]+", "-", name.rstrip("._-")).lower()


def unhashed(lock: str) -> tuple[str, ...]:
    """What in a lock is pinned to no bytes: requirements without a hash, editable ones, and paths."""
    loose = [line.strip() for line in lock.splitlines() if line.strip().startswith(("-e", ".", "/"))]
    return (*loose, *(_name(block) for block in _blocks(lock) if "--hash=" not in block))


def _blocks(lock: str) -> list[str]:
    """One requirement each, its hashes on the lines that follow it."""
    blocks: list[str] = []
    continued = False
    for line in lock.splitlines():
        stripped = line.strip()
        if continued and blocks:
            blocks[-1] += f"\n{line}"
        elif _NAME.match(stripped):
            blocks.append(line)
        continued = stripped.endswith("\\")
    return blocks


def _name(block: str) -> str:
    found = _NAME.match(block.strip())
    return normalised(found[0]) if found else ""
