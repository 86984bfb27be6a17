"""The project's own files as they are now, kept by digest: what a rebuild starts from.

Git, where it is there, says which files are ignored, which commit they stand on and whether they differ from it. That
is provenance only: the files themselves are the snapshot, so no git, a subfolder of a repository, a dirty tree and a
repository without a commit all work.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shipworthy.contract.records import Contract, SourceKind
from shipworthy.errors import WrongUse
from shipworthy.lineage.records import CodeSnapshot
from shipworthy.store.layout import CONTRACT, FOLDER
from shipworthy.store.objects import File, Objects, tree_digest

MOST_BYTES = 200 * 2**20
MOST_FILES = 20_000

_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///([^?]+)")

# Never code, whatever git says.
NEVER = frozenset({FOLDER, ".git", ".hg", ".svn", ".venv", "__pycache__"})
# Not code by common habit: left out where no git says what is ignored.
BY_HABIT = NEVER | {
    ".cache",
    ".dvc",
    ".hypothesis",
    ".idea",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".vscode",
    "mlruns",
    "node_modules",
    "venv",
}

# What programs leave behind while they run: no code, unless git was told to track it.
LEFT_BEHIND = frozenset({".err", ".log", ".out", ".pid", ".swp", ".tmp"})
LEFT_BEHIND_IN = frozenset({"catboost_info", "lightning_logs", "logs", "multirun", "outputs", "tb_logs", "wandb"})


@dataclass(frozen=True, slots=True)
class _Commit:
    commit: str | None = None
    dirty: bool | None = None
    branch: str | None = None


def snapshot(project: Path, objects: Objects, exclude: Iterable[PurePosixPath] = ()) -> CodeSnapshot:
    """Keep the project's files that are not ignored, less those at or under `exclude` (relative paths).

    WrongUse where they are so large that data must be among them.
    """
    paths, left_out = _scope(project, tuple(exclude))
    files = objects.put_tree(project, paths)
    commit = _commit(project, left_out)
    return CodeSnapshot(
        files=files, digest=tree_digest(files), commit=commit.commit, dirty=commit.dirty, branch=commit.branch
    )


def of_project(project: Path, contract: Contract, objects: Objects) -> CodeSnapshot:
    """Keep the files of a contract's project, its data left out."""
    return snapshot(project, objects, data_locations(project, contract))


def code_files(project: Path, exclude: Sequence[PurePosixPath] = ()) -> list[Path]:
    """The paths, relative to the project and sorted, that a snapshot would keep."""
    return _scope(project, exclude)[0]


def _scope(project: Path, exclude: Sequence[PurePosixPath]) -> tuple[list[Path], list[PurePosixPath]]:
    """The paths of the code, and the folders that are none of it."""
    listed = _tracked_or_new(project)
    found = (
        [path for path in _walk(project, PurePosixPath(), BY_HABIT) if not left_behind(path)]
        if listed is None
        else list(_files_of(project, listed))
    )
    elsewhere = [*exclude, *_other_models(found)]
    paths = sorted({path for path in found if not _left_out(path, elsewhere)})
    _refuse_data(project, paths)
    return [Path(path) for path in paths], elsewhere


def left_behind(path: PurePosixPath) -> bool:
    """Whether a file looks like what a program wrote while it ran: a log, or anything but code in a folder of them."""
    folders = LEFT_BEHIND_IN.intersection(path.parts[:-1])
    return path.suffix.lower() in LEFT_BEHIND or (bool(folders) and path.suffix != ".py")


def changes(then: Iterable[File], now: Iterable[File]) -> tuple[str, ...]:
    """What is otherwise in the code, a line a file: "train.py (changed)", sorted."""
    before, after = ({file.path: (file.digest, file.executable) for file in files} for files in (then, now))
    words = {
        path: "new" if path not in before else "gone" if path not in after else "changed"
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    }
    return tuple(f"{path} ({word})" for path, word in words.items())


def _other_models(paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Folders with a contract of their own: what changes there is no change of this model."""
    return [path.parent for path in paths if path.name == CONTRACT and path.parent != PurePosixPath()]


def data_locations(project: Path, contract: Contract) -> tuple[PurePosixPath, ...]:
    """Where the contract says that data lies, as far as it lies inside the project."""
    sources = [(source.kind, source.location) for source in contract.data]
    if contract.labels:
        sources.append((contract.labels.kind, contract.labels.location))
    root = project.resolve()
    inside = []
    for kind, location in sources:
        for place in _places(kind, location):
            path = (root / place).resolve()
            if path != root and path.is_relative_to(root):
                inside.append(PurePosixPath(path.relative_to(root).as_posix()))
    return tuple(dict.fromkeys(inside))


def _places(kind: SourceKind, location: str) -> tuple[str, ...]:
    """Files and folders that a source lies in: none where it lies behind a URL."""
    if kind == "sql":
        name = _SQLITE.match(location)
        return () if name is None else tuple(f"{name[1]}{suffix}" for suffix in ("", "-journal", "-shm", "-wal"))
    return () if "://" in location else (location,)


def _left_out(path: PurePosixPath, exclude: Sequence[PurePosixPath]) -> bool:
    return bool(NEVER.intersection(path.parts)) or any(path.is_relative_to(other) for other in exclude)


def _tracked_or_new(project: Path) -> list[PurePosixPath] | None:
    """What git lists as not ignored; None where git cannot say, or where it ignores the project as a whole."""
    tracked = _git(project, "ls-files", "-z", "--cached", "--", ".")
    new = _git(project, "ls-files", "-z", "--others", "--exclude-standard", "--", ".")
    if tracked is None or new is None:
        return None
    listed = [PurePosixPath(name) for name in tracked.split("\0") if name]
    listed += [path for path in map(PurePosixPath, filter(None, new.split("\0"))) if not left_behind(path)]
    if not listed and _git(project, "check-ignore", "--quiet", ".") is not None:
        return None
    return listed


def _files_of(project: Path, listed: Iterable[PurePosixPath]) -> Iterator[PurePosixPath]:
    """Listed files that are there; a submodule or a repository inside this one is listed as its folder."""
    for path in listed:
        full = project / path
        if full.is_dir():
            yield from _walk(project, path, BY_HABIT)
        elif full.is_file():
            yield path


def _walk(project: Path, start: PurePosixPath, skipped: frozenset[str]) -> Iterator[PurePosixPath]:
    for folder, folders, files in os.walk(project / start):
        inside = Path(folder)
        folders[:] = [
            name for name in folders if name not in skipped and not (inside / name / "pyvenv.cfg").exists()
        ]  # in place, so that the walk does not enter the others
        relative = PurePosixPath(inside.relative_to(project).as_posix())
        yield from (
            relative / name for name in files if (inside / name).is_file() and not name.endswith((".pyc", ".pyo"))
        )


def _refuse_data(project: Path, paths: Sequence[PurePosixPath]) -> None:
    sizes = {path: (project / path).stat().st_size for path in paths}
    total = sum(sizes.values())
    if total <= MOST_BYTES and len(paths) <= MOST_FILES:
        return
    largest = sorted(sizes, key=lambda path: sizes[path], reverse=True)[:3]
    shown = ", ".join(f"{path} ({sizes[path] / 2**20:,.0f} MB)" for path in largest)
    raise WrongUse(
        f"the project's files are {total / 2**20:,.0f} MB in {len(paths):,} files, the largest {shown}; a code "
        f"snapshot takes at most {MOST_BYTES // 2**20} MB in {MOST_FILES:,}: name data as a source under [data] in "
        "the contract, or let .gitignore name it"
    )


def _commit(project: Path, exclude: Sequence[PurePosixPath]) -> _Commit:
    """The commit, and whether the files that are kept differ from it."""
    said = _git(
        project,
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--untracked-files=all",
        "--",
        ".",
        *(f":(exclude){path}" for path in (*exclude, FOLDER)),
    )
    if said is None:
        return _Commit()
    lines = [line for line in said.split("\0") if line]
    heads = {line.split(" ", 2)[1]: line.split(" ", 2)[2] for line in lines if line.startswith("# ")}
    commit, branch = heads.get("branch.oid"), heads.get("branch.head")
    return _Commit(
        commit=None if commit == "(initial)" else commit,
        dirty=any(_is_change(line) for line in lines),
        branch=None if branch == "(detached)" else branch,
    )


def _is_change(line: str) -> bool:
    """Of the output of git status: not a heading, nor a file that git does not track and a program left behind."""
    untracked = PurePosixPath(line[2:]) if line.startswith("? ") else None
    return not line.startswith("# ") and not (untracked and left_behind(untracked))


def _git(project: Path, *arguments: str) -> str | None:
    """What git prints; None where it is not installed, fails, or this is no repository."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=project,
            env={**outside, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
