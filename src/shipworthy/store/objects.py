"""Objects: bytes by digest, in a folder or an object store, and trees of files made of them.

An object is written once, whole or not at all; reading verifies the digest, so nothing changed is ever used.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec
import obstore
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from shipworthy import digest
from shipworthy.errors import NotFound, Tampered


class File(msgspec.Struct, frozen=True):
    """One file of a tree."""

    path: str  # relative, with forward slashes
    digest: str
    size: int  # bytes
    executable: bool = False


class Objects:
    """Bytes by digest. `location` is a folder or a URL (s3://, gs://, az://)."""

    def __init__(self, location: str | Path) -> None:
        self._store = _open(str(location))

    def put(self, content: bytes) -> str:
        """Keep bytes; returns their digest."""
        sha = digest.of_bytes(content)
        if not self.has(sha):
            obstore.put(self._store, _path(sha), content)
        return sha

    def put_file(self, path: Path) -> str:
        """Keep a file's bytes, read in a stream; returns their digest."""
        sha = digest.of_file(path)
        if not self.has(sha):
            obstore.put(self._store, _path(sha), path)
        return sha

    def has(self, sha: str) -> bool:
        """Whether an object is there."""
        try:
            obstore.head(self._store, _path(sha))
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    def get(self, sha: str) -> bytes:
        """The bytes of an object, verified. NotFound, Tampered."""
        try:
            content = bytes(obstore.get(self._store, _path(sha)).bytes())
        except (NotFoundError, FileNotFoundError) as error:
            raise NotFound(f"object {sha} is not in the store") from error
        if digest.of_bytes(content) != sha:
            raise Tampered(f"object {sha} in the store was changed: its digest is {digest.of_bytes(content)}")
        return content

    def put_tree(self, folder: Path, paths: Iterable[Path] | None = None) -> tuple[File, ...]:
        """Keep files of a folder (all of them unless `paths`, relative, are given); sorted by path."""
        chosen = paths if paths is not None else (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
        return tuple(sorted((self._put_one(folder, path) for path in chosen), key=lambda file: file.path))

    def _put_one(self, folder: Path, path: Path) -> File:
        full = folder / path
        return File(path.as_posix(), self.put_file(full), full.stat().st_size, os.access(full, os.X_OK))

    def materialise(self, tree: Iterable[File], folder: Path) -> None:
        """Write a tree's files into a folder that does not exist yet; whole or not at all."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        growing = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            for file in tree:
                target = growing / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(self.get(file.digest))
                target.chmod(0o755 if file.executable else 0o644)
            growing.chmod(0o755)
            growing.rename(folder)
        except BaseException:
            shutil.rmtree(growing, ignore_errors=True)
            raise


def tree_digest(tree: Iterable[File]) -> str:
    """Identity of a tree: its paths, bytes and executable flags."""
    return digest.of_value([[file.path, file.digest, file.executable] for file in sorted(tree, key=lambda f: f.path)])


def _path(sha: str) -> str:
    return f"sha256/{sha[:2]}/{sha[2:]}"


def _open(location: str) -> ObjectStore:
    if "://" in location:
        return from_url(location)
    return LocalStore(location, mkdir=True)
