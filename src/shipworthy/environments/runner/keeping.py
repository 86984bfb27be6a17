"""The model as a file, and which of the project's own modules are needed to read it."""

from __future__ import annotations

import importlib
import pickle  # noqa: TID251 - this is the user's environment
import shutil
import sys
from pathlib import Path
from types import FunctionType
from typing import Any

PROTOCOL = 5  # fixed: the same model gives the same bytes under any Python


def keep(model: Any, path: Path, project: Path) -> list[str]:
    """Write the model; where it needs modules of the project, they are copied beside it into code/ and named."""
    needed = _pickle(model, path)
    own = _own_modules(project)
    if not needed.intersection(own):
        return []
    for name, file in own.items():
        target = path.parent / "code" / _place(file, project)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        target.chmod(0o644)
        _ = name
    return sorted(needed.intersection(own))


def _pickle(model: Any, path: Path) -> set[str]:
    with path.open("wb") as stream:
        pickler = _Naming(stream, protocol=PROTOCOL)
        try:
            pickler.dump(model)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            _with_cloudpickle(model, path, error)
        return pickler.modules


def _with_cloudpickle(model: Any, path: Path, error: Exception) -> None:
    """For models that hold a lambda or a local class; it is read back by pickle, where cloudpickle is installed."""
    try:
        cloudpickle = importlib.import_module("cloudpickle")
    except ImportError:
        raise TypeError(
            f"the model cannot be pickled: {error}; define what it holds at the top of a module, or add cloudpickle "
            "to the lock"
        ) from error
    path.write_bytes(cloudpickle.dumps(model, protocol=PROTOCOL))


class _Naming(pickle.Pickler):
    """Notes the modules that classes and functions come from; changes nothing of what is written."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.modules: set[str] = set()

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, type | FunctionType):
            self.modules.add(value.__module__)
        return NotImplemented


def _own_modules(project: Path) -> dict[str, Path]:
    """Imported modules whose files lie in the project.

    Some modules are made in memory and name a file that there is not, such as torch.ops, which says "_ops.py".
    """
    root = project.resolve()
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        path = Path(file).resolve() if file else None
        if path is not None and path.is_relative_to(root) and path.is_file():
            found[name] = path
    return found


def _place(file: Path, project: Path) -> Path:
    """Where a module's file stands below the folder that it is imported from."""
    root = project.resolve()
    source = root / "src"
    return file.relative_to(source if file.is_relative_to(source) else root)
