"""Clearing DVC's cache: what no commit, tag, branch or experiment names, and no released model was built from.

Remotes are left alone: other people's work may stand in them, and only DVC's own user can tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.errors import Undecided, WrongUse
from shipworthy.lineage.records import DataPin
from shipworthy.training import dvc

FOLDER = ".dir"  # how DVC's digest of a folder ends


class CacheClearing(msgspec.Struct, frozen=True):
    """What goes from the cache, or went."""

    root: str
    objects: int
    bytes: int


def clear(project: Path, holding: Iterable[DataPin], *, apply: bool) -> CacheClearing:
    """Remove objects that nothing names, those of `holding` excepted; told only, unless `apply`.

    WrongUse where the cache lies outside of the repository, as others may then use it too. Undecided, before anything
    is removed, where a commit cannot be read, since what it names cannot be told.
    """
    with dvc.today(project) as view:
        repository = view.repo
        cache = repository.cache.local
        if not Path(cache.path).resolve().is_relative_to(Path(repository.root_dir).resolve()):
            raise WrongUse(
                f"DVC's cache {cache.path} is not this repository's alone; `dvc gc --projects` knows of others"
            )
        with repository.lock:
            used = _used(repository) | _held(cache, holding)
            unused = [name for name in cache.all() if name not in used]
            paths = [cache.oid_to_path(name) for name in unused]
            size = sum(Path(path).stat().st_size for path in paths)
            if apply and paths:
                cache.fs.remove(paths)
    return CacheClearing(str(repository.root_dir), len(paths), size)


def _used(repository: Any) -> set[str]:
    from dvc.exceptions import DvcException  # noqa: PLC0415 - an extra
    from scmrepo.noscm import NoSCM  # noqa: PLC0415 - comes with DVC

    everything = not isinstance(repository.scm, NoSCM)
    try:
        named = repository.used_objs(
            all_commits=everything, all_branches=everything, all_tags=everything, all_experiments=everything
        )
    except DvcException as error:
        raise Undecided(f"could not decide what of DVC's cache is used: {error}; nothing was removed") from None
    return {str(each.value) for objects in named.values() for each in objects}


def _held(cache: Any, holding: Iterable[DataPin]) -> set[str]:
    """By their own digest, whatever has become of the commit."""
    from dvc_data.hashfile.hash_info import HashInfo  # noqa: PLC0415 - comes with DVC
    from dvc_data.hashfile.tree import Tree  # noqa: PLC0415 - comes with DVC

    found = {pin.md5 for pin in holding if pin.md5 is not None}
    for name in [name for name in found if name.endswith(FOLDER) and cache.exists(name)]:
        found |= {str(each.value) for _, _, each in Tree.load(cache, HashInfo("md5", name))}
    return found
