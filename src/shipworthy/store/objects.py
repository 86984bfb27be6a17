"""Objects: bytes by digest, in a folder or an object store, and trees of files made of them.

An object is written once, whole or not at all; reading verifies the digest, so nothing changed is ever used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import msgspec
import obstore
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from shipworthy import digest
from shipworthy.errors import InUse, NotFound, Tampered, WrongUse

CHUNK = 2**20  # bytes read at a time
_PREFIX = "sha256"


class File(msgspec.Struct, frozen=True):
    """One file of a tree."""

    path: str  # relative, with forward slashes
    digest: str
    size: int  # bytes
    executable: bool = False


class Objects:
    """Bytes by digest. `location` is a folder or a URL (s3://, gs://, az://)."""

    def __init__(self, location: str | Path) -> None:
        self._place = str(location)
        self._store = _open(self._place)
        self._folder = Path(location) if isinstance(self._store, LocalStore) else None

    def put(self, content: bytes) -> str:
        """Keep bytes; returns their digest."""
        sha = digest.of_bytes(content)
        if not self._holds(sha, len(content)):
            obstore.put(self._store, _path(sha), content)
        return sha

    def put_file(self, path: Path) -> str:
        """Keep a file's bytes, read in a stream; returns their digest. WrongUse if it changes meanwhile."""
        sha, size = digest.of_file(path), path.stat().st_size
        if not self._holds(sha, size):
            obstore.put(self._store, _path(sha), _read_whole(path, sha))
        return sha

    def has(self, sha: str) -> bool:
        """Whether an object is there."""
        return self._size(sha) is not None

    def get(self, sha: str) -> bytes:
        """The bytes of an object, verified. NotFound, Tampered."""
        return b"".join(self._stream(sha))

    def fetch(self, sha: str, target: Path) -> None:
        """Write an object into a file, in a stream, verified. NotFound, Tampered."""
        with target.open("wb") as stream:
            stream.writelines(self._stream(sha))

    def verify(self, sha: str) -> int:
        """Read an object in a stream and hold it against its digest; its size in bytes. NotFound, Tampered."""
        return sum(len(chunk) for chunk in self._stream(sha))

    def every(self) -> Iterator[str]:
        """The digest of every object that is there, in no order."""
        for listed in obstore.list(self._store, _PREFIX):
            for one in listed:
                sha = "".join(one["path"].removeprefix(f"{_PREFIX}/").split("/"))
                if len(sha) == digest.LENGTH:  # not what a process that was killed left half written
                    yield sha

    def put_tree(self, folder: Path, paths: Iterable[Path] | None = None) -> tuple[File, ...]:
        """Keep files of a folder (all of them unless `paths`, relative, are given); sorted by path."""
        chosen = paths if paths is not None else (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
        return tuple(sorted((self._put_one(folder, path) for path in chosen), key=lambda file: file.path))

    def materialise(self, tree: Iterable[File], folder: Path) -> None:
        """Write a tree's files into a folder that does not exist yet; whole or not at all. InUse if it exists."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        growing = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            for file in tree:
                self._materialise_one(file, growing)
            growing.chmod(0o755)
            _rename_to_new(growing, folder)
        except BaseException:
            shutil.rmtree(growing, ignore_errors=True)
            raise

    def settle(self, shas: Iterable[str]) -> None:
        """Wait until objects are on the disk itself, so that a record written after this never outlives them.

        Without it they survive the death of every process, but not that of the machine within half a minute.
        """
        if self._folder is None:
            return  # an object store acknowledges what it has kept
        paths = [self._folder / _path(sha) for sha in shas]
        for path in [*paths, *{path.parent for path in paths}]:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _put_one(self, folder: Path, path: Path) -> File:
        full = folder / path
        return File(path.as_posix(), self.put_file(full), full.stat().st_size, os.access(full, os.X_OK))

    def _materialise_one(self, file: File, folder: Path) -> None:
        relative = PurePosixPath(file.path)
        if relative.is_absolute() or ".." in relative.parts:
            raise Tampered(f"a tree holds the path {file.path!r}, which would leave its folder; nothing was written")
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        self.fetch(file.digest, target)
        target.chmod(0o755 if file.executable else 0o644)

    def _holds(self, sha: str, size: int) -> bool:
        """False also for an object that a power cut left short: it is written again."""
        return self._size(sha) == size

    def _size(self, sha: str) -> int | None:
        try:
            return int(obstore.head(self._store, _path(sha))["size"])
        except (NotFoundError, FileNotFoundError):
            return None

    def _stream(self, sha: str) -> Iterator[bytes]:
        try:
            chunks = obstore.get(self._store, _path(sha)).stream(min_chunk_size=CHUNK)
        except (NotFoundError, FileNotFoundError) as error:
            raise NotFound(
                f"object {sha} is not in the store at {self._place}; whoever wrote it had another: SHIPWORTHY_STORE "
                "names one that all share, and `shipworthy move --store` brings there what is in a folder"
            ) from error
        seen = hashlib.sha256()
        for chunk in chunks:
            content = bytes(chunk)
            seen.update(content)
            yield content
        if seen.hexdigest() != sha:
            raise Tampered(f"object {sha} in the store was changed: its digest is {seen.hexdigest()}")


def tree_digest(tree: Iterable[File]) -> str:
    """Identity of a tree: its paths, bytes and executable flags."""
    return digest.of_value([[file.path, file.digest, file.executable] for file in sorted(tree, key=lambda f: f.path)])


def _read_whole(path: Path, sha: str) -> Iterator[bytes]:
    """A file's bytes; fails at the end, before the object is made, where they are not those of `sha` any more."""
    seen = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            seen.update(chunk)
            yield chunk
    if seen.hexdigest() != sha:
        raise WrongUse(f"{path} changed while it was being kept; let it come to rest and repeat the command")


def _rename_to_new(growing: Path, folder: Path) -> None:
    try:
        growing.rename(folder)
    except OSError as error:
        if folder.exists():
            raise InUse(f"{folder} exists already; files are only written into a folder of their own") from error
        raise


def _path(sha: str) -> str:
    return f"{_PREFIX}/{sha[:2]}/{sha[2:]}"


def _open(location: str) -> ObjectStore:
    if "://" in location:
        return from_url(location)
    return LocalStore(location, mkdir=True)
