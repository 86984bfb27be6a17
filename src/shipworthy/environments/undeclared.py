"""What the sandbox refused a training, in words: what, which line, and how to declare it. Pure but for looking."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

Frame = tuple[str, int, str, str]  # file below the project, line, function, the line's text

_TABLES = (".csv", ".csv.gz", ".parquet")
_OFF = '`sandbox = "off"` under [model] lets it be, and is recorded with the run'


class Refusal(msgspec.Struct, frozen=True):
    """As the runner wrote it down (runner.sandbox.watching.Refusal)."""

    kind: Literal["read", "write", "network"]
    what: str  # a path, or an address; "" where it is not known
    frames: tuple[Frame, ...]
    importing: bool


def explained(refusal: Refusal, error: str, origin: str) -> str:
    """The message of a training that failed of it. `origin` is the folder of the contract, "" where none is known."""
    return "\n".join([_what(refusal), *lines(refusal.frames), f"it ended with {error}", _remedy(refusal, origin)])


def lines(frames: Iterable[Frame]) -> list[str]:
    """Frames as a traceback shows them."""
    return [f"  {file}, line {line}, in {function}\n    {text}" for file, line, function, text in frames]


def _what(refusal: Refusal) -> str:
    if refusal.kind == "read":
        return f"the training read what the contract does not declare: {refusal.what}"
    if refusal.kind == "write":
        return f"the training wrote outside of its own folder: {refusal.what}"
    return f"the training used the network: {refusal.what or 'no address is known'}"


def _remedy(refusal: Refusal, origin: str) -> str:
    if refusal.kind == "write":
        return (
            "Write to the working directory or to tempfile.gettempdir(): what a training leaves anywhere else is in "
            f"no record. {_OFF}"
        )
    if refusal.kind == "network":
        return (
            "What a training fetches may be another thing tomorrow: fetch it before, and declare the file or the "
            f"table under [data]. {_OFF}"
        )
    return f"{_declared(Path(refusal.what), Path(origin) if origin else None)}. {_OFF}"


def _declared(path: Path, origin: Path | None) -> str:
    place = path.relative_to(origin) if origin and path.is_relative_to(origin) else path
    kind = "delta" if (path / "_delta_log").is_dir() else "file" if _is_table(path) else None
    if kind is None:
        return (
            "Put it among the project's files, no .gitignore naming it, so that it is kept with the code, or make a "
            "table of it and declare that under [data]"
        )
    name = re.sub(r"\W+", "_", path.name.partition(".")[0]).strip("_").lower() or "more"
    name = f"data_{name}" if name[0].isdigit() else name
    return f'Declare it: add [data.{name}] with source = "{kind}:{place}" to the contract, and take {name} in train'


def _is_table(path: Path) -> bool:
    if path.is_dir():
        return any(each.name.endswith(_TABLES) for each in path.iterdir())
    return path.name.endswith(_TABLES)
