"""`dvc:` sources: what DVC says a file or folder was at a commit, read from its cache, or else from its remote.

DVC knows bytes by their md5, and git knows which md5 belonged to a path at a commit: the two together are the pin.
Every file's sha256 stands beside it. Bytes that no commit names yet cannot be asked for again, and are copied.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from shipworthy import digest
from shipworthy.errors import NotFound, ShipworthyError, Tampered, WrongUse
from shipworthy.store.objects import File, Objects
from shipworthy.training import files


@dataclass(frozen=True, slots=True)
class Tracked:
    """A file or folder as DVC had it."""

    commit: str | None  # None: no commit names these bytes
    md5: str
    digest: str  # of paths and every file's sha256
    rows: pa.Table
    files: tuple[File, ...]  # kept copies; () where the commit is enough and none were asked for


def read(project: Path, location: str, revision: str | None, keep: Objects, *, copy: bool = False) -> Tracked:
    """A file or folder at a git revision; without one, as the working tree's .dvc files and dvc.lock have it.

    With `copy` its bytes are kept in any case. NotFound where there is no repository, revision or path, or where
    neither cache nor remote has the bytes; WrongUse where DVC is not installed, does not track the path, or a file
    was changed without it being told; Tampered where the cache holds other bytes than it says.
    """
    with today(project, location) as now:
        if revision is None:
            return _as_it_is(now, _Asked(f"dvc:{location}", keep, copy))
        asked = _Asked(f"dvc:{location}@{revision}", keep, copy)
        commit = _commit(now, revision, asked)
        with _at(commit, now) as then:
            md5 = _md5(then, asked)
            return _tracked(commit, md5, _contents(then, asked), asked)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be read."""

    shown: str  # as the contract has it
    keep: Objects
    copy: bool


def _as_it_is(now: View, asked: _Asked) -> Tracked:
    """The working tree's version: pinned by the newest commit if that can give it again, else copied."""
    md5 = _md5(now, asked)
    contents = _contents(now, asked, changed=True)
    commit = _newest_commit(now)
    if commit is not None:
        with _at(commit, now) as then:
            commit = commit if _has(then, asked, md5) else None
    return _tracked(commit, md5, contents, asked)


def _tracked(commit: str | None, md5: str, contents: dict[str, bytes], asked: _Asked) -> Tracked:
    rows = files.joined([files.parsed(*each) for each in contents.items()], f"the files of {asked.shown}")
    found = [File(name, digest.of_bytes(content), len(content)) for name, content in contents.items()]
    copied = asked.copy or commit is None
    if copied:
        for content in contents.values():
            asked.keep.put(content)
    return Tracked(commit, md5, files.digest_of(found), rows, tuple(found) if copied else ())


def _require_dvc() -> None:
    try:
        importlib.import_module("dvc.api")  # slow, so that only those who need it wait for it
    except ModuleNotFoundError as error:
        raise WrongUse(
            f"a dvc: source needs DVC ({error.name} is not installed): pip install 'shipworthy[dvc]'"
        ) from None


def _root(project: Path, location: str) -> Path:
    from dvc.exceptions import NotDvcRepoError  # noqa: PLC0415 - an extra
    from dvc.repo import Repo  # noqa: PLC0415 - an extra

    try:
        return Path(Repo.find_root(str(project))).resolve()
    except NotDvcRepoError:
        raise NotFound(
            f"dvc:{location}: {project} lies in no DVC repository; `dvc init` makes one, and file:{location} needs none"
        ) from None


def _within(root: Path, project: Path, location: str) -> str:
    """The location relative to DVC's root, with forward slashes."""
    full = Path(os.path.normpath(project.resolve() / location))
    if not full.is_relative_to(root):
        raise WrongUse(f"dvc:{location} lies outside of the DVC repository {root}; expected a path inside it")
    return full.relative_to(root).as_posix()


@dataclass(frozen=True, slots=True)
class View:
    """What DVC shows of the repository, at a commit or as it lies there."""

    shown: Any  # dvc's file system
    place: str  # of the source within it

    @property
    def repo(self) -> Any:
        """DVC's repository."""
        return self.shown.repo


@contextmanager
def today(project: Path, location: str = ".") -> Iterator[View]:
    """The working tree. NotFound where it is none of DVC's; WrongUse where DVC is not installed."""
    _require_dvc()
    root = _root(project, location)
    place = _within(root, project, location)
    from dvc.api import DVCFileSystem  # noqa: PLC0415 - an extra, and slow to import

    shown = DVCFileSystem(str(root))
    try:
        yield View(shown, place)
    finally:
        shown.close()


@contextmanager
def _at(commit: str, now: View) -> Iterator[View]:
    """A commit; cache and remotes are where the working tree says that they are today."""
    from dvc.api import DVCFileSystem  # noqa: PLC0415 - an extra, and slow to import
    from dvc.repo import Repo  # noqa: PLC0415 - an extra

    repository = now.repo
    config = {name: dict(repository.config.get(name, {})) for name in ("remote", "cache")}
    default = repository.config["core"].get("remote")
    config["core"] = {"remote": default} if default else {}
    # DVC's root may lie in a folder of git's: a commit is then looked at from there, and DVC's as one of its parts.
    below = Path(os.path.relpath(repository.root_dir, repository.scm.root_dir))
    shown = DVCFileSystem(
        str(repository.scm.root_dir),
        rev=commit,
        config=config,
        subrepos=below != Path(),
        repo_factory=partial(Repo, config=config),
    )
    try:
        yield View(shown, (below / now.place).as_posix())
    finally:
        shown.close()


def _commit(now: View, revision: str, asked: _Asked) -> str:
    from dvc.exceptions import DvcException  # noqa: PLC0415 - an extra
    from scmrepo.exceptions import SCMError  # noqa: PLC0415 - comes with DVC

    try:
        return str(now.repo.scm.resolve_rev(revision))
    except (DvcException, SCMError, AttributeError):
        raise NotFound(
            f"{asked.shown}: git knows no revision {revision!r} here; where the clone is shallow, "
            "`git fetch --unshallow --tags` brings the older ones"
        ) from None


def _newest_commit(now: View) -> str | None:
    from scmrepo.exceptions import SCMError  # noqa: PLC0415 - comes with DVC
    from scmrepo.noscm import NoSCM  # noqa: PLC0415 - comes with DVC

    try:
        return None if isinstance(now.repo.scm, NoSCM) else str(now.repo.scm.resolve_rev("HEAD"))
    except SCMError:
        return None  # nothing was committed yet


def _has(then: View, asked: _Asked, md5: str) -> bool:
    """Whether a commit names these bytes, and cache or remote have them."""
    try:
        if _md5(then, asked) != md5:
            return False
        for path in _paths(then, asked):
            then.shown.open(path).close()
    except (ShipworthyError, OSError):
        return False
    return True


def _md5(view: View, asked: _Asked) -> str:
    try:
        info = view.shown.info(view.place)
    except FileNotFoundError:
        raise NotFound(f"{asked.shown}: DVC knows nothing there; `dvc add` tracks a file or folder") from None
    md5 = _own_md5(info)
    if md5 is None:
        raise WrongUse(f"{asked.shown} is not tracked by DVC: `dvc add` it, or name it as a file: source")
    return md5


def _own_md5(info: dict[str, Any]) -> str | None:
    found = (info.get("dvc_info") or {}).get("md5")
    return None if found is None else str(found)


def _paths(view: View, asked: _Asked) -> list[str]:
    """The files that are read, sorted."""
    if view.shown.info(view.place)["type"] != "directory":
        return [view.place]
    found = sorted(view.shown.find(view.place))
    inside = [path for path in found if files.is_data(PurePosixPath(path).relative_to(view.place))]
    if not inside:
        raise NotFound(f"{asked.shown} holds no {' or '.join(files.READABLE)} file")
    return inside


def _contents(view: View, asked: _Asked, *, changed: bool = False) -> dict[str, bytes]:
    """The files' bytes by their path within the source; with `changed`, they may have been by the user."""
    from dvc.exceptions import DvcException  # noqa: PLC0415 - an extra

    found: dict[str, bytes] = {}
    try:
        for path in _paths(view, asked):
            with view.shown.open(path) as stream:
                content = bytes(stream.read())
            inside = PurePosixPath(path).relative_to(view.place)
            name = inside.as_posix() if inside.parts else PurePosixPath(path).name
            _verify(view.shown.info(path), content, name, asked, changed)
            found[name] = content
    except FileNotFoundError as error:
        raise NotFound(
            f"{asked.shown}: neither DVC's cache nor a remote has {error.filename or error}; `dvc push` where it lies, "
            "or name the remote that has it"
        ) from None
    except (OSError, DvcException) as error:
        raise NotFound(f"{asked.shown} cannot be read: {error}") from None
    return found


def _verify(info: dict[str, Any], content: bytes, name: str, asked: _Asked, changed: bool) -> None:
    tracked = info.get("dvc_info") or {}
    entry = tracked.get("entry")
    if entry is not None and entry.hash_info is not None and entry.hash_info.name != "md5":
        return  # DVC 2 digested text without its line ends; the sha256 is of the bytes as they are
    if _own_md5(info) == hashlib.md5(content, usedforsecurity=False).hexdigest():
        return
    if changed:
        raise WrongUse(
            f"{asked.shown}: {name} is not what DVC was told of; `dvc commit` keeps it as it is now, `dvc checkout` "
            "brings back what was kept"
        )
    raise Tampered(f"{asked.shown}: DVC's cache or remote holds other bytes for {name} than its md5 says")
